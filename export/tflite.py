"""A task as a TFLite file, for phones and other small machines."""

import importlib.util
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from export.answer_checks import check_of
from export.answers import FilledMaskAnswer, answer_of, labels_of
from export.check_texts import CHECK_TEXTS, as_bytes, check_ids, with_special_words
from export.description import describe, tokenizer_assets
from export.encoder import InferenceEncoder
from export.fresh_process import run_in_fresh_process
from export.inference_layers import WeightStore, owned_variables
from export.input_checks import fitted
from export.layouts import PaddedLayout
from export.long_texts import within_positions
from export.parity import tolerance_for
from export.phone_tokenizer import PhoneTokenizer
from export.saved_model import ExportReport, check_task
from export.tflite_file import finished, operations
from export.tflite_generation import GenerationModule
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM

QUANTIZATIONS = (None, "float16", "int8")
TOKENIZER_OP = "TFText>FastSentencepieceTokenize"


def to_tflite(
    task,
    path,
    quantization=None,
    string_input=False,
    labels=None,
    top_k=5,
    lengths=(),
    check_texts=CHECK_TEXTS,
    tolerance=None,
):
    """Export a task as a `.tflite` file of builtin ops.

    `serving_default` takes `token_ids` int32 (B, T), padded with the model's padding
    id (and `language_ids` int32 (B, T) where the model has languages), and answers
    numbers: `probabilities` float32 (B, C), `embedding` float32 (B, D), or `token_ids`
    int32 (B, k) and `scores` float32 (B, k) for a mask; of a regression, `scores`
    float32 (B, C). A signature `length_N` does the same for one text of N tokens, in
    fixed shapes, which browsers and some accelerators need; all signatures share the
    weights. `serving_default` is also what runtimes run that know no signatures.

    Of a text of more tokens than the model has positions, the first are read, and the
    end token. Ids outside of the vocabulary are an error of the interpreter.

    An `XLMSeq2SeqLM` compiled with a `BeamSearch` (or "greedy") gets

    - `serving_default`, which searches: `encoder_token_ids` int32 (B, S) and `prompt`
      int32 (B, P), the first tokens of the target (and `encoder_language_ids`
      int32 (B, S), `target_language_ids` int32 (B,)) -> `output_token_ids` int32
      (B, T), with the end token, then padding, and `score` float32 (B,);
    - for a search of the app's own, `encode`: `encoder_token_ids` -> `source_keys` and
      `source_values` float32 (L, B, H, S, K), `source_mask` int32 (B, S); and
      `decode_step`: those three, `token_ids` int32 (B,), `index` int32, their
      position, and the cache `keys` and `values` float32 (L, B, H, T, K), zeros at
      first, T the longest target -> `logits` float32 (B, V) and the cache. With
      `lengths`, `encode_N` and `decode_step_N` do it in fixed shapes for one text of N
      tokens, T = min(N + N // 2 + 10, the positions).

    With `string_input` the file takes `text` string (B,) instead and answers words, as
    a SavedModel does. It then holds one custom op, TensorFlow Text's
    `TFText>FastSentencepieceTokenize`, which an app must link and register.

    What an app must know lies within the file (`export.tflite_file.read_description`)
    and, the same, beside it in `NAME.tflite.json`: special ids and the rule that makes
    ids, maximum length, labels, languages. The tokenizer's files, which that names,
    are there too: `NAME.tflite.vocabulary.spm`, or those of XLM's BPE.

    Before the function returns, the file is run in a fresh process by LiteRT, and its
    answers are compared with the task's.

    Args:
        task: a task. One without a preprocessor takes ids; its `XLMMaskedLM` takes
            `mask_position` int32 (B,) too.
        path: str or Path of the file. Must not exist, nor those beside it.
        quantization: None (float32), "float16", or "int8": matrices and embedding
            tables in 8 bits with a scale a row, activations quantised as they come.
        string_input: bool, put the tokenizer into the file.
        labels: list of str, names of a classifier's classes. Defaults to the task's
            own, or "0", "1", ...
        top_k: int, candidates for a mask.
        lengths: ints, fixed lengths in tokens that get a signature each.
        check_texts: list of str, what the answers are compared on, beside texts with
            `<mask>` and with the words that were added to the vocabulary.
        tolerance: float, largest relative distance of an answer from the task's.
            Defaults to 1e-4, 1e-2 for float16 and 0.1 for int8.

    Returns:
        `export.ExportReport`.

    Raises:
        ValueError: an argument that does not fit, or a task whose text cannot be read
            on a phone exactly as in training.
        FileExistsError: the file exists.
        ModuleNotFoundError: the extra `mobile` is not installed.
        ParityError: the file answers differently; it is deleted.

    Example:
    ```python
    export.to_tflite(classifier, "sentiment.tflite", quantization="int8")
    ```
    """
    path = Path(path)
    check_task(task)
    if isinstance(task, XLMSeq2SeqLM):
        _check_text_generation(labels, string_input)
    _check(task, path, quantization, string_input, lengths)
    labels = labels_of(task, labels)
    if isinstance(task, XLMSeq2SeqLM):
        module = GenerationModule(task, lengths, _lookup)
    else:
        make_module = _StringModule if string_input else _TokenModule
        module = make_module(task, labels, top_k, lengths)
    beside = _files_beside(task, path, labels)
    for other, content in beside.items():
        # The same is what an export that was stopped has left.
        if other.exists() and other.read_bytes() != content:
            raise FileExistsError(
                f"{other} exists and stays as it is: it would describe {path.name}. "
                "Choose another name or delete it first."
            )
    model = _convert(module, half=quantization == "float16")
    if quantization == "int8":
        from export.quantization import quantize_to_int8

        model = quantize_to_int8(model)
    check_operations(model, allow_tokenizer=string_input)
    model = finished(model, json.loads(beside[_description_path(path)]))

    calls = module.checks(check_texts)
    if tolerance is None:
        tolerance = tolerance_for(task, quantization or "float32")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(model)
        answers = run_in_fresh_process(
            "export.run_string_tflite" if string_input else "export.run_tflite",
            partial,
            [(name, inputs) for name, inputs, _ in calls],
        )
        difference = _compare(calls, answers, tolerance)
        for other, content in beside.items():
            other.write_bytes(content)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return ExportReport(
        path=path,
        num_bytes=path.stat().st_size,
        signatures=tuple(dict.fromkeys(name for name, *_ in calls)),
        difference=difference,
        files=tuple(beside),
    )


def _compare(calls, answers, tolerance):
    """The largest distance of the answers from the task's, see `export.answer_checks`.

    Args:
        calls: list of (signature name, inputs, comparison).
        answers: list of dicts of arrays, one a call.
        tolerance: float.

    Raises:
        ParityError: an answer is not the task's.
    """
    return max(
        compare(answer, tolerance, f"the signature {name}")
        for (name, _, compare), answer in zip(calls, answers, strict=True)
    )


def _description_path(path):
    return path.with_name(f"{path.name}.json")


def _files_beside(task, path, labels):
    """dict from Path to bytes: the description, and the tokenizer's files."""
    files = {}
    if task.preprocessor is not None:
        assets = tokenizer_assets(task.preprocessor.tokenizer)
        files = {
            path.with_name(f"{path.name}.{name}"): content
            for name, content in assets.items()
        }
    document = describe(task, labels, [file.name for file in files])
    text = json.dumps(document, ensure_ascii=False, indent=2)
    return {_description_path(path): text.encode("utf-8"), **files}


def _check_text_generation(labels, string_input):
    if labels is not None or string_input:
        raise ValueError(
            "A phone's runtime has no op that makes text of token ids: export an "
            "XLMSeq2SeqLM with string_input=False and without labels."
        )


def _check(task, path, quantization, string_input, lengths):
    # Not imported here: the check runs in a process of its own.
    for package in ("ai_edge_litert", "ai_edge_quantizer"):
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(
                f"TFLite export needs {package}, which is not installed: pip install "
                "'xlm-tf[mobile]'."
            )
    if quantization not in QUANTIZATIONS:
        raise ValueError(
            f"quantization must be one of {QUANTIZATIONS}. "
            f"Received: quantization={quantization!r}."
        )
    longest = task.backbone.max_sequence_length
    if any(not 2 <= length <= longest for length in lengths):
        raise ValueError(
            f"lengths must lie between 2 and the model's {longest} positions. "
            f"Received: lengths={tuple(lengths)}."
        )
    if string_input and task.preprocessor is None:
        raise ValueError(
            "string_input needs a task with a preprocessor, whose tokenizer goes into "
            f"the file. Received: a {type(task).__name__} without one."
        )
    if path.exists():
        raise FileExistsError(
            f"{path} exists and stays as it is. Choose another name or delete it first."
        )


@tf.function(experimental_implements="embedding_matmul")
def _lookup(table, ids):
    """Rows of a table, as the op EMBEDDING_LOOKUP: GATHER is never quantised."""
    return tf.gather(table, ids)


class _Module(tf.Module):
    """What both variants share: the encoder and the answer."""

    def __init__(self, task, labels, top_k):
        super().__init__()
        self._preprocessor = task.preprocessor
        # In a closure: of a Keras model, a module would store what it cannot load.
        self._backbone = lambda: task.backbone
        self._pad_token_id = task.backbone.pad_token_id
        store = WeightStore()
        self._encoder = InferenceEncoder(task.backbone, store, lookup=_lookup)
        self.answer = answer_of(task, store, self._encoder, labels, top_k)
        self.weights = owned_variables(self._encoder, self.answer)
        check = check_of(task, labels, top_k)
        self._check = lambda: check

    def _call(self, name, inputs, packed):
        """A call, and its comparison with what the task says of the same inputs."""
        check = self._check()
        expected = check.expected(packed)

        def compare(answer, tolerance, what):
            return check.compare(answer, expected, tolerance, what)

        return name, inputs, compare

    def _numbers(self, inputs):
        padding_mask = tf.not_equal(inputs["token_ids"], self._pad_token_id)
        inputs = {**inputs, "padding_mask": padding_mask}
        layout = PaddedLayout(padding_mask)
        x = self._encoder(
            inputs["token_ids"], padding_mask, layout, inputs.get("language_ids")
        )
        return self.answer.numbers(x, layout, inputs)


class _TokenModule(_Module):
    """Token ids in, numbers out."""

    def __init__(self, task, labels, top_k, lengths):
        super().__init__(task, labels, top_k)
        self._lengths = lengths
        self._end_token_id = None
        if self._preprocessor is not None:
            self._end_token_id = self._preprocessor.tokenizer.end_token_id
        shapes = {"token_ids": [None, None]}
        if task.backbone.num_languages:
            shapes["language_ids"] = [None, None]
        self._shapes = {**shapes, **self.answer.input_shapes}

    def signatures(self):
        """dict from signature name to concrete function."""
        functions = {"serving_default": self._concrete(self._of_any_length, None, None)}
        for length in self._lengths:
            functions[f"length_{length}"] = self._concrete(self._numbers, 1, length)
        return functions

    def checks(self, texts):
        """Calls: (name, inputs, comparison with the expected answer) each."""
        packed = self._packed(texts)
        # One at a time as well: the padding of the others must not matter.
        length = int(tf.reduce_sum(tf.cast(packed["padding_mask"][0], "int32")))
        calls = [
            ("serving_default", packed, packed),
        ]
        first = self._first_text(packed, length)
        calls.append(("serving_default", first, first))
        longest = self._backbone().max_sequence_length
        if packed["token_ids"].shape[1] >= longest and self._end_token_id is not None:
            calls.append(("serving_default", self._too_long(packed), packed))
        for length in self._lengths:
            first = self._first_text(packed, length)
            calls.append((f"length_{length}", first, first))
        return [
            self._call(name, {x: np.asarray(given[x]) for x in self._shapes}, inputs)
            for name, given, inputs in calls
        ]

    def _packed(self, texts):
        """Texts, or random ids where there is no tokenizer, as the task's inputs."""
        if self._preprocessor is None:
            packed = check_ids(self._backbone())
        else:
            texts = with_special_words(texts, self._preprocessor.tokenizer)
            texts = as_bytes(texts, self.answer.check_prefix)
            fields = {"text": tf.constant(texts)}
            languages = self._preprocessor.languages
            if languages is not None:
                language = self._preprocessor.language or languages[0]
                fields["language"] = tf.constant([language] * len(texts))
            packed = self._preprocessor.pack(fields)
        if "mask_position" in self._shapes:
            rows = packed["token_ids"].shape[0]
            packed["mask_position"] = tf.range(rows) % 2
        return packed

    def _of_any_length(self, ids):
        ids = {
            name: value if name == "token_ids" else fitted(value, ids["token_ids"])
            for name, value in ids.items()
        }
        names = [name for name in ids if name == "language_ids"]
        token_ids, others = within_positions(
            ids["token_ids"],
            [ids[name] for name in names],
            self._backbone().max_sequence_length,
            self._pad_token_id,
            self._end_token_id,
        )
        ids |= {"token_ids": token_ids, **dict(zip(names, others, strict=True))}
        return self._numbers(ids)

    def _concrete(self, function, batch_size, length):
        sizes = (batch_size, length)
        return tf.function(lambda **ids: function(ids)).get_concrete_function(
            **{
                name: tf.TensorSpec(sizes[: len(shape)], tf.int32, name)
                for name, shape in self._shapes.items()
            }
        )

    def _first_text(self, packed, length):
        """The first text, cut or padded to a length."""
        padding = {"token_ids": self._pad_token_id, "padding_mask": False}
        first = {}
        for name, value in packed.items():
            first[name] = value[:1]
            if value.shape.rank == 2:
                first[name] = tf.pad(
                    value[:1, :length],
                    [[0, 0], [0, max(length - value.shape[1], 0)]],
                    constant_values=padding.get(name, 0),
                )
        return first

    def _too_long(self, packed):
        """Texts as long as the positions, with three more tokens before the end."""
        longest = self._backbone().max_sequence_length
        is_full = packed["padding_mask"][:, longest - 1 :]  # (B, 1)
        longer = {}
        for name, value in packed.items():
            longer[name] = value
            if value.shape.rank == 2:
                more = tf.repeat(value[:, longest - 2 : longest - 1], 3, axis=1)
                longer[name] = tf.concat([value[:, :-1], more, value[:, -1:]], axis=1)
        pad = self._pad_token_id
        is_more = tf.range(longest + 3)[None] >= longest - 1
        longer["token_ids"] = tf.where(
            tf.logical_and(is_more, ~is_full), pad, longer["token_ids"]
        )
        return longer


class _StringModule(_Module):
    """Text in, words out."""

    def __init__(self, task, labels, top_k, lengths):
        super().__init__(task, labels, top_k)
        if lengths:
            raise ValueError(
                "Texts have no fixed length: `lengths` is for string_input=False. "
                f"Received: lengths={tuple(lengths)}."
            )
        if isinstance(self.answer, FilledMaskAnswer):
            raise ValueError(
                "A phone's tokenizer does not know <mask>: export an XLMMaskedLM with "
                "string_input=False."
            )
        self._language_id = None
        if self._preprocessor.languages is not None:
            if self._preprocessor.language is None:
                raise ValueError(
                    "A model with language embeddings reads strings of one language on "
                    "a phone: set `language` of its preprocessor, or use "
                    "string_input=False."
                )
            self._language_id = self._preprocessor.languages.index(
                self._preprocessor.language
            )
        self._tokenizer = PhoneTokenizer(task.preprocessor.tokenizer)

    def signatures(self):
        """dict from signature name to concrete function."""

        @tf.function
        def serving_default(text):
            return self.answer.words(self._numbers(self._inputs(text)))

        spec = tf.TensorSpec([None], tf.string, "text")
        return {"serving_default": serving_default.get_concrete_function(text=spec)}

    def checks(self, texts):
        """Calls: (name, inputs, comparison with the expected answer) each."""
        texts = with_special_words(texts, self._preprocessor.tokenizer)
        texts = as_bytes(texts, self.answer.check_prefix)
        return [
            self._call(
                "serving_default",
                {"text": np.array(group, object)},
                self._preprocessor.pack({"text": tf.constant(group)}),
            )
            for group in (texts, texts[:1])
        ]

    def _inputs(self, text):
        """Tokenise, cut, add start and end, pad: the preprocessor, in LiteRT's ops."""
        tokenizer = self._preprocessor.tokenizer
        ids, splits = self._tokenizer(text)
        # Something to read even where no text has a token.
        ids = tf.concat([ids, [self._pad_token_id]], axis=0)
        budget = self._preprocessor.sequence_length - 2
        counts = tf.minimum(splits[1:] - splits[:-1], budget)
        counts = tf.expand_dims(counts, 1)  # (B, 1)
        column = tf.expand_dims(tf.range(tf.reduce_max(counts) + 2), 0)  # (1, T)
        index = tf.where(
            (column >= 1) & (column <= counts),
            tf.expand_dims(splits[:-1], 1) + column - 1,
            tf.zeros_like(column),
        )
        token_ids = tf.gather(ids, index)  # (B, T)
        token_ids = tf.where(column == 0, tokenizer.start_token_id, token_ids)
        token_ids = tf.where(column == counts + 1, tokenizer.end_token_id, token_ids)
        token_ids = tf.where(column > counts + 1, self._pad_token_id, token_ids)
        inputs = {"token_ids": token_ids}
        if self._language_id is not None:
            inputs["language_ids"] = tf.zeros_like(token_ids) + self._language_id
        return inputs


def _convert(module, half):
    signatures = module.signatures()
    with tempfile.TemporaryDirectory() as folder:
        # By way of a SavedModel: signatures then share their weights.
        tf.saved_model.save(module, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=list(signatures)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.allow_custom_ops = isinstance(module, _StringModule)
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def check_operations(model, allow_tokenizer):
    """Raise a RuntimeError for ops that LiteRT alone does not have."""
    foreign = [
        name
        for name in operations(model)
        if not name.isupper() and not (allow_tokenizer and name == TOKENIZER_OP)
    ]
    if foreign:
        raise RuntimeError(f"The conversion left ops that LiteRT lacks: {foreign}.")
