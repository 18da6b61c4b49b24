"""The same numbers as an installed transformers, on small random checkpoints."""

import json

import numpy as np
import pytest

import xlm_tf

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.parity

XLM = {
    "vocab_size": 50,
    "emb_dim": 16,
    "n_layers": 2,
    "n_heads": 2,
    "max_position_embeddings": 20,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "embed_init_std": 0.5,
    "init_std": 0.5,
}
XLMR = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 22,
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "initializer_range": 0.5,
    "layer_norm_eps": 1e-5,
}
CONFIGURATIONS = {
    "xlm with languages": ("XLM", {**XLM, "n_langs": 3, "use_lang_emb": True}),
    "xlm-100": ("XLM", {**XLM, "n_langs": 3, "use_lang_emb": False}),
    "xlm sinusoidal": ("XLM", {**XLM, "sinusoidal_embeddings": True}),
    "xlm causal": ("XLM", {**XLM, "causal": True}),
    "xlm relu": ("XLM", {**XLM, "gelu_activation": False}),
    "xlm-r": ("XLMRoberta", XLMR),
    "xlm-r two types": ("XLMRoberta", {**XLMR, "type_vocab_size": 2}),
    "xlm-r causal": ("XLMRoberta", {**XLMR, "is_decoder": True}),
    "xlm-r xl": ("XLMRobertaXL", XLMR),
}
IDS = np.array([[0, 9, 30, 8, 12, 45, 7, 2], [0, 33, 6, 2, 1, 1, 1, 1]], "int32")


@pytest.fixture(params=CONFIGURATIONS)
def configuration(request):
    return CONFIGURATIONS[request.param]


def make(configuration, head, folder, **arguments):
    """A random checkpoint on the disk, and the model of transformers."""
    family, values = configuration
    config = getattr(transformers, f"{family}Config")(**values, **arguments)
    torch.manual_seed(0)
    model = getattr(transformers, f"{family}{head}")(config).eval()
    for parameter in model.parameters():  # biases and LayerNorms too
        if parameter.dim() == 1:
            parameter.data += 0.3 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    return model


def inputs_of(configuration, ids=IDS):
    family, values = configuration
    pad = 2 if family == "XLM" else 1
    ids = np.where(ids == 1, pad, np.where(ids == 2, 1 if family == "XLM" else 2, ids))
    mask = ids != pad
    ours = {"token_ids": ids, "padding_mask": mask}
    theirs = {
        "input_ids": torch.tensor(ids).long(),
        "attention_mask": torch.tensor(mask).long(),
    }
    if values.get("use_lang_emb") and values.get("n_langs", 1) > 1:
        languages = np.array([[0] * 4 + [2] * 4, [1] * 8], "int32")
        ours["language_ids"] = languages
        theirs["langs"] = torch.tensor(languages).long()
    return ours, theirs, mask


def test_hidden_states_of_every_layer(configuration, tmp_path):
    reference = make(configuration, "Model", tmp_path)
    backbone = xlm_tf.XLMBackbone.from_preset(tmp_path)
    ours, theirs, mask = inputs_of(configuration)
    with torch.no_grad():
        expected = reference(**theirs, output_hidden_states=True)
    states = backbone.hidden_states(ours)
    assert len(states) == 3
    for actual, other in zip(states[:-1], expected.hidden_states, strict=False):
        np.testing.assert_allclose(
            np.array(actual)[mask], other.numpy()[mask], atol=1e-5
        )
    # "xlm-100" has the noise of float32 there: oneDNN's kernels and Eigen's differ so.
    np.testing.assert_allclose(
        np.array(states[-1])[mask], expected.last_hidden_state.numpy()[mask], atol=2e-5
    )


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_attention_of_every_layer(configuration, layout, tmp_path):
    make(configuration, "Model", tmp_path)
    reference = transformers.AutoModel.from_pretrained(
        tmp_path, attn_implementation="eager"
    ).eval()
    backbone = xlm_tf.XLMBackbone.from_preset(tmp_path)
    backbone.token_layout = layout
    ours, theirs, mask = inputs_of(configuration)
    with torch.no_grad():
        expected = reference(**theirs, output_attentions=True).attentions
    attention = backbone.self_attention(ours)
    assert len(attention) == len(expected) == 2
    for actual, other in zip(map(np.array, attention), expected, strict=True):
        assert actual.shape == (2, 2, 8, 8)
        for text, own in enumerate(mask):
            np.testing.assert_allclose(
                actual[text][:, own], other[text][:, own], atol=1e-5
            )


@pytest.mark.parametrize("name", ["xlm with languages", "xlm-r", "xlm-r xl"])
def test_left_padding(name, tmp_path):
    configuration = CONFIGURATIONS[name]
    reference = make(configuration, "Model", tmp_path)
    backbone = xlm_tf.XLMBackbone.from_preset(tmp_path)
    ids = np.array([[1, 1, 1, 0, 33, 6, 9, 2]] * 2, "int32")
    ours, theirs, mask = inputs_of(configuration, ids)
    with torch.no_grad():
        expected = reference(**theirs).last_hidden_state.numpy()
    np.testing.assert_allclose(
        np.array(backbone(ours))[mask], expected[mask], atol=1e-5
    )


def test_masked_lm_logits(configuration, tmp_path):
    head = "WithLMHeadModel" if configuration[0] == "XLM" else "ForMaskedLM"
    reference = make(configuration, head, tmp_path)
    masked_lm = xlm_tf.XLMMaskedLM.from_preset(tmp_path)
    ours, theirs, mask = inputs_of(configuration)
    with torch.no_grad():
        expected = reference(**theirs).logits.numpy()
    actual = np.array(masked_lm(ours))
    np.testing.assert_allclose(actual[mask], expected[mask], atol=1e-4)
    np.testing.assert_array_equal(actual[mask].argmax(-1), expected[mask].argmax(-1))


def test_classification_logits(configuration, tmp_path):
    reference = make(configuration, "ForSequenceClassification", tmp_path, num_labels=3)
    classifier = xlm_tf.XLMTextClassifier.from_preset(tmp_path)
    assert classifier.num_classes == 3
    ours, theirs, _ = inputs_of(configuration)
    with torch.no_grad():
        expected = reference(**theirs).logits.numpy()
    np.testing.assert_allclose(classifier(ours), expected, atol=1e-4)
    other = xlm_tf.XLMTextClassifier.from_preset(tmp_path, num_classes=5)
    assert other(ours).shape == (2, 5)
    np.testing.assert_array_equal(other.backbone(ours), classifier.backbone(ours))


@pytest.mark.parametrize("name", ["xlm-r", "xlm with languages"])
def test_an_output_projection_of_its_own(name, tmp_path):
    configuration = CONFIGURATIONS[name]
    head = "WithLMHeadModel" if configuration[0] == "XLM" else "ForMaskedLM"
    reference = make(configuration, head, tmp_path, tie_word_embeddings=False)
    masked_lm = xlm_tf.XLMMaskedLM.from_preset(tmp_path)
    assert not masked_lm.tied
    ours, theirs, mask = inputs_of(configuration)
    with torch.no_grad():
        expected = reference(**theirs).logits.numpy()
    np.testing.assert_allclose(
        np.array(masked_lm(ours))[mask], expected[mask], atol=1e-4
    )
    masked_lm.save_to_huggingface(tmp_path / "ours")
    again = type(reference).from_pretrained(tmp_path / "ours")
    with torch.no_grad():
        np.testing.assert_array_equal(again.eval()(**theirs).logits, expected)


LABELS = ["O", "B-PER", "I-PER"]


def test_token_classification_logits(configuration, tmp_path):
    names = {"id2label": dict(enumerate(LABELS))}
    reference = make(configuration, "ForTokenClassification", tmp_path, **names)
    tagger = xlm_tf.XLMTokenClassifier.from_preset(tmp_path)
    assert tagger.labels == LABELS
    ours, theirs, mask = inputs_of(configuration)
    with torch.no_grad():
        expected = reference(**theirs).logits.numpy()
    np.testing.assert_allclose(np.array(tagger(ours))[mask], expected[mask], atol=1e-4)


def test_question_answering_logits(configuration, tmp_path):
    head = "ForQuestionAnswering" + ("Simple" if configuration[0] == "XLM" else "")
    reference = make(configuration, head, tmp_path)
    model = xlm_tf.XLMQuestionAnswering.from_preset(tmp_path)
    ours, theirs, mask = inputs_of(configuration)
    with torch.no_grad():
        outputs = reference(**theirs)
    expected = np.stack([outputs.start_logits, outputs.end_logits], axis=-1)
    np.testing.assert_allclose(np.array(model(ours))[mask], expected[mask], atol=1e-4)


def test_the_beam_head_is_refused_by_name(tmp_path):
    make(CONFIGURATIONS["xlm relu"], "ForQuestionAnswering", tmp_path)
    with pytest.raises(ValueError, match="beam head"):
        xlm_tf.XLMQuestionAnswering.from_preset(tmp_path)


@pytest.mark.parametrize("is_zip", [True, False])
def test_pytorch_model_bin(configuration, tmp_path, is_zip):
    model = make(configuration, "Model", tmp_path)
    expected = xlm_tf.XLMBackbone.from_preset(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(
        model.state_dict(),
        tmp_path / "pytorch_model.bin",
        _use_new_zipfile_serialization=is_zip,
    )
    actual = xlm_tf.XLMBackbone.from_preset(tmp_path)
    for one, other in zip(actual.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("safe", [True, False])
def test_half_precision_weights(tmp_path, dtype, safe):
    model = make(CONFIGURATIONS["xlm-r"], "Model", tmp_path)
    (tmp_path / "model.safetensors").unlink()
    model = model.to(getattr(torch, dtype))
    if safe:
        model.save_pretrained(tmp_path)
    else:
        torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    table = xlm_tf.XLMBackbone.from_preset(tmp_path).token_embedding.embeddings
    expected = model.embeddings.word_embeddings.weight.float().detach().numpy()
    np.testing.assert_array_equal(table, expected)


HEADS = {
    "XLMBackbone": ("Model", "Model"),
    "XLMMaskedLM": ("WithLMHeadModel", "ForMaskedLM"),
    "XLMTextClassifier": ("ForSequenceClassification",) * 2,
    "XLMTokenClassifier": ("ForTokenClassification",) * 2,
    "XLMQuestionAnswering": ("ForQuestionAnsweringSimple", "ForQuestionAnswering"),
}


@pytest.mark.parametrize("task", HEADS)
def test_the_round_trip_is_exact(configuration, task, tmp_path):
    head = HEADS[task][configuration[0] != "XLM"]
    reference = make(configuration, head, tmp_path / "theirs")
    model = getattr(xlm_tf, task).from_preset(tmp_path / "theirs")
    model.save_to_huggingface(tmp_path / "ours")
    again = getattr(transformers, type(reference).__name__).from_pretrained(
        tmp_path / "ours"
    )
    expected, actual = reference.state_dict(), again.state_dict()
    assert set(expected) == set(actual)
    for name, tensor in expected.items():
        if "pooler" not in name:  # which nothing of ours has
            assert torch.equal(tensor, actual[name]), name
    _, theirs, _ = inputs_of(configuration)
    with torch.no_grad():
        one, other = (m.eval()(**theirs)[0].numpy() for m in (reference, again))
    np.testing.assert_array_equal(one, other)


def test_transformers_reads_the_saved_tokenizer(tmp_path, spm_proto, sentences):
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(spm_proto)
    backbone = xlm_tf.XLMBackbone(
        tokenizer.vocabulary_size(), 1, 1, 8, 16, position_offset=2
    )
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(tokenizer, sequence_length=64)
    xlm_tf.XLMMaskedLM(backbone, preprocessor).save_to_huggingface(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    texts = [*sentences, "The quick <mask> fox"]
    for text, ids in zip(texts, theirs(texts)["input_ids"], strict=True):
        assert ids == [0, *tokenizer.encode(text), 2]
        packed = preprocessor.pack([text])
        mask = packed["padding_mask"].numpy()
        assert packed["token_ids"].numpy()[mask].tolist() == ids


def test_a_tokenizer_json_alone(tmp_path, spm_proto, sentences):
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(spm_proto)
    backbone = xlm_tf.XLMBackbone(
        tokenizer.vocabulary_size(), 1, 1, 8, 16, position_offset=2
    )
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(tokenizer, sequence_length=64)
    xlm_tf.XLMMaskedLM(backbone, preprocessor).save_to_huggingface(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    (tmp_path / "sentencepiece.bpe.model").unlink()
    theirs.save_pretrained(tmp_path)
    again = xlm_tf.XLMMaskedLM.from_preset(tmp_path).preprocessor.tokenizer
    assert again.get_vocabulary() == tokenizer.get_vocabulary()
    texts = [*sentences, "ﬁne  ２０２６ <mask> ☂"]
    assert [again.encode(x) for x in texts] == [tokenizer.encode(x) for x in texts]
    assert again(texts).to_list() == tokenizer(texts).to_list()
    path = tmp_path / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"] = content["model"]["vocab"][1:]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="must begin with the tokens"):
        xlm_tf.XLMMaskedLM.from_preset(tmp_path)


def test_transformers_reads_the_saved_bpe(tmp_path):
    pytest.importorskip("sacremoses")
    specials = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
    tokens = [*specials, *"lowner", "low", "er", "lo@@", "l@@", "o@@"]
    tokenizer = xlm_tf.XLMBPETokenizer(tokens, [("l", "o"), ("lo", "w</w>")])
    backbone = xlm_tf.XLMBackbone(
        len(tokens),
        1,
        1,
        8,
        32,
        num_languages=2,
        zero_padding_states=True,
        pad_token_id=2,
    )
    preprocessor = xlm_tf.XLMMaskedLMPreprocessor(
        tokenizer, num_separators=1, languages=["en", "fr"]
    )
    masked_lm = xlm_tf.XLMMaskedLM(backbone, preprocessor, head_transform=False)
    masked_lm.save_to_huggingface(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert theirs.lang2id == {"en": 0, "fr": 1}
    for text in ("Low lo, lower", "l'o!", "low <special1> lo"):
        ids = theirs.convert_tokens_to_ids(theirs.tokenize(text))
        assert tokenizer.encode(text) == ids
    again = xlm_tf.XLMMaskedLM.from_preset(tmp_path)
    assert again.preprocessor.languages == ["en", "fr"]
    assert again.preprocessor.tokenizer.get_merges() == tokenizer.get_merges()


def test_saved_shards(tmp_path, monkeypatch):
    from xlm_tf.checkpoints import weights

    reference = make(CONFIGURATIONS["xlm-r"], "ForMaskedLM", tmp_path / "theirs")
    monkeypatch.setattr(weights, "MAX_SHARD_BYTES", 5000)
    masked_lm = xlm_tf.XLMMaskedLM.from_preset(tmp_path / "theirs")
    masked_lm.save_to_huggingface(tmp_path / "ours")
    assert len(list((tmp_path / "ours").glob("model-*.safetensors"))) > 2
    again = transformers.XLMRobertaForMaskedLM.from_pretrained(tmp_path / "ours")
    for name, tensor in reference.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_sharded_weights(tmp_path):
    model = make(CONFIGURATIONS["xlm-r"], "ForMaskedLM", tmp_path / "whole")
    model.save_pretrained(tmp_path / "parts", max_shard_size="5KB")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 1
    whole, parts = (
        xlm_tf.XLMMaskedLM.from_preset(tmp_path / name) for name in ("whole", "parts")
    )
    for one, other in zip(whole.weights, parts.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    # The older form: parts of pickles.
    folder = tmp_path / "parts"
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    from safetensors.torch import load_file

    for path in folder.glob("*.safetensors"):
        tensors = load_file(path)
        torch.save(tensors, folder / f"{path.stem}.bin")
        path.unlink()
    (folder / "model.safetensors.index.json").unlink()
    index["weight_map"] = {
        name: file.replace(".safetensors", ".bin")
        for name, file in index["weight_map"].items()
    }
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    parts = xlm_tf.XLMMaskedLM.from_preset(folder)
    for one, other in zip(whole.weights, parts.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    next(iter(folder.glob("*.bin"))).unlink()
    with pytest.raises(FileNotFoundError, match=r"which pytorch_model\.bin\.index"):
        xlm_tf.XLMMaskedLM.from_preset(folder)


def test_a_loaded_model_is_saved_as_a_preset(tmp_path):
    make(CONFIGURATIONS["xlm with languages"], "WithLMHeadModel", tmp_path / "hf")
    masked_lm = xlm_tf.XLMMaskedLM.from_preset(tmp_path / "hf")
    masked_lm.save_to_preset(tmp_path / "keras")
    again = xlm_tf.XLMMaskedLM.from_preset(tmp_path / "keras")
    for one, other in zip(masked_lm.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def change_tensors(folder, change):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.pop("roberta.encoder.layer.1.output.dense.bias"),
            r"lacks the tensor roberta\.encoder\.layer\.1\.output\.dense\.bias",
        ),
        (
            lambda t: t.update({"roberta.encoder.layer.7.x": np.zeros(3)}),
            r"no model of the family has: roberta\.encoder\.layer\.7\.x",
        ),
        (
            lambda t: t.update({"roberta.embeddings.LayerNorm.bias": np.zeros(3)}),
            r"embeddings\.LayerNorm\.bias of .* has the shape \(3,\)",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path, change, message):
    make(CONFIGURATIONS["xlm-r"], "ForMaskedLM", tmp_path)
    change_tensors(tmp_path, change)
    with pytest.raises(ValueError, match=message):
        xlm_tf.XLMMaskedLM.from_preset(tmp_path)


def test_heads_that_are_missing(tmp_path):
    make(CONFIGURATIONS["xlm-r"], "Model", tmp_path)
    with pytest.raises(ValueError, match=r"lacks the tensor lm_head\.bias"):
        xlm_tf.XLMMaskedLM.from_preset(tmp_path)
    with pytest.raises(ValueError, match="pass num_classes or labels"):
        xlm_tf.XLMTextClassifier.from_preset(tmp_path)
    task = xlm_tf.XLMTextClassifier.from_preset(tmp_path, num_classes=2)
    assert task.num_classes == 2
    assert xlm_tf.XLMTextEmbedder.from_preset(tmp_path).pooling == "mean"


def test_other_models_are_refused(tmp_path):
    make(CONFIGURATIONS["xlm-r"], "Model", tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "model_type": "roberta"}))
    with pytest.raises(ValueError, match="a model of type 'roberta'"):
        xlm_tf.XLMBackbone.from_preset(tmp_path)
    path.write_text(json.dumps(config))
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"neither model\.safetensors nor"):
        xlm_tf.XLMBackbone.from_preset(tmp_path)
