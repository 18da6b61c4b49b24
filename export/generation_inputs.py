"""What models that write text read: sources of targets, or beginnings of texts.

Of each the token ids that an exported graph takes, what is asked of them, and the texts
that they are made of.
"""

import tensorflow as tf

from export.input_checks import (
    assert_at_most,
    assert_in_range,
    assert_padded_at_the_end,
    assert_same_rows,
    assert_tokens,
    padded_at_the_end,
)
from export.languages import any_language, takes_language
from xlm_tf.models.causal_lm import XLMCausalLM
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM


class Sources:
    """Of an `XLMSeq2SeqLM`.

    Args:
        task: the task, with a preprocessor.

    Attributes:
        token_ids, padding_mask, language_ids: str, the names of the inputs (B, T), one
            for every token, which are padded.
        ends: bool, whether the end token stands behind a text.
        token_shapes: dict from the inputs of a graph of token ids to their shapes, all
            int32.
    """

    token_ids = "encoder_token_ids"
    padding_mask = "encoder_padding_mask"
    language_ids = "encoder_language_ids"
    ends = True

    def __init__(self, task):
        self._task = task
        preprocessor = task.preprocessor
        self.token_shapes = {
            "encoder_token_ids": [None, None],
            "prompt": [None, 1 + bool(preprocessor.language_tokens)],
        }
        if preprocessor.languages is not None:
            self.token_shapes["encoder_language_ids"] = [None, None]
            self.token_shapes["target_language_ids"] = [None]

    def fields(self, texts):
        """The fields of some texts, in the languages that the preprocessor is set to.

        Where it is set to none, the first of its languages is taken.

        Args:
            texts: list of bytes.

        Returns:
            dict from "text" and, where they apply, "source_language" and
            "target_language" to lists of bytes.
        """
        preprocessor = self._task.preprocessor
        fields = {"text": texts}
        if preprocessor.languages is not None:
            language = preprocessor.language or preprocessor.readable[0]
            fields["source_language"] = [language.encode()] * len(texts)
        if preprocessor.languages is not None or preprocessor.language_tokens:
            language = preprocessor.target_language or preprocessor.writable[0]
            fields["target_language"] = [language.encode()] * len(texts)
        return fields

    def checks(self, inputs):
        """Operations that fail where ids from outside are none of the model's."""
        backbone = self._task.backbone
        names = "encoder_token_ids", "prompt"
        token_ids = inputs["encoder_token_ids"]
        checks = [
            *(assert_in_range(x, inputs[x], backbone.vocabulary_size) for x in names),
            assert_at_most(
                "encoder_token_ids", token_ids, backbone.max_sequence_length
            ),
            assert_same_rows(
                "prompt", inputs["prompt"][:, 0], "encoder_token_ids", token_ids
            ),
        ]
        for name in ("encoder_language_ids", "target_language_ids"):
            if name in inputs:
                ids = inputs[name]
                checks += [
                    assert_same_rows(name, ids, "encoder_token_ids", token_ids),
                    assert_in_range(name, ids, backbone.encoder.num_languages),
                ]
        return checks

    def checked(self, token_ids, padding_mask):
        """Ids (B, T) for a runtime without assertions, whose error illegal ones are."""
        return token_ids

    def logits(self, inputs, token_ids):
        """What the model says of a target, all at once.

        Args:
            inputs: dict of the inputs of one text.
            token_ids: int array (T,), the target.

        Returns:
            float32 (T, V), of every token by those before it.
        """
        inputs = dict(inputs)
        prompt = inputs.pop("prompt")  # (1, P)
        decoder_ids = tf.concat([prompt, token_ids[None, :-1]], axis=1)
        inputs["decoder_token_ids"] = decoder_ids
        inputs["decoder_padding_mask"] = tf.ones_like(decoder_ids, "bool")
        if "target_language_ids" in inputs:
            language = inputs.pop("target_language_ids")  # (1,)
            inputs["decoder_language_ids"] = tf.repeat(
                language[:, None], decoder_ids.shape[1], axis=1
            )
        return self._task(inputs, training=False)[0, prompt.shape[1] - 1 :]


class Beginnings:
    """Of an `XLMCausalLM`; see `Sources`."""

    token_ids = "token_ids"
    padding_mask = "padding_mask"
    language_ids = "language_ids"
    ends = False

    def __init__(self, task):
        self._task = task
        self.token_shapes = {"token_ids": [None, None]}
        if task.preprocessor.languages is not None:
            self.token_shapes["language_ids"] = [None, None]

    def fields(self, texts):
        """See `Sources.fields`; of "text" and, where it applies, "language"."""
        fields, preprocessor = {"text": texts}, self._task.preprocessor
        if takes_language(preprocessor):
            fields["language"] = [any_language(preprocessor).encode()] * len(texts)
        return fields

    def checks(self, inputs):
        """See `Sources.checks`."""
        backbone = self._task.backbone
        return [
            *assert_tokens(
                inputs,
                backbone.vocabulary_size,
                backbone.max_sequence_length,
                backbone.num_languages,
            ),
            assert_padded_at_the_end(
                "token_ids", inputs["token_ids"], backbone.pad_token_id
            ),
        ]

    def checked(self, token_ids, padding_mask):
        """See `Sources.checked`."""
        return padded_at_the_end(token_ids, padding_mask)

    def logits(self, inputs, token_ids):
        """See `Sources.logits`; of a continuation."""
        given = tf.boolean_mask(inputs["token_ids"], inputs["padding_mask"])  # (P,)
        ids = tf.concat([given, token_ids[:-1]], axis=0)[None]
        whole = {"token_ids": ids, "padding_mask": tf.ones_like(ids, "bool")}
        if "language_ids" in inputs:
            language = inputs["language_ids"][:, :1]
            whole["language_ids"] = tf.repeat(language, ids.shape[1], axis=1)
        return self._task(whole, training=False)[0, given.shape[0] - 1 :]


# Of the tasks that write text.
GENERATION_INPUTS = {XLMSeq2SeqLM: Sources, XLMCausalLM: Beginnings}


def generates(task):
    """Whether a task writes text: bool."""
    return isinstance(task, tuple(GENERATION_INPUTS))


def generation_inputs(task):
    """The `Sources` or `Beginnings` of a task that writes text."""
    for task_class, inputs in GENERATION_INPUTS.items():
        if isinstance(task, task_class):
            return inputs(task)
    raise ValueError(f"A {type(task).__name__} does not write texts.")
