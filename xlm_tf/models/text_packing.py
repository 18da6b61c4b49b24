"""From raw text to the backbone's inputs, in graph: what every preprocessor shares."""

import keras_hub
import tensorflow as tf
import tensorflow_text as tf_text

from xlm_tf.models.text_fields import (
    FIELDS,
    check_fields,
    different_strings,
    text_fields,
)
from xlm_tf.private_keras import ArgumentsFromPreset
from xlm_tf.text.language_codes import match_language, parse_language_code
from xlm_tf.text.languages import language_index

PACKING_ARGUMENTS = ("sequence_length", "num_separators", "languages", "language")


def padding_multiple(sequence_length):
    """What the length of a batch is a multiple of, so that a graph meets few lengths.

    16; on a GPU, where Keras has a graph compiled by XLA for every length, at least an
    eighth of the longest.
    """
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    return max(16, sequence_length // 8) if has_gpu else 16


class TextPacking(ArgumentsFromPreset):
    """Mixin for KerasHub preprocessors: tokenise, truncate, add specials, pad.

    Texts of a batch are padded to the longest among them, rounded up, see
    `padding_multiple`, and at most `sequence_length`: short texts cost what they hold.
    A text that comes alone, unbatched, is padded to `sequence_length`.

    Formats: `start text end`; a pair is `start text end [end] pair end`, with
    `num_separators` counting the `end` tokens between the two.
    """

    # Which tokenizer it is stands in the preset.
    tokenizer_cls = keras_hub.tokenizers.Tokenizer

    # A classifier made from a masked-LM's preset packs its texts as that did.
    preset_arguments = PACKING_ARGUMENTS

    # The field that names the language of a text.
    language_field = "language"

    def set_packing(self, num_separators, languages, language):
        """Check and keep the packing arguments, which every subclass has."""
        self.num_separators = num_separators
        self.languages = None if languages is None else list(languages)
        self.language = language

    @property
    def language(self):
        """The language of texts that come without one, as the model spells it."""
        return self._language

    @language.setter
    def language(self, language):
        if language is not None and self.languages is not None:
            language = match_language(language, self.languages)
        self._language = language

    def packing_config(self):
        return {name: getattr(self, name) for name in PACKING_ARGUMENTS}

    def check_language(self, language):
        """See that the model reads a language that it is told: a str, or a list of str.

        Raises:
            ValueError: it does not; says which it does.
        """
        if not isinstance(language, str):
            for own in dict.fromkeys(language):
                self.check_language(own)
            return
        if self.languages is not None:
            match_language(language, self.languages, "those that this model reads")
            return
        parse_language_code(language)
        self._check_tells_apart(f"language={language!r}")

    def check_language_fields(self, fields):
        """Raise ValueError where fields name languages that the model does not tell
        apart; dict."""
        for name in fields.keys() & {"language", "language_pair"}:
            self._check_tells_apart(f"a column `{name}`")

    @property
    def tells_languages_apart(self):
        """bool, whether the model or its tokenizer is told the language of texts."""
        in_tokenizer = getattr(self.tokenizer, "reads_language", False)
        return self.languages is not None or in_tokenizer

    def _check_tells_apart(self, received):
        if not self.tells_languages_apart:
            raise ValueError(
                "This model reads every language alike: leave `language` out. "
                f"Received: {received}."
            )

    def check_texts(self, x):
        """See that texts come with what the model reads, and nothing else.

        Args:
            x: what `xlm_tf.models.text_reading.read_texts` gives.

        Raises:
            ValueError: a column that it does not know; a language that the model does
                not read, or does not tell from others; none where it needs one.
        """
        given = x if isinstance(x, dict) else {"text": x}
        check_fields(given)
        for name in ("language", "language_pair"):
            for language in different_strings(given.get(name, [])):
                self.check_language(language)
        if "language" not in given:
            self._check_has_language()

    def _check_has_language(self):
        if self.languages is not None and self.language is None:
            raise ValueError(
                f"This model has language embeddings: pass `{self.language_field}`, or "
                f"{{'text': ..., '{self.language_field}': ...}}, or set `language` of "
                f"the preprocessor to one of {self.languages}."
            )

    def pack(self, x):
        """Turn texts into the backbone's inputs.

        Args:
            x: string tensor (B,) or list of str; a tuple of two for pairs, or a
                tensor (B, 2) or list of tuples; or a dict with `text` and, where they
                apply, `text_pair`, `language` and `language_pair` (strings, one a
                text, or one for all).

        Returns:
            dict of `token_ids` int32 (B, T), `padding_mask` bool (B, T) and, where
            the model has languages, `language_ids` int32 (B, T).

        Raises:
            ValueError: a dict without `text`, with other keys, fields of different
                lengths, no language given where the model needs one, or one where it
                reads all alike.
            tf.errors.InvalidArgumentError: a language the model does not have; fields
                of different lengths, where a graph does not know them beforehand.
        """
        fields = text_fields(x)
        text = fields["text"]
        if text.shape.rank == 0:
            packed = self._pack_batch(
                {key: tf.reshape(value, (1,)) for key, value in fields.items()},
                pad_to_full_length=True,
            )
            return {key: value[0] for key, value in packed.items()}
        return self._pack_batch(fields, pad_to_full_length=False)

    def _pack_batch(self, fields, pad_to_full_length):
        languages = self._languages_of(fields)
        segments = [
            self._tokenize(fields[name], language)
            for name, language in zip(FIELDS[:2], languages, strict=True)
            if name in fields
        ]
        segments = self._truncate(segments, self.room(len(segments)))
        return self.pack_segments(
            segments,
            *languages,
            pad_to_full_length,
            batch_size=tf.shape(fields["text"])[0],
        )

    def _languages_of(self, fields):
        """The languages of the texts and of their pairs, where fields name any."""
        self.check_language_fields(fields)
        language = fields.get("language")
        return language, fields.get("language_pair", language)

    def room(self, num_segments):
        """How many tokens the segments of a sequence may have in all, an int.

        Raises:
            ValueError: not even the special tokens have room.
        """
        num_specials = 2 if num_segments == 1 else 2 + self.num_separators
        room = self.sequence_length - num_specials
        if room < 0:
            raise ValueError(
                f"sequence_length must have room for the {num_specials} special "
                f"tokens. Received: sequence_length={self.sequence_length}."
            )
        return room

    def pack_segments(
        self,
        segments,
        language=None,
        pair_language=None,
        pad_to_full_length=False,
        batch_size=None,
    ):
        """Put special tokens around tokens, and pad.

        Args:
            segments: one int32 RaggedTensor (B, None), or two; no more tokens than
                `room`.
            language, pair_language: string tensors (B,) or (1,), of the segments, where
                the model has languages; None for the preprocessor's.
            pad_to_full_length: bool, pad to `sequence_length`, and not to the longest.
            batch_size: int32 scalar, B, where it is known from a shape, which the
                result then has.

        Returns:
            dict, see `pack`.
        """
        if batch_size is None:
            batch_size = segments[0].nrows("int32")
        parts = [self._special(batch_size, self.tokenizer.start_token_id), segments[0]]
        end = self._special(batch_size, self.tokenizer.end_token_id)
        if len(segments) == 2:
            parts += [end] * self.num_separators + [segments[1]]
        token_ids = tf.concat([*parts, end], axis=1)  # (B, None)
        length = self.sequence_length
        if not pad_to_full_length:
            longest = tf.maximum(tf.reduce_max(token_ids.row_lengths()), 1)
            multiple = padding_multiple(self.sequence_length)
            longest = tf.cast(longest, "int32") + multiple - 1
            length = tf.minimum(longest - longest % multiple, length)
        static_length = length if pad_to_full_length else None
        packed = {
            "token_ids": token_ids.to_tensor(
                self.tokenizer.pad_token_id, shape=tf.stack([batch_size, length])
            ),
            # Not `token_ids != pad`: a text may hold any id.
            "padding_mask": tf.sequence_mask(token_ids.row_lengths(), length),
        }
        if self.languages is not None:
            languages = language, pair_language
            packed["language_ids"] = self._language_ids(
                segments, languages, batch_size, length
            )
        return {
            key: tf.ensure_shape(value, (None, static_length))
            for key, value in packed.items()
        }

    def _tokenize(self, texts, language):
        if not getattr(self.tokenizer, "reads_language", False):
            return self.tokenizer(texts)
        language = self.language if language is None else language
        return self.tokenizer(texts, language=language)

    def _unknown_parts(self, texts, language):
        """string (B,) -> (B, None), see `unknown_parts` of the tokenizers."""
        if not getattr(self.tokenizer, "reads_language", False):
            return self.tokenizer.unknown_parts(texts)
        language = self.language if language is None else language
        return self.tokenizer.unknown_parts(texts, language=language)

    def _truncate(self, segments, budget):
        if len(segments) == 1:
            return [segments[0][:, :budget]]
        return tf_text.RoundRobinTrimmer(max_seq_length=budget).trim(segments)

    def _special(self, batch_size, token_id):
        column = tf.fill((batch_size, 1), tf.constant(token_id, "int32"))
        return tf.RaggedTensor.from_tensor(column)

    def _language_ids(self, segments, languages, batch_size, length):
        """int32 (B, length); the separators of a pair but the first are the pair's."""
        first = self._language_index(languages[0], batch_size)
        ids = tf.tile(first[:, None], (1, length))
        if len(segments) == 2:
            second = self._language_index(languages[1], batch_size)
            first_length = tf.cast(segments[0].row_lengths(), "int32")
            first_length += self.num_separators  # the start, and the first of two
            is_first = tf.range(length)[None, :] < first_length[:, None]
            ids = tf.where(is_first, ids, second[:, None])
        return ids

    def _language_index(self, language, batch_size):
        if language is None:
            self._check_has_language()
            language = tf.constant(self.language)
        language = tf.broadcast_to(language, (batch_size,))
        return language_index(language, self.languages)
