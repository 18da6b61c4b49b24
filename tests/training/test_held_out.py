"""Texts set aside: which, how many, and that nothing of them is trained on."""

import collections
import gzip
import hashlib
import sys

import hypothesis
import pytest
import yaml
from hypothesis import strategies as st

from xlm_tf import XLMMaskedLM, XLMSeq2SeqLMPreprocessor
from xlm_tf.training import held_out, held_out_datasets
from xlm_tf.training.finetuning_data import FinetuningData
from xlm_tf.training.held_out import HeldOutTexts, Selection, documents, text_key
from xlm_tf.training.pretraining_data import PretrainingData
from xlm_tf.training.recipe_loader import RecipeError, load_recipe

MODEL = {
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 64,
}
ENGLISH = [f"The page {number} was not found." for number in range(300)]
FRENCH = [f"La page {number} n'a pas été trouvée." for number in range(300)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\nc\n", [["a"], ["b"], ["c"]]),
        ("a\nb\n\nc\n", [["a", "b"], ["c"]]),
        ("\n\na\nb\n\n \nc\nd\n\n", [["a", "b"], ["c", "d"]]),
        ("", []),
    ],
)
def test_lines_between_empty_lines_are_documents(tmp_path, text, expected):
    path = tmp_path / "text.txt.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(text)
    assert list(documents([path])) == expected


def test_long_stretches_are_single_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(held_out, "MAX_DOCUMENT", 3)
    path = tmp_path / "text.txt"
    path.write_text("a\nb\nc\n\nd\ne\nf\ng\nh\n\ni\n", encoding="utf-8")
    assert list(documents([path, path])) == 2 * [
        ["a", "b", "c"],
        *([letter] for letter in "defgh"),
        ["i"],
    ]


def select(examples, share):
    selection = Selection(share)
    for example in examples:
        selection.add(text_key(example), [example])
    return selection.examples()


def test_a_selection_is_a_share_whatever_the_order():
    texts = [f"text {number}" for number in range(1000)]
    chosen = select(texts, 0.05)
    assert len(chosen) == 50
    assert chosen == select(reversed(texts), 0.05)
    assert select(["one text"], 0.01) == ["one text"]
    # Copies are one text, on one side.
    assert set(select(3 * texts, 0.01)) <= set(chosen)
    assert len(set(select(3 * texts, 0.01))) == len(select(3 * texts, 0.01)) == 30


def test_a_selection_has_an_end(monkeypatch):
    monkeypatch.setattr(held_out, "MAX_HELD_OUT", 20)
    texts = [f"text {number}" for number in range(1000)]
    chosen = select(texts, 0.4)
    assert len(chosen) == 20
    keys = sorted(map(text_key, texts))
    assert sorted(map(text_key, chosen)) == keys[:20]


def test_case_and_spaces_make_no_other_text():
    assert text_key("The  FILE ") == text_key("the file")
    assert text_key("the files") != text_key("the file")


SPACES = [char for char in map(chr, range(sys.maxunicode + 1)) if char.isspace()]


@hypothesis.given(
    st.lists(st.sampled_from(SPACES) | st.sampled_from("aßİ\u200b") | st.text())
)
def test_any_white_space_is_a_space(parts):
    text = "".join(parts)
    words = " ".join(text.casefold().split()).encode()
    digest = hashlib.blake2b(words, digest_size=8).digest()
    assert text_key(text) == int.from_bytes(digest, "big")


@hypothesis.given(st.text("aßİΣς\u0345 \u00a0", max_size=60), st.integers(0, 3))
@hypothesis.example("a" + " " * 30 + "aßaßaßaßaßaßaßaßaßaßaßaßaßaßa", 0)
@hypothesis.example("aßaßaßaßaßaßaßaßaßaßaßaßaßaßa" + " " * 30 + "a", 0)
def test_held_out_texts_are_found_in_any_spelling(text, spaces):
    plain = " ".join(text.casefold().split())
    held_out = HeldOutTexts([text])
    for spelling in (plain, text.swapcase(), text.replace(" ", " " * (9 * spaces + 1))):
        is_same = text_key(spelling) == text_key(text)
        assert is_same or spelling == text.swapcase()
        expected = (1 - is_same, {spelling} if is_same else set())
        assert held_out.count_others([(spelling,)]) == expected
        assert held_out.count_others([(f"{spelling} b",)]) == (1, set())
        assert held_out.count_others([(f"b{spelling}",)]) == (1, set())


def test_no_white_space_but_the_space_is_printable():
    """As `text_key` takes it, in the Unicode of every Python."""
    assert [char for char in SPACES if char.isprintable()] == [" "]
    every = map(chr, range(sys.maxunicode + 1))
    assert [x for x in every if not x.isspace() and set(x.casefold()) & {*SPACES}] == []


def write(folder, name, lines):
    (folder / name).write_text("".join(f"{x}\n" for x in lines), encoding="utf-8")


def load(folder, loader, content):
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({"output": "run", **content}), encoding="utf-8")
    return loader(path)


def texts_of(source, names):
    return [
        tuple(example[name].decode("utf-8") for name in names)
        for example in source.as_numpy_iterator()
    ]


@pytest.fixture
def folder(tmp_path):
    # The English text has copies, in other spellings, and is a side of the pairs.
    write(tmp_path, "en.txt", [*ENGLISH, *(text.upper() for text in ENGLISH)])
    pairs = [f"{en}\t{fr}" for en, fr in zip(ENGLISH, FRENCH, strict=True)]
    # Another source of the same target.
    pairs += [f"Not found: {n}\t{FRENCH[n]}" for n in range(300)]
    write(tmp_path, "pairs.tsv", pairs)
    return tmp_path


@pytest.mark.slow
def test_nothing_held_out_is_pretrained_on(folder, tokenizer):
    (folder / "vocabulary.model").write_bytes(tokenizer.proto)
    bitext = {"source_language": "en", "target_language": "fr", "files": ["pairs.tsv"]}
    recipe = load(
        folder,
        load_recipe,
        {
            "vocabulary": "vocabulary.model",
            "model": MODEL,
            "data": {"monolingual": {"en": ["en.txt"]}, "bitext": [bitext]},
            "held_out_share": 0.05,
            "objectives": {"mlm": 1, "tlm": 1},
            "training": {"steps": 1, "sequence_length": 64},
        },
    )
    data = PretrainingData(recipe, tokenizer)
    # French is learnt from its sides of the pairs.
    assert data.evaluation_groups() == ["mlm/en", "mlm/fr", "tlm/en-fr"]
    held_out_keys = {
        text_key(text)
        for objective, names in (("mlm", ["text"]), ("tlm", ["source", "target"]))
        for source in data.held_out_sources[objective].values()
        for texts in texts_of(source.examples, names)
        for text in texts
    }
    assert len(texts_of(data.held_out_sources["mlm"]["en"].examples, ["text"])) == 30
    for objective, names in (("mlm", ["text"]), ("tlm", ["source", "target"])):
        for source in data.train_sources[objective].values():
            texts = texts_of(source.examples, names)
            assert source.count == len(texts) > 200
            for text in (text for own in texts for text in own):
                assert text_key(text) not in held_out_keys
    trained, left_out, scored = data.split_sizes["en"]
    assert trained == data.train_sources["mlm"]["en"].count
    assert trained + left_out == 2 * len(ENGLISH)
    assert scored == 30 <= left_out
    assert data.split_sizes.keys() == {"en", "en-fr"}
    # And it can be batched.
    inputs, _, _ = next(iter(data.train_batches()))
    assert inputs["token_ids"].shape == (32, 64)
    *_, group = next(iter(data.evaluation_batches()))
    assert group.shape == (32,)


def test_nothing_held_out_is_finetuned_on(folder):
    lines = [f"Bad request {n}\tRequête {n}\n" * 2 for n in range(40)]
    (folder / "more.tsv").write_text("".join(lines), encoding="utf-8")
    entry = {"source_language": "en", "target_language": "fr"}
    recipe = load(
        folder,
        load_recipe,
        {
            "vocabulary_size": 100,
            "model": MODEL,
            "data": [
                {**entry, "files": ["pairs.tsv"]},
                {**entry, "files": ["more.tsv"]},
            ],
            "held_out_share": 0.1,
            "training": {"steps": 1, "source_length": 64, "target_length": 64},
        },
    )
    data = FinetuningData(recipe)
    (examples,) = data.held_out
    assert examples.name == "en-fr"
    assert 60 <= len(examples.sources) <= 68
    assert all(examples.references)
    held_out_keys = {
        text_key(text)
        for texts in (examples.sources, *examples.references)
        for text in texts
    }
    (source,) = data.train.values()
    trained = texts_of(source.examples, ["source", "target"])
    assert source.count == len(trained)
    for text in (text for pair in trained for text in pair):
        assert text_key(text) not in held_out_keys
    left_out = len(ENGLISH) + 300 + len(2 * lines) - len(trained)
    scored = sum(map(len, examples.references))
    assert data.split_sizes == {"en-fr": (len(trained), left_out, scored)}
    # Copies that are trained on stay copies.
    counts = collections.Counter(trained)
    copies = [pair for pair in counts if pair[0].startswith("Bad request")]
    assert {counts[pair] for pair in copies} == {2}
    assert data.texts() == {
        "en": [source for source, _ in trained],
        "fr": [target for _, target in trained],
    }


def test_too_little_to_hold_out(tmp_path):
    write(tmp_path, "pairs.tsv", ["Yes.\tOui.", "yes.\toui."])
    entry = {"source_language": "en", "target_language": "fr", "files": ["pairs.tsv"]}
    recipe = load(
        tmp_path,
        load_recipe,
        {
            "vocabulary_size": 100,
            "model": MODEL,
            "data": [entry],
            "training": {"steps": 1, "source_length": 64, "target_length": 64},
        },
    )
    with pytest.raises(ValueError, match=r"en-fr in recipe\.data are too few"):
        FinetuningData(recipe)


def all_texts(train, names):
    return [texts for pairs in train for texts in texts_of(pairs, names)]


FOLDS = 3


@pytest.fixture
def pretraining(tmp_path, tokenizer):
    """Function to the data of a recipe that holds out a fold, and its texts."""
    (tmp_path / "vocabulary.model").write_bytes(tokenizer.proto)
    documents = [[f"Page {n}, line {m}." for m in range(n % 4 + 1)] for n in range(40)]
    documents.append(documents[7])  # a copy
    pairs = [f"{en}\t{fr}" for en, fr in zip(ENGLISH[:60], FRENCH[:60], strict=True)]
    pairs += [f"{ENGLISH[n]}\tPage {n} : absente." for n in range(30)]
    pairs += [f"Page {n}, line 0.\tPage {n}, ligne 0." for n in range(20)]
    german = [f"Seite {n} fehlt." for n in range(31)]

    def read(fold, backwards=False):
        order = -1 if backwards else 1
        text = "\n\n".join("\n".join(lines) for lines in documents[::order])
        (tmp_path / "en.txt").write_text(text, encoding="utf-8")
        write(tmp_path, "de.txt", german[::order])
        write(tmp_path, "pairs.tsv", pairs[::order])
        entry = {"source_language": "en", "target_language": "fr"}
        recipe = load(
            tmp_path,
            load_recipe,
            {
                "vocabulary": "vocabulary.model",
                "model": MODEL,
                "data": {
                    "monolingual": {"en": ["en.txt"], "de": ["de.txt"]},
                    "bitext": [{**entry, "files": ["pairs.tsv"]}],
                },
                "held_out_fold": {"fold": fold, "folds": FOLDS},
                "objectives": {"mlm": 1, "tlm": 1},
                "training": {"steps": 1, "sequence_length": 64},
            },
        )
        return PretrainingData(recipe, tokenizer)

    texts = {("mlm", "en"): documents, ("mlm", "de"): [[text] for text in german]}
    texts["tlm", "en-fr"] = [[tuple(pair.split("\t"))] for pair in pairs]
    return read, texts


def examples_of(source, objective):
    names = ["text"] if objective == "mlm" else ["source", "target"]
    found = texts_of(source.examples, names)
    return [texts[0] for texts in found] if objective == "mlm" else found


@pytest.mark.slow
def test_every_text_is_held_out_of_a_pretraining_once(pretraining):
    read, texts = pretraining
    held_out_in = collections.defaultdict(list)
    for fold in range(1, FOLDS + 1):
        data = read(fold)
        scored = {
            (objective, language): examples_of(source, objective)
            for objective, sources in data.held_out_sources.items()
            for language, source in sources.items()
        }
        assert scored.keys() == {*texts, ("mlm", "fr")}
        keys = {text_key(x) for own in scored.values() for x in sum_of(own)}
        for (objective, language), units in texts.items():
            own = scored[objective, language]
            # Whole documents.
            for unit in units:
                assert len({example in own for example in unit}) == 1
            for example in own:
                held_out_in[objective, language, example].append(fold)
            source = data.train_sources[objective][language]
            trained = examples_of(source, objective)
            assert source.count == len(trained)
            assert keys.isdisjoint(map(text_key, sum_of(trained)))
            # In the order of the files, and no other is missing.
            every = [example for unit in units for example in unit]
            others = [x for x in every if keys.isdisjoint(map(text_key, sum_of([x])))]
            assert trained == others
            size = data.split_sizes[language]
            assert size == (len(trained), len(every) - len(trained), len(own))
    # In another order of the texts, the same.
    again = read(FOLDS, backwards=True)
    for (objective, language), own in scored.items():
        source = again.held_out_sources[objective][language]
        assert sorted(examples_of(source, objective)) == sorted(own)
    every = {(*key, x) for key, units in texts.items() for unit in units for x in unit}
    assert held_out_in.keys() == every
    assert {len(own) for own in held_out_in.values()} == {1}
    # The pairs of one source text are of one fold, and folds of about one size.
    by_source = collections.defaultdict(set)
    for (objective, _, example), folds in held_out_in.items():
        if objective == "tlm":
            by_source[example[0]].update(folds)
    assert {len(own) for own in by_source.values()} == {1}
    sizes = collections.Counter(
        fold for (_, x, _), own in held_out_in.items() for fold in own if x == "de"
    )
    assert set(sizes.values()) == {10, 11}


def sum_of(examples):
    """All texts of some examples."""
    return [x for own in examples for x in ([own] if isinstance(own, str) else own)]


def test_of_a_large_fold_some_are_scored(pretraining, monkeypatch):
    read, texts = pretraining
    monkeypatch.setattr(held_out, "MAX_HELD_OUT", 5)
    monkeypatch.setattr(held_out_datasets, "_BLOCK", 16)
    data = read(1)
    trained, left_out, scored = data.split_sizes["de"]
    assert trained + left_out == len(texts["mlm", "de"])
    assert left_out in (10, 11)
    assert scored == 5
    # All of the fold is left out, in more blocks than one.
    german = [text for (text,) in texts["mlm", "de"]]
    kept = examples_of(data.train_sources["mlm"]["de"], "mlm")
    assert kept == [text for text in german if text in kept]
    assert len(kept) == trained


def finetuning(folder, entries, fold, **changes):
    data = []
    for number, (direction, pairs) in enumerate(entries):
        source, target = direction.split("-")
        write(folder, f"{number}.tsv", ["\t".join(pair) for pair in pairs])
        entry = {"source_language": source, "target_language": target}
        data.append({**entry, "files": [f"{number}.tsv"]})
    return load(
        folder,
        load_recipe,
        {
            "vocabulary_size": 100,
            "model": {**MODEL, "language_embeddings": True},
            "data": data,
            "held_out_fold": {"fold": fold, "folds": FOLDS},
            "training": {"steps": 1, "source_length": 64, "target_length": 64},
            **changes,
        },
    )


def pairs_to_translate():
    """Entries with copies, other targets, other sources, and both ways."""
    english = [f"A dog number {n}." for n in range(30)]
    french = [f"Un chien numéro {n}." for n in range(30)]
    german = [f"Ein Hund Nummer {n}." for n in range(30)]
    to_french = [*zip(english, french, strict=True), (english[0].upper(), "Encore.")]
    to_french += [("Another one.", french[3]), ("Another one.", "Un autre.")]
    return [
        ("en-fr", to_french),
        ("en-de", list(zip(english, german, strict=True))),
        ("de-en", list(zip(german, english, strict=True))[:20]),
        ("en-fr", [(f"More {n}", f"Plus {n}") for n in range(9)] + to_french[:2]),
    ]


@pytest.mark.slow
def test_every_pair_is_held_out_of_a_translation_once(tmp_path):
    entries = pairs_to_translate()
    found = collections.defaultdict(list)
    sizes = collections.defaultdict(list)
    for fold in range(1, FOLDS + 1):
        data = FinetuningData(finetuning(tmp_path, entries, fold))
        scored = [
            (own.name, source, target)
            for own in data.held_out
            for source, targets in zip(own.sources, own.references, strict=True)
            for target in targets
        ]
        for pair in scored:
            found[pair].append(fold)
        trained = [
            ("-".join(languages), *pair)
            for languages, own in data.train.items()
            for pair in texts_of(own.examples, ["source", "target"])
        ]
        keys = {text_key(x) for _, *texts in scored for x in texts}
        assert keys.isdisjoint(text_key(x) for _, *texts in trained for x in texts)
        # Nothing is on neither side.
        every = [(name, *pair) for name, pairs in entries for pair in pairs]
        missing = collections.Counter(every) - collections.Counter(trained)
        assert missing.keys() == set(scored)
        for name, size in data.split_sizes.items():
            own = [x for x in every if x[0] == name]
            assert size[0] + size[1] == len(own)
            assert size[0] == sum(x[0] == name for x in trained)
            sizes[name].append(size[1])
    # In another order, the same.
    turned = [(name, pairs[::-1]) for name, pairs in entries[::-1]]
    again = FinetuningData(finetuning(tmp_path, turned, FOLDS))
    sources = {own.name: sorted(own.sources) for own in again.held_out}
    assert sources == {own.name: sorted(own.sources) for own in data.held_out}
    assert found.keys() == set(every)
    assert {len(own) for own in found.values()} == {1}
    assert all(max(own) - min(own) <= 6 for own in sizes.values())


def test_a_fold_of_translation_can_be_batched(tmp_path):
    recipe = finetuning(
        tmp_path, pairs_to_translate()[:1], 2, vocabulary_size=None,
        initial_model="xlm_tiny", model={},
        training={"steps": 1, "source_length": 16, "target_length": 16}
        | {"tokens_per_batch": 64},
    )  # fmt: skip
    data = FinetuningData(recipe)
    tokenizer = XLMMaskedLM.from_preset("xlm_tiny").preprocessor.tokenizer
    batches = data.train_batches(XLMSeq2SeqLMPreprocessor(tokenizer, 16))
    assert next(iter(batches))[0]["encoder_token_ids"].shape[0] > 1


def test_too_many_folds_are_refused_in_every_language(tmp_path, pretraining):
    entries = [*pairs_to_translate()[:2], ("fr-de", [("Oui.", "Ja."), ("Non.", "Ja.")])]
    with pytest.raises(ValueError, match=r"held_out_fold: 3 folds .* of fr-de fill 1"):
        FinetuningData(finetuning(tmp_path, entries, 1))
    read, _ = pretraining
    with pytest.raises(ValueError, match=r"held_out_fold: 3 folds .* of de fill 2"):
        write_two = ["Ja.", "Nein.", "ja.", "NEIN."]
        read_with(read, tmp_path, write_two)


def read_with(read, folder, german):
    """The data of the recipe that `read` wrote, with other German texts."""
    read(1)
    write(folder, "de.txt", german)
    recipe = load_recipe(folder / "recipe.yaml")
    return PretrainingData(recipe, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"held_out_fold": {"fold": 4, "folds": 3}}, "fold must be one of 3"),
        ({"held_out_fold": {"fold": 1, "folds": 1}}, "recipe.held_out_fold.folds"),
        (
            {"held_out_fold": {"fold": 1, "folds": 3, "stratify": True}},
            "recipe.held_out_fold.stratify is unknown",
        ),
        (
            {"held_out_fold": {"fold": 1, "folds": 3, "by_line": False}},
            "recipe.held_out_fold.by_line is unknown",
        ),
        ({"held_out_share": 0.1}, "held_out_fold is a part of data"),
    ],
)
def test_what_folds_may_not_be(tmp_path, changes, said):
    with pytest.raises(RecipeError, match=said):
        finetuning(tmp_path, pairs_to_translate()[:1], 1, **changes)
