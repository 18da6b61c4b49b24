"""Texts, and pairs of them, to classify: the inputs of the backbone, in graph."""

import keras
import keras_hub
import numpy as np

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.preprocessor import PackedTextPreprocessor
from xlm_tf.models.text_fields import FIELDS, text_fields
from xlm_tf.text.aligned_offsets import aligned_offsets


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTextClassifierPreprocessor(
    PackedTextPreprocessor, keras_hub.models.TextClassifierPreprocessor
):
    """Raw texts, or pairs of them, -> inputs of the backbone, in graph.

    Args:
        tokenizer: a tokenizer of `xlm_tf.text`.
        sequence_length: int, longest input in tokens, specials included; what is
            longer is cut, pairs in turn at their longer text.
        num_separators: int, `</s>` tokens between the texts of a pair: 2 (XLM-R) or
            1 (XLM).
        languages: list of str, the languages of the model's language embedding, in
            the order of its rows; None where it has none.
        language: str, the language of texts that come without one.

    Call arguments:
        x: string tensor (B,) or list of str; a tuple of two of them for pairs; or a
            dict with `text` and, where they apply, `text_pair`, `language`,
            `language_pair`.
        y: labels, passed on.
        sample_weight: weights, passed on.

    Returns:
        dict of `token_ids` int32 (B, T), `padding_mask` bool (B, T) and, where the
        model has languages, `language_ids` int32 (B, T); with `y` and
        `sample_weight` where they were given.
    """

    backbone_cls = XLMBackbone

    def pack_with_offsets(self, x):
        """As `pack`, eagerly, and where the tokens stand in their texts.

        Args:
            x: as for `pack`, of B texts or pairs.

        Returns:
            `(inputs, tokens)`: those of `pack`; and a dict of `text` and, where there
            are pairs, `text_pair`, with a list for every text: its tokens that are
            read, triples of int (position, start, end), of the input and of the bytes
            of the text.
        """
        fields = text_fields(x)
        languages = self._languages_of(fields)
        segments, offsets = {}, {}
        for name, language in zip(FIELDS[:2], languages, strict=True):
            if name not in fields:
                continue
            segments[name] = self._tokenize(fields[name], language)
            arguments = {}
            if getattr(self.tokenizer, "reads_language", False):
                arguments["language"] = self.language if language is None else language
            found = self.tokenizer.tokenize_with_offsets(fields[name], **arguments)
            ids, other_ids, starts, ends = (
                x.to_list() for x in (segments[name], *found)
            )
            unknown_id = self.tokenizer.unk_token_id
            offsets[name] = [
                aligned_offsets(own, other, list(zip(*spans, strict=True)), unknown_id)
                for own, other, *spans in zip(ids, other_ids, starts, ends, strict=True)
            ]
        kept = self._truncate(list(segments.values()), self.room(len(segments)))
        inputs = self.pack_segments(kept, *languages)
        tokens, first = {}, np.ones(kept[0].nrows(), "int32")  # behind <s>
        for name, own in zip(segments, kept, strict=True):
            counts = own.row_lengths().numpy()
            tokens[name] = [
                [(begin + i, *spans[i]) for i in range(count)]
                for begin, count, spans in zip(
                    first.tolist(), counts.tolist(), offsets[name], strict=True
                )
            ]
            first = first + counts + self.num_separators
        return inputs, tokens
