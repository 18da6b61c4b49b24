"""Embeddings from a recipe: pairs of every kind, a run, and what is refused."""

import json

import numpy as np
import pytest
import yaml

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.evaluation import pair_scores
from xlm_tf.training.embedding import EmbeddingData
from xlm_tf.training.recipe_loader import RecipeError, load_recipe
from xlm_tf.training.task_finetuning import finetune_task

ENGLISH = ["file", "folder", "user", "password", "page", "error", "name", "line"]
GERMAN = ["Datei", "Ordner", "Benutzer", "Passwort", "Seite", "Fehler", "Name", "Zeile"]
FRENCH = ["fichier", "dossier", "membre", "secret", "page", "erreur", "nom", "ligne"]
TEMPLATES = {
    "en": "The {} and the {}: {}",
    "de": "{} und {}: {}",
    "fr": "Le {} et le {} : {}",
}
WORDS = {"en": ENGLISH, "de": GERMAN, "fr": FRENCH}


def sentences(language, count=64):
    words = WORDS[language]
    return [
        TEMPLATES[language].format(words[n % 8], words[n // 8], n) for n in range(count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs")
    for language in WORDS:
        text = "\n".join(sentences(language)) + "\n"
        (path / f"train.{language}").write_text(text, encoding="utf-8")
    english, german = sentences("en"), sentences("de")
    rows = [
        {
            "question": one,
            "answer": other,
            "wrong": german[(n + 1) % 64],
            "worse": german[(n + 2) % 64] if n % 2 else None,
            "near": n % 5,
            "topic": n // 8,
        }
        for n, (one, other) in enumerate(zip(english, german, strict=True))
    ]
    lines = "\n".join(map(json.dumps, rows))
    (path / "rows.jsonl").write_text(lines, encoding="utf-8")
    pairs = "".join(f"{a}\t{b}\n" for a, b in zip(english, german, strict=True))
    (path / "pairs.tsv").write_text(pairs, encoding="utf-8")
    return path


def aligned(source, target):
    return {
        "source_language": source,
        "target_language": target,
        "source_file": f"train.{source}",
        "target_file": f"train.{target}",
    }


def table(**columns):
    return {
        "source_language": "en",
        "target_language": "de",
        "files": ["rows.jsonl"],
        "source": "question",
        "target": "answer",
        **columns,
    }


def write_recipe(path, training=(), **changes):
    recipe = {
        "task": "embedding",
        "output": "run",
        "initial_model": "xlm_tiny",
        "data": [aligned("en", "de"), aligned("en", "fr")],
        "held_out_share": 0.2,
        "training": {
            "steps": 30,
            "batch_size": 16,
            "sequence_length": 32,
            "learning_rate": 0.002,
            "warmup_steps": 2,
            "evaluate_every": 15,
            "checkpoint_every": 5,
            **dict(training),
        },
        **changes,
    }
    recipe = {name: value for name, value in recipe.items() if value is not None}
    (path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path / "recipe.yaml"


def read(path, folder, *arguments, **changes):
    return EmbeddingData(load_recipe(write_recipe(path, *arguments, **changes), folder))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    test = [aligned("en", "de"), aligned("de", "fr")]
    recipe = write_recipe(path, test=test, test_share=0.25)
    assert main(["finetune", str(recipe), "--data", str(folder), "--quiet"]) == 0
    return path / "run"


def test_a_run_leaves_an_embedder_and_its_scores(run):
    embedder = xlm_tf.load_task(run / "model")
    assert isinstance(embedder, xlm_tf.XLMTextEmbedder)
    assert (embedder.pooling, embedder.normalize) == ("mean", True)
    scores = json.loads((run / "test_scores.json").read_text())
    metrics = ("accuracy", "forward", "backward")
    assert set(scores) == {f"{m}/{x}" for m in metrics for x in ("en-de", "de-fr")}
    metrics = [json.loads(x) for x in (run / "metrics.jsonl").read_text().splitlines()]
    own = [metrics[-1][f"accuracy/{x}"] for x in ("en-de", "en-fr")]
    assert metrics[-1]["mean/accuracy"] == pytest.approx(np.mean(own))
    assert "de-fr" in (run / "test" / "report.md").read_text()
    # The numbers alone tell the sentences apart; untrained, the tiny model finds some.
    untrained = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny")
    texts = sentences("en"), sentences("de")

    def found(model):
        return (model.similarity(*texts).argmax(1) == np.arange(64)).mean()

    assert found(embedder) > found(untrained) + 0.1


def test_rows_of_one_source_are_on_one_side(folder, tmp_path):
    test = [aligned("en", "de"), aligned("en", "fr")]
    data = read(tmp_path, folder, test=test, test_share=0.25)
    parts = {
        name: {row["source"] for row in getattr(data, name)}
        for name in ("train", "held_out", "test")
    }
    assert [len(own) for own in parts.values()] == [38, 10, 16]
    assert len(set.union(*parts.values())) == 64
    assert len(data.train) == 2 * 38


def test_what_is_held_out_is_trained_on_neither_side(folder, tmp_path):
    (tmp_path / "held.tsv").write_text(f"Datei\t{sentences('en')[3].upper()}\n")
    held_out = [
        {
            "source_language": "de",
            "target_language": "en",
            "bitext": [str(tmp_path / "held.tsv")],
        }
    ]
    data = read(tmp_path, folder, held_out=held_out, held_out_share=None)
    assert data.num_left_out == 2
    assert sentences("en")[3] not in {row["source"] for row in data.train}


def test_groups_are_a_column(folder, tmp_path):
    data = read(tmp_path, folder, data=[table()], group="topic", held_out_share=0.25)
    topics = {row["group"] for row in data.held_out}
    assert len(topics) == 2
    assert not topics & {row["group"] for row in data.train}


def keys_of(batches):
    return [batch["source_key"].numpy().tolist() for batch in batches]


def test_batches_are_of_one_pair_of_languages_and_go_on(folder, tmp_path):
    data = read(tmp_path, folder)
    batches = list(data.train_batches(None).take(40))
    names = []
    for batch in batches:
        texts = batch["target"]["text"].numpy()
        are_french = [text.startswith(b"Le ") for text in texts]
        assert len(set(are_french)) == 1
        names.append(are_french[0])
    assert 8 < sum(names) < 32
    later = data.train_batches(None).skip(23).take(17)
    assert keys_of(later) == keys_of(batches[23:])
    another = read(tmp_path, folder, {"seed": 1}).train_batches(None).take(40)
    assert keys_of(another) != keys_of(batches)


def test_languages_are_drawn_by_alpha(folder, tmp_path):
    (tmp_path / "few.tsv").write_text("".join(f"a{n}\tb{n}\n" for n in range(4)))
    few = {
        "source_language": "en",
        "target_language": "fr",
        "bitext": [str(tmp_path / "few.tsv")],
    }
    shares = []
    for alpha in (0.0, 1.0):
        training = {"language_alpha": alpha, "batch_size": 2}
        data = read(tmp_path, folder, training, data=[aligned("en", "de"), few])
        batches = data.train_batches(None).take(200)
        shares.append(
            np.mean([b"a" in x["source"]["text"].numpy()[0][:1] for x in batches])
        )
    assert shares[0] == pytest.approx(0.5, abs=0.12)
    assert shares[1] < 0.15


def test_negatives_and_their_keys(folder, tmp_path):
    data = read(tmp_path, folder, data=[table(negatives=["wrong", "worse"])])
    batch = next(iter(data.train_batches(None)))
    texts, keys = batch["negatives"]["text"].numpy(), batch["negatives_key"].numpy()
    assert texts.shape == keys.shape == (16, 2)
    np.testing.assert_array_equal(keys == -1, texts == b"")
    assert 0 < (texts == b"").sum() < 16
    of_text = dict(
        zip(batch["target"]["text"].numpy(), batch["target_key"].numpy(), strict=True)
    )
    shared = [
        (x, k) for x, k in zip(texts.ravel(), keys.ravel(), strict=True) if x in of_text
    ]
    assert shared
    for text, key in shared:
        assert of_text[text] == key


def test_scores_are_numbers(folder, tmp_path):
    data = read(tmp_path, folder, data=[table(score="near")])
    assert data.metric == "spearman"
    batch = next(iter(data.train_batches(None)))
    assert set(batch["score"].numpy().tolist()) <= {0.0, 1.0, 2.0, 3.0, 4.0}
    assert "negatives" not in batch


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["negatives", "score", "languages"])
def test_other_pairs_train(folder, tmp_path, kind):
    changes = {
        "negatives": {"data": [table(negatives=["wrong", "worse"])]},
        "score": {"data": [table(score="near")]},
        "languages": {
            "initial_model": None,
            "vocabulary": str(xlm_tf_vocabulary(tmp_path)),
            "model": {
                "num_layers": 1,
                "num_heads": 2,
                "hidden_dim": 16,
                "intermediate_dim": 32,
                "language_embeddings": True,
            },
        },
    }[kind]
    training = {"steps": 4, "evaluate_every": 2, "accumulation_steps": 2}
    training |= {"train_used_embeddings": kind != "score"}
    result = finetune_task(
        load_recipe(write_recipe(tmp_path, training, **changes), folder), quiet=True
    )
    names = {name.partition("/")[0] for name in result.held_out_scores}
    if kind == "score":
        assert names == {"spearman", "pearson"}
    else:
        assert names == {"accuracy", "forward", "backward"}
    model = xlm_tf.load_task(result.model)
    language = "de" if kind == "languages" else None
    assert model.embed(["Datei"], language=language).shape[0] == 1


def xlm_tf_vocabulary(folder):
    model = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny")
    path = folder / "vocabulary.spm"
    path.write_bytes(model.preprocessor.tokenizer.proto)
    return path


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_it_had_not(folder, tmp_path, stop_at):
    paths = {name: tmp_path / name for name in ("whole", "stopped")}
    for path in paths.values():
        path.mkdir()
    settings = {
        "training": {"steps": 6, "evaluate_every": 6, "accumulation_steps": 2},
        "model": {"dropout": 0.1},
    }
    recipes = {
        name: load_recipe(write_recipe(path, **settings), folder)
        for name, path in paths.items()
    }
    expected = finetune_task(recipes["whole"], quiet=True)
    assert not stop_at(recipes["stopped"], 2).finished
    result = finetune_task(recipes["stopped"], quiet=True)
    weights = [xlm_tf.load_task(own.model).get_weights() for own in (expected, result)]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_an_embedder_is_where_another_begins(folder, tmp_path):
    masked_lm = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    first = xlm_tf.XLMTextEmbedder(
        masked_lm.backbone,
        xlm_tf.XLMTextEmbedderPreprocessor(masked_lm.preprocessor.tokenizer, 64),
        pooling="max",
        normalize=False,
    )
    first.save_to_preset(tmp_path / "first")
    first.save_to_huggingface(tmp_path / "hub")
    for name in ("first", "hub"):
        model = read(
            tmp_path, folder, initial_model=str(tmp_path / name), model={"dropout": 0.2}
        ).build_model()
        assert (model.pooling, model.normalize) == ("max", True)
        assert model.backbone.dropout == 0.2
        assert model.preprocessor.sequence_length == 32
        before, after = (x.backbone.get_weights() for x in (first, model))
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)
    data = read(tmp_path, folder, initial_model=str(tmp_path / "hub"), pooling="first")
    assert data.build_model().pooling == "first"


@pytest.mark.parametrize("include_prompt", [True, False])
def test_texts_get_the_prompts_of_the_initial_model(folder, tmp_path, include_prompt):
    first = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny", projection_dim=8)
    preprocessor = first.preprocessor
    preprocessor.prompts = {"query": "query: ", "passage": "passage: "}
    preprocessor.include_prompt = include_prompt
    first.save_to_preset(tmp_path / "first")
    of_kinds = {
        "negatives": ("query", "passage", "passage"),
        "score": ("query", "query", None),
    }
    for kind, columns in (("negatives", ["wrong", "worse"]), ("score", "near")):
        data = read(
            tmp_path,
            folder,
            data=[table(**{kind: columns})],
            initial_model=str(tmp_path / "first"),
        )
        model = data.build_model()
        np.testing.assert_array_equal(
            model.projection_dense.get_weights()[0],
            first.projection_dense.get_weights()[0],
        )
        batch = next(iter(data.train_batches(model)))
        trainer = data.build_trainer(model)
        vectors = trainer._vectors(trainer._packed(batch), training=False)
        rows = data.train[:5]
        found = pair_scores.predict(model, rows)
        for side, prompt in zip(
            ("source", "target", "negatives"), of_kinds[kind], strict=True
        ):
            if prompt is None:
                continue
            texts = [x.decode() for x in batch[side]["text"].numpy().ravel()]
            expected = first.embed(texts, prompt_name=prompt)
            own = np.reshape(vectors[side], (-1, 8))
            np.testing.assert_allclose(own, expected, atol=1e-5)
            texts = [row.get(side) for row in rows]
            if side == "negatives":
                texts = [text for own in texts for text in own]
            expected = first.embed(texts, prompt_name=prompt)
            np.testing.assert_allclose(found[side], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": {"batch_size": 1}}, "batch_size must be greater than or equal"),
        ({"training": {"temperature": 0}}, "temperature must be greater than 0"),
        ({"training": {"margin": 2.5}}, "margin must be less than 2"),
        ({"training": {"label_smoothing": 0.1}}, "label_smoothing is unknown"),
        ({"training": {"accumulation_steps": 17}}, "a text for each of accumulation"),
        ({"training": {"early_stopping_metric": "f1"}}, "must be one of accuracy"),
        *(
            ({"training": {"matryoshka_dims": dims}}, "matryoshka_dims must be whole")
            for dims in ([64, 64], [32, 64], [64, 0])
        ),
        ({"training": {"matryoshka_dims": []}}, "must have 1 or more entries"),
        (
            {
                "initial_model": None,
                "vocabulary": "pairs.tsv",
                "model": {
                    "num_layers": 1,
                    "num_heads": 1,
                    "hidden_dim": 8,
                    "intermediate_dim": 8,
                },
                "training": {"matryoshka_dims": [16, 8]},
            },
            r"must not exceed recipe.model.hidden_dim. Received: \[16, 8\] and 8",
        ),
        ({"pooling": "last"}, "recipe.pooling must be"),
        ({"held_out_share": None}, "held_out, rows that choose the best model"),
        ({"test_share": 0.5}, "it needs test"),
        ({"group": "topic"}, "recipe.group is a column of tables"),
        (
            {
                "data": [
                    {
                        "source_language": "en",
                        "target_language": "de",
                        "source_file": "train.en",
                    }
                ]
            },
            "expected one of",
        ),
        ({"data": [{**table(), "bitext": ["pairs.tsv"]}]}, "expected one of `files`"),
        ({"data": [aligned("en", "en")]}, "are the same file"),
        ({"data": [{**aligned("en", "de"), "score": "x"}]}, "score are columns of"),
        ({"data": [aligned("en", "de")] * 2}, "it would count twice"),
        (
            {"data": [table(), {**table(), "target_language": "de", "score": "near"}]},
            "either all pairs have a score, or none",
        ),
        ({"data": [table(target="question")]}, "must be different columns"),
        ({"data": [table(negatives=["wrong"], score="near")]}, "either negatives, or"),
        ({"data": [table(negatives=["wrong", "wrong"])]}, r"\[1\] repeats \[0\]"),
        ({"data": [table(negatives=["x"])]}, r"data\[0\]\.files: .*no column 'x'"),
        ({"data": [table(score="x")]}, r"data\[0\]\.files: .*no column 'x'"),
        ({"data": [table(source="x")]}, "no column 'x'"),
        ({"data": [{**table(), "files": ["train.de"]}]}, "a file of"),
        (
            {"data": [{**table(), "files": [], "bitext": ["train.de"]}]},
            "at least 1|tsv",
        ),
        (
            {"data": [table(score="near")], "training": {"margin": 0.1}},
            "training.margin is of pairs without a score",
        ),
        (
            {
                "data": [table(score="near")],
                "training": {"early_stopping_metric": "accuracy"},
            },
            "must be one of spearman, pearson",
        ),
    ],
)
def test_wrong_recipes(folder, tmp_path, changes, message):
    path = write_recipe(tmp_path, **changes)
    with pytest.raises(RecipeError, match=message):
        load_recipe(path, folder)


def test_wrong_data(folder, tmp_path):
    (tmp_path / "short.de").write_text("Eins\n")
    short = {**aligned("en", "de"), "target_file": str(tmp_path / "short.de")}
    lines = [json.dumps({"source": "a", "target": "b", "n": "", "s": "?"})] * 3
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    empty = {
        "source_language": "en",
        "target_language": "de",
        "files": [str(tmp_path / "a.jsonl")],
    }
    for changes, message in (
        ({"data": [short]}, "as many lines as each other.*64.*1"),
        ({"data": [{**empty, "negatives": ["n"]}]}, "cannot be read.*no negative"),
        ({"data": [{**empty, "score": "s"}]}, r"cannot be read.*'\?', not a number"),
        (
            {"training": {"batch_size": 60}},
            "51 of en-de to train on.*lower recipe.training.batch_size, 60",
        ),
        (
            {"training": {"early_stopping_metric": "accuracy/en-it"}},
            "held out are: en-de, en-fr",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            read(tmp_path, folder, **changes)


def test_lengths_beyond_those_of_the_initial_model(folder, tmp_path):
    data = read(tmp_path, folder, {"matryoshka_dims": [256, 64]})
    with pytest.raises(ValueError, match=r"must not exceed.*\[256, 64\] and 128"):
        data.build_trainer(data.build_model())
    data = read(tmp_path, folder, {"matryoshka_dims": [128, 64]})
    assert data.build_trainer(data.build_model()).matryoshka_dims == [64]


def test_something_must_be_trained(folder, tmp_path):
    data = read(tmp_path, folder, {"freeze_layers": 2})
    with pytest.raises(ValueError, match="freezes all weights"):
        data.build_trainer(data.build_model())


def test_a_classifier_is_no_beginning(folder, tmp_path):
    masked_lm = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    classifier = xlm_tf.XLMTextClassifier(masked_lm.backbone, num_classes=2)
    classifier.save_to_preset(tmp_path / "model")
    path = write_recipe(tmp_path, initial_model=str(tmp_path / "model"))
    with pytest.raises(RecipeError, match="holds a XLMTextClassifier, which is none"):
        load_recipe(path, folder)
