"""A task as a SavedModel: text in, answer out, for TF Serving."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from export.answers import answer_of
from export.check_texts import CHECK_TEXTS
from export.encoder import InferenceEncoder
from export.fresh_process import run_in_fresh_process
from export.inference_layers import WeightStore, owned_variables
from export.layouts import PackedLayout
from export.parity import check_parity, tolerance_for
from export.text_generation import TextGenerationModule
from export.warmup import write_batching_parameters, write_warmup
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM

DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What an export left behind.

    Attributes:
        path: Path of the artefact.
        num_bytes: int, size on disk.
        signatures: tuple of str.
        difference: float, the largest distance of an answer from the model's, relative
            to the answer's length.
    """

    path: Path
    num_bytes: int
    signatures: tuple[str, ...]
    difference: float


def to_saved_model(
    task,
    directory,
    labels=None,
    pairs=False,
    top_k=5,
    dtype="float32",
    freeze_weights=False,
    warmup_batch_sizes=(1, 8, 64),
    check_texts=CHECK_TEXTS,
    tolerance=None,
):
    """Export a task as a version directory of TF Serving.

    The graph takes raw text: tokenizer and preprocessing are in it. Its encoder is
    made for inference from the task's weights, and computes dense layers on the real
    tokens of a batch only. Signatures:

    | task | `serving_default` takes | and answers |
    |---|---|---|
    | `XLMTextClassifier` | `text` string (B,), with `pairs` also `text_pair` | \
`label` string (B,), `probabilities` float32 (B, C) |
    | `XLMTextEmbedder` | `text` | `embedding` float32 (B, D) |
    | `XLMMaskedLM` | `text` that holds `<mask>` | `tokens` string (B, k), `scores` \
float32 (B, k) |
    | `XLMSeq2SeqLM` | `text`, and `source_language` and `target_language` where it \
has several | `output_text` string (B,), `score` float32 (B,) |

    Models with language embeddings, and those with XLM's BPE tokenizer, whose rules
    for words depend on it, also take `language` string (B,), and `language_pair` for
    pairs. The signature `token_ids` answers the same for
    `token_ids` int32 (B, T), padded with the model's padding id (and `language_ids`
    int32 (B, T)), for clients that tokenise themselves.

    Before the function returns, the directory is loaded in a fresh process by the
    session loader that TF Serving uses, and its answers are compared with the task's.

    Args:
        task: a task with a preprocessor.
        directory: str or Path, `NAME/VERSION` with an integer version. Must not exist.
        labels: list of str, names of a classifier's classes. Defaults to the task's
            own `labels`, or "0", "1", ...
        pairs: bool, a classifier of pairs of texts.
        top_k: int, candidates for a mask.
        dtype: "float32" or "bfloat16", of the matrices and their products.
        freeze_weights: bool, hold the matrices as constants of the graph, which
            oneDNN packs once: faster on small batches, more memory.
        warmup_batch_sizes: ints, a warm-up request each; () for none.
        check_texts: list of str, what the answers are compared on.
        tolerance: float, largest relative distance of an answer from the task's.
            Defaults to 1e-4, and 5e-2 where either computes in bfloat16.

    Returns:
        `ExportReport`.

    Raises:
        ValueError: a task, label, directory name or argument that does not fit.
        FileExistsError: the directory exists.
        ParityError: the artefact answers differently; it is deleted.

    Example:
    ```python
    export.to_saved_model(classifier, "models/sentiment/1", labels=["bad", "good"])
    ```
    """
    directory = Path(directory)
    _check(task, directory, pairs, dtype)
    store = WeightStore(frozen=freeze_weights, dtype=dtype)
    if isinstance(task, XLMSeq2SeqLM):
        if labels is not None:
            raise ValueError("Only a classifier has labels, not an XLMSeq2SeqLM.")
        module = TextGenerationModule(task, store)
    else:
        module = TextModule(task, store, labels, pairs, top_k)
    texts = as_bytes(check_texts, module.answer.check_prefix)
    calls = [("serving_default", module.text_inputs(texts))]
    inputs = module.pack(calls[0][1])
    calls.append(("token_ids", module.token_inputs(inputs)))

    directory.parent.mkdir(parents=True, exist_ok=True)
    # Under a name that no server takes for a version, until it is whole and checked.
    partial = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        tf.saved_model.save(module, str(partial), signatures=module.signatures())
        write_batching_parameters(partial)
        if warmup_batch_sizes:
            repeated = texts * (max(warmup_batch_sizes) // len(texts) + 1)
            write_warmup(
                partial,
                [
                    ("serving_default", module.text_inputs(repeated[:size]))
                    for size in warmup_batch_sizes
                ],
            )
        answers = run_in_fresh_process("export.run_saved_model", partial, calls)
        difference = max(
            check_parity(
                answer[module.answer.checked_output],
                expected,
                tolerance_for(task, dtype) if tolerance is None else tolerance,
                f"The signature {name}",
            )
            for (name, _), answer, expected in zip(
                calls,
                answers,
                [np.asarray(module.answer.expected(inputs))] * 2,
                strict=True,
            )
        )
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return ExportReport(
        path=directory,
        num_bytes=sum(f.stat().st_size for f in directory.rglob("*") if f.is_file()),
        signatures=tuple(name for name, _ in calls),
        difference=difference,
    )


def check_task(task):
    """Raise a ValueError for a task that cannot read text."""
    preprocessor = getattr(task, "preprocessor", None)
    if preprocessor is None:
        raise ValueError(
            "An exported model reads text: give the task a preprocessor. Received: a "
            f"{type(task).__name__} without one."
        )
    if preprocessor.sequence_length > task.backbone.max_sequence_length:
        raise ValueError(
            "The preprocessor's texts may be longer than the model's positions: set "
            "its sequence_length to at most max_sequence_length. Received: "
            f"sequence_length={preprocessor.sequence_length}, "
            f"max_sequence_length={task.backbone.max_sequence_length}."
        )


def _check(task, directory, pairs, dtype):
    check_task(task)
    if pairs and not hasattr(task, "num_classes"):
        raise ValueError(f"Only a classifier reads pairs, not {type(task).__name__}.")
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {DTYPES}. Received: dtype={dtype!r}.")
    if not directory.name.isdecimal() or int(directory.name) == 0:
        raise ValueError(
            "The last part of the directory must be a version, a positive integer, as "
            "in models/sentiment/1: TF Serving loads nothing else. Received: "
            f"{directory}."
        )
    if directory.exists():
        raise FileExistsError(
            f"{directory} exists and stays as it is. Export under the next version, or "
            "delete it first."
        )


class TextModule(tf.Module):
    """The graph of an exported task, on copies of its weights.

    Not the Keras model itself: saved within a module, it cannot be loaded by the
    session loader, and `model.export()` stores every weight twice.

    Args:
        task, labels, pairs, top_k: as in `to_saved_model`.
        store: `WeightStore`.
    """

    def __init__(self, task, store, labels, pairs, top_k):
        super().__init__()
        preprocessor = task.preprocessor
        self._pack = preprocessor.pack
        backbone = task.backbone
        self._pad_token_id = backbone.pad_token_id
        self._vocabulary_size = backbone.vocabulary_size
        self._max_length = backbone.max_sequence_length
        self._has_languages = preprocessor.languages is not None
        self._default_language = preprocessor.language
        self._num_languages = len(preprocessor.languages or ())
        self.text_names = ["text", *(["text_pair"] if pairs else [])]
        if self._has_languages or _reads_language(preprocessor.tokenizer):
            self.text_names += ["language", *(["language_pair"] if pairs else [])]
        encoder = InferenceEncoder(backbone, store)
        self.answer = answer_of(task, store, encoder, labels, top_k)
        # Read again where the graph is loaded.
        self.vocabulary = preprocessor.tokenizer.graph_resources
        # The module owns what the closures below use.
        self.weights = owned_variables(encoder, self.answer)

        # One function for both signatures: frozen weights are in the graph once.
        @tf.function
        def compute(inputs):
            layout = PackedLayout(inputs["padding_mask"])
            x = encoder(
                inputs["token_ids"],
                inputs["padding_mask"],
                layout,
                inputs.get("language_ids"),
            )
            return self.answer.numbers(x, layout, inputs)

        spec = {
            "token_ids": tf.TensorSpec([None, None], tf.int32),
            "padding_mask": tf.TensorSpec([None, None], tf.bool),
        }
        if self._has_languages:
            spec["language_ids"] = tf.TensorSpec([None, None], tf.int32)
        self._compute = compute.get_concrete_function(spec)

    def signatures(self):
        """dict from signature name to concrete function."""

        @tf.function
        def serving_default(**fields):
            return self.answer.words(self._compute(inputs=self.pack(fields)))

        @tf.function
        def token_ids(**fields):
            return self.answer.words(self._compute(inputs=self._checked(fields)))

        ids = ["token_ids", *(["language_ids"] if self._has_languages else [])]
        return {
            "serving_default": serving_default.get_concrete_function(
                **{x: tf.TensorSpec([None], tf.string, x) for x in self.text_names}
            ),
            "token_ids": token_ids.get_concrete_function(
                **{x: tf.TensorSpec([None, None], tf.int32, x) for x in ids}
            ),
        }

    def pack(self, fields):
        """dict of string tensors (B,) -> the backbone's inputs."""
        return dict(self._pack(dict(fields)))

    def text_inputs(self, texts):
        """The inputs of `serving_default` for some texts (bytes)."""
        texts = np.array(texts, object)
        inputs = {"text": texts, "text_pair": np.roll(texts, 1)}
        if "language" in self.text_names:
            language = self._default_language or self._any_language()
            inputs["language"] = np.array([language.encode()] * len(texts), object)
            inputs["language_pair"] = inputs["language"]
        return {name: inputs[name] for name in self.text_names}

    def token_inputs(self, inputs):
        """The inputs of `token_ids` for packed texts."""
        names = ("token_ids", "language_ids")
        return {name: inputs[name].numpy() for name in names if name in inputs}

    def _any_language(self):
        preprocessor = self._pack.__self__
        if preprocessor.languages:
            return preprocessor.languages[0]
        return preprocessor.tokenizer.language

    def _checked(self, fields):
        """Ids from outside: in the vocabulary, and no longer than the positions."""
        token_ids = fields["token_ids"]
        checks = [
            _assert_in_range("token_ids", token_ids, self._vocabulary_size),
            tf.debugging.assert_less_equal(
                tf.shape(token_ids)[1],
                self._max_length,
                f"token_ids are longer than the model's {self._max_length} positions",
            ),
        ]
        if self._has_languages:
            language_ids = fields["language_ids"]
            checks.append(
                _assert_in_range("language_ids", language_ids, self._num_languages)
            )
        with tf.control_dependencies(checks):
            return {
                **{name: tf.identity(value) for name, value in fields.items()},
                "padding_mask": tf.not_equal(token_ids, self._pad_token_id),
            }


def _reads_language(tokenizer):
    return getattr(tokenizer, "reads_language", False)


def _assert_in_range(name, ids, size):
    is_legal = tf.reduce_all(tf.logical_and(ids >= 0, ids < size))
    return tf.debugging.Assert(is_legal, [f"{name} must lie in [0, {size - 1}]"])


def as_bytes(texts, prefix=""):
    """Texts (str or bytes) as bytes, each after a prefix."""
    return [
        prefix.encode() + (text if isinstance(text, bytes) else text.encode())
        for text in texts
    ]
