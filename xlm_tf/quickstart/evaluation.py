"""What the quickstart's models reach on held-out messages."""

import numpy as np

from xlm_tf.evaluation.retrieval import retrieval_accuracy
from xlm_tf.quickstart.corpus import EVERY_LANGUAGE, LANGUAGES, MIN_CANDIDATES


def embed_with(embedder):
    """The function that `evaluate_retrieval` asks for vectors."""
    return lambda texts: embedder.predict(texts, batch_size=128, verbose=0)


def evaluate_retrieval(embed, corpus, languages=LANGUAGES):
    """Top-1 accuracy of English <-> every language on held-out messages.

    The candidates are the held-out texts of the other language; where these are fewer
    than 200, training texts join them as distractors (they are never right answers).

    Args:
        embed: function, list of str -> float array (B, D).
        corpus: `MessageCorpus`.
        languages: list of str.

    Returns:
        dict from language to `training_pairs`, `training_sentences` (of at least three
        words in English), `queries`, `candidates`, `from_english`, `to_english`.
    """
    searches = {}
    for language in languages:
        pairs = corpus.pairs(language, True)
        swapped = [(target, source) for source, target in pairs]
        searches[language] = (
            _search(pairs, _distractors(corpus, language)),
            _search(swapped, _distractors(corpus, "en")),
        )
    both = [search for two in searches.values() for search in two]
    texts = {text for queries, *_ in both for text in queries}
    texts |= {text for _, candidates, _ in both for text in candidates}
    # Each text once, texts of a length together.
    texts = sorted(texts, key=lambda text: (len(text), text))
    vectors = dict(zip(texts, embed(texts), strict=True))
    results = {}
    for language, two in searches.items():
        accuracies = [
            retrieval_accuracy(
                [vectors[text] for text in queries],
                [vectors[text] for text in candidates],
                right,
            )
            for queries, candidates, right in two
        ]
        results[language] = {
            "training_pairs": len(corpus.pairs(language, False)),
            "training_sentences": len(corpus.sentences(language)),
            "queries": len(corpus.pairs(language, True)),
            "candidates": min(len(candidates) for _, candidates, _ in two),
            "from_english": accuracies[0],
            "to_english": accuracies[1],
        }
    return results


def _distractors(corpus, language):
    """Training texts, sentences first, then words and phrases."""
    texts = [*corpus.sentences(language), *corpus.texts(language, False)]
    return list(dict.fromkeys(texts))


def _search(pairs, distractors):
    """Queries, candidates, and the numbers of every query's right candidates."""
    right = {}
    for query, answer in pairs:
        right.setdefault(query, set()).add(answer)
    candidates = sorted({answer for _, answer in pairs})
    known = set(candidates)
    extra = [text for text in distractors if text not in known]
    candidates += extra[: max(MIN_CANDIDATES - len(candidates), 0)]
    number = {text: n for n, text in enumerate(candidates)}
    queries = sorted(right)
    return queries, candidates, [{number[a] for a in right[q]} for q in queries]


def evaluate_routing(classifier, corpus):
    """Accuracy on held-out messages of every language, and of the majority class.

    The majority class is the one most frequent among the held-out messages of that
    language: the strongest constant answer.
    """
    labels = classifier.labels
    results = {}
    for language in EVERY_LANGUAGE:
        pairs = (
            [(message, message) for message in corpus.texts("en", True)]
            if language == "en"
            else corpus.pairs(language, True)
        )
        examples = [
            (text, labels.index(corpus.packages[message]))
            for message, text in pairs
            if corpus.packages.get(message) in labels
        ]
        texts, expected = zip(*examples, strict=True)
        logits = classifier.predict(list(texts), batch_size=128, verbose=0)
        predicted = np.argmax(logits, axis=1)
        results[language] = {
            "messages": len(texts),
            "accuracy": float(np.mean(predicted == np.array(expected))),
            "majority": float(np.bincount(expected).max() / len(expected)),
        }
    return results
