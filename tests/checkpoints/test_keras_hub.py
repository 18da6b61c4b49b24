"""Presets that KerasHub's own XLM-R saved, against KerasHub itself."""

import json
import shutil
import warnings

import h5py
import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.checkpoints.finding import find_checkpoint
from xlm_tf.models.loading import find_task, load_task

IDS = np.array([[0, 5, 6, 7, 44, 2, 1], [0, 9, 8, 2, 1, 1, 1]], "int32")
MASK = IDS != 1
INPUTS = {"token_ids": IDS, "padding_mask": MASK.astype("int32")}


def randomize(model):
    """Random numbers for every weight: biases and norms begin with zeros and ones."""
    draw = np.random.default_rng(0)
    for weight in model.weights:
        if "float" in weight.dtype:
            weight.assign(draw.normal(0, 0.3, weight.shape))
    return model


@pytest.fixture(scope="module")
def their_tokenizer(spm_proto):
    return keras_hub.models.XLMRobertaTokenizer(proto=spm_proto)


def reads_texts(model, spm_proto):
    """A model of KerasHub whose tokenizer works: `set_random_seed` takes it away."""
    tokenizer = keras_hub.models.XLMRobertaTokenizer(proto=spm_proto)
    model.preprocessor = type(model.preprocessor)(
        tokenizer, sequence_length=model.preprocessor.sequence_length
    )
    return model


def their_backbone(tokenizer, **arguments):
    return keras_hub.models.XLMRobertaBackbone(
        **{
            "vocabulary_size": tokenizer.vocabulary_size() + 3,  # reserved ones
            "num_layers": 2,
            "num_heads": 2,
            "hidden_dim": 16,
            "intermediate_dim": 24,
            "max_sequence_length": 24,
            **arguments,
        }
    )


@pytest.fixture(scope="module")
def theirs(their_tokenizer):
    """dict from a name to a model of KerasHub."""
    models = keras_hub.models
    return {
        "backbone": randomize(their_backbone(their_tokenizer)),
        "classifier": randomize(
            models.XLMRobertaTextClassifier(
                their_backbone(their_tokenizer),
                num_classes=3,
                dropout=0.2,
                preprocessor=models.XLMRobertaTextClassifierPreprocessor(
                    their_tokenizer, sequence_length=12
                ),
            )
        ),
        "masked_lm": randomize(
            models.XLMRobertaMaskedLM(
                their_backbone(their_tokenizer),
                preprocessor=models.XLMRobertaMaskedLMPreprocessor(
                    their_tokenizer, sequence_length=14, mask_selection_length=5
                ),
            )
        ),
        "embedder": randomize(
            models.XLMRobertaTextEmbedder(
                their_backbone(their_tokenizer),
                pooling_mode="cls",
                preprocessor=models.XLMRobertaTextEmbedderPreprocessor(
                    their_tokenizer, sequence_length=16
                ),
            )
        ),
    }


@pytest.fixture(scope="module")
def presets(theirs, their_tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras_hub")
    for name, model in theirs.items():
        model.save_to_preset(str(folder / name))
    their_tokenizer.save_to_preset(str(folder / "backbone"))
    return folder


@pytest.fixture
def preset(presets, tmp_path):
    """Copies a preset, to change."""

    def copy(name):
        return shutil.copytree(presets / name, tmp_path / name)

    return copy


def change(path, **arguments):
    content = json.loads(path.read_text())
    content["config"].update(arguments)
    path.write_text(json.dumps(content))


def test_hidden_states(theirs, presets):
    for name in theirs:
        ours = xlm_tf.XLMBackbone.from_preset(presets / name)
        their = theirs[name] if name == "backbone" else theirs[name].backbone
        np.testing.assert_allclose(
            np.array(ours(INPUTS))[MASK], np.array(their(INPUTS))[MASK], atol=1e-5
        )
        assert (ours.max_sequence_length, ours.dropout) == (24, 0.1)


def test_the_longest_text_has_every_position(theirs, presets):
    ids = np.arange(4, 28)[None]
    ours = xlm_tf.XLMBackbone.from_preset(presets / "backbone")
    expected = theirs["backbone"]({"token_ids": ids, "padding_mask": np.ones_like(ids)})
    np.testing.assert_allclose(ours(ids), expected, atol=1e-5)


TEXTS = [
    "The quick brown fox jumps over the lazy dog, again and again and again.",
    "Быстрая лиса прыгает!",
    "敏捷的棕色狐狸跳过了懒狗。",
    "الثعلب البني",
    "",
    "  two  spaces ",
    "￼ \u200b 🦊 unknown",
]


def test_a_classifier(theirs, presets, spm_proto):
    ours = xlm_tf.XLMTextClassifier.from_preset(presets / "classifier")
    their = reads_texts(theirs["classifier"], spm_proto)
    assert ours.preprocessor.sequence_length == 12
    assert ours.num_classes == 3
    assert ours.labels is None
    assert ours.dropout == 0.2
    np.testing.assert_allclose(ours(INPUTS), their(INPUTS), atol=1e-5)
    pairs = TEXTS, TEXTS[::-1]
    expected = their.predict(tuple(map(tf.constant, pairs)), verbose=0)
    actual = ours(ours.preprocessor.pack(pairs))
    np.testing.assert_allclose(actual, expected, atol=1e-5)
    assert type(load_task(presets / "classifier")) is xlm_tf.XLMTextClassifier


def test_a_classifier_with_an_activation(their_tokenizer, tmp_path):
    their = keras_hub.models.XLMRobertaTextClassifier(
        their_backbone(their_tokenizer), num_classes=2, activation="softmax"
    )
    randomize(their).save_to_preset(str(tmp_path))
    ours = xlm_tf.XLMTextClassifier.from_preset(tmp_path)
    assert ours.preprocessor is None
    np.testing.assert_allclose(ours(INPUTS), their(INPUTS), atol=1e-5)
    np.testing.assert_allclose(np.sum(ours(INPUTS), axis=1), 1.0, atol=1e-5)


def test_a_masked_language_model(theirs, presets):
    ours = xlm_tf.XLMMaskedLM.from_preset(presets / "masked_lm")
    inputs = {**INPUTS, "mask_positions": np.array([[1, 3], [2, 0]])}
    np.testing.assert_allclose(ours(inputs), theirs["masked_lm"](inputs), atol=1e-5)
    assert ours.preprocessor.mask_selection_length == 5
    assert ours.preprocessor.sequence_length == 14
    assert ours.fill_mask("The quick <mask> fox")[0][0][1] > 0


def test_an_embedder(theirs, presets, spm_proto):
    ours = load_task(presets / "embedder")
    assert (ours.pooling, ours.normalize) == ("first", True)
    their = reads_texts(theirs["embedder"], spm_proto)
    expected = their(their.preprocessor(np.array(TEXTS[:4])))
    np.testing.assert_allclose(ours.embed(TEXTS[:4]), expected, atol=1e-5)


def test_ids_are_those_of_their_preprocessor(theirs, presets, spm_proto):
    for name in ("classifier", "embedder"):
        ours = load_task(presets / name).preprocessor
        ids = ours.pack(TEXTS)["token_ids"].numpy()
        their = reads_texts(theirs[name], spm_proto).preprocessor
        expected = their(np.array(TEXTS))["token_ids"]
        expected = np.array(expected)[:, : ids.shape[1]]
        np.testing.assert_array_equal(ids, expected)
        assert ours.tokenizer.mask_token_id == their.tokenizer.mask_token_id
        assert ours.tokenizer.get_vocabulary() == their.tokenizer.get_vocabulary()


def test_new_heads_on_an_encoder(presets):
    backbone = xlm_tf.XLMBackbone.from_preset(presets / "backbone")
    with pytest.raises(ValueError, match="no head of this task: pass num_classes"):
        xlm_tf.XLMTextClassifier.from_preset(presets / "backbone")
    for task, arguments in (
        (xlm_tf.XLMTextClassifier, {"num_classes": 2}),
        (xlm_tf.XLMTokenClassifier, {"labels": ["O", "B-PER"]}),
        (xlm_tf.XLMTextEmbedder, {}),
    ):
        model = task.from_preset(presets / "backbone", **arguments)
        np.testing.assert_array_equal(model.backbone(INPUTS), backbone(INPUTS))
        assert model.preprocessor.sequence_length == 24
    for task in (xlm_tf.XLMMaskedLM, xlm_tf.XLMQuestionAnswering):
        with pytest.warns(UserWarning, match="random weights, to be trained"):
            task.from_preset(presets / "backbone")
    with pytest.warns(UserWarning, match="A new head of 5 classes"):
        xlm_tf.XLMTextClassifier.from_preset(presets / "classifier", num_classes=5)
    with pytest.raises(ValueError, match="an encoder without a task's head"):
        find_task(presets / "backbone")


def test_another_task_is_refused(presets):
    for task in (xlm_tf.XLMQuestionAnswering, xlm_tf.XLMMaskedLM):
        with pytest.raises(ValueError, match="an XLMRobertaTextClassifier of KerasHub"):
            task.from_preset(presets / "classifier")
    with pytest.raises(ValueError, match=r"must be causal|causal=True"):
        xlm_tf.XLMCausalLM.from_preset(presets / "masked_lm")


def test_random_weights_in_the_same_shape(presets):
    saved = xlm_tf.XLMMaskedLM.from_preset(presets / "masked_lm")
    new = xlm_tf.XLMMaskedLM.from_preset(presets / "masked_lm", load_weights=False)
    assert [x.shape for x in new.weights] == [x.shape for x in saved.weights]
    assert not np.allclose(new(INPUTS), saved(INPUTS))


def test_half_precision(their_tokenizer, tmp_path, presets):
    model = xlm_tf.XLMBackbone.from_preset(presets / "backbone", dtype="mixed_bfloat16")
    assert model.compute_dtype == "bfloat16"
    for dtype in ("bfloat16", "mixed_bfloat16"):
        their = randomize(their_backbone(their_tokenizer, dtype=dtype))
        their.save_to_preset(str(tmp_path))
        ours = xlm_tf.XLMBackbone.from_preset(tmp_path)
        assert ours.compute_dtype == "float32"
        kept = keras_hub.models.XLMRobertaBackbone.from_preset(
            str(tmp_path), dtype="float32"
        )
        np.testing.assert_allclose(
            np.array(ours(INPUTS))[MASK], np.array(kept(INPUTS))[MASK], atol=1e-5
        )


def test_several_weight_files(theirs, tmp_path):
    theirs["backbone"].save_to_preset(str(tmp_path), max_shard_size=8e-6)
    assert len(list(tmp_path.glob("model_*.weights.h5"))) > 2
    ours = xlm_tf.XLMBackbone.from_preset(tmp_path)
    np.testing.assert_allclose(
        np.array(ours(INPUTS))[MASK],
        np.array(theirs["backbone"](INPUTS))[MASK],
        atol=1e-5,
    )
    next(tmp_path.glob("model_*1.weights.h5")).unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no model_\d+1\.weights\.h5"):
        xlm_tf.XLMBackbone.from_preset(tmp_path)


@pytest.mark.slow
def test_what_was_trained_there(spm_proto, tmp_path):
    models = keras_hub.models
    their_tokenizer = models.XLMRobertaTokenizer(proto=spm_proto)
    their = models.XLMRobertaTextClassifier(
        their_backbone(their_tokenizer),
        num_classes=2,
        preprocessor=models.XLMRobertaTextClassifierPreprocessor(
            their_tokenizer, sequence_length=12
        ),
    )
    their.backbone.enable_lora(2)
    their.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    their.fit(np.array(TEXTS[:4]), np.array([0, 1, 0, 1]), verbose=0)
    their.save_to_preset(str(tmp_path))
    ours = xlm_tf.XLMTextClassifier.from_preset(tmp_path)
    np.testing.assert_allclose(ours(INPUTS), their(INPUTS), atol=1e-5)


@pytest.mark.parametrize(
    ("file", "registered_name", "message"),
    [
        ("config.json", "keras_hub>BertBackbone", "holds a BertBackbone of KerasHub"),
        ("config.json", "keras_nlp>RobertaBackbone", "holds a RobertaBackbone of Ker"),
        ("config.json", "keras_nlp>XLMRobertaClassifier", "so old a KerasNLP saved"),
        ("task.json", "keras_hub>XLMRobertaTokenTagger", "a task XLMRobertaTokenTagg"),
        ("tokenizer.json", "keras_hub>BertTokenizer", "of the tokenizer BertTokenizer"),
    ],
)
def test_other_classes_are_refused(preset, file, registered_name, message):
    folder = preset("classifier")
    content = json.loads((folder / file).read_text())
    (folder / file).write_text(
        json.dumps({**content, "registered_name": registered_name})
    )
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMTextClassifier.from_preset(folder)


def test_the_encoder_of_an_unknown_task(preset):
    folder = preset("classifier")
    change(folder / "task.json", hidden_dim=32)
    with pytest.raises(ValueError, match="a head with hidden_dim=32"):
        xlm_tf.XLMBackbone.from_preset(folder)
    xlm_tf.XLMBackbone.from_preset(folder, ignored_settings=["task.json"])


@pytest.mark.parametrize(
    ("file", "setting", "value"),
    [
        ("config.json", "trainable", False),
        ("config.json", "rope", True),
        ("config.json", "num_layers", "2"),
        ("task.json", "num_classes", 4),
        ("task.json", "preprocessor", "none"),
        ("task.json", "backbone", []),
        ("task.json", "activation", {"module": "os", "class_name": "system"}),
        ("preprocessor.json", "truncate", "waterfall"),
        ("tokenizer.json", "add_bos", True),
        ("tokenizer.json", "sequence_length", 5),
    ],
)
def test_settings_that_cannot_be_obeyed(preset, file, setting, value):
    folder = preset("classifier")
    change(folder / file, **{setting: value})
    with pytest.raises(ValueError, match=rf"{setting}|Received: ('none'|\[\])"):
        xlm_tf.XLMTextClassifier.from_preset(folder)


def test_a_quantised_model_is_refused(their_tokenizer, tmp_path):
    their = their_backbone(their_tokenizer, num_layers=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras's, of norms
        their.quantize("int8")
    their.save_to_preset(str(tmp_path))
    with pytest.raises(ValueError, match="quantised"):
        xlm_tf.XLMBackbone.from_preset(tmp_path)


def test_files_of_two_models(preset):
    folder = preset("classifier")
    change(folder / "config.json", num_layers=3)
    with pytest.raises(ValueError, match="of two models: they have num_layers=2 and 3"):
        xlm_tf.XLMTextClassifier.from_preset(folder)
    (folder / "task.json").unlink()
    with pytest.raises(ValueError, match=r"lacks the tensor \S+layer\.2\."):
        xlm_tf.XLMBackbone.from_preset(folder)
    change(folder / "config.json", num_layers=1)
    with pytest.raises(ValueError, match=r"no XLMRobertaBackbone with num_layers=1"):
        xlm_tf.XLMBackbone.from_preset(folder)
    change(folder / "config.json", num_layers=2, num_heads=4)
    with pytest.raises(ValueError, match=r"Expected \(16, 4, 4\)"):
        xlm_tf.XLMBackbone.from_preset(folder)
    change(folder / "config.json", num_heads=2, vocabulary_size=99)
    with pytest.raises(ValueError, match="word_embeddings"):
        xlm_tf.XLMBackbone.from_preset(folder)


def test_missing_files(preset):
    folder = preset("classifier")
    (folder / "assets" / "tokenizer" / "vocabulary.spm").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no vocabulary\.spm"):
        xlm_tf.XLMTextClassifier.from_preset(folder)
    (folder / "tokenizer.json").unlink()
    assert xlm_tf.XLMTextClassifier.from_preset(folder).preprocessor is None
    (folder / "task.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no task\.weights\.h5"):
        xlm_tf.XLMTextClassifier.from_preset(folder)
    (folder / "task.json").unlink()
    xlm_tf.XLMBackbone.from_preset(folder)
    (folder / "model.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no model\.weights\.h5"):
        xlm_tf.XLMBackbone.from_preset(folder)


def test_damaged_weights(preset):
    folder = preset("classifier")
    path = folder / "task.weights.h5"
    whole = path.read_bytes()
    for content in (whole[:-200], whole[: len(whole) // 2], b"no HDF5", b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="not a file of Keras's weights, or it is"):
            xlm_tf.XLMTextClassifier.from_preset(folder)
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        del file["layers/dense_1/vars/1"]
    with pytest.raises(
        ValueError, match=r"lacks the tensor classifier\.out_proj\.bias"
    ):
        xlm_tf.XLMTextClassifier.from_preset(folder)
    with h5py.File(path, "a") as file:
        file["layers/dense_1/vars/1"] = np.zeros(4, "float32")
    with pytest.raises(ValueError, match=r"has the shape \(4,\)"):
        xlm_tf.XLMTextClassifier.from_preset(folder)


@pytest.mark.parametrize("root", ["layers", "_layer_checkpoint_dependencies"])
def test_presets_of_kerasnlp(preset, theirs, root):
    """The names of KerasNLP 0.8 on Keras 2.15, and those of Keras 2.13."""
    folder = preset("backbone")
    content = json.loads((folder / "config.json").read_text())
    del content["config"]["dtype"]
    content |= {
        "registered_name": "keras_nlp>XLMRobertaBackbone",
        "assets": [],
        "weights": "model.weights.h5",
    }
    (folder / "config.json").write_text(json.dumps(content))
    with h5py.File(folder / "model.weights.h5", "a") as file:
        for number in ("", "_1"):
            attention = file[
                f"layers/transformer_encoder{number}/_self_attention_layer"
            ]
            for name in ("query", "key", "value", "output"):
                attention.move(f"{name}_dense", f"_{name}_dense")
        if root != "layers":
            file.move("layers", root)
        file["optimizer/vars/0"] = 3
    ours = xlm_tf.XLMBackbone.from_preset(folder)
    np.testing.assert_allclose(
        np.array(ours(INPUTS))[MASK],
        np.array(theirs["backbone"](INPUTS))[MASK],
        atol=1e-5,
    )


def test_a_task_file_with_the_encoder_in_it(preset, theirs):
    """As KerasHub 0.18 on Keras 3.5 wrote it, beside the encoder's own."""
    folder = preset("classifier")
    with (
        h5py.File(folder / "task.weights.h5", "a") as file,
        h5py.File(folder / "model.weights.h5") as encoder,
    ):
        encoder.copy("layers", file["layers"].create_group("xlm_roberta_backbone"))
    ours = xlm_tf.XLMTextClassifier.from_preset(folder)
    np.testing.assert_allclose(ours(INPUTS), theirs["classifier"](INPUTS), atol=1e-5)


def test_numbers_that_lie_elsewhere_are_refused(preset):
    folder = preset("backbone")
    name = "layers/layer_normalization/vars/0"
    for link in ("soft", "external", "chunks", "file"):
        path = folder / "model.weights.h5"
        before = path.read_bytes()
        with h5py.File(path, "a") as file:
            del file[name]
            if link == "soft":
                file[name] = h5py.SoftLink("/layers/layer_normalization/vars/1")
            elif link == "external":
                file[name] = h5py.ExternalLink("/etc/hostname", "/x")
            elif link == "chunks":
                file.create_dataset(name, data=np.ones(16), compression="gzip")
            else:
                outside = [("/etc/hostname", 0, 64)]
                file.create_dataset(name, (16,), "float32", external=outside)
        with pytest.raises(ValueError, match=r"lacks the tensor|in one piece"):
            xlm_tf.XLMBackbone.from_preset(folder)
        path.write_bytes(before)


def test_a_tokenizer_of_another_size(preset, their_tokenizer, tmp_path):
    their = their_backbone(their_tokenizer, vocabulary_size=60)
    their.save_to_preset(str(tmp_path / "small"))
    their_tokenizer.save_to_preset(str(tmp_path / "small"))
    with pytest.raises(ValueError, match="Expected 60, those of the model"):
        xlm_tf.XLMTextEmbedder.from_preset(tmp_path / "small")
    xlm_tf.XLMBackbone.from_preset(tmp_path / "small")


def test_a_preset_of_a_hub(preset, presets, monkeypatch, theirs):
    """Files are asked for one by one, as Kaggle gives them."""
    asked = []

    class Kaggle:
        @staticmethod
        def model_download(handle, path):
            asked.append((handle, path))
            if not (presets / "masked_lm" / path).is_file():
                raise ValueError(f"{path} is not present in the model files")
            return str(presets / "masked_lm" / path)

    monkeypatch.setattr("keras_hub.src.utils.preset_utils.kagglehub", Kaggle)
    handle = "keras/xlm_roberta/keras/xlm_roberta_base_multi"
    ours = xlm_tf.XLMMaskedLM.from_preset(f"kaggle://{handle}")
    inputs = {**INPUTS, "mask_positions": np.array([[1, 3], [2, 0]])}
    np.testing.assert_allclose(ours(inputs), theirs["masked_lm"](inputs), atol=1e-5)
    assert {name for name, _ in asked} == {handle}
    assert ours.preprocessor is not None


def test_a_preset_of_the_hugging_face_hub(presets, monkeypatch):
    asked = []

    def download(repository, name):
        return str(presets / "classifier" / name)

    def snapshot(repository, allow_patterns):
        asked.extend(allow_patterns)
        return str(presets / "classifier")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    classifier = load_task("hf://somebody/sentiment")
    assert type(classifier) is xlm_tf.XLMTextClassifier
    assert {"task.weights.h5", "assets/tokenizer/vocabulary.spm"} <= {*asked}


def test_names_of_kerashub_lead_to_ours():
    with pytest.raises(FileNotFoundError, match=r"Did you mean xlm_roberta_base\?"):
        find_checkpoint("xlm_roberta_base_multi")


def test_our_own_presets_are_not_theirs(tmp_path, make_backbone):
    make_backbone().save_to_preset(tmp_path)
    assert find_checkpoint(tmp_path) is None
