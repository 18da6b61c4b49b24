"""What the task itself answers, and whether an artefact's answer is that.

Nothing here is part of an exported graph: the Keras model computes logits, vectors or
texts, and NumPy does the rest, so that a mistake of the export is none of the check's.

Numbers may differ by a tolerance. Where a choice hangs on them (a label, a token, a
written text), the artefact may choose otherwise only if the model's own numbers are
that close for both.
"""

import numpy as np
import tensorflow as tf

from export.parity import check_all, check_parity
from xlm_tf.generation.beam_search import BeamSearch
from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM
from xlm_tf.models.text_classifier import XLMTextClassifier

# By how many tolerances the logarithm of a probability may differ: tokens that are
# improbable differ by more than the row of all.
_LOGARITHMS = 10


def check_of(task, labels=None, top_k=5):
    """The check that fits a task: has `expected` and `compare`.

    Args:
        task: a task that can be exported.
        labels: list of str, names of the classes of a classifier.
        top_k: int, candidates for a mask.
    """
    if isinstance(task, XLMTextClassifier):
        return ClassificationCheck(task, labels)
    if isinstance(task, XLMMaskedLM):
        return FilledMaskCheck(task, top_k)
    if isinstance(task, XLMSeq2SeqLM):
        return WrittenTextCheck(task)
    return VectorCheck(task)


class VectorCheck:
    """Of an `XLMTextEmbedder`."""

    def __init__(self, task):
        self._task = task

    def expected(self, inputs):
        """What the task answers to the backbone's inputs: float (B, D)."""
        return np.asarray(self._task(inputs, training=False), "float64")

    def compare(self, answer, expected, tolerance, what):
        """Compare an answer with the expected one.

        Args:
            answer: dict from output name to array, the artefact's.
            expected: what `expected` gave.
            tolerance: float, see `check_parity`.
            what: str, for the error.

        Returns:
            float, the largest relative distance.

        Raises:
            ParityError: an answer that is not the model's.
        """
        return check_parity(answer["embedding"], expected, tolerance, what)


class ClassificationCheck:
    """Of an `XLMTextClassifier`."""

    def __init__(self, task, labels):
        self._task = task
        self._labels = labels

    def expected(self, inputs):
        """float (B, C), the probabilities, or the numbers of a regression."""
        logits = np.asarray(self._task(inputs, training=False), "float64")
        if self._task.get_config()["activation"] != "linear":
            return logits  # no logits, then
        if self._task.problem_type == "single_label_classification":
            return _softmax(logits)
        if self._task.problem_type == "multi_label_classification":
            return 0.5 * (1.0 + np.tanh(0.5 * logits))
        return logits

    def compare(self, answer, expected, tolerance, what):
        """See `VectorCheck`; also the label."""
        if self._task.problem_type == "regression":
            # A sum is as exact as its terms, which are no smaller where it is zero.
            smallest = np.sqrt(np.mean(np.square(expected))) if expected.size else 1.0
            return check_parity(answer["scores"], expected, tolerance, what, smallest)
        # The same for probabilities that need not sum to 1.
        numbers = np.asarray(answer["probabilities"])
        distance = check_parity(numbers, expected, tolerance, what, smallest=0.5)
        if "label" in answer:
            number_of = {label.encode(): i for i, label in enumerate(self._labels)}
            chosen = np.array([number_of.get(bytes(x), -1) for x in answer["label"]])
            values = numbers[np.arange(len(chosen)), chosen]
            check_all(
                (chosen >= 0) & (values == numbers.max(axis=1, initial=0.0)),
                f"label of {what}",
                lambda row: (
                    f"is called {answer['label'][row]!r}, and has the probabilities "
                    f"{numbers[row].tolist()} of {self._labels}"
                ),
            )
        return distance


class FilledMaskCheck:
    """Of an `XLMMaskedLM`."""

    def __init__(self, task, top_k):
        self._task = task
        self._top_k = top_k
        self._tokenizer = getattr(task.preprocessor, "tokenizer", None)

    def expected(self, inputs):
        """float (B, V), the probabilities at the mask; zeros where there is none."""
        inputs = dict(inputs)
        if self._tokenizer is None:
            position = np.asarray(inputs.pop("mask_position"))
            has_mask = np.ones(len(position), bool)
        else:
            is_mask = np.asarray(inputs["token_ids"]) == self._tokenizer.mask_token_id
            position, has_mask = is_mask.argmax(axis=1), is_mask.any(axis=1)
        inputs["mask_positions"] = tf.constant(position[:, None], "int32")
        logits = np.asarray(self._task(inputs, training=False)[:, 0], "float64")
        return _softmax(logits) * has_mask[:, None]

    def compare(self, answer, expected, tolerance, what):
        """See `VectorCheck`; the tokens must be as probable as the scores say."""
        best = -np.sort(-expected, axis=1)[:, : self._top_k]
        scores = answer["scores"]
        distance = check_parity(scores, best, tolerance, f"scores of {what}")
        pad = self._task.backbone.pad_token_id
        if "tokens" in answer:
            said = answer["tokens"]
            ids_of = {b"": [pad]}
            for token_id, token in enumerate(self._tokenizer.get_vocabulary()):
                ids_of.setdefault(token.encode(), []).append(token_id)
            ids = np.array(
                [
                    [
                        max(ids_of.get(bytes(x), [-1]), key=lambda i: expected[row, i])
                        for x in tokens
                    ]
                    for row, tokens in enumerate(said)
                ]
            ).reshape(best.shape)
        else:
            ids = said = np.asarray(answer["token_ids"])
        is_known = (ids >= 0) & (ids < expected.shape[1])
        named = np.take_along_axis(expected, np.where(is_known, ids, 0), axis=1)
        # Every token by itself: beside a likely one, others are hardly in a distance.
        logarithms = [np.log(np.maximum(x, 1e-30)) for x in (named, best, scores)]
        is_right = is_known.copy()
        for other in logarithms[1:]:
            is_right &= np.abs(logarithms[0] - other) <= _LOGARITHMS * tolerance
        has_mask = best[:, :1] > 0
        is_right = np.where(has_mask, is_right, ids == pad).all(axis=1)
        check_all(
            is_right,
            f"Tokens of {what}",
            lambda row: (
                f"is filled with {said[row].tolist()}, of the probabilities "
                f"{named[row].tolist()}; the largest are {best[row].tolist()}"
            ),
        )
        return distance


class WrittenTextCheck:
    """Of an `XLMSeq2SeqLM`: the ids that it writes, their score, and the text.

    The artefact may write another text than the model only if the model itself gives
    that text the score that the artefact says, and no worse than its own.
    """

    # Scores are logarithms: an error of theirs is relative to the probability.
    smallest = 1.0

    def __init__(self, task):
        self._task = task

    def expected(self, inputs):
        """(token ids (B, T), scores (B,), the inputs of the search)."""
        decoded = self._task.decode(inputs)
        ids = decoded.token_ids[:, 0].numpy()
        return ids, decoded.scores[:, 0].numpy(), inputs

    def compare(self, answer, expected, tolerance, what):
        """See `VectorCheck`."""
        ids, scores, inputs = expected
        own_ids, own_scores = answer["output_token_ids"], answer["score"]
        width = max(ids.shape[1], own_ids.shape[1])
        pad = self._task.preprocessor.tokenizer.pad_token_id
        ids, own_ids = (
            np.pad(x, ((0, 0), (0, width - x.shape[1])), constant_values=pad)
            for x in (ids, own_ids)
        )
        # What the model says of the artefact's text, and whether it may be the best.
        truth = np.array(scores, "float64")
        for row in np.flatnonzero((ids != own_ids).any(axis=1)):
            truth[row] = self._score(inputs, row, own_ids[row])
        distance = check_parity(
            own_scores, truth, tolerance, f"score of {what}", self.smallest
        )
        if isinstance(self._task.decoding_strategy, BeamSearch):
            lengths = np.maximum(np.abs(scores), self.smallest)
            check_all(
                scores - truth <= 2 * tolerance * lengths,
                f"output_token_ids of {what}",
                lambda row: (
                    f"is written with the score {truth[row]:.4g}, which the model "
                    f"does with {scores[row]:.4g}"
                ),
            )
        return distance

    def compare_texts(self, texts, ids, fields, what):
        """Whether texts are those of some ids.

        Args:
            texts: array of bytes (B,), the artefact's.
            ids: int array (B, T), which `compare` found right.
            fields: dict, the texts and languages that were read.
            what: str, for the error.

        Raises:
            ParityError: a text that is not.
        """
        preprocessor = self._task.preprocessor
        written = preprocessor.generate_postprocess(
            tf.constant(ids), preprocessor.copies_from(dict(fields))
        ).numpy()
        check_all(
            [bytes(text) == other for text, other in zip(texts, written, strict=True)],
            f"output_text of {what}",
            lambda row: (
                f"is {texts[row].decode(errors='replace')!r}, and its tokens are "
                f"{written[row].decode(errors='replace')!r}"
            ),
        )

    def _score(self, inputs, row, ids):
        """What the model says of a text: its probabilities all at once, not stepwise.

        Args:
            inputs: dict of the search's inputs.
            row: int, of which source.
            ids: int array (T,), with padding.

        Returns:
            float; minus infinity for what no search can write.
        """
        task = self._task
        tokenizer = task.preprocessor.tokenizer
        strategy = task.decoding_strategy
        is_end = np.isin(ids, strategy.stop_ids(tokenizer.end_token_id))
        length = int(is_end.argmax()) + 1 if is_end.any() else len(ids)
        if not is_end.any():
            while length and ids[length - 1] == tokenizer.pad_token_id:
                length -= 1
        if not length or (ids[length:] != tokenizer.pad_token_id).any():
            return -np.inf
        if (ids < 0).any() or (ids >= task.backbone.vocabulary_size).any():
            return -np.inf
        one = {name: value[row : row + 1] for name, value in inputs.items()}
        prompt = np.asarray(one.pop("prompt"))  # (1, P)
        decoder_ids = np.concatenate([prompt, ids[None, : length - 1]], axis=1)
        one["decoder_token_ids"] = tf.constant(decoder_ids, "int32")
        one["decoder_padding_mask"] = tf.ones(decoder_ids.shape, "bool")
        if "target_language_ids" in one:
            language = one.pop("target_language_ids")  # (1,)
            one["decoder_language_ids"] = tf.repeat(
                language[:, None], decoder_ids.shape[1], axis=1
            )
        logits = task(one, training=False)[0, prompt.shape[1] - 1 :]  # (T, V)
        if isinstance(strategy, BeamSearch):
            penalty = float(length) ** strategy.length_penalty
            probabilities = _softmax(np.asarray(logits, "float64"))
        else:
            penalty = 1.0
            probabilities = np.asarray(strategy.sampler.compute_probabilities(logits))
        chosen = probabilities[np.arange(length), ids[:length]]
        return float(np.sum(np.log(np.maximum(chosen, 1e-30))) / penalty)


def compare_tensors(answer, expected, tolerance, what):
    """Compare tensors of parts of a model, each text of each layer for itself.

    Args:
        answer: dict from output name to float array.
        expected: dict from output name to float array (B, D), or (L, B, ...).
        tolerance, what: see `VectorCheck.compare`.

    Returns:
        float, the largest relative distance.
    """
    return max(
        check_parity(
            _as_rows(answer[name]), _as_rows(value), tolerance, f"{name} of {what}"
        )
        for name, value in expected.items()
    )


def _as_rows(x):
    """(L, B, ...) -> (L * B, ...): a text of a layer is a row."""
    x = np.asarray(x)
    return x.reshape((-1, *x.shape[2:])) if x.ndim > 2 else x


def _softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-1e30))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)
