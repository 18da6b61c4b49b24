"""Summaries of a text's own sentences."""

import numpy as np
import pytest

import xlm_tf
from xlm_tf.models.extractive_summary import SentenceRanking, extracted, joined

TEXT = "The fox jumps.  The dog sleeps! Ein Hund schläft. 狐狸跳过了懒狗。敏捷的狐狸。"
SENTENCES = [
    "The fox jumps.",
    "The dog sleeps!",
    "Ein Hund schläft.",
    "狐狸跳过了懒狗。",
    "敏捷的狐狸。",
]


@pytest.fixture
def embedder(make_backbone, tokenizer):
    return xlm_tf.XLMTextEmbedder(
        make_backbone(embedding_initializer_range=0.5),
        xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, 32),
    )


def expected_order(vectors, diversity, position_weight):
    """As Carbonell and Goldstein write it: one after the other."""
    vectors = [x / np.linalg.norm(x) for x in vectors]
    mean = sum(vectors) / np.linalg.norm(sum(vectors))
    relevance = [
        (1 - position_weight) * (x @ mean) + position_weight / (i + 1)
        for i, x in enumerate(vectors)
    ]
    taken = []
    while len(taken) < len(vectors):
        left = [i for i in range(len(vectors)) if i not in taken]
        taken.append(
            max(
                left,
                key=lambda i: (
                    (1 - diversity) * relevance[i]
                    - diversity
                    * max((vectors[i] @ vectors[j] for j in taken), default=0)
                ),
            )
        )
    return taken, relevance


@pytest.mark.parametrize("diversity", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("position_weight", [0.0, 0.3])
def test_the_order_is_that_of_maximal_marginal_relevance(diversity, position_weight):
    vectors = np.random.default_rng(0).normal(1, 2, (9, 5))
    order, relevance = SentenceRanking(diversity, position_weight).order(vectors)
    expected, values = expected_order(vectors, diversity, position_weight)
    assert order == expected
    assert SentenceRanking(diversity, position_weight).order(vectors, 3)[0] == order[:3]
    np.testing.assert_allclose(relevance, values, atol=1e-12)


def test_what_is_said_twice_is_taken_once():
    vectors = np.array([[1, 0.1, 0], [1, 0.12, 0], [1, 0.11, 0], [0.2, 1, 0]])
    assert SentenceRanking(0, 0).order(vectors)[0][:2] != [2, 3]
    order, _ = SentenceRanking(0.6, 0).order(vectors)
    assert order[1] == 3
    assert SentenceRanking(0, 1).order(vectors)[0] == [0, 1, 2, 3]
    assert SentenceRanking().order(np.zeros((2, 3)))[0] == [0, 1]  # nothing known
    assert SentenceRanking().order(np.zeros((0, 3)))[0] == []


def test_sentences_come_word_for_word_in_their_order(embedder):
    texts = [TEXT, "", "  \n", "no end", "🙂. 🙃 ж."]
    for count in (1, 3, 9):
        found = embedder.summarize(texts, num_sentences=count)
        for text, own in zip(texts, found, strict=True):
            assert [x["text"] for x in own] == [
                text[x["start"] : x["end"]] for x in own
            ]
            starts = [x["start"] for x in own]
            assert starts == sorted(starts)
        assert [len(own) for own in found] == [min(count, 5), 0, 0, 1, min(count, 2)]
    assert [x["text"] for x in found[0]] == SENTENCES
    vectors = embedder.embed(SENTENCES)
    order, relevance = expected_order(vectors, 0.5, 0.1)
    (chosen,) = embedder.summarize(TEXT, num_sentences=2)
    assert [x["text"] for x in chosen] == [SENTENCES[i] for i in sorted(order[:2])]
    assert chosen[0]["score"] == pytest.approx(relevance[min(order[:2])], abs=1e-5)
    (lead,) = embedder.summarize(TEXT, 2, diversity=0, position_weight=1)
    assert [x["text"] for x in lead] == SENTENCES[:2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_sentences": 0}, "num_sentences must be a whole number, 1 at least"),
        ({"num_sentences": 1.5}, "num_sentences"),
        ({"diversity": 1.1}, "diversity must be a finite number, 0 at least, 1 at"),
        ({"position_weight": -0.1}, "position_weight must be"),
        ({"position_weight": "a"}, "position_weight must be"),
        ({"batch_size": 0}, "batch_size"),
        ({"language": "en"}, "reads every language alike"),
        ({"texts": None}, "text"),
        ({"texts": [3]}, "Row 0 is 3"),
    ],
)
def test_what_it_refuses(embedder, arguments, message):
    with pytest.raises(ValueError, match=message):
        embedder.summarize(**{"texts": [TEXT], **arguments})


def test_no_texts_and_no_reader(embedder, make_backbone):
    assert embedder.summarize([]) == []
    with pytest.raises(ValueError, match="has no preprocessor"):
        xlm_tf.XLMTextEmbedder(make_backbone()).summarize([TEXT])


def test_as_many_sentences_as_fit():
    spans = [(TEXT.index(x), TEXT.index(x) + len(x)) for x in SENTENCES]
    ranked = spans, [3, 0, 2, 4, 1], None
    assert extracted(TEXT, ranked, len, 8) == SENTENCES[3]
    # The third does not fit, and the fourth does.
    assert (
        extracted(TEXT, ranked, len, 29) == f"The fox jumps. {''.join(SENTENCES[3:])}"
    )
    assert extracted(TEXT, ranked, len, 2) == SENTENCES[3]  # none fits
    assert joined(TEXT, spans) == " ".join(TEXT.split())
    assert joined("", []) == ""
