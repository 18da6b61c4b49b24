"""LoRA adapters merged into their base: beside what the test itself adds up."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import xlm_tf
from tests.checkpoints.json_files import write_json
from xlm_tf.checkpoints.sentence_transformers import Embedding, write_embedding

FIXTURES = Path(__file__).resolve().parents[1] / "data" / "checkpoints"
PREFIX = "base_model.model."
LAYER = "roberta.encoder.layer.1."
QUERY = f"{LAYER}attention.self.query"
VALUE = f"{LAYER}attention.self.value"
WORDS = "roberta.embeddings.word_embeddings"
IDS = np.array([[0, 9, 30, 8, 12, 2]])
SETTINGS = {
    "peft_type": "LORA",
    "task_type": None,
    "auto_mapping": {"base_model_class": "XLMRobertaForMaskedLM"},
    "base_model_name_or_path": str(FIXTURES / "xlmr"),
    "r": 4,
    "lora_alpha": 6,
    "lora_dropout": 0.1,
    "bias": "none",
    "target_modules": ["query"],
    "layers_to_transform": [1],
    "modules_to_save": None,
    "inference_mode": True,
}


def factors(module, rank=4, inner=16, outer=16, seed=0):
    """The two matrices of a module under PEFT's names."""
    rng = np.random.default_rng([seed, len(module)])
    a, b = rng.normal(size=(rank, inner)), rng.normal(size=(outer, rank))
    names = "lora_A.weight", "lora_B.weight"
    if "embeddings" in module:
        names = "lora_embedding_A", "lora_embedding_B"
    return {
        f"{PREFIX}{module}.{name}": np.float32(x)
        for name, x in zip(names, (a, b), strict=True)
    }


def write_adapter(folder, tensors, **settings):
    """A folder as PEFT writes it."""
    write_json(folder / "adapter_config.json", {**SETTINGS, **settings})
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


@pytest.fixture
def adapter(tmp_path):
    return write_adapter(tmp_path / "adapter", factors(QUERY))


def merged_by_hand(folder, changes, base="xlmr", config=None):
    """The base with tensors in the place of others, or of functions of them."""
    folder.mkdir()
    tensors = load_file(FIXTURES / base / "model.safetensors")
    for name, change in changes.items():
        tensors[name] = change(tensors[name]) if callable(change) else change
    save_file(
        {k: np.float32(x) for k, x in tensors.items()}, folder / "model.safetensors"
    )
    settings = json.loads((FIXTURES / base / "config.json").read_text())
    write_json(folder / "config.json", {**settings, **(config or {})})
    return folder


def added(tensors, module, scale):
    """A function that adds a module's product, element by element."""
    if "embeddings" in module:
        a = tensors[f"{PREFIX}{module}.lora_embedding_A"]
        b = tensors[f"{PREFIX}{module}.lora_embedding_B"]
        return lambda x: x + scale * np.einsum("rv,dr->vd", a, b)
    a = tensors[f"{PREFIX}{module}.lora_A.weight"]
    b = tensors[f"{PREFIX}{module}.lora_B.weight"]
    return lambda x: x + scale * np.einsum("ri,or->oi", a, b)


def assert_same(one, other):
    assert [x.path for x in one.weights] == [x.path for x in other.weights]
    for own, expected in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(
            own, expected, rtol=1e-5, atol=1e-5, err_msg=own.path
        )


@pytest.mark.parametrize(
    ("settings", "scale", "rank"),
    [
        ({}, 6 / 4, 4),
        ({"use_rslora": True}, 6 / 2, 4),
        ({"rank_pattern": {"query": 2}, "alpha_pattern": {r".*\.1\..*y": 5}}, 5 / 2, 2),
        ({"rank_pattern": {"uery": 2}, "alpha_pattern": {"key": 5}}, 6 / 4, 4),
        (
            {"target_modules": r"roberta\..*\.1\..*query", "layers_to_transform": None},
            1.5,
            4,
        ),
        ({"layers_to_transform": 1, "layers_pattern": "layer"}, 1.5, 4),
    ],
)
def test_a_product_is_added(tmp_path, settings, scale, rank):
    tensors = factors(QUERY, rank)
    folder = write_adapter(tmp_path / "adapter", tensors, **settings)
    expected = merged_by_hand(
        tmp_path / "merged", {f"{QUERY}.weight": added(tensors, QUERY, scale)}
    )
    merged = xlm_tf.XLMMaskedLM.from_preset(folder)
    assert_same(merged, xlm_tf.XLMMaskedLM.from_preset(expected))
    base = xlm_tf.XLMMaskedLM.from_preset(FIXTURES / "xlmr")
    assert np.abs(np.array(merged(IDS)) - np.array(base(IDS))).max() > 0.1


def test_what_is_adapted_elsewhere_is_of_the_base_that_is_passed(tmp_path, adapter):
    tensors = factors(QUERY)
    base = tmp_path / "base"
    shutil.copytree(FIXTURES / "xlmr_bin", base)
    expected = merged_by_hand(
        tmp_path / "merged", {f"{QUERY}.weight": added(tensors, QUERY, 1.5)}
    )
    write_adapter(adapter, tensors, base_model_name_or_path="/no/such/folder")
    with pytest.raises(ValueError, match=r"'/no/such/folder', which is no folder here"):
        xlm_tf.XLMBackbone.from_preset(adapter)
    expected = xlm_tf.XLMBackbone.from_preset(expected)
    assert_same(xlm_tf.XLMBackbone.from_preset(base, adapter=adapter), expected)
    assert_same(xlm_tf.load_task(base, adapter=str(adapter)).backbone, expected)
    # Of a folder with both, one must say what is meant.
    for path in adapter.iterdir():
        shutil.copy(path, base)
    with pytest.raises(ValueError, match="beside the weights of a model"):
        xlm_tf.XLMBackbone.from_preset(base)
    assert_same(xlm_tf.XLMBackbone.from_preset(base, adapter=base), expected)
    alone = xlm_tf.XLMBackbone.from_preset(
        base, ignored_settings=["adapter_config.json"]
    )
    assert_same(alone, xlm_tf.XLMBackbone.from_preset(FIXTURES / "xlmr_bin"))


def test_an_embedding_is_no_output_layer(tmp_path):
    tensors = factors(WORDS, inner=40)
    folder = write_adapter(
        tmp_path / "adapter", tensors, target_modules=["word_embeddings"],
        layers_to_transform=None,
    )  # fmt: skip
    table = load_file(FIXTURES / "xlmr" / "model.safetensors")[f"{WORDS}.weight"]
    masked_lm = xlm_tf.XLMMaskedLM.from_preset(folder)
    assert not masked_lm.tied
    np.testing.assert_array_equal(masked_lm.prediction_head.projection, table)
    np.testing.assert_allclose(
        masked_lm.backbone.token_embedding.embeddings,
        added(tensors, WORDS, 1.5)(table),
        rtol=1e-5,
        atol=1e-5,
    )


def test_heads_are_replaced_with_their_labels(tmp_path):
    tensors = factors(QUERY)
    head = {
        "classifier.weight": np.float32(np.arange(32).reshape(2, 16)),
        "classifier.bias": np.float32([1, 2]),
    }
    settings = {
        "task_type": "TOKEN_CLS",
        "auto_mapping": None,
        "modules_to_save": ["classifier", "score"],
        "base_model_name_or_path": str(FIXTURES / "xlmr_classes"),
    }
    stored = {PREFIX + name: x for name, x in head.items()}
    folder = write_adapter(tmp_path / "adapter", {**tensors, **stored}, **settings)
    tagger = xlm_tf.load_task(folder)
    assert isinstance(tagger, xlm_tf.XLMTokenClassifier)
    assert (tagger.num_classes, tagger.labels) == (2, None)
    np.testing.assert_array_equal(
        tagger.logits_dense.kernel, head["classifier.weight"].T
    )
    # The head of the base, which another one replaced.
    with pytest.raises(ValueError, match="pass num_classes or labels"):
        xlm_tf.XLMTextClassifier.from_preset(folder)
    again = xlm_tf.XLMTokenClassifier.from_preset(folder, load_weights=False)
    assert again.num_classes == 2
    assert not np.allclose(again.logits_dense.kernel, tagger.logits_dense.kernel)


def test_a_classifier_of_as_many_classes_keeps_their_names(tmp_path):
    base = load_file(FIXTURES / "xlmr_classes" / "model.safetensors")
    head = {PREFIX + k: x + 1 for k, x in base.items() if k.startswith("classifier.")}
    folder = write_adapter(
        tmp_path / "adapter",
        {**factors(QUERY), **head},
        task_type="SEQ_CLS",
        modules_to_save=["classifier"],
        base_model_name_or_path=str(FIXTURES / "xlmr_classes"),
    )
    classifier = xlm_tf.load_task(folder)
    assert classifier.labels == ["O", "B-PER", "I-PER"]
    np.testing.assert_array_equal(
        classifier.logits_dense.bias, base["classifier.out_proj.bias"] + 1
    )


def test_biases(tmp_path):
    bias = np.float32(np.arange(16))
    names = [f"{QUERY}.base_layer.bias", "roberta.embeddings.LayerNorm.bias"]
    tensors = {**factors(QUERY), **{PREFIX + name: bias for name in names}}
    folder = write_adapter(tmp_path / "adapter", tensors, bias="all")
    expected = merged_by_hand(
        tmp_path / "merged",
        {
            f"{QUERY}.weight": added(tensors, QUERY, 1.5),
            f"{QUERY}.bias": bias,
            "roberta.embeddings.LayerNorm.bias": bias,
        },
    )
    merged = xlm_tf.XLMBackbone.from_preset(folder)
    assert_same(merged, xlm_tf.XLMBackbone.from_preset(expected))
    write_adapter(folder, tensors, bias="none")
    with pytest.raises(ValueError, match="none of its modules_to_save and no bias"):
        xlm_tf.XLMBackbone.from_preset(folder)


def test_an_adapted_embedder_pools_as_its_folder_says(tmp_path, adapter):
    write_embedding(adapter, Embedding("max", False, 12, False), 16)
    embedder = xlm_tf.load_task(adapter)
    assert isinstance(embedder, xlm_tf.XLMTextEmbedder)
    assert (embedder.pooling, embedder.normalize) == ("max", False)


def test_the_tokenizer_beside_an_adapter(tmp_path, spm_proto):
    tiny = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny")
    ours = tiny.preprocessor.tokenizer.get_vocabulary()
    tensors = factors(QUERY, inner=128, outer=128)
    folder = write_adapter(
        tmp_path / "adapter", tensors, base_model_name_or_path="xlm_tiny"
    )
    loaded = xlm_tf.XLMMaskedLM.from_preset(folder).preprocessor.tokenizer
    assert loaded.get_vocabulary() == ours
    (folder / "sentencepiece.bpe.model").write_bytes(spm_proto)
    loaded = xlm_tf.XLMMaskedLM.from_preset(folder).preprocessor.tokenizer
    assert loaded.get_vocabulary() != ours


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"peft_type": "IA3"}, r"peft_type='IA3', which is not supported"),
        ({"task_type": "SEQ_2_SEQ_LM"}, "task_type='SEQ_2_SEQ_LM', which"),
        ({"use_dora": True}, "use_dora=True, which is not supported"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out=True"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights='pissa'"),
        ({"revision": "v2"}, "revision='v2'"),
        ({"a_new_one": 3}, "a_new_one=3, whose effect is not known"),
        ({"bias": "some"}, "bias='some'"),
        ({"r": 8}, r"of rank 4 for .*query\. Expected 8"),
        ({"target_modules": ["key"]}, "lacks the matrices of .*key"),
        ({"target_modules": []}, "holds matrices for .*query, which"),
        ({"target_modules": "("}, r"target_modules='\(', which is no regular"),
        ({"layers_to_transform": [0, 1]}, r"lacks the matrices of .*layer\.0"),
        ({"exclude_modules": ["query"]}, "holds matrices for .*query, which"),
        ({"base_model_name_or_path": ""}, "base_model_name_or_path='', which is no"),
        ({"base_model_name_or_path": "bert-base"}, "'bert-base', which is no folder"),
    ],
)
def test_settings_that_cannot_be_obeyed(tmp_path, settings, message):
    folder = write_adapter(tmp_path / "adapter", factors(QUERY), **settings)
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMBackbone.from_preset(folder)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (factors(QUERY.replace("1", "7")), r"another base .*layer\.7.*query"),
        (factors(QUERY, inner=24), r"another base .*\(16, 24\).*\(16, 16\)"),
        ({f"{PREFIX}bert.pooler.weight": np.ones(2)}, r"another base .*bert\.pooler"),
        ({"query.lora_A.weight": np.ones((4, 2))}, "no tensor of an adapter"),
        (
            dict(list(factors(QUERY).items())[:1]),
            "lacks two matrices of one rank for .*query",
        ),
    ],
)
def test_tensors_that_do_not_fit(tmp_path, tensors, message):
    settings = {"target_modules": ["query"], "layers_to_transform": None}
    if "lacks" in message or "24" in message:
        settings = {}
    folder = write_adapter(tmp_path / "adapter", tensors, **settings)
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMBackbone.from_preset(folder)


def test_folders_that_are_no_adapters(tmp_path, adapter):
    with pytest.raises(FileNotFoundError, match="is no adapter of PEFT"):
        xlm_tf.XLMBackbone.from_preset("xlm_tiny", adapter=FIXTURES / "xlmr")
    with pytest.raises(FileNotFoundError, match="is no adapter of PEFT"):
        xlm_tf.load_task("xlm_tiny", adapter=tmp_path / "none")
    with pytest.raises(ValueError, match="holds an adapter, not a model"):
        xlm_tf.XLMBackbone.from_preset(adapter, adapter=adapter)
    preset = tmp_path / "preset"
    xlm_tf.XLMBackbone.from_preset(FIXTURES / "xlmr").save_to_preset(preset)
    with pytest.raises(ValueError, match="is a preset of this package"):
        xlm_tf.XLMBackbone.from_preset(preset, adapter=adapter)
    write_json(
        adapter / "adapter_config.json",
        SETTINGS | {"base_model_name_or_path": str(adapter)},
    )
    with pytest.raises(ValueError, match="holds an adapter, not a model"):
        xlm_tf.XLMBackbone.from_preset(adapter)
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="without the adapter's weights"):
        xlm_tf.XLMBackbone.from_preset(FIXTURES / "xlmr", adapter=adapter)
