"""How near an embedder puts texts that belong together, language by language."""

import numpy as np

from xlm_tf.evaluation.bootstrap import RowStatistics
from xlm_tf.evaluation.language_scores import language_scores
from xlm_tf.evaluation.number_scores import METRICS as NUMBER_METRICS
from xlm_tf.evaluation.number_scores import ranks, score_numbers
from xlm_tf.evaluation.retrieval import nearest


def accuracy(sums):
    """float (R, 3) -> (R,): the mean of both directions."""
    return (sums[:, 1] + sums[:, 2]) / (2 * sums[:, 0])


def forward(sums):
    """float (R, 3) -> (R,): how often a source's nearest target is its own."""
    return sums[:, 1] / sums[:, 0]


def backward(sums):
    """float (R, 3) -> (R,): how often a target's nearest source is its own."""
    return sums[:, 2] / sums[:, 0]


# Of pairs, and of pairs with a number.
RETRIEVAL_METRICS = {"accuracy": accuracy, "forward": forward, "backward": backward}
NUMBER_PAIR_METRICS = {name: NUMBER_METRICS[name] for name in ("spearman", "pearson")}


def predict(model, rows, batch_size=32):
    """The vectors of the texts of rows of one language, or pair of languages.

    Sources are encoded as queries, and targets as documents, where the model has
    prompts for them; texts with a `number` alike, as queries.

    Args:
        model: `XLMTextEmbedder` with a preprocessor.
        rows: list of N dict with `source` and `target`; it may have `negatives`, texts
            that a source is told from, and the model's names of the languages,
            `source_of_model` and `target_of_model`.
        batch_size: int.

    Returns:
        dict of float32 arrays: `source` and `target` (N, D), `negatives` (X, D).
    """
    columns = {side: [row[side] for row in rows] for side in ("source", "target")}
    columns["negatives"] = [text for row in rows for text in row.get("negatives", ())]
    vectors = {}
    for side, texts in columns.items():
        is_query = side == "source" or "number" in rows[0]
        encode = model.encode_query if is_query else model.encode_documents
        side_of_pair = "source" if side == "source" else "target"
        language = rows[0].get(f"{side_of_pair}_of_model")
        vectors[side] = encode(texts, language=language, batch_size=batch_size)
    return vectors


def score(model, rows, vectors, language, seed=0, intervals=True):
    """Score what `predict` gave for the rows of one language.

    Rows with `number` are scored by the rank correlation of numbers and cosines;
    others by retrieval: a source must find its target among the targets and negatives
    of all rows, and a target its source among the sources. What is a pair in another
    row is right, too.

    Args:
        model: `XLMTextEmbedder`.
        rows: see `predict`.
        vectors: dict of arrays.
        language: str.
        seed: int, of the resampling.
        intervals: bool, whether to resample.

    Returns:
        `LanguageScores` with `accuracy`, `forward` and `backward`; or `spearman` and
        `pearson`.
    """
    if "number" in rows[0]:
        numbers = [row["number"] for row in rows]
        cosines = _cosines(vectors)
        metrics = NUMBER_PAIR_METRICS
        return score_numbers(language, numbers, cosines, seed, intervals, metrics)
    hits = [[is_right for _, is_right in own] for own in _found(rows, vectors)]
    statistics = np.stack([np.ones(len(rows)), *hits], axis=1)
    return language_scores(
        language,
        RowStatistics.of(statistics),
        RETRIEVAL_METRICS,
        "accuracy",
        seed,
        intervals,
    )


def errors(model, rows, vectors, language):
    """The rows whose source finds another text; of numbers all, by their ranks.

    Returns:
        list of dict with `language`, `text`, `target`, `prediction`, `difference`: of
        the cosines, or of the ranks as a share of all.
    """
    cosines = _cosines(vectors)
    if "number" in rows[0]:
        numbers = np.array([row["number"] for row in rows], "float64")
        differences = np.abs(ranks(numbers) - ranks(cosines)) / len(rows)
        return [
            {
                "language": language,
                "text": f"{row['source']} / {row['target']}",
                "target": row["number"],
                "prediction": float(cosine),
                "difference": float(difference),
            }
            for row, cosine, difference in zip(rows, cosines, differences, strict=True)
        ]
    candidates, texts = _candidates(rows, vectors)
    found, _ = _found(rows, vectors)
    return [
        {
            "language": language,
            "text": row["source"],
            "target": row["target"],
            "prediction": texts[best],
            "difference": float(_cosine(own, candidates[best]) - cosine),
        }
        for row, own, cosine, (best, is_right) in zip(
            rows, vectors["source"], cosines, found, strict=True
        )
        if not is_right
    ]


def _candidates(rows, vectors):
    """What sources look among: the vectors (C, D) and their texts."""
    texts = [row["target"] for row in rows]
    if not len(vectors["negatives"]):
        return vectors["target"], texts
    texts += [text for row in rows for text in row["negatives"]]
    return np.concatenate([vectors["target"], vectors["negatives"]]), texts


def _found(rows, vectors):
    """What sources and what targets find: two lists of (number, is it right)."""
    pairs = {(row["source"], row["target"]) for row in rows}
    candidates, texts = _candidates(rows, vectors)
    to_target = nearest(vectors["source"], candidates)
    to_source = nearest(vectors["target"], vectors["source"])
    return (
        [
            (int(best), (row["source"], texts[best]) in pairs)
            for row, best in zip(rows, to_target, strict=True)
        ],
        [
            (int(best), (rows[best]["source"], row["target"]) in pairs)
            for row, best in zip(rows, to_source, strict=True)
        ],
    )


def _cosines(vectors):
    """float64 array (N,), of every source and its target."""
    pairs = zip(vectors["source"], vectors["target"], strict=True)
    return np.array([_cosine(*pair) for pair in pairs])


def _cosine(a, b):
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    return a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-12)
