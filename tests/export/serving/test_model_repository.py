"""Which models and versions a directory holds, and which errors it gives."""

import shutil

import pytest
from tensorflow.core.protobuf import saved_model_pb2

from export.serving.model_repository import ModelRepository, find_models
from export.serving.request_error import RequestError


def copy_version(demo_directory, target):
    shutil.copytree(demo_directory / "1", target)


def test_model_directory_and_base_directory(demo_directory):
    versions = {n: demo_directory / str(n) for n in (1, 2, 10)}
    assert find_models(demo_directory) == {"demo": versions}
    assert find_models(demo_directory.parent) == {"demo": versions}


def test_latest_is_the_largest_number_and_the_only_one_loaded(demo_directory):
    repository = ModelRepository(demo_directory)
    assert [served.version for served in repository.versions("demo")] == [10]
    assert repository.find("demo").version == 10
    with pytest.raises(RequestError, match=r"Loaded versions: \[10\]") as caught:
        repository.find("demo", 1)
    assert caught.value.code == "NOT_FOUND"


def test_several_models(demo_directory, tmp_path):
    copy_version(demo_directory, tmp_path / "b" / "7")
    copy_version(demo_directory, tmp_path / "a" / "007")
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.md").write_text("no model")
    repository = ModelRepository(tmp_path)
    assert repository.model_names == ["a", "b"]
    assert repository.find("a").version == 7
    with pytest.raises(RequestError, match=r"\['a', 'b'\]"):
        repository.find("c")


def test_a_link_gives_the_model_its_name(demo_directory, tmp_path, monkeypatch):
    (tmp_path / "sentiment").symlink_to(demo_directory)
    assert list(find_models(tmp_path / "sentiment")) == ["sentiment"]
    monkeypatch.chdir(demo_directory / "1")
    assert list(find_models("..")) == ["demo"]


def test_other_folders_are_not_versions(demo_directory, tmp_path):
    copy_version(demo_directory, tmp_path / "m" / "3")
    for name in ("tmp-4", "1.5", "-1", "٣"):
        (tmp_path / "m" / name).mkdir()
    (tmp_path / "m" / "9").write_text("a file")
    assert list(find_models(tmp_path / "m")["m"]) == [3]


def loaded(repository, name="m"):
    return [served.version for served in repository.versions(name)]


def test_versions_come_and_go(demo_directory, tmp_path):
    """As TF Serving: at rest for a look, loaded, then the old one goes."""
    copy_version(demo_directory, tmp_path / "m" / "1")
    repository = ModelRepository(tmp_path)
    assert repository.refresh() == []
    running = repository.find("m")
    copy_version(demo_directory, tmp_path / "m" / "3")
    assert repository.refresh() == []  # it may still be growing
    assert repository.refresh() == ["m 3 is loaded.", "m 1 is not served any more."]
    assert loaded(repository) == [3]
    assert running.predict({"text": [b"a"]})["length"].tolist() == [1]
    copy_version(demo_directory, tmp_path / "m" / "2")  # older than what is served
    copy_version(demo_directory, tmp_path / "other" / "1")  # another model
    repository.refresh()
    assert repository.refresh() == ["other 1 is loaded."]
    shutil.rmtree(tmp_path / "m" / "3")
    changes = ["m 2 is loaded.", "m 3 is not served any more."]
    assert repository.refresh() + repository.refresh() == changes
    shutil.rmtree(tmp_path / "m")
    assert repository.refresh() == ["m 2 is not served any more."]
    with pytest.raises(RequestError, match=r"Models here: \['other'\]"):
        repository.find("m")
    shutil.rmtree(tmp_path)
    assert repository.refresh() == ["other 1 is not served any more."]
    assert repository.model_names == []


def test_all_versions_come_and_go(demo_directory, tmp_path):
    copy_version(demo_directory, tmp_path / "m" / "1")
    repository = ModelRepository(tmp_path / "m", all_versions=True)
    copy_version(demo_directory, tmp_path / "m" / "2")
    repository.refresh()
    assert repository.refresh() == ["m 2 is loaded."]
    assert loaded(repository) == [1, 2]
    shutil.rmtree(tmp_path / "m" / "1")
    assert repository.refresh() == ["m 1 is not served any more."]
    assert loaded(repository) == [2]


def test_a_version_that_is_copied_in_place(demo_directory, tmp_path):
    copy_version(demo_directory, tmp_path / "m" / "1")
    repository = ModelRepository(tmp_path / "m")
    copy_version(demo_directory, tmp_path / "m" / ".2.partial")
    new = tmp_path / "m" / "2"
    new.mkdir()
    for _ in range(3):  # nothing in it yet
        assert repository.refresh() == []
    shutil.copy(tmp_path / "m" / ".2.partial" / "saved_model.pb", new)
    assert repository.refresh() == []
    (change,) = repository.refresh()  # the copy seems to have stopped here
    assert "m 2 is not loaded" in change
    assert "not a whole SavedModel" in change
    assert repository.refresh() == []  # not tried again as it is
    assert loaded(repository) == [1]
    assert "not a whole SavedModel" in repository.failures("m")[2]
    shutil.copytree(tmp_path / "m" / ".2.partial" / "variables", new / "variables")
    repository.refresh()
    assert repository.refresh() == ["m 2 is loaded.", "m 1 is not served any more."]
    assert repository.failures("m") == {}
    copy_version(demo_directory, tmp_path / "m" / "02")
    assert "same version" in repository.refresh()[0]
    assert loaded(repository) == [2]


def test_missing_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ModelRepository(tmp_path / "nowhere")


def test_file_instead_of_directory(tmp_path):
    (tmp_path / "model").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file"):
        ModelRepository(tmp_path / "model")


def test_directory_without_versions(tmp_path):
    with pytest.raises(ValueError, match="holds no model version"):
        ModelRepository(tmp_path)


def test_version_directory_itself(demo_directory):
    with pytest.raises(ValueError, match=f"pass {demo_directory}"):
        ModelRepository(demo_directory / "1")


def test_same_version_twice(demo_directory, tmp_path):
    copy_version(demo_directory, tmp_path / "m" / "1")
    copy_version(demo_directory, tmp_path / "m" / "01")
    with pytest.raises(ValueError, match="same version"):
        ModelRepository(tmp_path / "m")


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path / "saved_model.pb").unlink(),
        lambda path: (path / "saved_model.pb").write_bytes(b""),
        lambda path: cut(path / "saved_model.pb"),
        lambda path: shutil.rmtree(path / "variables"),
        lambda path: cut(path / "variables" / "variables.index"),
        lambda path: (path / "variables" / "variables.data-00000-of-00001").unlink(),
        lambda path: cut(path / "variables" / "variables.data-00000-of-00001"),
    ],
)
def test_half_written_version_is_named(demo_directory, tmp_path, damage):
    copy_version(demo_directory, tmp_path / "m" / "1")
    copy_version(demo_directory, tmp_path / "m" / "2")
    damage(tmp_path / "m" / "2")
    with pytest.raises(ValueError, match=r"m/2 is not a whole SavedModel"):
        ModelRepository(tmp_path / "m")


def test_model_without_the_serve_tag(demo_directory, tmp_path):
    copy_version(demo_directory, tmp_path / "m" / "1")
    proto_path = tmp_path / "m" / "1" / "saved_model.pb"
    saved_model = saved_model_pb2.SavedModel.FromString(proto_path.read_bytes())
    saved_model.meta_graphs[0].meta_info_def.tags[:] = ["train"]
    proto_path.write_bytes(saved_model.SerializeToString())
    with pytest.raises(ValueError, match='no graph with the tag "serve"'):
        ModelRepository(tmp_path / "m")
