"""Which words an answer comes from: integrated gradients of a classifier."""

import html.parser
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.models.attribution import Attribution, Attributions
from xlm_tf.text.bpe_files import SPECIAL_TOKENS

TEXTS = [
    "The quick brown fox, and <mask>!",
    "",
    "敏捷的棕色狐狸跳过了懒狗。",
    "الثعلب البني السريع",
    "Ж 🙂 \u200b  Zoë's fox\n",
]


@pytest.fixture
def make_classifier(make_backbone, tokenizer):
    def make(sequence_length=48, **arguments):
        arguments = arguments or {"labels": ["a", "b", "c"]}
        return xlm_tf.XLMTextClassifier(
            make_backbone(embedding_initializer_range=0.5),
            preprocessor=xlm_tf.XLMTextClassifierPreprocessor(
                tokenizer, sequence_length
            ),
            **arguments,
        )

    return make


def log_odds(logits, number):
    """Of classes that exclude each other, by their probabilities."""
    x = np.exp(np.float64(logits))
    p = x[number] / x.sum()
    return np.log(p / (1 - p))


def summed(attribution):
    words = [*attribution.words, *(attribution.words_pair or ())]
    return sum(word["score"] for word in words)


def check_words(text, words):
    """Words in order that do not overlap, and are what stands there."""
    assert all(text[x["start"] : x["end"]] == x["text"] for x in words)
    assert all(x["text"] == x["text"].strip() != "" for x in words)
    ends = [x["end"] for x in words]
    assert all(x["start"] >= end for x, end in zip(words[1:], ends[:-1], strict=True))


@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_the_scores_of_a_text_sum_to_what_the_model_says_of_it(
    make_classifier, tokenizer, layout
):
    classifier = make_classifier()
    classifier.backbone.token_layout = layout
    logits = classifier.predict(TEXTS, verbose=0)
    for target in (None, "b" if layout == "packed" else 2):
        found = classifier.attributions(TEXTS, target, steps=16, batch_size=32)
        for text, own, row in zip(TEXTS, found, logits, strict=True):
            number = {None: row.argmax(), "b": 1, 2: 2}[target]
            assert own.text == text
            assert own.label == "abc"[number]
            assert own.score == pytest.approx(log_odds(row, number), abs=1e-4)
            hidden = classifier.preprocessor.pack([text])
            ids = hidden["token_ids"].numpy()
            is_text = (ids > 2) & hidden["padding_mask"].numpy()
            ids[is_text] = tokenizer.mask_token_id
            (of_hidden,) = classifier({**hidden, "token_ids": tf.constant(ids)})
            assert own.baseline_score == pytest.approx(
                log_odds(of_hidden, number), abs=1e-4
            )
            assert summed(own) == pytest.approx(
                own.score - own.baseline_score, abs=2e-3
            )
            assert own.error == pytest.approx(0, abs=2e-3)
            check_words(text, own.words)
    assert found[1].words == []
    assert "<mask>" in "".join(x["text"] for x in found[0].words)


def test_the_scores_are_the_integral_of_the_gradients(make_classifier, tokenizer):
    """As a sum of 400 rectangles, of a model whose table has every point of the line.

    Every point of every token is a row of its own there, so that the gradient of the
    table is that of the points.
    """
    classifier = make_classifier()
    text, number, count = "The quick brown fox jumps.", 1, 400
    (found,) = classifier.attributions(text, number)
    (ids,) = classifier.preprocessor.pack([text])["token_ids"].numpy()
    ids = ids[: len(tokenizer.encode(text)) + 2]
    table = classifier.backbone.token_embedding.embeddings.numpy()
    end, start = table[ids], table[ids].copy()
    start[1:-1] = table[tokenizer.mask_token_id]
    points = (np.arange(count) + 0.5)[:, None, None] / count
    line = start + points * (end - start)  # (points, tokens, D)
    own_ids = np.arange(line[..., 0].size).reshape(line.shape[:2])
    config = {**classifier.backbone.get_config(), "vocabulary_size": own_ids.size}
    other = xlm_tf.XLMTextClassifier(
        xlm_tf.XLMBackbone.from_config(config), num_classes=3
    )
    for own, variable in zip(other.weights, classifier.weights, strict=True):
        own.assign(
            line.reshape(-1, line.shape[-1])
            if own.path.endswith("token_embedding/embeddings")
            else variable
        )
    with tf.GradientTape() as tape:
        logits = other({"token_ids": own_ids, "padding_mask": np.ones_like(own_ids)})
        value = logits[:, 1] - tf.reduce_logsumexp(
            tf.stack([logits[:, 0], logits[:, 2]], -1), axis=-1
        )
        total = tf.reduce_sum(value)
    gradient = tape.gradient(total, other.backbone.token_embedding.embeddings.value)
    gradient = tf.convert_to_tensor(gradient).numpy().reshape(line.shape)
    expected = (gradient.mean(axis=0) * (end - start)).sum(-1)
    pieces = [tokenizer.id_to_token(int(i)) for i in ids[1:-1]]
    by_word, words = [], "".join(pieces).replace("▁", " ").split()
    place = 1
    for word in words:
        size, score = 0, 0.0
        while size < len(word):
            size += len(pieces[place - 1].replace("▁", ""))
            score += expected[place]
            place += 1
        by_word.append(score)
    # The full stop is a word here, and none where spaces alone tell words.
    scores = [x["score"] for x in found.words]
    scores = [*scores[:-2], scores[-2] + scores[-1]]
    np.testing.assert_allclose(scores, by_word, rtol=2e-3, atol=2e-3)
    assert np.abs(by_word).max() > 0.05


@pytest.mark.slow
def test_the_word_that_decides_has_the_score(make_classifier):
    rng = np.random.default_rng(0)
    others = ["quick", "brown", "dog", "Hund", "texts", "small", "le", "renard"]
    rows = [rng.choice(others, 5).tolist() for _ in range(192)]
    for row in rows[::2]:
        row[rng.integers(5)] = "fox"
    texts = [" ".join(row) for row in rows]
    labels = ["fox" if "fox" in row else "none" for row in rows]
    classifier = make_classifier(labels=["fox", "none"])
    classifier.compile(optimizer=keras.optimizers.Adam(1e-2))
    classifier.fit(texts[:128], labels[:128], epochs=12, verbose=0)
    new, own = texts[128:], labels[128:]
    answers = [row[0][0] for row in classifier.classify(new)]
    assert np.mean([x == y for x, y in zip(answers, own, strict=True)]) > 0.95
    found = classifier.attributions(new[::2], "fox")
    strongest = [max(x.words, key=lambda word: abs(word["score"])) for x in found]
    assert np.mean([word["text"] == "fox" for word in strongest]) > 0.95
    assert np.mean([word["score"] > 0 for word in strongest]) > 0.95
    against = classifier.attributions(new[::2], "none")
    for one, other in zip(found, against, strict=True):
        # Of two classes, what speaks for the one speaks against the other.
        for word, same in zip(one.words, other.words, strict=True):
            assert word["score"] == pytest.approx(-same["score"], abs=1e-3)


def test_pairs_and_what_is_cut(make_classifier):
    classifier = make_classifier(sequence_length=20)
    pairs = {
        "text": ["Der schnelle braune Fuchs springt über den faulen Hund.", "a"],
        "text_pair": ["", "The quick brown fox jumps over the lazy dog."],
    }
    long, other = classifier.attributions(pairs, steps=24)
    assert long.words_pair == [] and long.text_pair == ""
    assert long.words[0]["text"] == "Der"
    assert long.words[-1]["end"] < len(long.text)  # what is behind is not read
    assert [x["text"] for x in other.words] == ["a"]
    assert other.words_pair[0]["text"] == "The"
    for own in (long, other):
        assert summed(own) == pytest.approx(own.score - own.baseline_score, abs=2e-3)
        check_words(own.text_pair, own.words_pair)
    (same,) = classifier.attributions([("a", pairs["text_pair"][1])], steps=24)
    assert same.score == pytest.approx(other.score, abs=1e-5)


def test_texts_of_a_language_that_are_read_by_bpe(make_backbone):
    letters = [*"abcdefghijklmnopqrstuvwxyz()."]
    vocabulary = [*SPECIAL_TOKENS, *letters, *(f"{x}</w>" for x in letters), "fo"]
    bpe = xlm_tf.XLMBPETokenizer(vocabulary, [("f", "o")], language="en")
    classifier = xlm_tf.XLMTextClassifier(
        make_backbone(
            vocabulary_size=len(vocabulary),
            num_languages=2,
            position_offset=0,
            pad_token_id=2,
            zero_padding_states=True,
        ),
        preprocessor=xlm_tf.XLMTextClassifierPreprocessor(
            bpe, 40, num_separators=1, languages=["de", "en"]
        ),
        num_classes=2,
    )
    fields = {"text": ["The fox (<special1> jumps)."], "language": "en"}
    (found,) = classifier.attributions(fields, "1")
    assert found.label == "1"
    words = [x["text"] for x in found.words]
    assert words[:3] == ["The", "fox", "("]
    assert words[-3:] == ["jumps", ")", "."]
    assert summed(found) == pytest.approx(found.score - found.baseline_score, abs=2e-3)
    with pytest.raises(ValueError, match="language"):
        classifier.attributions("The fox")


def test_other_kinds_of_outputs(make_classifier):
    text = "The quick fox"
    several = make_classifier(num_classes=2, problem_type="multi_label_classification")
    (row,) = several(several.preprocessor.pack([text])).numpy()
    (found,) = several.attributions(text)
    assert found.label == str(row.argmax())
    assert found.score == pytest.approx(row.max(), abs=1e-5)
    regression = make_classifier(num_classes=2, problem_type="regression")
    (row,) = regression(regression.preprocessor.pack([text])).numpy()
    (found,) = regression.attributions(text, 0)
    assert found.score == pytest.approx(row[0], abs=1e-5)
    assert summed(found) == pytest.approx(found.score - found.baseline_score, abs=1e-3)
    with pytest.raises(ValueError, match="2 outputs: say which"):
        regression.attributions(text)
    softmax = make_classifier(num_classes=3, activation="softmax")
    (row,) = softmax(softmax.preprocessor.pack([text])).numpy()
    (found,) = softmax.attributions(text)
    assert found.score == pytest.approx(row.max(), abs=1e-5)


def test_rows_that_are_trained_alone_change_nothing(make_classifier):
    classifier = make_classifier()
    before = classifier.attributions(TEXTS)
    classifier.train_embeddings_of(TEXTS[:1])
    for own, other in zip(classifier.attributions(TEXTS), before, strict=True):
        assert [x["text"] for x in own.words] == [x["text"] for x in other.words]
        for word, same in zip(own.words, other.words, strict=True):
            assert word["score"] == pytest.approx(same["score"], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "d"}, "target must be one of a, b, c, or a number"),
        ({"target": 3}, "target must be a whole number, 0 at least and 2"),
        ({"target": -1}, "target must be a whole number"),
        ({"target": True}, "target must be a whole number"),
        ({"target": ["a"]}, "a number of them, for all texts"),
        ({"steps": 0}, "steps must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"x": None}, "Pass the texts"),
        ({"x": [1]}, "Row 0 is 1"),
        ({"x": {"text": ["a"], "language": ["en"]}}, "leave `language` out"),
    ],
)
def test_what_it_refuses(make_classifier, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_classifier().attributions(**{"x": TEXTS, **arguments})


def test_without_texts_and_without_a_reader(make_classifier, make_backbone):
    assert make_classifier().attributions([]) == []
    silent = xlm_tf.XLMTextClassifier(make_backbone(), num_classes=2)
    with pytest.raises(ValueError, match="has no preprocessor"):
        silent.attributions("a")


class Cells(html.parser.HTMLParser):
    """The texts of a table, and the words that have a colour."""

    def __init__(self, source):
        super().__init__()
        self.texts, self.colored, self.is_word = [], [], False
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "div":
            assert attributes["dir"] == "auto"
            self.texts.append("")
        self.is_word = tag == "span"
        if self.is_word:
            color, share = re.search(
                r"rgba\((\d+,\d+,\d+),([\d.]+)\)", attributes["style"]
            ).groups()
            self.colored.append((attributes["title"], color, float(share)))

    def handle_data(self, data):
        if self.texts and self.lasttag in ("div", "span"):
            self.texts[-1] += data


def test_the_table_has_the_texts_and_their_colours():
    text = "الثعلب <b>&amp;  لا"
    words = [
        {"text": "الثعلب", "start": 0, "end": 6, "score": 2.0},
        {"text": "b", "start": 8, "end": 9, "score": -1.0},
        {"text": "لا", "start": 17, "end": 19, "score": 0.0},
    ]
    pair = [{"text": "狐狸", "start": 0, "end": 2, "score": -0.5}]
    source = Attributions(
        [
            Attribution("<yes>", 1.5, 0.5, text, words, "狐狸。", pair),
            Attribution("no", -0.25, 0.0, "", []),
        ]
    ).to_html()
    cells = Cells(source)
    assert cells.texts == [text, "狐狸。", ""]
    assert "&lt;yes&gt;" in source and ">+1.50<" in source and ">-0.25<" in source
    (_, blue, most), (title, orange, half), (_, _, none), (_, other, _) = cells.colored
    assert blue != orange == other
    assert most == pytest.approx(2 * half, abs=0.02)
    assert none == 0 < half
    assert title == "-1.000"
