"""A class for every token: names, parts of speech."""

import keras
import keras_hub

from xlm_tf.checkpoints.checkpoint_head import CheckpointHead, has_tensor
from xlm_tf.checkpoints.tensor_names import dense
from xlm_tf.layers.precision import at_least_float32
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.class_heads import ClassHead, class_settings, read_classes
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.task import XLMTask, check_labels
from xlm_tf.models.text_fields import with_language
from xlm_tf.models.text_reading import read_column
from xlm_tf.models.token_classifier_preprocessor import XLMTokenClassifierPreprocessor
from xlm_tf.models.token_targets import labels_of_tokens


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTokenClassifier(OptionalInputs, ClassHead, XLMTask, keras_hub.models.Task):
    """A backbone with a class for every token.

    Args:
        backbone: an `XLMBackbone`.
        num_classes: int, C. May be left out where there are labels.
        preprocessor: an `XLMTokenClassifierPreprocessor`, or None to pass token ids.
        dropout: float, rate of the head's dropout.
        labels: list of C str, names of the classes, such as "B-PER", or None.

    Call arguments:
        inputs: dict as for the backbone.

    Returns:
        float32 logits (B, T, C), 0 for padding.

    Example:
    ```python
    import numpy as np
    import xlm_tf
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=100, num_layers=1, num_heads=2, hidden_dim=16,
        intermediate_dim=64,
    )
    tagger = xlm_tf.XLMTokenClassifier(backbone, labels=["O", "B-PER", "I-PER"])
    tagger(np.array([[0, 5, 6, 2]])).shape  # (1, 4, 3)
    ```
    """

    backbone_cls = XLMBackbone
    preprocessor_cls = XLMTokenClassifierPreprocessor
    checkpoint_heads = (
        CheckpointHead(
            families=("xlm", "xlm-roberta"),
            architecture="ForTokenClassification",
            tensors=dense("logits_dense", "classifier"),
            is_in=has_tensor("classifier.weight"),
            read=read_classes,
            settings=class_settings,
        ),
    )
    input_names = XLMBackbone.input_names
    labels_per_token = True
    padding_output = 0.0

    def __init__(
        self,
        backbone,
        num_classes=None,
        preprocessor=None,
        dropout=0.1,
        labels=None,
        **kwargs,
    ):
        self.num_classes, self.labels = check_labels(num_classes, labels)
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.dropout = dropout
        self.dropout_layer = keras.layers.Dropout(
            dropout, dtype=backbone.dtype_policy, name="dropout"
        )
        self.logits_dense = keras.layers.Dense(
            self.num_classes,
            kernel_initializer=backbone.kernel_initializer(),
            dtype=at_least_float32(backbone.dtype_policy),
            name="logits_dense",
        )
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        """From the backbone's inputs to the result, see the class."""
        logits = self.logits_dense(self.dropout_layer(self.backbone(inputs)))
        mask = self.backbone.padding_mask(inputs)  # (B, T)
        return keras.ops.where(mask[..., None], logits, self.padding_output)

    def preprocess_samples(self, x, y=None, sample_weight=None):
        if self.preprocessor is not None or y is None:
            return super().preprocess_samples(x, y, sample_weight)
        mask = self.backbone.padding_mask(x)
        return x, *labels_of_tokens(self._label_ids(y), mask, sample_weight)

    def tag(self, texts, language=None):
        """The tokens of some texts with their most probable labels.

        Args:
            texts: str or list of str.
            language: str, of the texts, where the model or its tokenizer has any.

        Returns:
            List, one entry per text, of pairs (token: str, label: str), without
            start, end and padding. SentencePiece marks a word's start with `▁`.

        Raises:
            ValueError: a language that the model does not have.
        """
        preprocessor = self.text_preprocessor("tag")
        if language is not None:
            preprocessor.check_language(language)
        inputs = preprocessor.pack(with_language(read_column(texts), language))
        best = keras.ops.argmax(self(inputs), axis=-1)  # (B, T)
        labels = self.class_names
        to_token = self.preprocessor.tokenizer.id_to_token
        return [
            [
                (to_token(int(token_id)), labels[int(label)])
                for token_id, label in zip(
                    ids[real][1:-1], row[real][1:-1], strict=True
                )
            ]
            for ids, row, real in zip(
                inputs["token_ids"].numpy(),
                keras.ops.convert_to_numpy(best),
                inputs["padding_mask"].numpy(),
                strict=True,
            )
        ]

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "dropout": self.dropout,
            "labels": self.labels,
        }
