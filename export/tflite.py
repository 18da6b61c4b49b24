"""A task as a TFLite file, for phones and other small machines."""

import importlib.util
import os
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from export.answers import FilledMaskAnswer, answer_of
from export.check_texts import CHECK_TEXTS
from export.encoder import InferenceEncoder
from export.fresh_process import run_in_fresh_process
from export.inference_layers import WeightStore, owned_variables
from export.layouts import PaddedLayout
from export.parity import check_parity, tolerance_for
from export.saved_model import ExportReport, as_bytes, check_task
from export.tflite_generation import GenerationModule
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer

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
    int32 (B, k) and `scores` float32 (B, k) for a mask. A signature `length_N` does the
    same for one text of N tokens, in fixed shapes, which browsers and some
    accelerators need; all signatures share the weights.

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

    Before the function returns, the file is run in a fresh process by LiteRT, and its
    answers are compared with the task's.

    Args:
        task: a task with a preprocessor.
        path: str or Path of the file. Must not exist.
        quantization: None (float32), "float16", or "int8": matrices and embedding
            tables in 8 bits with a scale a row, activations quantised as they come.
        string_input: bool, put the tokenizer into the file.
        labels: list of str, names of a classifier's classes, for `string_input`.
        top_k: int, candidates for a mask.
        lengths: ints, fixed lengths in tokens that get a signature each.
        check_texts: list of str, what the answers are compared on.
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
    _check(task, path, quantization, string_input, labels, lengths)
    if isinstance(task, XLMSeq2SeqLM):
        module = GenerationModule(task, lengths, _lookup)
    else:
        make_module = _StringModule if string_input else _TokenModule
        module = make_module(task, labels, top_k, lengths)
    model = _convert(module, half=quantization == "float16")
    if quantization == "int8":
        from export.quantization import quantize_to_int8

        model = quantize_to_int8(model)
    check_operations(model, allow_tokenizer=string_input)

    checks = module.checks(as_bytes(check_texts, module.check_prefix))
    if tolerance is None:
        tolerance = tolerance_for(task, quantization or "float32")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(model)
        answers = run_in_fresh_process(
            "export.run_string_tflite" if string_input else "export.run_tflite",
            partial,
            [(name, inputs) for name, inputs, _ in checks],
        )
        difference = max(
            check_parity(
                _as_rows(answer[output]),
                _as_rows(value),
                tolerance,
                f"{output} of the signature {name}",
            )
            for (name, _, expected), answer in zip(checks, answers, strict=True)
            for output, value in expected.items()
        )
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return ExportReport(
        path=path,
        num_bytes=path.stat().st_size,
        signatures=tuple(dict.fromkeys(name for name, *_ in checks)),
        difference=difference,
    )


def _as_rows(x):
    """Arrays of more than two axes as a row for each entry of the first."""
    x = np.asarray(x)
    return x.reshape((len(x), -1)) if x.ndim > 2 else x


def _check_text_generation(labels, string_input):
    if labels is not None or string_input:
        raise ValueError(
            "A phone's runtime has no op that makes text of token ids: export an "
            "XLMSeq2SeqLM with string_input=False and without labels."
        )


def _check(task, path, quantization, string_input, labels, lengths):
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
    if labels is not None and not string_input:
        raise ValueError(
            "labels are words, which a model with string_input=False does not answer: "
            "leave them out, and keep the order of the classes in the app."
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
        self._pad_token_id = task.backbone.pad_token_id
        store = WeightStore()
        self._encoder = InferenceEncoder(task.backbone, store, lookup=_lookup)
        self.answer = answer_of(task, store, self._encoder, labels, top_k)
        self.check_prefix = self.answer.check_prefix
        self.weights = owned_variables(self._encoder, self.answer)

    def _check(self, name, inputs, packed):
        """A call, and what the task itself says of the backbone's inputs."""
        expected = np.asarray(self.answer.expected(packed))
        return name, inputs, {self.answer.checked_output: expected}

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
        self._names = ["token_ids"]
        if self._preprocessor.languages is not None:
            self._names.append("language_ids")

    def signatures(self):
        """dict from signature name to concrete function."""
        shapes = {"serving_default": [None, None]}
        shapes.update({f"length_{length}": [1, length] for length in self._lengths})
        return {
            name: tf.function(lambda **ids: self._numbers(ids)).get_concrete_function(
                **{x: tf.TensorSpec(shape, tf.int32, x) for x in self._names}
            )
            for name, shape in shapes.items()
        }

    def checks(self, texts):
        """Calls on texts (bytes): (name, inputs, expected outputs) each."""
        fields = {"text": tf.constant(texts)}
        languages = self._preprocessor.languages
        if languages is not None:
            language = self._preprocessor.language or languages[0]
            fields["language"] = tf.constant([language] * len(texts))
        packed = self._preprocessor.pack(fields)
        # One at a time as well: the padding of the others must not matter.
        length = int(tf.reduce_sum(tf.cast(packed["padding_mask"][0], "int32")))
        calls = [
            ("serving_default", packed),
            ("serving_default", {k: v[:1, :length] for k, v in packed.items()}),
        ]
        for length in self._lengths:
            calls.append((f"length_{length}", self._first_text(packed, length)))
        return [
            self._check(name, {x: inputs[x].numpy() for x in self._names}, inputs)
            for name, inputs in calls
        ]

    def _first_text(self, packed, length):
        """The first text, cut or padded to a length."""
        padding = {"token_ids": self._pad_token_id, "padding_mask": False}
        return {
            name: tf.pad(
                value[:1, :length],
                [[0, 0], [0, max(length - value.shape[1], 0)]],
                constant_values=padding.get(name, 0),
            )
            for name, value in packed.items()
        }


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
        self._tokenizer = _fast_tokenizer(task.preprocessor.tokenizer)

    def signatures(self):
        """dict from signature name to concrete function."""

        @tf.function
        def serving_default(text):
            return self.answer.words(self._numbers(self._inputs(text)))

        spec = tf.TensorSpec([None], tf.string, "text")
        return {"serving_default": serving_default.get_concrete_function(text=spec)}

    def checks(self, texts):
        """Calls on texts (bytes): (name, inputs, expected outputs) each."""
        return [
            self._check(
                "serving_default",
                {"text": np.array(group, object)},
                self._preprocessor.pack({"text": tf.constant(group)}),
            )
            for group in (texts, texts[:1])
        ]

    def _inputs(self, text):
        """Tokenise, cut, add start and end, pad: the preprocessor, in LiteRT's ops."""
        tokenizer = self._preprocessor.tokenizer
        pieces = self._tokenizer.tokenize(text)
        ids, splits = pieces.values, tf.cast(pieces.row_splits, "int32")
        ids = tf.where(ids == 0, tokenizer.unk_token_id, ids + 1)
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


def _fast_tokenizer(tokenizer):
    """The tokenizer that LiteRT has, where it gives the same tokens."""
    import tensorflow_text
    from sentencepiece import sentencepiece_model_pb2

    if not isinstance(tokenizer, XLMSentencePieceTokenizer):
        raise ValueError(
            "string_input needs a SentencePiece vocabulary: LiteRT has no op for XLM's "
            "BPE. Use string_input=False."
        )
    proto = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.proto)
    spec = proto.trainer_spec
    if spec.model_type != sentencepiece_model_pb2.TrainerSpec.UNIGRAM or (
        spec.byte_fallback
    ):
        raise ValueError(
            "string_input needs a plain unigram vocabulary: LiteRT's tokenizer is "
            "wrong for BPE and for byte fallback. Use string_input=False."
        )
    return tensorflow_text.FastSentencepieceTokenizer(tokenizer.proto)


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


def operations(model):
    """How often a model uses every op.

    Args:
        model: bytes of a `.tflite` model.

    Returns:
        dict from the op's name, such as "FULLY_CONNECTED", to a count.
    """
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    names = {
        value: name
        for name, value in vars(schema.BuiltinOperator).items()
        if name[0] != "_"
    }
    parsed = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    codes = [
        code.customCode.decode()
        if code.customCode
        else names[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for code in parsed.operatorCodes
    ]
    counts = {}
    for subgraph in parsed.subgraphs:
        for operator in subgraph.operators:
            code = codes[operator.opcodeIndex]
            counts[code] = counts.get(code, 0) + 1
    return counts


def check_operations(model, allow_tokenizer):
    """Raise a RuntimeError for ops that LiteRT alone does not have."""
    foreign = [
        name
        for name in operations(model)
        if not name.isupper() and not (allow_tokenizer and name == TOKENIZER_OP)
    ]
    if foreign:
        raise RuntimeError(f"The conversion left ops that LiteRT lacks: {foreign}.")
