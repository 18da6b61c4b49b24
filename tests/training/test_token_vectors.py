"""Token embeddings that begin with vectors of words."""

import numpy as np
import pytest
import yaml

import xlm_tf
from xlm_tf.training import token_vectors
from xlm_tf.training.finetune import finetune
from xlm_tf.training.pretrain import pretrain
from xlm_tf.training.recipe_loader import load_recipe
from xlm_tf.training.task_finetuning import finetune_task
from xlm_tf.training.token_vectors import set_token_vectors

SPECIALS = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
WORDS = ["dog</w>", "Dog</w>", "chat</w>", "un", "do</w>", "ra</w>", "zebra</w>", "q"]
MERGES = [("d", "o"), ("do", "g</w>"), ("u", "n"), ("d", "o</w>"), ("r", "a</w>")]


@pytest.fixture
def bpe():
    """A tokenizer whose words are split by white space."""
    vocabulary = [*SPECIALS, *WORDS]
    return xlm_tf.XLMBPETokenizer(
        vocabulary, MERGES, lowercase=False, words="whitespace"
    )


def write(path, vectors):
    width = len(next(iter(vectors.values())))
    lines = [f"{word} {' '.join(map(str, x))}\n" for word, x in vectors.items()]
    path.write_text(f"{len(vectors)} {width}\n{''.join(lines)}", encoding="utf-8")
    return path


def backbone_of(tokenizer, **arguments):
    return xlm_tf.XLMBackbone(
        tokenizer.vocabulary_size(), 1, 1, 2, 4, max_sequence_length=16, **arguments
    )


def rows_of(backbone, tokenizer):
    table = np.array(backbone.embeddings.token_embedding.embeddings)
    return dict(zip(tokenizer.get_vocabulary(), table, strict=True))


def test_words_of_several_languages_and_parts_of_words(bpe, tmp_path):
    files = {
        "en": write(
            tmp_path / "en.vec",
            {
                "dog": [1, 0],
                "dog ": [9, 9],  # is no word of the vocabulary
                "dog\u00a0": [9, 9],
                "undo": [0, 4],
                "unra": [0, 2],
                "CHAT": [5, 5],
                "unq": [3, 3],
            },
        ),
        "fr": write(
            tmp_path / "fr.vec", {"dog": [3, 0], "chat": [0, 6], "CHAT": [8, 8]}
        ),
    }
    backbone = backbone_of(bpe)
    before = rows_of(backbone, bpe)
    report = set_token_vectors(backbone, bpe, files)
    after = rows_of(backbone, bpe)
    size = {name: after[name] for name in WORDS}
    # Up to one number for all: a word of two files has the mean of the two.
    scale = size["dog</w>"][0] / 2
    expected = {
        "dog</w>": [2, 0],
        "Dog</w>": [2, 0],  # in another case
        "chat</w>": [2.5, 5.5],  # of the other case in one language alone
        "do</w>": [0, 4],
        "ra</w>": [0, 2],
    }
    for name, vector in expected.items():
        np.testing.assert_allclose(after[name], scale * np.array(vector), rtol=1e-5)
    for name in ("zebra</w>", *SPECIALS):
        np.testing.assert_array_equal(after[name], before[name])
    assert (report.tokens, report.words) == (len(WORDS), 3)
    assert report.words_of == {"en": 3, "fr": 3}
    changed = [name for name in WORDS if not np.array_equal(after[name], before[name])]
    assert report.words + report.parts == len(changed)
    values = np.array([after[name] for name in changed])
    assert np.sqrt(np.mean(values**2)) == pytest.approx(2**-0.5, rel=1e-5)
    assert "Of 8 tokens 3 begin with the vector of a word (en 3, fr 3)" in str(report)


def test_pieces_of_sentencepiece_and_both_tables_of_an_encoder_decoder(tmp_path):
    tokenizer = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny").preprocessor.tokenizer
    word, other = "page", "existe"
    vocabulary = tokenizer.get_vocabulary()
    cases = [x for x in vocabulary if x.casefold() == f"\u2581{word}"]
    assert f"\u2581{word}" in cases
    path = write(tmp_path / "a.vec", {word: [1, 2], "x" + other: [3, -1]})
    encoder = backbone_of(
        tokenizer, embedding_initializer_range=0.02, position_offset=2
    )
    backbone = xlm_tf.XLMSeq2SeqBackbone(encoder, share_embeddings=False)
    report = set_token_vectors(backbone, tokenizer, {"fr": path})
    pieces = set(tokenizer.encode("x" + other)) - set(tokenizer.special_token_ids)
    ids = [*map(tokenizer.token_to_id, cases), *pieces]
    assert (report.words, report.parts) == (len(cases), len(pieces))
    tables = [
        np.array(own.token_embedding.embeddings)
        for own in (encoder.embeddings, backbone.decoder_embeddings)
    ]
    np.testing.assert_array_equal(tables[0][ids], tables[1][ids])
    assert not np.array_equal(tables[0], tables[1])
    assert np.sqrt(np.mean(tables[0][ids] ** 2)) == pytest.approx(0.02, rel=1e-5)
    direction = tables[0][ids[0]] / tables[0][ids[0]][0]
    np.testing.assert_allclose(direction, [1, 2], rtol=1e-5)


def test_parts_are_looked_for_in_the_first_words(bpe, tmp_path, monkeypatch):
    path = write(tmp_path / "a.vec", {"dog": [1, 1], "unra": [1, 0]})
    monkeypatch.setattr(token_vectors, "SEGMENTED_WORDS", 0)
    report = set_token_vectors(backbone_of(bpe), bpe, {"en": path})
    assert (report.words, report.parts) == (2, 0)


def test_what_does_not_fit(bpe, tmp_path):
    backbone = backbone_of(bpe)
    before = rows_of(backbone, bpe)
    wide = write(tmp_path / "wide.vec", {"dog": [1, 2, 3]})
    good = write(tmp_path / "good.vec", {"dog": [1, 2]})
    strange = write(tmp_path / "strange.vec", {"\u4e2d": [1, 2]})
    for files, message in (
        ({"en": good, "de": wide}, r"wide\.vec holds vectors of 3 .* hidden_dim 2"),
        ({"zz": strange}, r"No token .*strange\.vec"),
    ):
        with pytest.raises(ValueError, match=message):
            set_token_vectors(backbone, bpe, files)
    for name, row in rows_of(backbone, bpe).items():
        np.testing.assert_array_equal(row, before[name])


TINY = {
    "num_layers": 1,
    "num_heads": 1,
    "hidden_dim": 2,
    "intermediate_dim": 4,
    "max_sequence_length": 32,
}
TRAINING = {"steps": 1, "warmup_steps": 1, "learning_rate": 1e-9, "evaluate_every": 1}
EN_FR = {"source_language": "en", "target_language": "fr", "files": ["pairs.tsv"]}
KINDS = {
    "pretrain": {
        "objectives": {"mlm": 1},
        "data": {"monolingual": {"en": ["a.txt"]}},
        "held_out": {"monolingual": {"en": ["a.txt"]}},
        "training": {**TRAINING, "batch_size": 2, "sequence_length": 16},
    },
    "finetune": {
        "data": [EN_FR],
        "held_out": [EN_FR],
        "training": {
            **TRAINING,
            "tokens_per_batch": 64,
            "source_length": 16,
            "target_length": 16,
        },
    },
    "classification": {
        "task": "classification",
        "data": [{"language": "en", "files": ["train.tsv"]}],
        "held_out": [{"language": "en", "files": ["table.tsv"]}],
        "training": {**TRAINING, "batch_size": 2, "sequence_length": 16},
    },
}


@pytest.fixture
def load(tmp_path, spm_proto):
    """Writes a recipe of a kind with vectors of "page", and loads it."""
    (tmp_path / "spm.model").write_bytes(spm_proto)
    pieces = xlm_tf.XLMSentencePieceTokenizer(spm_proto).get_vocabulary()
    word = next(x[1:] for x in pieces if x.startswith("\u2581") and x[1:].isalpha())
    write(tmp_path / "wiki.en.vec", {word: [1, 2], "other": [2, 1]})
    (tmp_path / "a.txt").write_text("A dog runs.\nA cat sleeps.\n" * 9)
    (tmp_path / "pairs.tsv").write_text("A dog.\tUn chien.\nNo.\tNon.\n")
    (tmp_path / "table.tsv").write_text("text\tlabel\nA dog.\ta\nA cat.\tb\n")
    (tmp_path / "train.tsv").write_text("text\tlabel\nMy dog.\ta\nMy cat.\tb\n")

    def load(kind, **changes):
        recipe = {
            "output": f"run_{kind}",
            "vocabulary": "spm.model",
            "initial_embeddings": {"en": "wiki.en.vec"},
            "model": TINY,
            **KINDS[kind],
            **changes,
        }
        recipe = {name: value for name, value in recipe.items() if value is not None}
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
        return load_recipe(path), f"\u2581{word}"

    return load


@pytest.mark.parametrize(
    ("kind", "run"),
    [("pretrain", pretrain), ("finetune", finetune), ("classification", finetune_task)],
)
def test_a_run_begins_with_the_vectors(load, capsys, kind, run):
    recipe, token = load(kind)
    result = run(recipe)
    model = xlm_tf.load_task(result.model)
    backbone = getattr(model.backbone, "encoder", model.backbone)
    row = rows_of(backbone, model.preprocessor.tokenizer)[token]
    np.testing.assert_allclose(row / row[0], [1, 2], rtol=1e-3)
    assert "begin with the vector of a word (en " in capsys.readouterr().out


def test_what_is_wrong_in_a_recipe_is_said_before_it_runs(load, tmp_path):
    write(tmp_path / "wide.vec", {"dog": [1, 2, 3]})
    (tmp_path / "wiki.en.bin").write_bytes(b"\xba\x16\x4f\x2f")
    (tmp_path / "glove.txt").write_text("the 0.1 0.2\n")
    for kind in KINDS:
        for name, message in (
            ("wide.vec", r"initial_embeddings\.en: .*3 numbers, .* hidden_dim 2"),
            ("wiki.en.bin", r"initial_embeddings\.en: .*another format"),
            ("glove.txt", r"initial_embeddings\.en: .*two whole numbers"),
            ("absent.vec", r"initial_embeddings\.en: there is no file .*absent"),
        ):
            with pytest.raises(ValueError, match=message):
                load(kind, initial_embeddings={"en": name})
        with pytest.raises(ValueError, match="of a run from scratch"):
            load(kind, vocabulary=None, model=None, initial_model="xlm_tiny")
        if kind != "classification":  # whose texts may be of any language
            with pytest.raises(
                ValueError, match=r"embeddings\.sw: there is no text in"
            ):
                load(kind, initial_embeddings={"sw": "wiki.en.vec"})
        with pytest.raises(ValueError, match="initial_embeddings"):
            load(kind, initial_embeddings={})
