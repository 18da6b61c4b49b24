"""Folders of transformers 4's TensorFlow classes: the numbers of the same weights."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file

import xlm_tf
from tests.checkpoints.tensorflow_files import keras_name, write_tensorflow
from xlm_tf.checkpoints.finding import find_checkpoint
from xlm_tf.checkpoints.tensor_files import open_folder

FIXTURES = Path(__file__).resolve().parents[1] / "data" / "checkpoints"
NAMES = sorted(
    path.parent.name
    for path in FIXTURES.glob("*/model.safetensors")
    if path.parent.name not in ("xlmr_untied", "xlmr_xl")  # which TensorFlow had not
)
EMBEDDING = "roberta.embeddings.word_embeddings.weight"


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_tensors_come_under_the_names_of_pytorch(name, parts, tmp_path):
    folder = write_tensorflow(FIXTURES / name, tmp_path / "tf", parts=parts)
    assert len(list(folder.glob("tf_model*.h5"))) == parts
    tensors = find_checkpoint(folder).tensors
    expected = load_file(FIXTURES / name / "model.safetensors")
    assert tensors.names == set(expected)
    for own, value in expected.items():
        np.testing.assert_array_equal(tensors.read(own), value, err_msg=own)
        assert tensors.shape(own) == value.shape
        blocks = [block for _, block in tensors.blocks(own)]
        np.testing.assert_array_equal(np.concatenate(blocks), value)


@pytest.mark.parametrize(
    ("name", "task", "part"),
    [
        ("xlm_languages", "XLMMaskedLM", 1),
        ("xlm_relu_classes", "XLMTextClassifier", 2),
        ("xlmr", "XLMMaskedLM", 4),
        ("xlmr_tags", "XLMTokenClassifier", 1),
        ("xlmr_answers", "XLMQuestionAnswering", 1),
    ],
)
def test_every_task_is_loaded_as_from_safetensors(name, task, part, tmp_path):
    folder = write_tensorflow(FIXTURES / name, tmp_path / "tf", parts=part)
    model, expected = (xlm_tf.load_task(x) for x in (folder, FIXTURES / name))
    assert type(model).__name__ == task
    for own, other in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(own, other, err_msg=own.path)
    assert getattr(model, "labels", None) == getattr(expected, "labels", None)


def test_names_that_were_written_by_transformers():
    for name, expected in {
        EMBEDDING: "roberta/embeddings/word_embeddings/weight:0",
        "roberta.encoder.layer.1.attention.output.LayerNorm.bias": (
            "roberta/encoder/layer_._1/attention/output/LayerNorm/beta:0"
        ),
        "transformer.layer_norm1.0.weight": "transformer/layer_norm1_._0/gamma:0",
        "transformer.ffns.1.lin1.weight": "transformer/ffns_._1/lin1/kernel:0",
        "transformer.embeddings.weight": "transformer/embeddings/weight:0",
        "pred_layer.proj.bias": "pred_layer_._proj/bias:0",
        "lm_head.bias": "lm_head/bias:0",
    }.items():
        assert keras_name(name) == expected


@pytest.mark.parametrize(
    "scope",
    ["tf_xlm_roberta_for_masked_lm_1", "model/tfxlm_roberta_for_masked_lm", "roberta"],
)
def test_scopes_of_the_model_do_not_matter(scope, tmp_path):
    folder = write_tensorflow(FIXTURES / "xlmr", tmp_path / "tf", scope=scope)
    names = find_checkpoint(folder).tensors.names
    assert names == find_checkpoint(FIXTURES / "xlmr").tensors.names


def test_parts_of_a_head_of_bert(tmp_path):
    path = tmp_path / "tf_model.h5"
    scope = "tf_bert_for_pre_training"
    places = {
        "bert.pooler.dense.bias": "bert/pooler/dense/bias:0",
        "cls.predictions.transform.dense.weight": (
            "mlm___cls/predictions/transform/dense/kernel:0"
        ),
        "cls.seq_relationship.bias": "nsp___cls/seq_relationship/bias:0",
    }
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["bert", "nsp___cls", "mlm___cls"]
        for place in places.values():
            file[f"{place.split('/')[0]}/{scope}/{place}"] = np.ones((2, 3), "float32")
    tensors = open_folder(tmp_path)
    assert tensors.names == set(places)
    assert tensors.shape("cls.predictions.transform.dense.weight") == (3, 2)


def test_layer_names_in_several_attributes(tmp_path):
    folder = write_tensorflow(FIXTURES / "xlmr", tmp_path / "tf")
    with h5py.File(folder / "tf_model.h5", "a") as file:
        for number, name in enumerate(file.attrs.pop("layer_names")):
            file.attrs[f"layer_names{number}"] = np.array([name.encode()])
    names = find_checkpoint(folder).tensors.names
    assert names == find_checkpoint(FIXTURES / "xlmr").tensors.names


def test_half_precision(tmp_path):
    folder = write_tensorflow(FIXTURES / "xlmr", tmp_path / "tf")
    with h5py.File(folder / "tf_model.h5", "a") as file:
        names = []
        file.visit(lambda name: names.append(name) if name.endswith(":0") else None)
        for name in names:
            value = np.float16(file[name][()])
            del file[name]
            file[name] = value
    table = xlm_tf.XLMBackbone.from_preset(folder).token_embedding.embeddings
    expected = load_file(FIXTURES / "xlmr" / "model.safetensors")[EMBEDDING]
    np.testing.assert_array_equal(table, np.float16(expected))


def test_other_files_are_preferred(tmp_path):
    folder = write_tensorflow(FIXTURES / "xlmr_tags", tmp_path / "tf")
    (folder / "tf_model.h5").write_bytes(b"not read")
    shutil.copy(FIXTURES / "xlmr_tags" / "model.safetensors", folder)
    assert xlm_tf.load_task(folder).labels == ["O", "B-PER", "I-PER"]


def test_without_weights(tmp_path):
    folder = write_tensorflow(FIXTURES / "xlmr_tags", tmp_path / "tf")
    one, other = (
        xlm_tf.XLMTokenClassifier.from_preset(folder, load_weights=load)
        for load in (True, False)
    )
    assert one.num_classes == other.num_classes == 3
    assert not np.allclose(one.logits_dense.kernel, other.logits_dense.kernel)


def change(edit):
    """A function that edits the file of a folder, opened by h5py."""

    def apply(path):
        with h5py.File(path, "a") as file:
            edit(file)

    return apply


def remove_first(file):
    del file["lm_head/tfxlm_roberta_for_masked_lm/lm_head/dense/kernel:0"]


def add_one(file):
    file["roberta/tfxlm_roberta_for_masked_lm/roberta/extra/kernel:0"] = np.ones((2, 3))


def misshape(file):
    place = "lm_head/tfxlm_roberta_for_masked_lm/lm_head/dense/kernel:0"
    del file[place]
    file[place] = np.ones((16, 17), "float32")


def compress(file):
    place = "lm_head/tfxlm_roberta_for_masked_lm/lm_head/dense/kernel:0"
    value = file[place][()]
    del file[place]
    file.create_dataset(place, data=value, compression="gzip")


def link_elsewhere(file):
    place = "lm_head/tfxlm_roberta_for_masked_lm/lm_head/dense/kernel:0"
    del file[place]
    file[place] = h5py.ExternalLink("/etc/other.h5", "kernel")


def as_text(file):
    place = "lm_head/tfxlm_roberta_for_masked_lm/lm_head/bias:0"
    del file[place]
    file[place] = "text"


def as_bert(file):
    file["bert"] = file["roberta"]["tfxlm_roberta_for_masked_lm/roberta"]
    del file["roberta"]
    del file["lm_head"]
    file.attrs["layer_names"] = ["bert"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change(remove_first), r"lacks the tensor lm_head\.dense\.weight"),
        (change(add_one), r"no model of the family has: roberta\.extra\.weight"),
        (change(misshape), r"lm_head\.dense\.weight .* has the shape \(17, 16\)"),
        (change(compress), "does not lie within it in one piece"),
        (change(link_elsewhere), r"lacks the tensor lm_head\.dense\.weight"),
        (change(as_text), r"lacks the tensor lm_head\.bias"),
        (change(as_bert), r"no model of the family has: bert\.embeddings"),
        (change(lambda f: f.attrs.pop("layer_names")), "it has no layer_names"),
        (
            change(lambda f: f.attrs.update({"model_config": "{}"})),
            r"a whole model of Keras \(model\.save\)",
        ),
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), "or it is damaged"),
        (lambda path: path.write_bytes(b""), "or it is damaged"),
        (lambda path: path.write_text("version https://git-lfs"), "or it is damaged"),
    ],
)
def test_files_that_do_not_fit(damage, message, tmp_path):
    folder = write_tensorflow(FIXTURES / "xlmr", tmp_path / "tf")
    damage(folder / "tf_model.h5")
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMMaskedLM.from_preset(folder)


def test_a_part_is_missing(tmp_path):
    folder = write_tensorflow(FIXTURES / "xlmr", tmp_path / "tf", parts=3)
    next(folder.glob("tf_model-*.h5")).unlink()
    with pytest.raises(
        FileNotFoundError, match=r"which tf_model\.h5\.index\.json names"
    ):
        xlm_tf.XLMMaskedLM.from_preset(folder)


def test_a_file_alone(tmp_path):
    folder = write_tensorflow(FIXTURES / "xlmr", tmp_path / "tf")
    (folder / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"no config\.json"):
        xlm_tf.load_task(folder)
    with pytest.raises(FileNotFoundError, match="is not a file that a model"):
        xlm_tf.load_task(folder / "tf_model.h5")
