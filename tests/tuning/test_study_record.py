"""What may differ where a study goes on: places, and not content."""

import json
import os
import shutil

import pytest
import yaml

from xlm_tf.data import file_content
from xlm_tf.text.vocabulary import train_vocabulary
from xlm_tf.tuning.study_file import load_study
from xlm_tf.tuning.study_record import StudyRecord
from xlm_tf.tuning.tune import tune

BATCHES = {"training.batch_size": {"choices": [2, 4, 6]}}


def test_a_study_goes_on_elsewhere(write_study, trained, tmp_path, monkeypatch):
    project = tmp_path / "project"
    project.mkdir()
    path = write_study(sampler="grid", search=BATCHES, trials=1)
    for own in (path, *tmp_path.glob("*.tsv"), tmp_path / "recipe.yaml"):
        shutil.move(own, project)
    tune(load_study(project / "study.yaml"), quiet=True)
    # The project, the recipe in it, the data and the results: all in other places.
    project = project.rename(tmp_path / "renamed")
    (project / "recipes").mkdir()
    (project / "recipe.yaml").rename(project / "recipes" / "mine.yaml")
    (project / "data").mkdir()
    for table in project.glob("*.tsv"):
        shutil.copy(table, project / "data")
        table.unlink()
    (project / "study").rename(project / "results")
    content = yaml.safe_load((project / "study.yaml").read_text())
    content |= {"recipe": "recipes/mine.yaml", "data": "data", "output": "results"}
    (project / "study.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    monkeypatch.chdir(project)
    tune(load_study("study.yaml", trials=2), quiet=True)
    tune(load_study(project / "study.yaml", trials=3), quiet=True)
    assert [x.training.batch_size for x in trained.recipes] == [2, 4, 6]


def test_other_content_in_the_same_place(make_study, trained, tmp_path):
    study = make_study(trials=1)
    tune(study, quiet=True)
    table = tmp_path / "held_out.tsv"
    content = table.read_bytes()
    table.write_bytes(content.replace(b"good 13", b"poor 13"))
    with pytest.raises(ValueError, match="holds another study") as error:
        tune(study, quiet=True)
    assert f"the content of recipe.held_out[0].files[0] ({table})" in str(error.value)
    assert "recipe.data" not in str(error.value)
    table.write_bytes(content)
    os.utime(table, (1, 1))
    tune(study, quiet=True)


def test_other_content_while_the_study_runs(make_study, trained, tmp_path, monkeypatch):
    table = tmp_path / "train.tsv"
    content = table.read_bytes()

    def change(recipe):
        if len(trained.recipes) == 2:
            table.write_bytes(content + b"new\t+\n")

    trained.before = change
    study = make_study()
    with pytest.raises(
        ValueError, match=r"changed while it ran: the content of recipe"
    ):
        tune(study, quiet=True)
    assert len(trained.recipes) == 2
    table.write_bytes(content)  # at another time: it is read once, at the beginning
    read = []
    crc32 = file_content._crc32
    monkeypatch.setattr(file_content, "_crc32", lambda x: read.append(x) or crc32(x))
    assert tune(study, quiet=True).finished
    assert len(trained.recipes) == 4
    assert read.count(table) == 1


def test_files_among_the_values_of_the_search(write_study, trained, tmp_path):
    vocabulary = tmp_path / "of_words.spm"
    texts = [f"word{i} is {i} of the words" for i in range(200)]
    train_vocabulary({"en": lambda: iter(texts)}, 45, vocabulary)
    model = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 8}
    names = ["one.spm", "two.spm"]
    for name in names:
        shutil.copy(vocabulary, tmp_path / name)
    recipe = {"initial_model": None, "vocabulary": "one.spm", "model": model}
    search = {"vocabulary": {"choices": names}}
    path = write_study(recipe, sampler="grid", search=search, trials=1)
    tune(load_study(path), quiet=True)
    assert list(load_study(path).searched_files) == [
        "study.search.vocabulary[0]",
        "study.search.vocabulary[1]",
    ]
    os.utime(tmp_path / "two.spm", (1, 1))
    tune(load_study(path, trials=2), quiet=True)
    with (tmp_path / "two.spm").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(
        ValueError, match=r"the content of study\.search\.vocabulary\[1"
    ):
        tune(load_study(path), quiet=True)


def test_a_study_of_before_goes_on(make_study, trained, tmp_path):
    """Whose record has no files, and what is `set` apart."""
    study = make_study(trials=1, set={"training.warmup_steps": 2})
    tune(study, quiet=True)
    record = study.output / "study.json"
    content = json.loads(record.read_text())
    del content["name"], content["inputs"]
    content["study"]["set"] = {"training.warmup_steps": 2}
    record.write_text(json.dumps(content))
    assert StudyRecord.read(study).inputs is None
    tune(make_study(trials=2, set={"training.warmup_steps": 2}), quiet=True)
    assert StudyRecord.read(study).inputs is not None
    assert len(trained.recipes) == 2
    with pytest.raises(ValueError, match=r"since: recipe\.training\.warmup_steps"):
        tune(make_study(trials=2, set={"training.warmup_steps": 3}), quiet=True)


def test_machines_that_share_a_database(make_study, trained, tmp_path):
    shared = f"sqlite:///{tmp_path}/shared.db"
    own = [
        make_study(output=f"{machine}/study", storage=shared, trials=trials)
        for trials, machine in enumerate(("first", "second", "third"), start=1)
    ]
    for study in own[:2]:
        tune(study, quiet=True)
    assert len(trained.recipes) == 2
    table = tmp_path / "train.tsv"
    table.write_bytes(table.read_bytes().replace(b"good", b"nice"))
    with pytest.raises(
        ValueError, match=r"has another study named study, .*content of"
    ):
        tune(own[2], quiet=True)
