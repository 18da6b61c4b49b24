"""What is saved replaces what was there, and loads again as the same model."""

import json
import os
import stat

import keras
import numpy as np
import pytest

import xlm_tf
from xlm_tf.checkpoints import weights
from xlm_tf.models import saving
from xlm_tf.models.loading import load_task

IDS = {"token_ids": np.array([[0, 5, 6, 7, 2], [0, 9, 8, 2, 1]])}


def backbone_of(vocabulary_size, **changes):
    return xlm_tf.XLMBackbone(
        vocabulary_size,
        1,
        2,
        8,
        16,
        max_sequence_length=32,
        position_offset=2,
        **changes,
    )


@pytest.fixture
def tagger(tokenizer):
    backbone = backbone_of(tokenizer.vocabulary_size())
    preprocessor = xlm_tf.XLMTokenClassifierPreprocessor(tokenizer, 32)
    return xlm_tf.XLMTokenClassifier(backbone, preprocessor=preprocessor, labels=["O"])


@pytest.fixture
def embedder(tokenizer):
    backbone = backbone_of(tokenizer.vocabulary_size())
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 20)
    return xlm_tf.XLMTextEmbedder(backbone, preprocessor)


def save_huggingface(model, folder):
    model.save_to_huggingface(folder)


def save_preset(model, folder):
    model.save_to_preset(folder)


FORMATS = pytest.mark.parametrize("save", [save_huggingface, save_preset])


@FORMATS
@pytest.mark.parametrize("before", [save_huggingface, save_preset])
def test_another_model_is_replaced_as_a_whole(
    tagger, embedder, tmp_path, monkeypatch, before, save
):
    monkeypatch.setattr(weights, "MAX_SHARD_BYTES", 5000)
    before(embedder, tmp_path)
    if before is save_huggingface:
        assert (tmp_path / "model.safetensors.index.json").is_file()
        for name in ("added_tokens.json", "adapter_config.json"):
            (tmp_path / name).write_text('{"<old>": 1}')
    (tmp_path / "README.md").write_text("of the user")
    (tmp_path / "1_notes").mkdir()
    monkeypatch.undo()
    save(tagger, tmp_path)
    again = load_task(tmp_path)
    assert type(again) is xlm_tf.XLMTokenClassifier
    np.testing.assert_array_equal(again(IDS), tagger(IDS))
    assert again.labels == ["O"]
    assert again.preprocessor.sequence_length == 32
    assert (tmp_path / "README.md").read_text() == "of the user"
    assert (tmp_path / "1_notes").is_dir()
    save(tagger, tmp_path / "new")
    files, new = (
        {str(x.relative_to(folder)) for x in folder.rglob("*")}
        for folder in (tmp_path, tmp_path / "new")
    )
    assert {x for x in files if not x.startswith("new")} == new | {"README.md"} | {
        "1_notes"
    }


@FORMATS
def test_a_saving_that_fails_changes_nothing(tagger, tmp_path, monkeypatch, save):
    save(tagger, tmp_path / "model")
    before = {x: x.read_bytes() for x in (tmp_path / "model").rglob("*.json")}

    def fail(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(saving, "save_weights", fail)
    monkeypatch.setattr(tagger, "save_task_weights", fail)
    for folder in ("model", "other"):
        with pytest.raises(OSError, match="no space left"):
            save(tagger, tmp_path / folder)
    assert [x.name for x in tmp_path.iterdir()] == ["model"]
    assert {x: x.read_bytes() for x in before} == before
    assert not [x for x in (tmp_path / "model").iterdir() if x.name.startswith(".")]


def test_a_full_disk_ends_no_process(tmp_path, full_disk):
    """HDF5 would end it, at the latest with the interpreter."""
    backbone = backbone_of(5000)  # 160 kB
    for save in (backbone.save_to_preset, backbone.save_to_keras_hub):
        with pytest.raises(OSError, match=f"'{tmp_path / 'model'}'"):
            save(tmp_path / "model")
    backbone_of(100).save_to_preset(tmp_path / "model")
    with pytest.raises(OSError, match=f"'{tmp_path / 'model'}'"):
        backbone.save_to_preset(tmp_path / "model")
    again = xlm_tf.XLMBackbone.from_preset(tmp_path / "model")
    assert again.vocabulary_size == 100
    assert not [x for x in (tmp_path / "model").iterdir() if x.name.startswith(".")]


@FORMATS
def test_a_model_in_another_format_is_not_hidden(tagger, tmp_path, save):
    (tmp_path / "model.pt").write_bytes(b"x")
    with pytest.raises(FileExistsError, match=r"another format, model\.pt"):
        save(tagger, tmp_path)
    assert [x.name for x in tmp_path.iterdir()] == ["model.pt"]


@FORMATS
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_umask_decides_who_reads_files(embedder, tmp_path, save, umask):
    before = os.umask(umask)
    try:
        save(embedder, tmp_path / "model")
    finally:
        os.umask(before)
    for path in (tmp_path / "model").rglob("*"):
        mode = 0o777 if path.is_dir() else 0o666
        assert stat.S_IMODE(path.stat().st_mode) == mode & ~umask, path


@FORMATS
def test_adapters_are_merged(tagger, tmp_path, save):
    tagger.backbone.enable_lora(2)
    for variable in tagger.backbone.variables:
        if variable.name.startswith("lora_kernel"):
            variable.assign(keras.random.normal(variable.shape))
    save(tagger, tmp_path)
    np.testing.assert_array_equal(load_task(tmp_path)(IDS), tagger(IDS))


@pytest.mark.slow
def test_quantised_weights_are_refused(tagger, tmp_path):
    tagger.backbone.quantize("int8")
    with pytest.raises(ValueError, match=r"quantised \(int8\)"):
        tagger.save_to_huggingface(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def classifier(**changes):
    return xlm_tf.XLMTextClassifier(backbone_of(30), num_classes=2, **changes)


def test_what_transformers_has_no_form_for(tokenizer, tmp_path):
    encoder = backbone_of(tokenizer.vocabulary_size())
    seq2seq = xlm_tf.XLMSeq2SeqBackbone(encoder)
    words = xlm_tf.XLMBPETokenizer(
        ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10)), "a"],
        [],
        words="whitespace",
    )
    separated = xlm_tf.XLMTextClassifierPreprocessor(tokenizer, 32, num_separators=1)
    for model, message in (
        (seq2seq, "no encoder-decoder"),
        (xlm_tf.XLMSeq2SeqLM(seq2seq), "no encoder-decoder"),
        (classifier(pooling="max"), "pool the first token"),
        (classifier(activation="softmax"), "answer with logits"),
        (classifier(head_transform=False), "head_transform"),
        (
            xlm_tf.XLMTextEmbedder(
                encoder, xlm_tf.XLMTextEmbedderPreprocessor(words, 32)
            ),
            "XLM-R SentencePiece",
        ),
        (
            xlm_tf.XLMTextClassifier(encoder, 2, preprocessor=separated),
            "puts 2 </s> between",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            model.save_to_huggingface(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_every_task_that_transformers_has(tokenizer, tmp_path):
    encoder = backbone_of(tokenizer.vocabulary_size())
    causal = backbone_of(tokenizer.vocabulary_size(), causal=True)
    for task in (
        xlm_tf.XLMMaskedLM(encoder),
        xlm_tf.XLMMaskedLM(encoder, tied=False),
        xlm_tf.XLMCausalLM(causal, head_transform=True),
        xlm_tf.XLMTextClassifier(encoder, labels=["a", "b"]),
        xlm_tf.XLMTokenClassifier(encoder, num_classes=3),
        xlm_tf.XLMQuestionAnswering(encoder),
        xlm_tf.XLMTextEmbedder(encoder, pooling="max"),
    ):
        folder = tmp_path / "model"
        task.save_to_huggingface(folder)
        again = type(task).from_preset(folder)
        for value, other in zip(
            keras.tree.flatten(again(IDS)), keras.tree.flatten(task(IDS)), strict=True
        ):
            np.testing.assert_array_equal(value, other)


def test_added_tokens_are_saved(spm_proto, tmp_path):
    added = [["<ent>", False], ["NEU", True]]
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(spm_proto, added_tokens=added)
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 20)
    embedder = xlm_tf.XLMTextEmbedder(
        backbone_of(tokenizer.vocabulary_size()), preprocessor
    )
    text = "a <ent>ＮＥＵ fox"
    for number, save in enumerate((save_huggingface, save_preset)):
        save(embedder, tmp_path / str(number))
        again = load_task(tmp_path / str(number)).preprocessor.tokenizer
        assert again.added_tokens == added
        assert again.encode(text) == tokenizer.encode(text)
    written = tokenizer.decode(tokenizer.encode("the NEU fox"))
    assert written == "theNEU fox"  # what follows a word's part is no word's start
    for wrong in ("<mask>", " ", "▁"):
        with pytest.raises(ValueError, match="An added token must not be empty"):
            xlm_tf.XLMSentencePieceTokenizer(spm_proto, added_tokens=[[wrong, True]])


def test_the_start_of_texts_is_saved(tmp_path):
    tokens = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
    xlm = xlm_tf.XLMBackbone(
        16,
        1,
        2,
        8,
        32,
        max_sequence_length=32,
        layer_norm_epsilon=1e-12,
        zero_padding_states=True,
        pad_token_id=2,
    )
    for start in ("<s>", "</s>"):
        tokenizer = xlm_tf.XLMBPETokenizer([*tokens, "a", "b"], [], start_token=start)
        preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(
            tokenizer, 20, num_separators=1
        )
        xlm_tf.XLMTextEmbedder(xlm, preprocessor).save_to_huggingface(tmp_path)
        config = json.loads((tmp_path / "tokenizer_config.json").read_text())
        assert config["bos_token"] == start
        again = load_task(tmp_path).preprocessor.tokenizer
        assert again.start_token == start
