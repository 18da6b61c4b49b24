"""Extractive question answering: which words of a text answer a question."""

import dataclasses

import keras
import keras_hub
import numpy as np

from xlm_tf.checkpoints.checkpoint_head import CheckpointHead, has_tensor
from xlm_tf.checkpoints.tensor_names import dense
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.layers.precision import at_least_float32
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.question_answering_preprocessor import (
    XLMQuestionAnsweringPreprocessor,
)
from xlm_tf.models.saving import check_separators
from xlm_tf.models.task import XLMTask
from xlm_tf.models.text_reading import read_column


def _read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: the head must be there, it is not begun anew."""
    names = checkpoint.tensors.names
    if not any(name.startswith("qa_outputs.") for name in names):
        raise ValueError(
            f"{checkpoint.path} has no head for question answering. Make a new one "
            "with XLMQuestionAnswering(XLMBackbone.from_preset(...)), and train it."
        )
    if "qa_outputs.weight" not in names:
        raise ValueError(
            f"{checkpoint.path} has transformers' beam head for question answering "
            "(XLMForQuestionAnswering), which is not supported. Expected the "
            "simple one."
        )
    return arguments, head.tensors


def _head_settings(model, family):
    check_separators(model, family)
    return {}


_HEAD = CheckpointHead(
    families=("xlm-roberta",),
    architecture="ForQuestionAnswering",
    tensors=dense("span_dense", "qa_outputs"),
    is_in=has_tensor("qa_outputs.weight"),
    read=_read_head,
    settings=_head_settings,
)
_HEAD_OF_XLM = dataclasses.replace(
    _HEAD, families=("xlm",), architecture="ForQuestionAnsweringSimple"
)


@keras.saving.register_keras_serializable("xlm_tf")
class XLMQuestionAnswering(OptionalInputs, XLMTask, keras_hub.models.Task):
    """A backbone that scores every token as an answer's first and last one.

    Args:
        backbone: an `XLMBackbone`.
        preprocessor: an `XLMQuestionAnsweringPreprocessor`, or None to pass token ids.

    Call arguments:
        inputs: dict as for the backbone: the question, then the context.

    Returns:
        float32 logits (B, T, 2): of an answer that starts, and that ends, at a token;
        -1e9 for padding, which no answer holds.

    Example:
    ```python
    import numpy as np
    import xlm_tf
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=100, num_layers=1, num_heads=2, hidden_dim=16,
        intermediate_dim=64,
    )
    xlm_tf.XLMQuestionAnswering(backbone)(np.array([[0, 5, 2, 2, 6, 2]])).shape
    # (1, 6, 2)
    ```
    """

    backbone_cls = XLMBackbone
    preprocessor_cls = XLMQuestionAnsweringPreprocessor
    checkpoint_heads = (_HEAD, _HEAD_OF_XLM)
    input_names = XLMBackbone.input_names
    padding_output = -1e9  # never the best position

    def __init__(self, backbone, preprocessor=None, **kwargs):
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.span_dense = keras.layers.Dense(
            2,
            kernel_initializer=backbone.kernel_initializer(),
            dtype=at_least_float32(backbone.dtype_policy),
            name="span_dense",
        )
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        """From the backbone's inputs to the result, see the class."""
        logits = self.span_dense(self.backbone(inputs))  # (B, T, 2)
        mask = self.backbone.padding_mask(inputs)  # (B, T)
        return keras.ops.where(mask[..., None], logits, self.padding_output)

    def answer(self, questions, contexts, max_answer_length=30):
        """The most probable answers, in the words of their contexts.

        Args:
            questions: str or list of str.
            contexts: str or list of str, as many.
            max_answer_length: int, in tokens, at least 1.

        Returns:
            List, one entry per question, of (answer: str, score: float): from the
            best start to the best end, detokenised, and the sum of the two logits.
            The answer is empty where the context has no tokens.

        Raises:
            ValueError: not as many contexts as questions, or no such length.
        """
        max_answer_length = whole_number("max_answer_length", max_answer_length)
        texts = (read_column(questions, "questions"), read_column(contexts, "contexts"))
        if len(texts[0]) != len(texts[1]):
            raise ValueError(
                "Every question needs a context of its own. Received: "
                f"{len(texts[0])} questions and {len(texts[1])} contexts."
            )
        preprocessor = self.text_preprocessor("answer")
        inputs = preprocessor.pack(texts)
        logits = keras.ops.convert_to_numpy(self(inputs))  # (B, T, 2)
        answers = []
        for ids, real, row in zip(
            inputs["token_ids"].numpy(),
            inputs["padding_mask"].numpy(),
            logits,
            strict=True,
        ):
            # After the start token, the first end token closes the question.
            ends = np.flatnonzero(ids[1:] == preprocessor.tokenizer.end_token_id) + 1
            first = ends[0] + preprocessor.num_separators
            last = np.count_nonzero(real) - 1  # the end token
            answers.append(
                self._best_span(ids[first:last], row[first:last], max_answer_length)
            )
        return answers

    def _best_span(self, ids, logits, max_answer_length):
        if not len(ids):
            return "", float("-inf")
        scores = logits[:, None, 0] + logits[None, :, 1]  # (start, end)
        is_span = np.tri(len(ids), dtype=bool).T
        is_span &= np.tri(len(ids), k=max_answer_length - 1, dtype=bool)
        scores = np.where(is_span, scores, -np.inf)
        start, end = np.unravel_index(scores.argmax(), scores.shape)
        text = self.preprocessor.tokenizer.detokenize(ids[start : end + 1])
        return text.numpy().decode("utf-8"), float(scores[start, end])
