"""Models from the files of others: every task, and the one that a file holds."""

import json
from pathlib import Path

import keras
import keras_hub
import numpy as np
import pytest

import xlm_tf
from xlm_tf.checkpoints.checkpoint_head import CheckpointHead, has_tensor
from xlm_tf.checkpoints.tensor_names import dense
from xlm_tf.models.loading import find_task, load_task
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.task import XLMTask
from xlm_tf.registration import CLASSES

FOLDER = Path(__file__).resolve().parents[1] / "data" / "checkpoints"
IDS = np.array([[0, 5, 6, 2]])


def test_every_task_from_one_checkpoint():
    assert xlm_tf.XLMBackbone.from_preset("xlm_tiny").num_layers == 2
    for task, arguments in (
        ("XLMTextEmbedder", {}),
        ("XLMTextClassifier", {"num_classes": 3}),
        ("XLMTokenClassifier", {"labels": ["O", "B-PER"]}),
    ):
        model = getattr(xlm_tf, task).from_preset("xlm_tiny", **arguments)
        assert model.preprocessor.sequence_length == 128
    with pytest.warns(UserWarning, match="no head for question answering: a new one"):
        answerer = xlm_tf.XLMQuestionAnswering.from_preset("xlm_tiny")
    assert answerer.preprocessor.sequence_length == 128
    causal = xlm_tf.XLMBackbone.from_preset("xlm_tiny", causal=True)
    assert causal.causal


def test_the_saved_task_is_found(tmp_path):
    assert isinstance(load_task("xlm_tiny"), xlm_tf.XLMMaskedLM)
    for name, task in (
        ("tags", "XLMTokenClassifier"),
        ("answers", "XLMQuestionAnswering"),
    ):
        assert type(load_task(FOLDER / f"xlmr_{name}")).__name__ == task
    assert isinstance(load_task(FOLDER / "xlm_relu_classes"), xlm_tf.XLMTextClassifier)
    xlm_tf.XLMBackbone.from_preset("xlm_tiny").save_to_huggingface(tmp_path)
    with pytest.raises(ValueError, match="an encoder without a task's head"):
        load_task(tmp_path)


def test_a_preset_of_another_form_names_who_loads_it(tmp_path):
    translator = xlm_tf.XLMSeq2SeqLM.from_masked_lm("xlm_tiny")
    translator.save_to_preset(tmp_path / "translator")
    for name in ("XLMMaskedLM", "XLMTextEmbedder", "XLMBackbone"):
        with pytest.raises(ValueError, match=f"encoder-decoder.*{name}.*load_task"):
            getattr(xlm_tf, name).from_preset(tmp_path / "translator")
    assert isinstance(load_task(tmp_path / "translator"), xlm_tf.XLMSeq2SeqLM)
    backbone = xlm_tf.XLMBackbone.from_preset("xlm_tiny")
    xlm_tf.XLMTextEmbedder(backbone, pooling="mean").save_to_preset(tmp_path / "mean")
    with pytest.raises(ValueError, match=r"an encoder alone.*from_masked_lm"):
        xlm_tf.XLMSeq2SeqLM.from_preset(tmp_path / "mean")


def test_the_parity_of_a_saved_task_is_exact(tmp_path):
    tiny = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    tiny.save_to_huggingface(tmp_path)
    again = xlm_tf.XLMMaskedLM.from_preset(tmp_path)
    texts = ["The page was not <mask>.", "Seite <mask>"]
    assert again.fill_mask(texts) == tiny.fill_mask(texts)


class Ranker(OptionalInputs, XLMTask, keras_hub.models.Task):
    """A task as somebody would add one: a number for every text."""

    backbone_cls = xlm_tf.XLMBackbone
    preprocessor_cls = xlm_tf.XLMTextClassifierPreprocessor
    input_names = xlm_tf.XLMBackbone.input_names
    checkpoint_heads = (
        CheckpointHead(
            families=("xlm-roberta",),
            architecture="ForRanking",
            tensors=dense("rank_dense", "rank"),
            is_in=has_tensor("rank.weight"),
        ),
    )

    def __init__(self, backbone, preprocessor=None, **kwargs):
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.rank_dense = keras.layers.Dense(1, name="rank_dense")
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        return self.rank_dense(self.backbone(inputs)[:, 0])


@pytest.fixture
def ranker(monkeypatch):
    """A class that is registered as a line of `xlm_tf.registration` does it."""
    registered = keras.saving.register_keras_serializable("xlm_tf")(Ranker)
    monkeypatch.setitem(CLASSES, "xlm_tf.models.ranker", ("Ranker",))
    return registered


def test_a_new_task_is_one_file_and_one_line(ranker, tmp_path):
    model = ranker(xlm_tf.XLMBackbone(30, 1, 1, 8, 16, position_offset=2))
    model.save_to_huggingface(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["XLMRobertaForRanking"]
    again = load_task(tmp_path)
    assert type(again) is ranker
    np.testing.assert_array_equal(again(IDS), model(IDS))
    encoder = xlm_tf.XLMBackbone.from_preset(tmp_path)  # a head that others know
    np.testing.assert_array_equal(encoder(IDS), model.backbone(IDS))


def test_a_task_without_a_head_in_a_family(ranker, tmp_path):
    form = {"zero_padding_states": True, "pad_token_id": 2, "layer_norm_epsilon": 1e-12}
    backbone = xlm_tf.XLMBackbone(30, 1, 1, 8, 32, **form)
    with pytest.raises(ValueError, match="Ranker has no form in transformers"):
        ranker(backbone).save_to_huggingface(tmp_path)
    backbone.save_to_huggingface(tmp_path)
    with pytest.raises(ValueError, match="Ranker has no form in"):
        ranker.from_preset(tmp_path)
    for model_class in (xlm_tf.XLMSeq2SeqLM, xlm_tf.XLMSeq2SeqBackbone):
        with pytest.raises(ValueError, match="holds an encoder without a decoder"):
            model_class.from_preset(tmp_path)


def test_heads_of_two_tasks_ask_for_the_class(ranker, tmp_path, monkeypatch):
    tagger = xlm_tf.XLMTokenClassifier(
        xlm_tf.XLMBackbone(30, 1, 1, 8, 16, position_offset=2), num_classes=2
    )
    tagger.save_to_huggingface(tmp_path)
    assert type(load_task(tmp_path)) is xlm_tf.XLMTokenClassifier
    heads = (
        CheckpointHead(("xlm-roberta",), "X", is_in=has_tensor("classifier.bias")),
    )
    monkeypatch.setattr(ranker, "checkpoint_heads", heads)
    with pytest.raises(ValueError, match=r"heads of several tasks: .*Ranker"):
        load_task(tmp_path)


def test_the_task_is_known_before_it_is_loaded():
    task, checkpoint = find_task(FOLDER / "xlmr_tags")
    assert task is xlm_tf.XLMTokenClassifier
    assert checkpoint is not None
