"""What the preprocessors of models that generate share: fields, and texts of ids."""

from collections.abc import Mapping

import tensorflow as tf

from xlm_tf.models.text_fields import different_strings
from xlm_tf.models.text_reading import read_column
from xlm_tf.text import unknown_characters

# What is written for a character that the vocabulary does not have.
UNKNOWN_CHARACTERS = ("copy", "mark", "omit")


class GenerationPreprocessorMixin:
    """Mixin for preprocessors of models that generate.

    The attribute `unknown_characters` says what is written for `<unk>`:
    "copy": what stands in the text that is read, as far as it is clear which; else
    "mark": a double question mark, U+2047, as sentencepiece does;
    "omit": nothing.
    """

    # The fields that name languages; `check_languages` takes them.
    language_fields = ()

    @property
    def unknown_characters(self):
        return self._unknown_characters

    @unknown_characters.setter
    def unknown_characters(self, choice):
        if choice not in UNKNOWN_CHARACTERS:
            raise ValueError(
                f"unknown_characters must be one of {', '.join(UNKNOWN_CHARACTERS)}. "
                f"Received: unknown_characters={choice!r}."
            )
        self._unknown_characters = choice

    def generation_fields(self, inputs, languages):
        """The inputs of `generate`, in any of their forms, as one.

        Args:
            inputs: str, list of str, string tensor, data frame, or a dict of `text` and
                the languages.
            languages: dict from field name to the language of all texts, or a list of
                them, one each; or None.

        Returns:
            `(fields, is_single)`: dict of `text`, a list, and what else came; and
            whether one str came in.

        Raises:
            ValueError: no texts, or fields beside them and their languages; a language
                that the model does not read or write.
        """
        if isinstance(inputs, Mapping) or len(getattr(inputs, "columns", ())) > 1:
            fields = {name: inputs[name] for name in inputs}
        else:
            fields = {"text": inputs}
        if "encoder_text" in fields:  # KerasHub's name
            fields["text"] = fields.pop("encoder_text")
        known = ("text", *self.language_fields)
        if "text" not in fields or not set(fields) <= set(known):
            raise ValueError(
                f"Inputs are {', '.join(f'`{name}`' for name in known)}: `generate` "
                f"reads no others. Received: {', '.join(map(str, fields))}."
            )
        is_single = isinstance(fields["text"], str | bytes)
        fields["text"] = read_column(fields["text"])
        for name in self.language_fields:
            given = languages.get(name)
            if given is not None:
                is_one = isinstance(given, str | bytes)
                given = read_column(given, name)
                fields[name] = given * len(fields["text"]) if is_one else given
            for own in different_strings(fields.get(name, [])):
                self.check_languages(**{name: own})
        return fields, is_single

    def generate_postprocess(self, token_ids, copies=None):
        """int (..., T) -> texts, str tensor (...).

        Args:
            token_ids: int tensor (B, ..., T).
            copies: what `copies_from` made of the texts that were read, from which
                unknown characters are copied.
        """
        token_ids = tf.convert_to_tensor(token_ids)
        shape = tf.shape(token_ids)
        # T is 0 where a sampler had nothing but empty texts: no -1 could be inferred.
        num_rows = tf.reduce_prod(shape[:-1])
        flat = tf.reshape(token_ids, (num_rows, shape[-1]))  # (N, T)
        is_unknown = flat == self.tokenizer.unk_token_id
        if self.unknown_characters != "copy":
            copies = None
        if copies is not None:
            num_texts = shape[0]
            num_each = num_rows // tf.maximum(num_texts, 1)
            number = tf.repeat(tf.range(num_texts), num_each)  # (N,)
            places = tf.reduce_sum(tf.cast(is_unknown, "int64"), axis=1)
            copies = tf.cond(
                tf.reduce_any(is_unknown),
                lambda make=copies: make(number, places),
                lambda: tf.RaggedTensor.from_row_lengths(
                    tf.constant([], tf.string), tf.zeros_like(places), validate=False
                ),
            )
        mark = "" if self.unknown_characters == "omit" else unknown_characters.MARK
        texts = self.tokenizer.detokenize(flat, mark=mark, copies=copies)
        return tf.reshape(texts, shape[:-1])

    def detokenize(self, token_ids, copies=None):
        """As `generate_postprocess`: int (B, n, T) -> lists of n str, one per text."""
        texts = self.generate_postprocess(token_ids, copies).numpy()
        return [[text.decode("utf-8") for text in row] for row in texts]

    def settled(self, token_ids):
        """The tokens whose text no later token changes, of an int32 tensor (t,)."""
        return token_ids
