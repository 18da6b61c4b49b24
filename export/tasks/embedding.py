"""`XLMTextEmbedder`, exported: one vector per text."""

import numpy as np
import tensorflow as tf

from export.input_checks import assert_in_range, assert_same_rows
from export.parity import check_parity
from export.tasks.contract import Answer, Check
from xlm_tf.models.text_embedding import DOCUMENT_PROMPTS, QUERY_PROMPTS


class EmbeddingAnswer(Answer):
    """`embedding` float32 (B, D).

    A model with prompts for queries or documents puts them before the texts of the
    signatures `encode_query` and `encode_documents`, and its default one, if any,
    before those of `serving_default`. Where prompts are not pooled, the signature
    `token_ids` takes `prompt_length` int32 (B,), the tokens at the start that are not.
    """

    def __init__(self, task, labels, top_k):
        super().__init__(task, labels, top_k)
        if task.preprocessor is None:
            return
        if not task.preprocessor.include_prompt:
            self.input_shapes = {"prompt_length": [None]}
        names = {
            "encode_query": task.prompt_name_of(QUERY_PROMPTS),
            "encode_documents": task.prompt_name_of(DOCUMENT_PROMPTS),
        }
        self.prompts = {
            signature: task.preprocessor.prompt(name)
            for signature, name in names.items()
            if name is not None
        }

    def numbers(self, inputs):
        """See `Answer`."""
        return {"embedding": self.task(inputs, training=False)}

    def checks(self, inputs):
        """The prompt lies within the text."""
        if "prompt_length" not in inputs:
            return []
        length, token_ids = inputs["prompt_length"], inputs["token_ids"]
        return [
            assert_same_rows("prompt_length", length, "token_ids", token_ids),
            assert_in_range("prompt_length", length, tf.shape(token_ids)[1] + 1),
        ]


class EmbeddingCheck(Check):
    """Of an `XLMTextEmbedder`."""

    def __init__(self, task, labels, top_k):
        self._task = task

    def expected(self, inputs):
        """What the task answers to the backbone's inputs: float (B, D)."""
        return np.asarray(self._task(inputs, training=False), "float64")

    def compare(self, answer, expected, tolerance, what):
        """See `Check`."""
        return check_parity(answer["embedding"], expected, tolerance, what)
