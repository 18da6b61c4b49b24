"""What the classes of a classifier are to each other."""

import json

import keras
import numpy as np
import pytest

import xlm_tf
from xlm_tf.checkpoints.model_settings import problem_type_of

SIGMOID = "torch.nn.modules.activation.Sigmoid"
IDENTITY = "torch.nn.modules.linear.Identity"


@pytest.fixture
def make_classifier(make_backbone, tokenizer):
    def make(**arguments):
        preprocessor = xlm_tf.XLMTextClassifierPreprocessor(
            tokenizer, sequence_length=32
        )
        return xlm_tf.XLMTextClassifier(
            make_backbone(), preprocessor=preprocessor, **arguments
        )

    return make


@pytest.mark.parametrize(
    ("arguments", "problem_type", "loss"),
    [
        (
            {"num_classes": 3},
            "single_label_classification",
            keras.losses.SparseCategoricalCrossentropy,
        ),
        (
            {"num_classes": 1},
            "multi_label_classification",
            keras.losses.BinaryCrossentropy,
        ),
        (
            {"num_classes": 3, "problem_type": "multi_label_classification"},
            "multi_label_classification",
            keras.losses.BinaryCrossentropy,
        ),
        (
            {"num_classes": 2, "problem_type": "regression"},
            "regression",
            keras.losses.MeanSquaredError,
        ),
    ],
)
def test_the_problem_type_is_saved(
    make_classifier, tmp_path, arguments, problem_type, loss
):
    classifier = make_classifier(**arguments)
    assert classifier.problem_type == problem_type
    classifier.compile()
    assert isinstance(classifier.loss, loss)
    # In transformers' files it is written out.
    classifier.save_to_huggingface(tmp_path / "hf")
    config = json.loads((tmp_path / "hf" / "config.json").read_text("utf-8"))
    assert config["problem_type"] == problem_type
    loaded = xlm_tf.XLMTextClassifier.from_preset(tmp_path / "hf")
    assert loaded.problem_type == problem_type
    copy = type(classifier).from_config(classifier.get_config())
    assert copy.problem_type == problem_type


@pytest.mark.slow
def test_multi_label_and_regression_learn(make_classifier):
    targets = np.array([[1.0, 0.0], [0.0, 1.0]])
    for problem_type in ("multi_label_classification", "regression"):
        classifier = make_classifier(num_classes=2, problem_type=problem_type)
        classifier.compile(optimizer=keras.optimizers.Adam(1e-2))
        history = classifier.fit(
            ["quick fox", "Ein Hund"], targets, epochs=8, verbose=0
        ).history
        assert history["loss"][-1] < history["loss"][0]


def test_problem_types_that_do_not_fit(make_classifier):
    with pytest.raises(ValueError, match="problem_type must be one of"):
        make_classifier(num_classes=2, problem_type="multilabel")
    with pytest.raises(ValueError, match="A single class is always the right one"):
        make_classifier(num_classes=1, problem_type="single_label_classification")


@pytest.mark.parametrize(
    ("config", "num_classes", "reranker", "expected"),
    [
        ({}, 1, {}, None),
        ({"problem_type": None}, 3, {}, None),
        ({"problem_type": "regression"}, 1, {"activation_fn": SIGMOID}, "regression"),
        (
            {"problem_type": "multi_label_classification"},
            28,
            {},
            "multi_label_classification",
        ),
        (
            {"sentence_transformers": {"activation_fn": IDENTITY}},
            1,
            {},
            "regression",
        ),
        ({"sentence_transformers": {"activation_fn": IDENTITY}}, 3, {}, None),
        (
            {"sbert_ce_default_activation_function": SIGMOID},
            1,
            {},
            "multi_label_classification",
        ),
        ({}, 1, {"activation_fn": IDENTITY}, "regression"),
    ],
)
def test_what_a_checkpoint_says(config, num_classes, reranker, expected):
    assert problem_type_of(config, "config.json", num_classes, reranker) == expected


def test_what_a_checkpoint_says_and_no_one_knows():
    for config in (
        {"problem_type": "ranking"},
        {"sentence_transformers": {"activation_fn": "torch.nn.modules.Tanh"}},
    ):
        with pytest.raises(ValueError, match=r"config\.json has .*Pass problem_type"):
            problem_type_of(config, "config.json", 1, {})
