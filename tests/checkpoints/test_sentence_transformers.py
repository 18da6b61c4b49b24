"""Folders of sentence-transformers: what they say of vectors and of texts."""

import json
import shutil

import numpy as np
import pytest

import xlm_tf
from tests.checkpoints.json_files import write_json
from xlm_tf.checkpoints.sentence_transformers import read_embedding
from xlm_tf.models.loading import load_task

MODULES = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
POOLING = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}


def write_modules(folder, modules=MODULES):
    content = [
        {"idx": i, "name": str(i), "path": path, "type": f"x.models.{kind}"}
        for i, (path, kind) in enumerate(modules)
    ]
    write_json(folder / "modules.json", content)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "config_sentence_transformers.json",
            {"prompts": {"q": "query: "}, "default_prompt_name": "p"},
            r"default_prompt_name='p'. Expected one of its prompts: \['q'\]",
        ),
        ("config_sentence_transformers.json", {"truncate_dim": 9}, "truncate_dim=9"),
        (
            "config_sentence_transformers.json",
            {"truncate_dim": "4"},
            "Expected a whole",
        ),
        (
            "config_sentence_transformers.json",
            {"truncate_dim": 0},
            "from 1 to the width",
        ),
        ("config_sentence_transformers.json", {"prompts": ["x"]}, "for every name"),
        ("1_Pooling/config.json", {**POOLING, "include_prompt": 0}, "include_prompt=0"),
        ("sentence_bert_config.json", {"query_length": 9}, "query_length=9"),
        (
            "sentence_bert_config.json",
            {"transformer_task": "fill-mask"},
            "transformer_task='fill-mask'",
        ),
        (
            "sentence_bert_config.json",
            {"processing_kwargs": {"text": {"max_length": 4}}},
            "processing_kwargs=",
        ),
        ("1_Pooling/config.json", {**POOLING, "pooling_mode_cls_token": True}, "pools"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "max"]}, "pools by"),
        ("1_Pooling/config.json", {**POOLING, "temperature": 2}, "temperature=2"),
        ("1_Pooling/config.json", {"embedding_dimension": 9}, "=9. Expected 8|pools"),
        ("2_Normalize/config.json", {"module_input_name": "x"}, "module_input_name"),
    ],
)
def test_settings_of_embedders_are_refused(tmp_path, file, content, message):
    write_modules(tmp_path)
    write_json(tmp_path / "1_Pooling" / "config.json", POOLING)
    assert read_embedding(tmp_path, 8).normalize
    write_json(tmp_path / file, content)
    with pytest.raises(ValueError, match=message):
        read_embedding(tmp_path, 8)


def test_modules_in_another_order(tmp_path):
    for modules, message in (
        ([MODULES[0], ("1_CNN", "CNN")], "a module CNN"),
        ([MODULES[0], ("1_Dense", "Dense")], "the modules Transformer, Dense"),
        (
            [MODULES[0], ("1_Dense", "Dense"), MODULES[1]],
            "the modules Transformer, Dense, Pooling",
        ),
        ([*MODULES[:2], MODULES[1]], "the modules Transformer, Pooling, Pooling"),
        ([MODULES[0], MODULES[2], MODULES[1]], "Transformer, Normalize, Pooling"),
        (MODULES[:1], "the modules Transformer"),
    ):
        write_modules(tmp_path, modules)
        with pytest.raises(ValueError, match=message):
            read_embedding(tmp_path, 8)


@pytest.mark.parametrize(
    ("of_embedder", "of_tokenizer", "length"),
    [(30, 20, 30), (None, 20, 20), (30, None, 30), (500, 20, 64), (None, 1e30, 64)],
)
def test_lengths(spm_proto, folder, of_embedder, of_tokenizer, length):
    (folder / "sentencepiece.bpe.model").write_bytes(spm_proto)
    write_modules(folder)
    write_json(folder / "1_Pooling" / "config.json", POOLING)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": of_embedder})
    write_json(folder / "tokenizer_config.json", {"model_max_length": of_tokenizer})
    assert load_task(folder).preprocessor.sequence_length == length
    tagger = xlm_tf.XLMTokenClassifier.from_preset(folder, num_classes=2)
    assert tagger.preprocessor.sequence_length == min(of_tokenizer or 64, 64)


def test_an_old_folder_of_an_embedder(spm_proto, folder, tmp_path_factory):
    root = tmp_path_factory.mktemp("old")
    (folder / "sentencepiece.bpe.model").write_bytes(spm_proto)
    folder.rename(root / "0_Transformer")
    write_modules(root, [("0_Transformer", "Transformer"), MODULES[1]])
    write_json(root / "1_Pooling" / "config.json", {"pooling_mode_max_tokens": True})
    path = root / "0_Transformer" / "sentence_bert_config.json"
    write_json(path, {"max_seq_length": 9, "do_lower_case": False})
    embedder = load_task(root)
    assert (embedder.pooling, embedder.preprocessor.sequence_length) == ("max", 9)


@pytest.mark.parametrize("pooling", ["first", "mean", "max"])
@pytest.mark.parametrize("normalize", [True, False])
def test_an_embedder_is_saved_and_read(tmp_path, pooling, normalize):
    embedder = xlm_tf.XLMTextEmbedder.from_preset(
        "xlm_tiny", pooling=pooling, normalize=normalize
    )
    embedder.preprocessor.sequence_length = 40
    embedder.save_to_huggingface(tmp_path)
    modules = json.loads((tmp_path / "modules.json").read_text())
    assert [m["type"].split(".")[-1] for m in modules][1:] == ["Pooling"] + (
        ["Normalize"] * normalize
    )
    again = load_task(tmp_path)
    assert (again.pooling, again.normalize) == (pooling, normalize)
    assert again.preprocessor.sequence_length == 40
    texts = ["The file was not found.", "Die Datei wurde nicht gefunden."]
    np.testing.assert_array_equal(again.predict(texts), embedder.predict(texts))


DENSE = {
    "in_features": 8,
    "out_features": 3,
    "bias": True,
    "activation_function": "torch.nn.modules.activation.Tanh",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation_function": "torch.nn.modules.activation.ReLU"}, "ReLU"),
        ({"in_features": 9}, "must have in_features=8"),
        ({"use_residual": True}, "use_residual=True"),
        ({"temperature": 1}, "temperature=1"),
    ],
)
def test_projections_that_are_refused(tmp_path, change, message):
    write_modules(tmp_path, [*MODULES[:2], ("2_Dense", "Dense")])
    write_json(tmp_path / "1_Pooling" / "config.json", POOLING)
    write_json(tmp_path / "2_Dense" / "config.json", DENSE)
    assert read_embedding(tmp_path, 8).projection.width == 3
    write_json(tmp_path / "2_Dense" / "config.json", {**DENSE, **change})
    with pytest.raises(ValueError, match=message):
        read_embedding(tmp_path, 8)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("activation", ["tanh", "linear"])
def test_a_projection(tmp_path, tokenizer, normalize, use_bias, activation):
    backbone = xlm_tf.XLMBackbone(
        tokenizer.vocabulary_size(), 1, 1, 8, 16, position_offset=2
    )
    embedder = xlm_tf.XLMTextEmbedder(
        backbone,
        xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 20),
        normalize=normalize,
        projection_dim=3,
        projection_activation=activation,
        projection_bias=use_bias,
    )
    kernel, *bias = embedder.projection_dense.weights
    for variable in bias:
        variable.assign([0.1, -0.2, 0.3])
    texts = ["The quick brown fox", "Der faule Hund"]
    vectors = embedder.embed(texts)
    bare = xlm_tf.XLMTextEmbedder(backbone, embedder.preprocessor, normalize=False)
    expected = bare.embed(texts) @ np.asarray(kernel)
    expected += sum(np.asarray(variable) for variable in bias)
    expected = np.tanh(expected) if activation == "tanh" else expected
    if normalize:
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    assert embedder.embed([]).shape == (0, 3)
    embedder.save_to_huggingface(tmp_path / "folder")
    embedder.save_to_preset(tmp_path / "preset")
    for name in ("folder", "preset"):
        again = load_task(tmp_path / name)
        np.testing.assert_allclose(again.embed(texts), vectors, atol=1e-6)
    bare.save_to_huggingface(tmp_path / "folder")
    assert load_task(tmp_path / "folder").projection_dense is None


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([("1_LSTM", "LSTM")], "a module LSTM, which is not supported"),
        (
            [("", "Transformer"), ("1_Pooling", "Pooling")],
            "pools by .*pooling_mode_lasttoken",
        ),
    ],
)
def test_other_modules_are_refused(tmp_path, modules, message):
    folder = tmp_path / "model"
    shutil.copytree(xlm_tf.PRESETS["xlm_tiny"].source, folder)
    content = [
        {"idx": 0, "name": "0", "path": p, "type": f"sentence_transformers.models.{k}"}
        for p, k in modules
    ]
    (folder / "modules.json").write_text(json.dumps(content))
    (folder / "1_Pooling").mkdir()
    mode = {"pooling_mode_lasttoken": True, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(mode))
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMTextEmbedder.from_preset(folder)
