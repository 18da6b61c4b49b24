import copy
import json

import pytest
import yaml

from xlm_tf.training.initial_model import InitialModelFacts
from xlm_tf.training.initial_model_checks import check_initial_model
from xlm_tf.training.recipe_loader import RecipeError, load_recipe

RECIPE = {
    "output": "run",
    "vocabulary": "vocabulary.model",
    "model": {
        "num_layers": 1,
        "num_heads": 2,
        "hidden_dim": 8,
        "intermediate_dim": 16,
        "max_sequence_length": 64,
    },
    "data": {
        "monolingual": {"fr": ["fr.txt"]},
        "bitext": [
            {"source_language": "en", "target_language": "fr", "files": ["p.tsv"]}
        ],
    },
    "held_out": {"monolingual": {"fr": ["fr.txt"]}},
    "training": {"steps": 10, "sequence_length": 64, "batch_size": 8},
}


@pytest.fixture
def load(tmp_path):
    for name in ("vocabulary.model", "fr.txt", "p.tsv", "q.tsv", "other.txt"):
        (tmp_path / name).write_text("Bonjour\n", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "link.txt").symlink_to("fr.txt")
    (tmp_path / "again.tsv").symlink_to("p.tsv")
    (tmp_path / "hard.txt").hardlink_to(tmp_path / "fr.txt")

    def load_changed(change=lambda recipe: None, **overrides):
        recipe = copy.deepcopy(RECIPE)
        change(recipe)
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
        return load_recipe(path, **overrides)

    return load_changed


def test_recipe_has_defaults_paths_and_sorted_languages(load, tmp_path):
    recipe = load()
    assert recipe.output == tmp_path / "run"
    assert recipe.data.monolingual["fr"] == [tmp_path / "fr.txt"]
    assert {name: own.values for name, own in recipe.objectives.items()} == {
        "mlm": [1.0]
    }
    assert recipe.training.clip_norm == 1.0
    assert recipe.languages == ["en", "fr"]


def test_paths_may_begin_at_home(load, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))

    def change(recipe):
        recipe.update(output="~/runs/x", vocabulary="~/vocabulary.model")
        recipe["data"]["monolingual"]["fr"] = ["~/fr.txt"]

    recipe = load(change, data_folder=tmp_path)
    assert recipe.output == tmp_path / "runs" / "x"
    assert recipe.vocabulary == tmp_path / "vocabulary.model"
    assert recipe.data.monolingual["fr"] == [tmp_path / "fr.txt"]
    recipe = load(
        lambda r: (r.pop("vocabulary"), r.update(initial_model="xlm_tiny", model={}))
    )
    assert recipe.initial_model == "xlm_tiny"
    with pytest.raises(ValueError, match="There is no model ~/none"):
        load(lambda r: (r.pop("vocabulary"), r.update(initial_model="~/none")))


def test_output_can_be_overridden(load, tmp_path):
    assert load(output=tmp_path / "other").output == tmp_path / "other"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda r: r["training"].update(learning_rat=1),
            r"recipe.training.learning_rat is unknown. Did you mean learning_rate\?",
        ),
        (
            lambda r: r.update(modell={}),
            r"recipe.modell is unknown.*Did you mean model",
        ),
        (lambda r: r["training"].pop("steps"), "recipe.training.steps is missing"),
        (lambda r: r.pop("model"), "recipe.model.num_layers is missing"),
        (lambda r: r["model"].pop("num_heads"), "recipe.model.num_heads is missing"),
        (
            lambda r: r["model"].update(num_head=2),
            "recipe.model.num_head is unknown. Did you mean num_heads",
        ),
        (
            lambda r: r["training"].update(steps="ten"),
            "recipe.training.steps must be a valid integer. Received: 'ten'",
        ),
        (lambda r: r["training"].update(steps=True), "must be a valid integer"),
        (
            lambda r: r["training"].update(steps=0),
            "steps must be greater than or equal to 1",
        ),
        (
            lambda r: r["training"].update(learning_rate=0),
            "learning_rate must be greater than 0",
        ),
        (
            lambda r: r["training"].update(dtype="int8"),
            "recipe.training.dtype must be 'float32'",
        ),
        (
            lambda r: r["training"].update(sequence_length=128),
            r"must not exceed the model's positions.*128 and 64",
        ),
        (
            lambda r: r["training"].update(accumulation_steps=3),
            "must be divisible by accumulation_steps",
        ),
        (
            lambda r: r.update(objectives={"nsp": 1}),
            "recipe.objectives: there is no objective nsp. Expected of mlm, tlm",
        ),
        (lambda r: r.update(objectives={"mlm": 0}), "recipe.objectives.mlm must be"),
        # What does not add up, and what a computer may take for 0.
        (
            lambda r: r.update(objectives={"mlm": 1e308}),
            "recipe.objectives.mlm must be less than or equal to 1000000",
        ),
        (
            lambda r: r.update(objectives={"mlm": "0:1,5:1e7"}),
            "recipe.objectives.mlm must be less than or equal to 1000000",
        ),
        (
            lambda r: r.update(objectives={"mlm": 1e-320}),
            "recipe.objectives.mlm: must be 0, or 1e-06 at least. Received: 1e-320",
        ),
        (
            lambda r: r.update(objectives={"mlm": "0:1,5:1e-9"}),
            "recipe.objectives.mlm: must be 0, or 1e-06 at least. Received: 1e-09",
        ),
        (
            lambda r: r.update(objectives={"tlm": 1}),
            "recipe.held_out holds neither bitext nor gettext",
        ),
        (lambda r: r["data"].update(monolingual=[]), "must have fields"),
        (
            lambda r: r["data"]["bitext"][0].update(source_file="fr.txt", files=[]),
            r"recipe.data.bitext\[0\]: expected either",
        ),
        (
            lambda r: r["held_out"].update(monolingual={}),
            "recipe.held_out holds no text",
        ),
    ],
)
def test_mistakes_name_the_field(load, change, message):
    with pytest.raises(ValueError, match=message):
        load(change)


def test_schedules_are_read_kept_and_written(load):
    def change(recipe):
        recipe["objectives"] = {"mlm": "0:1, 5:0", "tlm": "0:0,4:1"}
        recipe["held_out"]["bitext"] = recipe["data"]["bitext"]
        recipe["training"] |= {
            "selection_rate": "0:0.3,9:0.05",
            "language_starts": {"en": 1},
            "objective_weights": "loss",
        }

    recipe = load(change)
    assert recipe.training.selection_rate.value(0) == 0.3
    assert recipe.training.language_alpha.value(100) == 0.7
    assert recipe.objectives["tlm"].value(2) == 0.5
    assert recipe.starts("mlm") == {"fr": 0, "en": 1}
    assert recipe.starts("tlm") == {"en-fr": 1}
    written = recipe.model_dump(mode="json")
    assert written["objectives"] == {"mlm": "0:1,5:0", "tlm": "0:0,4:1"}
    assert written["training"]["selection_rate"] == "0:0.3,9:0.05"
    assert written["training"]["language_alpha"] == 0.7
    # Its weight may be 0 at the end of a training, and before there is a pair.
    assert load(put({"mlm": "0:1,10:0"}, "objectives"))


def put(value, *path):
    """A change that sets one field, at any depth."""

    def change(recipe):
        for name in path[:-1]:
            recipe = recipe[name]
        recipe[path[-1]] = value

    return change


def training(**changes):
    return lambda recipe: recipe["training"].update(changes)


def model(**changes):
    return lambda recipe: recipe["model"].update(changes)


PT = {"source_language": "en", "target_language": "pt-BR", "files": ["p.tsv"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        # Numbers out of their range, and what is no number.
        (training(beta_1=1.0), r"training\.beta_1 must be less than 1"),
        (training(beta_2=1.5), r"training\.beta_2 must be less than 1"),
        (training(beta_2=-0.1), r"training\.beta_2 must be greater than or equal to 0"),
        (training(epsilon=0), r"training\.epsilon must be greater than 0"),
        (training(learning_rate=float("nan")), "must be a finite number"),
        (training(learning_rate=".inf"), "must be a valid number"),
        (training(clip_norm=float("inf")), "clip_norm must be a finite number"),
        (
            training(weight_decay=-0.01),
            "weight_decay must be greater than or equal to 0",
        ),
        (training(weight_decay=10, learning_rate=0.1), "must be less than 1: a step"),
        (training(selection_rate=1.0), "selection_rate must be less than 1"),
        (training(selection_rate="0:0.3,5:1.5"), "than 1. Received: 1.5"),
        (training(selection_rate="0:0.3,5:0"), "selection_rate must be greater than 0"),
        (training(selection_rate="0.3"), r"training\.selection_rate: must be a number"),
        (training(selection_rate=True), "must be a valid number"),
        (training(selection_rate=[0.3]), "must be a valid number"),
        (training(language_alpha="0:1,5:-1"), "language_alpha must be greater than or"),
        (training(language_alpha="5:1"), "language_alpha: must begin at step 0"),
        (training(objective_weights="often"), "must be 'frequency' or 'loss'"),
        (put({"mlm": "0:1,9:x"}, "objectives"), r"objectives\.mlm: must be a number"),
        (put({"mlm": "0:1,5:2,5:3"}, "objectives"), "mlm: must have steps that asc"),
        (put({"mlm": "0:1", "5:2": None}, "objectives"), "needs quotation marks"),
        (put({"mlm": -1}, "objectives"), "mlm must be greater than or equal to 0"),
        (put({"mlm": "0:1,4:0,6:0,8:1"}, "objectives"), "above 0 at step 4: there"),
        (put({"mlm": "0:1,9:0"}, "objectives"), "no weight above 0 at step 9: there"),
        (put({"mlm": "0:0,20:0,30:1"}, "objectives"), "mlm must be above 0 at a step"),
        (training(language_starts={"de": 3}), "starts.de: recipe.data has no text"),
        (training(language_starts={"en": 10}), "en must be below the 10 steps.*: 10"),
        (training(language_starts={"en": -1}), "starts.en must be greater than or eq"),
        (training(language_starts={"en": 2, "fr": 5}), "for mlm before step 2, where"),
        (
            training(selection_alpha=-1),
            "selection_alpha must be greater than or equal to 0",
        ),
        (training(seed=-1), "seed must be greater than or equal to 0"),
        (training(seed=2**32), "seed must be less than or equal to 4294967295"),
        (
            training(steps=10**24),
            r"steps: must be at most 2,147,483,647\. Received: 10{24}",
        ),
        (training(checkpoint_every=2**31), "checkpoint_every: must be at most"),
        (model(hidden_dim=2**40), "hidden_dim: must be at most"),
        (training(steps=10.0), "steps must be a valid integer. Received: 10.0"),
        (
            training(evaluate_every=0),
            "evaluate_every must be greater than or equal to 1",
        ),
        (
            training(early_stopping_patience=0),
            "patience must be greater than or equal to 1",
        ),
        (training(batch_size=None), "must be a valid integer. Received: None"),
        (model(dropout=1.0), r"recipe\.model\.dropout must be less than 1"),
        (
            model(attention_dropout=-0.1),
            "attention_dropout must be greater than or equal to 0",
        ),
        (model(hidden_dim=9), "hidden_dim must be divisible by"),
        (model(num_heads=True), "num_heads must be a valid integer"),
        (model(embedding_norm="perhaps"), "embedding_norm must be a valid boolean"),
        (model(language_embeddings=1), "language_embeddings must be a valid boolean"),
        (model(norm_placement="middle"), "norm_placement must be 'post' or 'pre'"),
        (model(position_embedding="rotary"), "must be 'learned' or 'sinusoidal'"),
        (model(activation="gelo"), r"activation: must be gelu.*'gelo'"),
        (model(layer_norm_epsilon=0), "layer_norm_epsilon must be greater than 0"),
        (put({"mlm": float("nan")}, "objectives"), "objectives.mlm must be a finite"),
        (put({}, "objectives"), "must name one of mlm, tlm"),
        # What contradicts.
        (model(causal=True), r"must not be causal for mlm, which reads both sides"),
        (put({"clm": 1}, "objectives"), r"recipe\.model .*must be causal for clm: tok"),
        (
            lambda r: (
                r.update(objectives={"clm": 1, "mlm": 1}),
                r["model"].update(causal=True),
            ),
            "must not be causal for mlm",
        ),
        (
            lambda r: (
                r.update(objectives={"clm": 1}),
                r["model"].update(causal=True),
                r["training"].update(selection_rate=0.3),
            ),
            r"selection_rate has no effect: none of the objectives \(clm\) masks",
        ),
        (
            lambda r: (
                r.update(objectives={"pc": 1}),
                r["held_out"].update(bitext=r["data"]["bitext"]),
                r["training"].update(rows="stream"),
            ),
            r"rows has no effect: none of the objectives \(pc\) reads running text",
        ),
        (put({"pc": 1}, "objectives"), "held_out holds neither bitext nor gettext, wh"),
        (training(rows="streams"), "rows must be 'packed' or 'stream'"),
        (training(early_stopping_metric="bleu"), r"one of perplexity.*: bleu"),
        (
            training(early_stopping_metric="perplexity/mlm/sw"),
            "perplexity/mlm/fr.*Received: perplexity/mlm/sw",
        ),
        (training(early_stopping_metric="accuracy/tlm/en-fr"), "must be one of"),
        (put(0.1, "held_out_share"), "either held_out, or held_out_share"),
        (put("xlm_tiny", "initial_model"), r"one of these.*vocabulary and initial_mo"),
        (lambda r: r.pop("vocabulary"), "vocabulary, bpe, initial_model.*: none"),
        # Fields in the wrong place.
        (put(3, "steps"), r"recipe\.steps is unknown\. It is a field of training"),
        (put(2, "training", "num_layers"), r"num_layers is unknown\. Known"),
        # Entries.
        (
            put(["fr.txt", "fr.txt"], "data", "monolingual", "fr"),
            r"data\.monolingual\.fr: \[1\] repeats \[0\]",
        ),
        (put({"fr": ["fr.txt"], "de": ["fr.txt"]}, "data", "monolingual"), "same file"),
        # Under another name.
        (
            put(["fr.txt", "link.txt"], "data", "monolingual", "fr"),
            r"data\.monolingual\.fr: \[1\] repeats \[0\]",
        ),
        (
            put({"fr": ["fr.txt"], "de": ["hard.txt"]}, "data", "monolingual"),
            "has the same file as monolingual",
        ),
        (
            lambda r: r["data"]["bitext"].append(
                {**PT, "target_language": "fr", "files": ["again.tsv"]}
            ),
            "repeats a file",
        ),
        (
            put(
                [
                    {
                        **PT,
                        "files": [],
                        "source_file": "fr.txt",
                        "target_file": "hard.txt",
                    }
                ],
                "data",
                "bitext",
            ),
            "are the same file",
        ),
        (put({".": ["fr.txt"]}, "data", "monolingual"), "one a letter or digit"),
        (put({"e" * 65: ["fr.txt"]}, "data", "monolingual"), "64 at most"),
        (lambda r: r["data"]["bitext"].append(r["data"]["bitext"][0]), "repeats"),
        (
            lambda r: r["data"]["bitext"].append({**PT, "target_language": "fr"}),
            r"bitext: \[1\] repeats",
        ),
        (put(["fr.txt"], "data", "bitext", 0, "files"), r"must be \.tsv or \.jsonl"),
        (
            put(
                [{**PT, "files": [], "source_file": "fr.txt", "target_file": "fr.txt"}],
                "data",
                "bitext",
            ),
            "are the same file",
        ),
        (put([{**PT, "source_file": "fr.txt"}], "data", "bitext"), "expected either"),
        (put(["none.txt"], "data", "gettext"), "gettext_languages is missing"),
        (put(["fr"], "data", "gettext_languages"), "data: gettext is missing"),
        (put(["empty.txt"], "data", "monolingual", "fr"), r"empty\.txt is empty"),
        (put(["."], "data", "monolingual", "fr"), "is a folder"),
        (put("", "output"), r"recipe\.output: must be a path"),
        # Languages.
        (put([{**PT, "target_language": 3}], "data", "bitext"), "in quotation marks"),
        (put([{**PT, "target_language": "e n"}], "data", "bitext"), "en, pt-BR or"),
        (put({"": ["fr.txt"]}, "data", "monolingual"), "en, pt-BR or"),
        (
            lambda r: (
                r["data"]["monolingual"].update({"pt_BR": ["other.txt"]}),
                r["data"]["bitext"].append(PT),
            ),
            "pt_BR .* and pt-BR .* are one language",
        ),
        (
            lambda r: (
                r["held_out"]["monolingual"].update(de=["other.txt"]),
                r["model"].update(language_embeddings=True),
            ),
            "held_out has de, for which",
        ),
    ],
)
def test_what_cannot_be_trained_is_said_before(load, change, message):
    with pytest.raises(ValueError, match=message):
        load(change)


@pytest.mark.parametrize("value", [float("nan"), "1e-4x", True, [1e-3], {}, "", None])
def test_what_is_no_number(load, value):
    with pytest.raises(ValueError, match=r"recipe\.training\.learning_rate must be"):
        load(training(learning_rate=value))


def test_unlikely_settings_are_noticed(load):
    recipe = load(training(steps=100, warmup_steps=100))
    assert "warm-up of 100 steps is not over" in recipe.notices()[0]
    recipe = load(
        training(
            steps=100, warmup_steps=9, evaluate_every=50, early_stopping_patience=2
        )
    )
    assert "ends no training of 100" in recipe.notices()[0]
    (notice,) = load(training(steps=100, warmup_steps=99)).notices()
    assert "warm-up" not in notice


def test_what_is_scored_and_trained_on_is_noticed(load, tmp_path):
    (tmp_path / "linked.tsv").symlink_to("p.tsv")
    pair = {"source_language": "fr", "target_language": "en", "files": ["linked.tsv"]}
    held_out = {"monolingual": {"en": ["other.txt"]}, "bitext": [pair]}
    for given, expected in (
        (RECIPE["held_out"], "monolingual.fr[0] is {}/fr.txt, and so is {}"),
        (held_out, "bitext[0].files[0] is {}/linked.tsv, and so is {}"),
    ):
        recipe = load(lambda r, given=given: r.update(held_out=given))
        (notice,) = [x for x in recipe.notices() if "say little" in x]
        field = expected.split(" ")[0]
        said = expected.format(tmp_path, f"recipe.data.{field}")
        assert notice.startswith(f"recipe.held_out.{said}")
    recipe = load(lambda r: r.update(held_out={"monolingual": {"fr": ["other.txt"]}}))
    assert not any("say little" in notice for notice in recipe.notices())


def test_the_command_decides_where_a_recipe_does_not_tell(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("output: run")
    with pytest.raises(ValueError, match=r"recipe\.data is missing") as raised:
        load_recipe(path, command="finetune")
    assert len(raised.value.lines) == 2  # and no training
    path.write_text("data: {}")
    with pytest.raises(ValueError, match="is a recipe of `xlm-tf pretrain`"):
        load_recipe(path, command="finetune")


def test_norwegian_is_a_language(tmp_path, load):
    load()  # writes the recipe
    path = tmp_path / "recipe.yaml"
    content = path.read_text(encoding="utf-8").replace("fr:", "no:")
    path.write_text(content.replace("target_language: fr", "target_language: no"))
    assert load_recipe(path).languages == ["en", "no"]


def test_a_former_name_is_answered_with_the_new_one(load):
    with pytest.raises(ValueError, match=r"unknown\. Did you mean batch_size\?"):
        load(training(rows_per_batch=8))


def test_true_and_false_as_yaml_1_1_writes_them(load):
    assert load(model(embedding_norm="no")).model.embedding_norm is False
    assert load(model(embedding_norm="On")).model.embedding_norm is True


def test_languages_of_pairs_alone_are_languages(load):
    recipe = load(lambda r: r["data"]["bitext"].append(PT | {"files": ["q.tsv"]}))
    assert recipe.data.languages == ["fr", "en", "pt-BR"]
    assert recipe.data.pairs == [("en", "fr"), ("en", "pt-BR")]
    assert recipe.languages == ["en", "fr", "pt-BR"]


def test_texts_may_be_held_out_by_themselves(load):
    recipe = load(lambda r: (r.pop("held_out"), r.update(held_out_share=0.2)))
    assert recipe.held_out is None
    assert recipe.held_out_share == 0.2
    load(
        lambda r: (
            r.pop("held_out"),
            r["training"].update(early_stopping_metric="accuracy/mlm/en"),
        )
    )


def initial(**changes):
    """A recipe that goes on with a model."""

    def change(recipe):
        del recipe["vocabulary"]
        recipe["model"] = {}
        recipe["initial_model"] = "xlm_tiny"
        for name, value in changes.items():
            recipe[name] = value

    return change


def test_a_recipe_goes_on_with_a_model(load):
    recipe = load(initial(model={"dropout": 0.3}))
    assert recipe.initial_model == "xlm_tiny"
    assert recipe.model.given() == {"dropout": 0.3}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"num_layers": 3}}, "model decides the rest. Received: num_layers"),
        (
            {"model": {"activation": "relu"}},
            "model decides the rest. Received: activation",
        ),
        (
            {"model": {"language_embeddings": True}},
            "language_embeddings is that of the initial model xlm_tiny. Expected: fal",
        ),
        (
            {"training": {"steps": 3, "sequence_length": 129}},
            r"sequence_length must not exceed the positions.*129 and 128",
        ),
    ],
)
def test_what_does_not_fit_the_initial_model(load, changes, message):
    with pytest.raises(ValueError, match=message):
        load(initial(**changes))


def test_languages_and_form_of_the_initial_model(load):
    recipe = load(initial(training={"steps": 3, "sequence_length": 64}))
    check_initial_model(recipe, InitialModelFacts(64, ["en", "fr"], causal=False))
    with pytest.raises(ValueError, match=r"one of those of xlm_tiny: de, en.*'fr'"):
        check_initial_model(recipe, InitialModelFacts(64, ["de", "en"], False))
    with pytest.raises(ValueError, match="xlm_tiny must not be causal for mlm"):
        check_initial_model(recipe, InitialModelFacts(64, None, True))


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ("mlm", "XLMMaskedLM."),
        ("tlm", "XLMMaskedLM."),
        ("clm", "XLMMaskedLM, XLMCausalLM."),
        ("mt", "XLMMaskedLM, XLMSeq2SeqLM."),
    ],
)
def test_what_an_objective_begins_with_is_said(load, tmp_path, objective, expected):
    model = {"initial_model": "model", "objectives": {objective: 1}}
    model["held_out"] = None
    (tmp_path / "model").mkdir()
    for kind in ("XLMTextClassifier", "XLMCausalLM"):
        config = {"class_name": kind, "config": {"causal": kind == "XLMCausalLM"}}
        for name in ("task.json", "config.json"):
            (tmp_path / "model" / name).write_text(json.dumps(config))
        if kind in expected:
            load(initial(**model))
            continue
        with pytest.raises(RecipeError) as raised:
            load(initial(**model))
        (said,) = raised.value.lines
        assert said.endswith(f"Expected one of {expected}")
        assert ("see the past only" in said) == (kind == "XLMCausalLM")


TEXTS = {"en": ["other.txt"], "fr": ["fr.txt"]}


def with_decoder(**training):
    def change(recipe):
        recipe["objectives"] = {"mt": 1, "bt": 1, "dae": 1}
        recipe["held_out"] = copy.deepcopy(recipe["data"])
        recipe["model"]["language_embeddings"] = True
        recipe["training"] |= training

    return change


def test_what_is_learnt_to_translate(load):
    recipe = load(with_decoder())
    assert set(recipe.directions) == {("en", "fr"), ("fr", "en")}
    recipe = load(with_decoder(directions=["fr-en"], early_stopping_metric="bleu"))
    assert recipe.directions_of("bt") == [("fr", "en")]
    assert recipe.written_languages == ["en", "fr"]
    assert recipe.settings_of("dae") == {
        "word_shuffle": 3.0,
        "word_dropout": 0.1,
        "word_blank": 0.1,
    }

    def of_pairs(objective):
        def change(recipe):
            with_decoder(directions=["fr-en"])(recipe)
            recipe["objectives"] = {objective: 1, "mlm": 1}

        return change

    assert load(of_pairs("mt")).written_languages == ["en"]
    # It translates what it learns from, too.
    assert load(of_pairs("bt")).written_languages == ["en", "fr"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda r: r["model"].update(language_embeddings=False),
            "language_embeddings must be true: a decoder is told",
        ),
        (
            lambda r: r["model"].update(causal=True),
            "must not be causal for mt, which reads both sides",
        ),
        (
            lambda r: r["training"].update(directions=["en-de"]),
            "en-de cannot be learnt.*Expected of en-fr, fr-en",
        ),
        (
            lambda r: r["training"].update(directions=["en-en"]),
            "en-en cannot be learnt",
        ),
        (lambda r: r["training"].update(directions=[]), "directions names none"),
        (
            lambda r: r["training"].update(tokens_per_batch=60),
            "must have room for the longest text, 64 tokens",
        ),
        (
            lambda r: r["training"].update(span_rate=0.2),
            "span_rate has no effect: none of the objectives",
        ),
        (
            lambda r: r["training"].update(selection_rate=0.2),
            "selection_rate has no effect",
        ),
        (
            lambda r: r["training"].update(
                directions=["en-fr"], early_stopping_metric="round_trip_bleu"
            ),
            "early_stopping_metric must be one of.*: round_trip_bleu",
        ),
        (lambda r: r["training"].update(word_dropout=1), "word_dropout must be less"),
        (
            lambda r: (r["held_out"].pop("bitext"), r["data"].pop("bitext")),
            "data holds neither bitext nor gettext, which mt needs",
        ),
        (
            lambda r: r.update(
                objectives={"bt": 1},
                data={"monolingual": {"fr": ["fr.txt"]}},
                held_out={"monolingual": {"fr": ["other.txt"]}},
            ),
            "texts of one language: bt needs two",
        ),
        (
            lambda r: r.update(objectives={"bt": 1}, held_out={"monolingual": TEXTS}),
            "must be one of round_trip_bleu, .*Received: perplexity",
        ),
        (
            lambda r: (
                r.update(objectives={"bt": 1}, held_out={"monolingual": TEXTS}),
                r["training"].update(directions=["en-fr"]),
            ),
            "nothing to score a model by: bt is scored by pairs",
        ),
        (
            lambda r: r.update(
                held_out={
                    "monolingual": TEXTS,
                    "bitext": [{**r["data"]["bitext"][0], "source_language": "de"}],
                }
            ),
            "held_out holds no pairs that mt learns to translate",
        ),
        (lambda r: r.update(initial_decoder="x"), "initial_decoder needs recipe.ini"),
    ],
)
def test_what_an_encoder_decoder_cannot_learn_is_said(load, change, message):
    def changed(recipe):
        with_decoder()(recipe)
        change(recipe)

    with pytest.raises(ValueError, match=message):
        load(changed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (training(directions=["en-fr"]), "directions has no effect"),
        (training(word_shuffle=2), "word_shuffle has no effect: none of .*mlm"),
        (training(label_smoothing=0.1), "label_smoothing has no effect"),
        (training(translated_texts=5), "translated_texts has no effect"),
        (training(sampling_temperature=1.0), "sampling_temperature has no effect"),
        (model(num_decoder_layers=2), "num_decoder_layers has no effect"),
        (training(early_stopping_metric="bleu"), "one of perplexity.*: bleu"),
    ],
)
def test_what_only_a_decoder_reads_is_refused_without_one(load, change, message):
    with pytest.raises(ValueError, match=message):
        load(change)


def test_a_causal_training_begins_with_a_causal_model(load):
    with pytest.raises(ValueError, match="model xlm_tiny must be causal for clm"):
        load(initial(objectives={"clm": 1}))


@pytest.mark.parametrize(
    ("bpe", "message"),
    [
        ({"vocabulary": "fr.txt"}, r"bpe\.codes is missing"),
        ({"vocabulary": "fr.txt", "codes": "no"}, "there is no file"),
        ({"vocabulary": "fr.txt", "codes": "empty.txt"}, "is empty"),
        ({"vocabulary": "fr.txt", "codes": "p.tsv", "words": "x"}, "'moses' or"),
        (
            {"vocabulary": "fr.txt", "codes": "p.tsv", "max_vocabulary": 9},
            "equal to 14",
        ),
        (
            {"vocabulary": "fr.txt", "codes": "p.tsv", "lowercase": "maybe"},
            "valid boolean",
        ),
    ],
)
def test_what_is_wrong_in_a_bpe_vocabulary(load, bpe, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        load(lambda r: (r.pop("vocabulary"), r.update(bpe=bpe)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda r: r.update(vocabulary="no.model"),
            "recipe.vocabulary: there is no file.*xlm-tf vocabulary",
        ),
        (
            lambda r: r["data"]["monolingual"].update(de=["de.txt"]),
            "recipe.data.monolingual.de.*: there is no file",
        ),
        (
            lambda r: r["data"]["bitext"][0].update(files=["no.tsv"]),
            r"recipe.data.bitext\[0\].files\[0\]: there is no file",
        ),
    ],
)
def test_missing_files_are_named(load, change, message):
    with pytest.raises(FileNotFoundError, match=message):
        load(change)
