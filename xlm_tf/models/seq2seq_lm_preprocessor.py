"""Pairs of texts as the inputs and targets of an encoder-decoder, in graph."""

import keras
import keras_hub
import tensorflow as tf

from xlm_tf.models.generation_preprocessor import GenerationPreprocessorMixin
from xlm_tf.models.seq2seq_backbone import XLMSeq2SeqBackbone
from xlm_tf.models.text_fields import (
    aligned,
    check_fields,
    text_column,
    text_columns,
)
from xlm_tf.models.text_packing import TextPacking, padding_multiple
from xlm_tf.models.token_targets import to_width, weighed_tokens
from xlm_tf.text.language_codes import match_language, parse_language_code
from xlm_tf.text.languages import language_index
from xlm_tf.text.unknown_characters import copies_in_order

OPTIONAL_FIELDS = ("target_text", "source_language", "target_language")


@keras.saving.register_keras_serializable("xlm_tf")
class XLMSeq2SeqLMPreprocessor(
    GenerationPreprocessorMixin, TextPacking, keras_hub.models.Preprocessor
):
    """Pairs of texts -> inputs and targets of `XLMSeq2SeqLM`, in graph.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.
        sequence_length: int, longest source in tokens, specials included; what is
            longer is cut.
        target_length: int, longest target; defaults to `sequence_length`.
        num_separators: int, unused: sources are single texts.
        languages: list of str, the languages of the model's language embedding, in
            the order of its rows; None where it has none.
        language: str, the language of sources that come without one.
        target_language: str, the language of targets that come without one.
        language_tokens: dict from language to the token that begins a target in it,
            for models that write several languages and have no language embedding;
            each a token of the vocabulary (see `user_defined_symbols`).
        source_languages, target_languages: lists of str, the languages that the model
            was trained to read and to write, whether or not it tells them apart. It
            is not asked for another language to write; nor, where it has no language
            embedding that holds it, to read another one. None where nobody knows: then
            the languages of its embedding or tokens.
        unknown_characters: what is written for characters that the vocabulary does not
            have: "copy" for those of the source, in order, where there are as many of
            them, or one alone, and otherwise the "mark" U+2047, as sentencepiece does;
            "mark" for all; or "omit".

    Call arguments:
        x: a tuple of two lists of str or string tensors (B,), source and target; or a
            dict of `text`, `target_text` and, where they apply, `source_language` and
            `target_language` (strings, one per text, or one for all).
        y: the targets, where `x` holds the sources alone.
        sample_weight: float (B,), one per pair.

    Returns:
        `(inputs, targets, weights)`: `XLMSeq2SeqBackbone`'s inputs; int (B, T), the
        target shifted by one; float (B, T), 0 on padding.
    """

    backbone_cls = XLMSeq2SeqBackbone
    language_fields = ("source_language", "target_language")
    language_field = "source_language"

    def __init__(
        self,
        tokenizer,
        sequence_length=256,
        target_length=None,
        num_separators=2,
        languages=None,
        language=None,
        target_language=None,
        language_tokens=None,
        source_languages=None,
        target_languages=None,
        unknown_characters="copy",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.tokenizer = tokenizer
        self.sequence_length = sequence_length
        self.target_length = target_length or sequence_length
        self.unknown_characters = unknown_characters
        self.set_packing(num_separators, languages, language)
        self.language_tokens = None
        if language_tokens is not None:
            self.language_tokens = dict(language_tokens)
            unknown = [
                token
                for token in self.language_tokens.values()
                if tokenizer.token_to_id(token) == tokenizer.unk_token_id
            ]
            if unknown:
                raise ValueError(
                    "Every language token must be in the vocabulary. Missing: "
                    f"{', '.join(unknown)}."
                )
        self.target_language = target_language
        self.source_languages = source_languages
        self.target_languages = target_languages

    @property
    def target_language(self):
        """The language of targets that come without one, as the model spells it."""
        return self._target_language

    @target_language.setter
    def target_language(self, language):
        if language is not None and self._told_apart:
            language = match_language(language, self._told_apart)
        self._target_language = language

    @property
    def source_languages(self):
        """The languages that the model was trained to read, or None."""
        return self._source_languages

    @source_languages.setter
    def source_languages(self, languages):
        self._source_languages = _as_named(languages, self.languages)

    @property
    def target_languages(self):
        """The languages that the model was trained to write, or None."""
        return self._target_languages

    @target_languages.setter
    def target_languages(self, languages):
        self._target_languages = _as_named(languages, self._told_apart)

    @property
    def _told_apart(self):
        """The languages that the model can be told to write, or None."""
        return list(self.language_tokens or self.languages or ()) or None

    @property
    def readable(self):
        """The languages that sources can be in, or None where nobody knows."""
        return self.languages or self.source_languages

    @property
    def writable(self):
        """The languages that targets can be in, or None where nobody knows."""
        return self.target_languages or self._told_apart

    def build(self, input_shape):
        self.built = True

    def call(self, x, y=None, sample_weight=None):
        fields = self._fields(x if y is None else (x, y))
        if "target_text" not in fields:
            raise ValueError(
                "The model's inputs are pairs of texts: a tuple (source, target), or a "
                "dict with `text` and `target_text`. To translate sources alone, call "
                f"`generate`. Received: {sorted(fields)}."
            )
        if fields["text"].shape.rank == 0:
            return self._pair_alone(fields, sample_weight)
        inputs, target_ids, weights = self._pairs(fields)
        return inputs, target_ids, weighed_tokens(weights, sample_weight)

    def _pair_alone(self, fields, sample_weight):
        """As the call, of a pair that comes unbatched: as wide as pairs can be."""
        fields = {name: tf.reshape(value, (1,)) for name, value in fields.items()}
        inputs, target_ids, weights = self._pairs(fields)
        pad_id = self.tokenizer.pad_token_id
        fills = {"encoder_token_ids": pad_id, "decoder_token_ids": pad_id}
        inputs = {
            name: to_width(
                value,
                self.sequence_length
                if name.startswith("encoder")
                else self.target_length,
                fills.get(name, 0),
            )[0]
            for name, value in inputs.items()
        }
        target_ids = to_width(target_ids, self.target_length, pad_id)[0]
        weights = to_width(weights, self.target_length, 0)[0]
        return inputs, target_ids, weighed_tokens(weights, sample_weight)

    def _pairs(self, fields):
        """Inputs, targets and the targets' weights of a batch of pairs."""
        inputs = self._source(fields)
        language = fields.get("target_language", self.target_language)
        tokens = self._tokenize(fields["target_text"], language)
        prompt = self._prompt(fields)  # (B, P)
        tokens = tokens[:, : self.target_length - prompt.shape[1] - 1]
        end = tf.fill((tf.shape(prompt)[0], 1), self.tokenizer.end_token_id)
        target = tf.concat([tf.RaggedTensor.from_tensor(prompt), tokens, end], axis=1)
        lengths = tf.cast(target.row_lengths(), "int32")
        width = tf.maximum(tf.reduce_max(lengths), 2) - 1  # of no pairs, too
        width += (-width) % padding_multiple(self.target_length)
        width = tf.minimum(width, self.target_length) + 1
        target_ids = target.to_tensor(
            self.tokenizer.pad_token_id, shape=tf.stack([tf.shape(prompt)[0], width])
        )  # (B, T + 1)
        positions = tf.range(width)[None]
        inputs["decoder_token_ids"] = target_ids[:, :-1]
        inputs["decoder_padding_mask"] = (positions < lengths[:, None] - 1)[:, :-1]
        if self.languages is not None:
            inputs["decoder_language_ids"] = self._repeated(
                self._target_index(fields), width - 1
            )
        # Neither padding nor what the prompt gives is learnt.
        is_target = (positions < lengths[:, None]) & (positions >= prompt.shape[1])
        return inputs, target_ids[:, 1:], tf.cast(is_target[:, 1:], "float32")

    def generate_preprocess(self, x, sequence_length=None):
        """Sources -> the encoder's inputs, `prompt` int (B, P), and languages."""
        fields = self._fields(x)
        written = self.writable
        inputs = {**self._source(fields), "prompt": self._prompt(fields, written)}
        if self.languages is not None:
            index = self._target_index(fields, written)  # (B,)
            inputs["target_language_ids"] = index
        return inputs

    def copies_from(self, x):
        """What the unknown characters of targets are copied from.

        Args:
            x: the sources, as for `generate_preprocess`.

        Returns:
            A function for `generate_postprocess`.
        """
        fields = self._fields(x)

        def copies(number, num_places):
            language = fields.get("source_language")
            parts = self._unknown_parts(fields["text"], language)
            return copies_in_order(tf.gather(parts, number), num_places)

        return copies

    def settled(self, token_ids):
        """See `GenerationPreprocessorMixin`: which is copied, their number says."""
        if self.unknown_characters != "copy":
            return token_ids
        is_unknown = tf.cast(token_ids == self.tokenizer.unk_token_id, "int32")
        return token_ids[tf.cumsum(is_unknown) == 0]

    def check_languages(self, source_language=None, target_language=None):
        """See that the model reads and writes the languages it is asked for.

        Args:
            source_language, target_language: str, or None for the model's own.

        Raises:
            ValueError: it does not; says which it does.
        """
        asked = (
            ("source_language", source_language, self.readable, "reads"),
            ("target_language", target_language, self.writable, "writes"),
        )
        for name, language, known, does in asked:
            if language is None:
                continue
            try:
                if known:
                    match_language(language, known, f"those that this model {does}")
                    continue
                parse_language_code(language)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            reads_language = getattr(self.tokenizer, "reads_language", False)
            if name == "target_language" or not reads_language:
                raise ValueError(
                    f"This model does not say which languages it {does}. Leave {name} "
                    f"out, or set {name}s of its preprocessor. "
                    f"Received: {name}={language!r}."
                )

    def check_direction(self, source_language=None, target_language=None):
        """As `check_languages`, and that a model of several is told which it is.

        Args:
            source_language, target_language: str, or None for the model's own.

        Raises:
            ValueError: it does not read or write the language, or has none of its own.
        """
        self.check_languages(source_language, target_language)
        if source_language is None and self.languages and self.language is None:
            raise ValueError(
                "This model reads several languages: pass `source_language`, one of "
                f"{', '.join(self.readable or self.languages)}."
            )
        if target_language is None and self._told_apart:
            self._own_target_language()

    def check_texts(self, x):
        """Its fields name two languages, of which a model may know none."""

    def _fields(self, x):
        if isinstance(x, tuple) and len(x) == 2:
            x, target = x
            x = x if isinstance(x, dict) else {"text": x}
            x = {**x, "target_text": target}
        if not isinstance(x, dict):
            x = text_columns(x)
            if "text_pair" in x:
                x["target_text"] = x.pop("text_pair")
        # KerasHub's names.
        x = {
            {"encoder_text": "text", "decoder_text": "target_text"}.get(key, key): value
            for key, value in x.items()
        }
        check_fields(x, optional=OPTIONAL_FIELDS)
        return aligned({key: text_column(value) for key, value in x.items()})

    def _source(self, fields):
        source = {"text": fields["text"]}
        tells_apart = self.languages or getattr(self.tokenizer, "reads_language", False)
        if tells_apart and "source_language" in fields:
            source["language"] = fields["source_language"]
        packed = self.pack(source)
        return {f"encoder_{name}": value for name, value in packed.items()}

    def _prompt(self, fields, languages=None):
        batch_size = tf.shape(fields["text"])[0]
        start = tf.fill((batch_size, 1), self.tokenizer.start_token_id)
        if self.language_tokens is None:
            return start
        tokens = self.language_tokens
        languages = list(tokens) if languages is None else languages
        ids = tf.constant([self.tokenizer.token_to_id(tokens[x]) for x in languages])
        index = language_index(self._target(fields), languages)
        return tf.concat([start, tf.gather(ids, index)[:, None]], axis=1)

    def _target(self, fields):
        language = fields.get("target_language")
        if language is None:
            language = tf.constant(self._own_target_language())
        return tf.broadcast_to(language, tf.shape(fields["text"]))

    def _own_target_language(self):
        """The language that is written where none is asked for."""
        if self.target_language is not None:
            return self.target_language
        if len(self.writable) == 1:
            return self.writable[0]
        raise ValueError(
            "This model writes several languages: pass `target_language`, one of "
            f"{', '.join(self.writable)}."
        )

    def _target_index(self, fields, languages=None):
        """int32 (B,), rows of the language embedding; of `languages` alone."""
        languages = self.languages if languages is None else languages
        rows = tf.constant([self.languages.index(x) for x in languages])
        return tf.gather(rows, language_index(self._target(fields), languages))

    def _repeated(self, index, length):
        return tf.tile(index[:, None], (1, length))

    def get_config(self):
        return {
            **super().get_config(),
            **self.packing_config(),
            "target_length": self.target_length,
            "target_language": self.target_language,
            "language_tokens": self.language_tokens,
            "source_languages": self.source_languages,
            "target_languages": self.target_languages,
            "unknown_characters": self.unknown_characters,
        }


def _as_named(languages, names):
    """Languages as a model spells them, where it has names for them."""
    if languages is None:
        return None
    languages = list(languages)
    for language in languages:
        parse_language_code(language)
    if names is None:
        return languages
    return [match_language(language, names) for language in languages]
