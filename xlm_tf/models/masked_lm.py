"""Masked language modelling: the family's pretraining task, and filling masks."""

import warnings

import keras
import keras_hub
import tensorflow as tf
from keras import ops

from xlm_tf.checkpoints.checkpoint_head import CheckpointHead, has_tensor
from xlm_tf.checkpoints.keras_hub import check_new_head
from xlm_tf.checkpoints.tensor_names import dense, norm
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.layers.prediction_head import PredictionHead
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.masked_lm_preprocessor import XLMMaskedLMPreprocessor
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.task import XLMTask
from xlm_tf.models.text_fields import with_language
from xlm_tf.models.text_reading import read_column


def read_language_model_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: whether the projection is the token embedding."""
    if checkpoint.saved_as and "lm_head.bias" not in checkpoint.tensors.names:
        check_new_head(checkpoint)
        warnings.warn(
            f"{checkpoint.path} holds an encoder without a task: the head begins with "
            "random weights, to be trained.",
            stacklevel=5,
        )
        return {**head.arguments, **arguments}, {}
    embedding = checkpoint.backbone_tensors["embeddings/token_embedding/embeddings"]
    return read_projection(checkpoint, head, arguments, checkpoint.prefix + embedding)


def read_projection(checkpoint, head, arguments, embedding):
    """What `CheckpointHead.read` returns of a head that may be tied to an embedding.

    Args:
        checkpoint, head, arguments: see there.
        embedding: str, the tensor of the token embedding.
    """
    projection = head.untied_tensors["prediction_head/projection"]
    tensors, own = checkpoint.tensors, head.tensors
    is_tied = True  # as it nearly always is
    if {projection, embedding} <= tensors.names:
        is_tied = tensors.equal(projection, embedding)
    if not is_tied:
        own = {**own, **head.untied_tensors}
    return {**head.arguments, "tied": is_tied, **arguments}, own


def _text_settings(checkpoint):
    """See `CheckpointHead.text_settings`: how many tokens are masked, and by what."""
    of_masking = dict(checkpoint.preprocessor_arguments)
    of_masking.pop("sequence_length", None)
    return of_masking


def _keras_hub_arguments(model):
    if not (model.head_transform and model.tied):
        raise ValueError(
            "Masked LMs of KerasHub have the transform, and are tied. Received: "
            f"head_transform={model.head_transform}, tied={model.tied}."
        )
    return {}


def _head_settings(model, family):
    return {"tie_word_embeddings": model.tied}


@keras.saving.register_keras_serializable("xlm_tf")
class XLMMaskedLM(OptionalInputs, XLMTask, keras_hub.models.MaskedLM):
    """A backbone with the prediction head.

    Args:
        backbone: an `XLMBackbone`.
        preprocessor: an `XLMMaskedLMPreprocessor`, or None to pass token ids.
        head_transform: bool, XLM-R's form of the head (dense, GELU, LayerNorm,
            projection, bias) or, False, XLM's (projection, bias).
        tied: bool, project with the token embedding, as all released models do; False
            for a projection of its own.

    Call arguments:
        inputs: dict as for the backbone, and `mask_positions` int (B, P): the
            positions to predict. Without it, every position is.

    Returns:
        float32 logits (B, P, V), or (B, T, V).

    Example:
    ```python
    import numpy as np
    import xlm_tf
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=100, num_layers=1, num_heads=2, hidden_dim=16,
        intermediate_dim=64,
    )
    masked_lm = xlm_tf.XLMMaskedLM(backbone)
    masked_lm(
        {"token_ids": np.array([[0, 99, 6, 2]]), "mask_positions": np.array([[1]])}
    ).shape  # (1, 1, 100)
    ```
    """

    backbone_cls = XLMBackbone
    preprocessor_cls = XLMMaskedLMPreprocessor
    checkpoint_heads = (
        CheckpointHead(
            families=("xlm",),
            architecture="WithLMHeadModel",
            tensors={"prediction_head/bias": "pred_layer.proj.bias"},
            untied_tensors={"prediction_head/projection": "pred_layer.proj.weight"},
            arguments={"head_transform": False},
            is_in=has_tensor("pred_layer.proj.bias"),
            is_pretrained=True,
            read=read_language_model_head,
            settings=_head_settings,
        ),
        CheckpointHead(
            families=("xlm-roberta",),
            architecture="ForMaskedLM",
            tensors={
                "prediction_head/bias": "lm_head.bias",
                **dense("prediction_head/dense", "lm_head.dense"),
                **norm("prediction_head/norm", "lm_head.layer_norm"),
            },
            text_settings=_text_settings,
            keras_hub_class="XLMRobertaMaskedLM",
            keras_hub_arguments=_keras_hub_arguments,
            # The bias is there twice, of which the untied projection's is used.
            untied_tensors={
                "prediction_head/projection": "lm_head.decoder.weight",
                "prediction_head/bias": "lm_head.decoder.bias",
            },
            arguments={"head_transform": True},
            is_in=has_tensor("lm_head.bias"),
            is_pretrained=True,
            read=read_language_model_head,
            settings=_head_settings,
        ),
    )
    input_names = (*XLMBackbone.input_names, "mask_positions")
    learns_from = "texts"

    def __init__(
        self, backbone, preprocessor=None, head_transform=True, tied=True, **kwargs
    ):
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.head_transform = head_transform
        self.tied = tied
        self.prediction_head = PredictionHead.of(backbone, head_transform, tied)
        inputs = {
            **backbone.input,
            "mask_positions": keras.Input(
                (None,), dtype="int32", name="mask_positions"
            ),
        }
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        """Logits of the masked positions, see the class."""
        inputs = dict(inputs)
        mask_positions = inputs.pop("mask_positions", None)
        return self.prediction_head(
            self.backbone(inputs),  # (B, T, D)
            positions=mask_positions,
            token_embedding=self.backbone.token_embedding,
        )  # (B, P, V)

    def compile(self, optimizer="auto", loss="auto", **kwargs):
        """As KerasHub's, but the default loss is a mean over the real targets."""
        if loss == "auto":
            loss = keras.losses.SparseCategoricalCrossentropy(
                from_logits=True,
                reduction="mean_with_sample_weight",
                dtype=self.prediction_head.logits_dtype,
            )
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def fill_mask(self, texts, top_k=5, language=None):
        """The most probable tokens for the first `<mask>` of every text.

        Args:
            texts: str or list of str, each with a `<mask>`.
            top_k: int, candidates per text.
            language: str, of the texts, or list of str, one each, where the model or
                its tokenizer has any.

        Returns:
            List, one entry per text, of `top_k` pairs (token: str, probability: float),
            most probable first. SentencePiece marks a word's start with `▁`, BPE its
            end with `</w>`.

        Raises:
            ValueError: a text without `<mask>`, or one cut before it; a `top_k` that
                is no number of tokens; a language that the model does not have.
        """
        top_k = whole_number("top_k", top_k, 1, self.backbone.vocabulary_size)
        preprocessor = self.text_preprocessor("fill_mask")
        if language is not None:
            preprocessor.check_language(language)
        texts = read_column(texts)
        inputs = preprocessor.pack(with_language(texts, language))
        is_mask = inputs["token_ids"] == self.preprocessor.tokenizer.mask_token_id
        for text, has_mask in zip(texts, tf.reduce_any(is_mask, axis=1), strict=True):
            if not has_mask:
                raise ValueError(
                    "Every text needs a `<mask>` within the first "
                    f"{self.preprocessor.sequence_length} tokens. Received: {text!r}."
                )
        mask_positions = tf.argmax(is_mask, axis=1, output_type="int32")[:, None]
        logits = self({**inputs, "mask_positions": mask_positions})[:, 0]  # (B, V)
        probabilities, token_ids = ops.top_k(ops.softmax(logits), k=top_k)
        to_token = self.preprocessor.tokenizer.id_to_token
        return [
            [(to_token(i), p) for i, p in zip(row_ids, row, strict=True)]
            for row_ids, row in zip(
                ops.convert_to_numpy(token_ids).tolist(),
                ops.convert_to_numpy(probabilities).tolist(),
                strict=True,
            )
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "head_transform": self.head_transform,
            "tied": self.tied,
        }
