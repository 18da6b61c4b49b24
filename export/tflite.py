"""A task as a TFLite file, for phones and other small machines."""

import importlib.util
import json
import os
import tempfile
from pathlib import Path

import tensorflow as tf

from export.check_texts import CHECK_TEXTS
from export.description import describe, tokenizer_assets
from export.fresh_process import run_in_fresh_process
from export.generation_inputs import generates
from export.parity import tolerance_for
from export.report import ExportReport
from export.task_checks import check_task
from export.tasks import labels_of
from export.tflite_continuation import ContinuationModule
from export.tflite_file import finished
from export.tflite_modules import StringModule, TokenModule
from export.tflite_operations import check_operations
from export.tflite_translation import TranslationModule
from xlm_tf.models.causal_lm import XLMCausalLM
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM
from xlm_tf.models.token_classifier import XLMTokenClassifier
from xlm_tf.output_files import check_place, full_disk_named, whole_file

QUANTIZATIONS = (None, "float16", "int8")
# Of the tasks that write text.
GENERATION_MODULES = {
    XLMSeq2SeqLM: TranslationModule,
    XLMCausalLM: ContinuationModule,
}


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
    numbers: `probabilities` float32 (B, C), `embedding` float32 (B, D) (of an
    `XLMHybridEmbedder` more, see `to_saved_model`), or `token_ids`
    int32 (B, k) and `scores` float32 (B, k) for a mask; of a regression or a
    reranker, `scores` float32 (B, C); of a tagger, `probabilities` float32 (B, T, C);
    of question answering, `start_logits` and `end_logits` float32 (B, T). A signature
    `length_N` does the same for one text of N tokens, in fixed shapes, which browsers
    and some accelerators need; all signatures share the weights. `serving_default` is
    also what runtimes run that know no signatures.

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

    An `XLMCausalLM`, compiled so too, gets

    - `serving_default`: `token_ids` int32 (B, P), the start token and a beginning, then
      padding (and `language_ids` int32 (B, P)) -> `output_token_ids` and `score` of
      the continuation, which with what is given has at most as many tokens as the
      preprocessor's `sequence_length`; none, and 0, of a beginning as long as that;
    - `prefill`: `token_ids` (and `language_ids`), `max_length` int32, most tokens of a
      text -> the cache `keys` and `values` float32 (L, B, H, T, K), T being
      `max_length`, or P where that is more; and `decode_step`: the cache, `token_ids`
      int32 (B,), at first the last of every beginning, and `index` int32 (B,), their
      positions (and `language_ids` int32 (B,)) -> `logits` float32 (B, V) and the
      cache. With `lengths`, `prefill_N` and `decode_step_N` do it in fixed shapes for
      one beginning of N tokens, padded, T being `sequence_length`.

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
        lengths: ints, fixed lengths in tokens that get a signature each (of a task that
            writes, one for either part).
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
    if generates(task):
        _check_text_generation(task, labels, string_input, lengths)
    _check(task, path, quantization, string_input, lengths)
    labels = labels_of(task, labels)
    if generates(task):
        module = _generation_module(task, lengths)
    else:
        make_module = StringModule if string_input else TokenModule
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
        with full_disk_named(path):
            partial.write_bytes(model)
        answers = run_in_fresh_process(
            "export.run_string_tflite" if string_input else "export.run_tflite",
            partial,
            [(name, inputs) for name, inputs, _ in calls],
        )
        difference = _compare(calls, answers, tolerance)
        for other, content in beside.items():
            with whole_file(other) as own:
                own.write_bytes(content)
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
    """The largest distance of the answers from the task's, see `export.tasks`.

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


def _generation_module(task, lengths):
    for task_class, module in GENERATION_MODULES.items():
        if isinstance(task, task_class):
            return module(task, lengths)
    raise ValueError(f"A {type(task).__name__} has no form for phones.")


def _check_text_generation(task, labels, string_input, lengths):
    if labels is not None or string_input:
        raise ValueError(
            "The file of a model that writes takes and gives token ids, of which the "
            f"app makes text: export an {type(task).__name__} with string_input=False "
            "and without labels."
        )
    longest = task.preprocessor.sequence_length
    if isinstance(task, XLMCausalLM) and any(x >= longest for x in lengths):
        raise ValueError(
            "lengths are those of beginnings, which leave room to go on: they must be "
            f"below the preprocessor's sequence_length, {longest}. Received: "
            f"lengths={tuple(lengths)}."
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
    if string_input and isinstance(task, XLMTokenClassifier | XLMQuestionAnswering):
        raise ValueError(
            "Words, and windows of long texts, need ops that a phone does not have: "
            f"export an {type(task).__name__} with string_input=False."
        )
    prompts = string_input and hasattr(task.preprocessor, "prompts")
    if prompts and not (
        task.preprocessor.include_prompt and task.preprocessor.prompt() == ""
    ):
        raise ValueError(
            "A phone's runtime has no op that puts a prompt before a text: export with "
            "string_input=False, or set default_prompt_name=None and put it there in "
            "the app. Received: default_prompt_name="
            f"{task.preprocessor.default_prompt_name!r}, include_prompt="
            f"{task.preprocessor.include_prompt}."
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
    check_place(path)


def _convert(module, half):
    signatures = module.signatures()
    with tempfile.TemporaryDirectory() as folder:
        # By way of a SavedModel: signatures then share their weights.
        tf.saved_model.save(module, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=list(signatures)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        converter.allow_custom_ops = isinstance(module, StringModule)
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
