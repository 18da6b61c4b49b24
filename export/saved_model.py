"""A task as a SavedModel: text in, answer out, for TF Serving."""

import json
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from export.check_texts import CHECK_TEXTS, as_bytes, check_ids, with_special_words
from export.description import DESCRIPTION_FILE, describe
from export.fresh_process import run_in_fresh_process
from export.generation_inputs import generates
from export.inference_copy import InferenceCopy
from export.parity import check_all, check_parity, tolerance_for
from export.report import ExportReport
from export.task_checks import check_task
from export.tasks import check_of, labels_of
from export.tasks.windows import WindowedAnswer
from export.text_generation import TextGenerationModule
from export.text_generation_check import TextGenerationCheck
from export.text_module import TextModule
from export.warmup import write_batching_parameters, write_warmup
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.output_files import check_place, full_disk_named

DTYPES = ("float32", "bfloat16")


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

    The graph takes raw text: tokenizer and preprocessing are in it. Dense layers are
    computed on the real tokens of a batch only. Signatures:

    | task | `serving_default` takes | and answers |
    |---|---|---|
    | `XLMTextClassifier` | `text` string (B,), with `pairs` also `text_pair` | \
`label` string (B,), `probabilities` float32 (B, C); of a regression or a \
reranker `scores` float32 (B, C) |
    | `XLMTextEmbedder` | `text` | `embedding` float32 (B, D) |
    | `XLMHybridEmbedder` | `text` | `embedding` float32 (B, D); `token_ids` int32 and \
`token_weights` float32 (B, T), `token_vectors` float32 (B, T, E), all padded; \
`lengths` int32 (B,) |
    | `XLMMaskedLM` | `text` that holds `<mask>` | `tokens` string (B, k), `scores` \
float32 (B, k) |
    | `XLMTokenClassifier` | `text` of any length | `tokens` and `tags` string \
(B, W), `starts` and `ends` int32 (B, W), bytes of the text, `scores` float32 (B, W), \
all padded; `lengths` int32 (B,) |
    | `XLMQuestionAnswering` | `question` and `context`, of any length | `answer` \
string (B,), `start` and `end` int32 (B,), bytes of the context, `score` and \
`no_answer_score` float32 (B,) |
    | `XLMSeq2SeqLM` | `text`, and `source_language` and `target_language` where it \
has several | `output_text` string (B,), `score` float32 (B,) |
    | `XLMCausalLM` | `text` that is continued | `output_text` string (B,), which \
begins with it, `score` float32 (B,), of the continuation |

    Models with language embeddings, and those with XLM's BPE tokenizer, whose rules
    for words depend on it, also take `language` string (B,), and `language_pair` for
    pairs. The signature `token_ids` answers the same for
    `token_ids` int32 (B, T), padded with the model's padding id (and `language_ids`
    int32 (B, T)), for clients that tokenise themselves. A task without a preprocessor
    has this signature alone; an `XLMMaskedLM` then takes `mask_position` int32 (B,)
    too, and answers `token_ids` int32 (B, k) instead of `tokens`. An
    `XLMTokenClassifier` answers ids with `probabilities` float32 (B, T, C), and an
    `XLMQuestionAnswering` with `start_logits` and `end_logits` float32 (B, T). The
    signature `labels` of a classifier or tagger answers the names (`label` string
    (N,)) of some classes (`class_id` int32 (N,)).

    An embedder with prompts for queries or documents has the signatures `encode_query`
    and `encode_documents`, which put them before the texts; its default one, if any, is
    put before those of `serving_default`.

    What does not fit together is an INVALID_ARGUMENT, not an answer: inputs of
    different numbers of rows, ids outside of the vocabulary or the languages, more
    tokens than the model has positions.

    Whoever loads the directory in Python imports TensorFlow Text before, which has the
    tokenizers' ops:

    ```python
    import tensorflow as tf
    import tensorflow_text  # noqa: F401
    tf.saved_model.load("models/sentiment/1").signatures["serving_default"]
    ```

    `assets.extra/model.json` says what clients of `token_ids` must know: special ids,
    maximum length, labels.

    Before the function returns, the directory is loaded in a fresh process by the
    session loader that TF Serving uses, and its answers are compared with the task's,
    each text's for itself.

    Args:
        task: a task, with a preprocessor where the graph is to take text.
        directory: str or Path, `NAME/VERSION` with an integer version. Must not exist.
        labels: list of str, names of a classifier's classes. Defaults to the task's
            own `labels`, or "0", "1", ...
        pairs: bool, a classifier of pairs of texts.
        top_k: int, candidates for a mask.
        dtype: "float32" or "bfloat16", of the matrices and their products.
        freeze_weights: bool, hold the matrices as constants of the graph, which
            oneDNN packs once: faster on small batches, more memory.
        warmup_batch_sizes: ints, a warm-up request each; () for none.
        check_texts: list of str, what the answers are compared on, beside texts with
            `<mask>` and with the words that were added to the vocabulary.
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
    labels = labels_of(task, labels)
    copy = InferenceCopy(task, freeze_weights, dtype)
    if generates(task):
        module, check = TextGenerationModule(copy), TextGenerationCheck(task)
    else:
        module = TextModule(copy, labels, pairs, top_k)
        check = check_of(task, labels, top_k)
    calls, inputs, prompted = _check_calls(task, module, check_texts)

    directory.parent.mkdir(parents=True, exist_ok=True)
    # Under a name that no server takes for a version, until it is whole and checked.
    partial = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        signatures = module.signatures()
        description = describe(task, labels)
        requests = []
        if warmup_batch_sizes:
            name, example = calls[0]
            requests = [(name, _rows(example, n)) for n in warmup_batch_sizes]
            if labels is not None:
                requests.append(("labels", {"class_id": np.zeros(1, "int32")}))
        with full_disk_named(directory):
            tf.saved_model.save(module, str(partial), signatures=signatures)
            write_batching_parameters(partial)
            _write_description(partial, description)
            if requests:
                write_warmup(partial, requests)
        answers = run_in_fresh_process("export.run_saved_model", partial, calls)
        difference = _compare(
            check,
            dict(zip([name for name, _ in calls], answers, strict=True)),
            inputs,
            dict(calls).get("serving_default"),
            tolerance_for(task, dtype) if tolerance is None else tolerance,
            labels,
            isinstance(getattr(module, "answer", None), WindowedAnswer),
            prompted,
        )
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return ExportReport(
        path=directory,
        num_bytes=sum(f.stat().st_size for f in directory.rglob("*") if f.is_file()),
        signatures=tuple(signatures),
        difference=difference,
    )


def _check_calls(task, module, check_texts):
    """What is asked of the artefact, and the same as inputs of the task.

    Returns:
        `(calls, inputs, prompted)`: list of (signature name, dict of arrays); dict of
        tensors; and a dict from the signatures that put a prompt before texts to the
        same of theirs.
    """
    prompted = {}
    if task.preprocessor is None:
        inputs = check_ids(task.backbone)
        calls = []
    else:
        texts = with_special_words(check_texts, task.preprocessor.tokenizer)
        fields = module.text_inputs(as_bytes(texts, module.answer.check_prefix))
        inputs = module.pack(fields)
        calls = [("serving_default", fields)]
        if isinstance(module, TextModule):
            for name, prompt in module.answer.prompts.items():
                calls.append((name, fields))
                prompted[name] = module.pack(fields, prompt=prompt)
    number = len(next(iter(inputs.values())))
    inputs |= module.answer.example_inputs(number)
    calls.append(
        ("token_ids", {name: np.asarray(inputs[name]) for name in module.token_shapes})
    )
    if getattr(task, "num_classes", None) is not None:
        class_id = np.arange(task.num_classes, dtype="int32")
        calls.append(("labels", {"class_id": class_id}))
    return calls, inputs, prompted


def _compare(
    check,
    answers,
    inputs,
    fields,
    tolerance,
    labels,
    is_windowed=False,
    prompted=(),
):
    """The largest distance of the answers from the task's, see `export.tasks`.

    Args:
        check: of the task.
        answers: dict from signature name to dict of arrays.
        inputs: dict of the task's inputs.
        fields: dict of the texts that these are; None without a preprocessor.
        tolerance: float.
        labels: list of str, or None.
        is_windowed: bool, whether texts are read in windows.
        prompted: dict from further signatures to the task's inputs for them.

    Raises:
        ParityError: an answer is not the task's.
    """
    expected = check.expected(inputs)
    names = [name for name in ("token_ids", "serving_default") if name in answers]
    if isinstance(check, TextGenerationCheck):
        by_id = answers["token_ids"]
        difference = check.compare(
            by_id, expected, tolerance, "the signature token_ids"
        )
        by_text = answers["serving_default"]
        check_parity(
            by_text["score"],
            by_id["score"],
            tolerance,
            "score of the signature serving_default",
            check.smallest,
        )
        check.compare_texts(
            by_text["output_text"],
            by_id["output_token_ids"],
            fields,
            "the signature serving_default",
        )
        return difference
    if labels is not None:
        check_all(
            [
                bytes(label).decode() == name
                for label, name in zip(answers["labels"]["label"], labels, strict=True)
            ],
            "The signature labels",
            lambda row: f"is not {labels[row]!r}",
        )
    distances = []
    for name in names:
        what = f"the signature {name}"
        if name == "serving_default" and is_windowed:
            distances.append(
                check.compare_texts(answers[name], fields, tolerance, what)
            )
        else:
            distances.append(check.compare(answers[name], expected, tolerance, what))
    for name in prompted:
        expected = check.expected(prompted[name])
        what = f"the signature {name}"
        distances.append(check.compare(answers[name], expected, tolerance, what))
    return max(distances)


def _rows(inputs, number):
    """The first rows of arrays, from the beginning again where there are too few."""
    return {
        name: np.take(value, range(number), axis=0, mode="wrap")
        for name, value in inputs.items()
    }


def _write_description(directory, document):
    path = directory / DESCRIPTION_FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2), "utf-8")


def _check(task, directory, pairs, dtype):
    check_task(task)
    if pairs and not isinstance(task, XLMTextClassifier):
        raise ValueError(f"Only a classifier reads pairs, not {type(task).__name__}.")
    if pairs and task.preprocessor is None:
        raise ValueError(
            "Pairs of texts need a preprocessor. Received: pairs=True and a "
            f"{type(task).__name__} without one, which takes token ids."
        )
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
    check_place(directory)
