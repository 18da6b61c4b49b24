"""Whether an exported model writes what the model writes.

As in `export.tasks`, nothing here is part of an exported graph.
"""

import numpy as np
import tensorflow as tf

from export.generation_inputs import generation_inputs
from export.parity import check_all, check_parity
from export.tasks.softmax import softmax
from xlm_tf.generation.beam_search import BeamSearch


class TextGenerationCheck:
    """Of an `XLMSeq2SeqLM` or `XLMCausalLM`: the ids, their score, and the text.

    The artefact may write another text than the model only if the model itself gives
    that text the score that the artefact says, and no worse than its own.
    """

    # Scores are logarithms: an error of theirs is relative to the probability.
    smallest = 1.0

    def __init__(self, task):
        self._task = task
        self._inputs = generation_inputs(task)

    def expected(self, inputs):
        """(token ids (B, T), scores (B,), the inputs of the search)."""
        decoded = self._task.decode(inputs)
        ids = decoded.token_ids[:, 0].numpy()
        return ids, decoded.scores[:, 0].numpy(), inputs

    def compare(self, answer, expected, tolerance, what):
        """See `export.tasks.Check`."""
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
        task, fields = self._task, dict(fields)
        inputs = task.preprocessor.generate_preprocess(fields)
        written = task.written(fields, inputs, tf.constant(ids)[:, None])
        written = task.preprocessor.generate_postprocess(*written).numpy()[:, 0]
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
        logits = self._inputs.logits(one, tf.constant(ids[:length]))  # (T, V)
        if isinstance(strategy, BeamSearch):
            penalty = float(length) ** strategy.length_penalty
            probabilities = softmax(np.asarray(logits, "float64"))
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
        tolerance, what: see `export.tasks.Check`.

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
