"""Questions and their contexts: the inputs of the backbone, in graph."""

import typing
from collections.abc import Mapping

import keras
import tensorflow as tf

from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.preprocessor import PackedTextPreprocessor, TaskPreprocessor
from xlm_tf.models.text_fields import check_fields, text_fields
from xlm_tf.models.windows import Windows, cut_windows

DEFAULT_OVERLAP = 128  # tokens
# Code points of whatever is seen as white space.
_SPACES = [
    *range(0x09, 0x0E),
    *range(0x1C, 0x21),
    *(0x85, 0xA0, 0x1680),
    *range(0x2000, 0x200B),
    *(0x2028, 0x2029, 0x202F, 0x205F, 0x3000),
]


@keras.saving.register_keras_serializable("xlm_tf")
class XLMQuestionAnsweringPreprocessor(PackedTextPreprocessor, TaskPreprocessor):
    """Questions and contexts -> inputs of the backbone, in graph.

    The first tokens of a question are read, and of a context what fits behind them:
    where there are answers, the window of the context around the answer, otherwise its
    beginning. `pack_windows` reads all of it.

    Args:
        tokenizer, sequence_length, num_separators, languages, language: as for
            `XLMTextClassifierPreprocessor`.
        max_question_length: int, tokens of a question; and at most half of what fits.

    Call arguments:
        x: dict with `question` and `context`, strings (B,), and, where the model has
            languages, `language` (and `language_pair` of the context, where it is
            another one); a tuple of the two; or a tensor (B, 2).
        y: int (B, 2): an answer's first character in the context, and the one behind
            its last; two equal or negative ones where the context has no answer.
        sample_weight: float (B,).

    Returns:
        The inputs; with answers `(inputs, positions, weights)`: int32 (B, 2), the first
        and the last token of the answer, 0 where there is none; and float32 (B,), 0
        for an answer that is longer than a window.
    """

    backbone_cls = XLMBackbone

    def __init__(self, *args, max_question_length=64, **kwargs):
        super().__init__(*args, **kwargs)
        self.max_question_length = whole_number(
            "max_question_length", max_question_length
        )

    def pack(self, x):
        read, is_single = self._read(x)
        inputs, _, _ = self._packed(read, read.windows.number == 0, is_single)
        return _alone(inputs) if is_single else inputs

    def call(self, x, y=None, sample_weight=None):
        if y is None:
            return keras.utils.pack_x_y_sample_weight(self.pack(x), y, sample_weight)
        read, is_single = self._read(x)
        answers = read.answer_tokens(tf.reshape(y, [-1, 2]))  # (B, 2)
        middle = tf.maximum(tf.reduce_sum(answers, axis=1) // 2, 0)
        owner = read.windows.owner(tf.range(tf.size(middle)), middle)
        is_owner = read.windows.number == tf.gather(owner, read.windows.row)
        inputs, windows, first = self._packed(read, is_owner, is_single)
        positions = _positions(answers, windows, first)
        is_lost = (answers[:, 0] >= 0) & (positions[:, 0] == 0)
        weights = tf.cast(~is_lost, "float32")
        if sample_weight is not None:
            weights *= tf.reshape(tf.cast(sample_weight, "float32"), [-1])
        data = inputs, positions, weights
        return _alone(data) if is_single else data

    def pack_windows(self, x, y=None, overlap=None):
        """Contexts of any length -> windows that the model reads, each with a question.

        Args:
            x: see the class; not a single one.
            y: answers, see the class.
            overlap: int, tokens that neighbouring windows share; by default 128, and at
                most half of a window.

        Returns:
            `(inputs, places)`: the backbone's inputs for W windows, and a dict:

            - `row`: int32 (W,), of which question;
            - `starts`, `ends`: int32 (W, T), the bytes of the context that a token
              stands for, without the white space around; -1 for what is no token of the
              context, and an empty one for white space alone;
            - with `y`, `positions`: int32 (W, 2), the first and the last token of the
              answer in the window; 0 where it is not, or not all, in it.
        """
        read, _ = self._read(x, DEFAULT_OVERLAP if overlap is None else overlap)
        inputs, windows, first = self._packed(read, read.windows.number >= 0)
        places = {"row": windows.row}
        shape = tf.shape(inputs["token_ids"])
        column = tf.range(shape[1])[None, :] - first[:, None]  # (W, T)
        is_context = (column >= 0) & (column < windows.length[:, None])
        begin = tf.gather(tf.cast(read.ids.row_starts(), "int32"), windows.row)
        place = (begin + windows.start)[:, None] + column
        for name, values in (("starts", read.starts), ("ends", read.ends)):
            flat = tf.concat([values.values, [-1]], axis=0)
            behind = tf.size(flat) - 1
            places[name] = tf.gather(flat, tf.where(is_context, place, behind))
        if y is not None:
            places["positions"] = _positions(read.answer_tokens(y), windows, first)
        return inputs, places

    def _read(self, x, overlap=DEFAULT_OVERLAP):
        """The tokens of questions and contexts, and whether it is a single one."""
        fields = text_fields(answering_fields(x))
        if "text_pair" not in fields:
            raise ValueError(
                "Every question needs a context: pass a dict of `question` and "
                f"`context`, or a tuple of the two. Received: {sorted(fields)}."
            )
        self.check_language_fields(fields)
        is_single = fields["text"].shape.rank == 0
        fields = {name: tf.reshape(value, [-1]) for name, value in fields.items()}
        language = fields.get("language")
        pair_language = fields.get("language_pair", language)
        room = self.room(2)
        question = self._tokenize(fields["text"], language)
        question = question[:, : min(self.max_question_length, room // 2)]
        arguments = {}
        if getattr(self.tokenizer, "reads_language", False):
            arguments["language"] = (
                self.language if pair_language is None else pair_language
            )
        context = fields["text_pair"]
        ids, starts, ends = self.tokenizer.tokenize_with_offsets(context, **arguments)
        starts, ends = _without_spaces(context, starts, ends)
        size = room - tf.cast(question.row_lengths(), "int32")
        windows = cut_windows(ids.row_lengths(), tf.maximum(size, 1), overlap)
        languages = language, pair_language
        read = _Read(context, languages, question, ids, starts, ends, windows)
        return read, is_single

    def _packed(self, read, is_chosen, pad_to_full_length=False):
        """Some of the windows: the inputs, `Windows`, and the first of the context."""
        windows = read.windows
        windows = windows._replace(
            **{
                name: tf.boolean_mask(getattr(windows, name), is_chosen)
                for name in ("row", "number", "start", "length")
            }
        )
        question = tf.gather(read.question, windows.row)
        languages = [
            language
            if language is None or language.shape[0] == 1
            else tf.gather(
                tf.broadcast_to(language, tf.shape(read.context)), windows.row
            )
            for language in read.languages
        ]
        inputs = self.pack_segments(
            [question, windows.pieces(read.ids)], *languages, pad_to_full_length
        )
        first = tf.cast(question.row_lengths(), "int32") + 1 + self.num_separators
        return inputs, windows, first

    def get_config(self):
        config = super().get_config()
        return {**config, "max_question_length": self.max_question_length}


class _Read(typing.NamedTuple):
    """Questions and contexts as tokens.

    Attributes:
        context: string (B,).
        languages: of the questions and of the contexts, string (B,), (1,) or None.
        question, ids: int32 RaggedTensors (B, None).
        starts, ends: int32 RaggedTensors (B, None), bytes of the context's tokens.
        windows: `Windows` of the context.
    """

    context: tf.Tensor
    languages: tuple
    question: tf.RaggedTensor
    ids: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor
    windows: Windows

    def answer_tokens(self, y):
        """The first and the last token of answers in their contexts.

        Args:
            y: int (B, 2), characters.

        Returns:
            int32 (B, 2), -1 where there is no answer.
        """
        y = tf.cast(y, "int32")
        has_answer = (y[:, 0] >= 0) & (y[:, 1] > y[:, 0])
        sizes = tf.strings.length(self.context, unit="UTF8_CHAR")
        check = tf.debugging.Assert(
            tf.reduce_all(~has_answer | (y[:, 1] <= sizes)),
            ["An answer ends behind its context. Received the spans", y],
        )
        with tf.control_dependencies([check] if check is not None else []):
            y = tf.where(has_answer[:, None], y, 0)
        # Characters -> bytes.
        begin, end = (
            tf.strings.length(
                tf.strings.substr(self.context, tf.zeros_like(x), x, unit="UTF8_CHAR")
            )
            for x in (y[:, 0], y[:, 1])
        )
        starts, ends = self.starts.to_tensor(-1), self.ends.to_tensor(-1)  # (B, L)
        is_seen = ends > starts
        is_from = is_seen & (ends > begin[:, None])
        is_to = is_seen & (starts < end[:, None])
        numbers = tf.range(tf.shape(starts)[1])[None, :]
        first = tf.reduce_min(tf.where(is_from, numbers, tf.int32.max), axis=1)
        last = tf.reduce_max(tf.where(is_to, numbers, -1), axis=1)
        has_answer &= last >= first
        return tf.where(has_answer[:, None], tf.stack([first, last], axis=1), -1)


def answering_fields(x):
    """Inputs in which questions and contexts have names -> those of pairs of texts."""
    if not isinstance(x, Mapping) or "question" not in x:
        return x
    names = {"question": "text", "context": "text_pair"}
    return {names.get(name, name): value for name, value in x.items()}


def check_answering_fields(x):
    """Raise ValueError where a dict has a question, and not what belongs to it."""
    if isinstance(x, Mapping) and "question" in x:
        check_fields(x, ("question", "context"), ("language", "language_pair"))


def _without_spaces(texts, starts, ends):
    """Bytes of tokens without the white space that some of them begin or end with."""
    codes, offsets = tf.strings.unicode_decode_with_offsets(texts, "UTF-8")
    sizes = tf.strings.length(texts)
    # Bytes of all texts, one after the other, so that one search finds those of all.
    begins = tf.cumsum(sizes, exclusive=True)
    first = tf.cast(offsets.values, "int32") + tf.gather(begins, offsets.value_rowids())
    behind = tf.concat([first, [tf.reduce_sum(sizes)]], axis=0)[1:]
    is_space = tf.reduce_any(codes.values[:, None] == _SPACES, axis=1)
    first, behind = (tf.boolean_mask(x, ~is_space) for x in (first, behind))
    row_begin = tf.gather(begins, starts.value_rowids())
    begin, end = (x.values + row_begin for x in (starts, ends))
    # The first character from `begin` on, and the last one up to `end`.
    after = tf.searchsorted(first, begin)
    before = tf.searchsorted(behind, end, side="right") - 1
    begin = tf.minimum(tf.gather(tf.concat([first, [tf.int32.max]], 0), after), end)
    end = tf.gather(tf.concat([[-1], behind], 0), before + 1)
    end = tf.maximum(end, begin)
    return starts.with_values(begin - row_begin), ends.with_values(end - row_begin)


def _positions(answers, windows, first):
    """Tokens of contexts (B, 2) -> positions in windows (W, 2), 0 outside of them."""
    tokens = tf.gather(answers, windows.row) - windows.start[:, None]
    is_inside = tf.reduce_all((tokens >= 0) & (tokens < windows.length[:, None]), 1)
    return tf.where(is_inside[:, None], tokens + first[:, None], 0)


def _alone(data):
    return tf.nest.map_structure(lambda x: x[0], data)
