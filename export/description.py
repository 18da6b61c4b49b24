"""What a client must know of a model: its labels, ids, lengths and tokenizer.

The same document lies beside every artefact as JSON, and within `.tflite` files.
"""

import math
import tempfile
from pathlib import Path

from export.tasks.answering import MAX_ANSWER_LENGTH
from xlm_tf.models.causal_lm import XLMCausalLM
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.question_answering_preprocessor import DEFAULT_OVERLAP
from xlm_tf.models.text_embedder_preprocessor import PROMPT_ARGUMENTS
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer

DESCRIPTION_FILE = "assets.extra/model.json"  # of a SavedModel


def describe(task, labels=None, tokenizer_files=()):
    """A JSON document about a task.

    Args:
        task: the task.
        labels: list of str, names of a classifier's classes.
        tokenizer_files: list of str, names of the files that hold its tokenizer.

    Returns:
        dict: `task`; `labels` and `problem_type` of a classifier; `maximum_length`, in
        tokens, specials included; `vocabulary_size`; `languages`, in the order of
        their ids, where it has any; of an embedder with prompts, `prompts` by their
        names, `default_prompt_name` and `include_prompt`; and, where the task has a
        preprocessor, `special_ids`, `tokenizer` with the rule that makes ids, and
        `format`, how the ids of a text are put together; of one that generates,
        `stop_token_ids`, which end a text; of question answering `windows`, how long
        contexts are read and a span is chosen.
    """
    backbone, preprocessor = task.backbone, task.preprocessor
    document = {
        "task": type(task).__name__,
        "maximum_length": backbone.max_sequence_length,
        "vocabulary_size": backbone.vocabulary_size,
        "special_ids": {"padding": backbone.pad_token_id},
    }
    if labels is not None:
        document["labels"] = list(labels)
        if hasattr(task, "problem_type"):
            document["problem_type"] = task.problem_type
    if preprocessor is None:
        return document
    tokenizer = preprocessor.tokenizer
    document["maximum_length"] = min(
        preprocessor.sequence_length, backbone.max_sequence_length
    )
    document["special_ids"] = {
        "start": tokenizer.start_token_id,
        "padding": tokenizer.pad_token_id,
        "end": tokenizer.end_token_id,
        "unknown": tokenizer.unk_token_id,
        "mask": tokenizer.mask_token_id,
    }
    document["tokenizer"] = {
        "class": type(tokenizer).__name__,
        "files": list(tokenizer_files),
        "id_rule": _id_rule(tokenizer),
    }
    separators = ["end"] * preprocessor.num_separators
    document["format"] = {
        "text": ["start", "text", "end"],
        "pair": ["start", "text", *separators, "text_pair", "end"],
    }
    if isinstance(task, XLMCausalLM):  # what is continued
        document["format"] = {"text": ["start", "text"]}
    if preprocessor.languages is not None:
        document["languages"] = list(preprocessor.languages)
    if getattr(preprocessor, "prompts", None):
        for name in PROMPT_ARGUMENTS:
            document[name] = getattr(preprocessor, name)
    if hasattr(task, "decoding_strategy"):
        stop_ids = task.decoding_strategy.stop_ids(tokenizer.end_token_id)
        document["stop_token_ids"] = list(stop_ids)
    if isinstance(task, XLMQuestionAnswering):
        document["windows"] = {
            "max_question_length": preprocessor.max_question_length,
            "overlap": DEFAULT_OVERLAP,
            "max_answer_length": MAX_ANSWER_LENGTH,
            "no_answer_threshold": _json_number(task.no_answer_threshold),
        }
    language_tokens = getattr(preprocessor, "language_tokens", None)
    if language_tokens:
        document["language_token_ids"] = {
            language: tokenizer.token_to_id(token)
            for language, token in language_tokens.items()
        }
    return document


def tokenizer_assets(tokenizer):
    """The files of a tokenizer.

    Returns:
        dict from file name to bytes.
    """
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_assets(folder)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _json_number(threshold):
    """A threshold without infinity, which JSON has not."""
    if threshold is None or threshold == math.inf:
        return None
    return max(threshold, -1e38)


def _id_rule(tokenizer):
    if isinstance(tokenizer, XLMSentencePieceTokenizer):
        return {
            "text": "An id is SentencePiece's own plus `offset`; SentencePiece's "
            "unknown id, 0, is the special id `unknown`. The literal <mask> in a text, "
            "with the white space before it, is the special id `mask`.",
            "offset": 1,
        }
    return {
        "text": "An id is the one that the vocabulary file gives to a symbol, after "
        "the merges; a symbol without one is the special id `unknown`.",
        "offset": 0,
    }
