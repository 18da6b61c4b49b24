"""Classification of single texts and of pairs: sentiment, topics, inference."""

import keras
import keras_hub

from xlm_tf.checkpoints import sentence_transformers
from xlm_tf.checkpoints.checkpoint_head import CheckpointHead, has_tensor
from xlm_tf.checkpoints.declared_settings import read_json_if_there
from xlm_tf.checkpoints.model_settings import check_summary, problem_type_of
from xlm_tf.checkpoints.tensor_names import dense
from xlm_tf.layers.pooling import Pooling
from xlm_tf.layers.precision import at_least_float32
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.class_heads import ClassHead, class_settings, read_classes
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.saving import check_separators
from xlm_tf.models.task import XLMTask, check_labels
from xlm_tf.models.text_classifier_preprocessor import XLMTextClassifierPreprocessor

# What the classes are to each other (transformers' names), and so what the logits say.
PROBLEM_TYPES = (
    "single_label_classification",  # one class is right: softmax
    "multi_label_classification",  # each may be, or the one of a reranker: sigmoid
    "regression",  # numbers: as they are
)


def _read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: the classes, and what they are to each other."""
    path, config = checkpoint.config_path, checkpoint.config
    check_summary(path, config, checkpoint.ignored)
    arguments, tensors = read_classes(checkpoint, head, arguments)
    if tensors and "problem_type" not in arguments:
        reranker = checkpoint.folder / sentence_transformers.CONFIG_FILE
        arguments["problem_type"] = problem_type_of(
            config, path, arguments["num_classes"], read_json_if_there(reranker)
        )
    return arguments, tensors


def _head_settings(model, family):
    if model.pooling != "first":
        raise ValueError(
            "Classifiers of transformers pool the first token. "
            f"Received: pooling={model.pooling!r}."
        )
    activation = keras.activations.serialize(model.activation)
    if activation != "linear":
        raise ValueError(
            "Classifiers of transformers answer with logits. Received: activation="
            f"{activation!r}. Make it with activation=None."
        )
    check_separators(model, family)
    return {**class_settings(model, family), "problem_type": model.problem_type}


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTextClassifier(
    OptionalInputs, ClassHead, XLMTask, keras_hub.models.TextClassifier
):
    """A backbone with a classification head.

    Args:
        backbone: an `XLMBackbone`.
        num_classes: int, C. May be left out where there are labels.
        preprocessor: an `XLMTextClassifierPreprocessor`, or None to pass token ids.
        pooling: "first" (XLM and XLM-R), "mean" or "max", see
            `xlm_tf.layers.Pooling`.
        head_transform: bool, True for XLM-R's head (dropout, dense, tanh, dropout,
            projection), False for XLM's (dropout, projection).
        dropout: float, rate of the head's dropout.
        activation: activation on the logits, such as "softmax"; None for logits.
        labels: list of C str, names of the classes, or None. They are saved with the
            model, and are what an export answers.
        problem_type: "single_label_classification", "multi_label_classification" or
            "regression": decides whether an export answers the softmax, the sigmoid or
            the logits themselves, and the loss of `compile` where it is "auto".
            Defaults to what transformers does: one class alone is a yes or no (a
            reranker), several exclude each other.

    Call arguments:
        inputs: dict as for the backbone.

    Returns:
        float32 tensor (B, C), logits unless `activation` is set.

    Example:
    ```python
    classifier = xlm_tf.XLMTextClassifier.from_preset(
        "hf://FacebookAI/xlm-roberta-base", num_classes=3
    )
    classifier.fit(["Great!", "So so."], [2, 1])
    classifier.predict(["Ça marche très bien"])  # (1, 3)
    ```
    """

    backbone_cls = XLMBackbone
    preprocessor_cls = XLMTextClassifierPreprocessor
    checkpoint_heads = (
        CheckpointHead(
            families=("xlm",),
            architecture="ForSequenceClassification",
            tensors=dense("logits_dense", "sequence_summary.summary"),
            arguments={"head_transform": False},
            is_in=has_tensor("sequence_summary.summary.weight"),
            read=_read_head,
            settings=_head_settings,
        ),
        CheckpointHead(
            families=("xlm-roberta",),
            architecture="ForSequenceClassification",
            tensors={
                **dense("hidden_dense", "classifier.dense"),
                **dense("logits_dense", "classifier.out_proj"),
            },
            arguments={"head_transform": True},
            is_in=has_tensor("classifier.out_proj.weight"),
            read=_read_head,
            settings=_head_settings,
        ),
    )
    input_names = XLMBackbone.input_names

    def __init__(
        self,
        backbone,
        num_classes=None,
        preprocessor=None,
        pooling="first",
        head_transform=True,
        dropout=0.1,
        activation=None,
        labels=None,
        problem_type=None,
        **kwargs,
    ):
        num_classes, self.labels = check_labels(num_classes, labels)
        if problem_type is not None and problem_type not in PROBLEM_TYPES:
            raise ValueError(
                f"problem_type must be one of {PROBLEM_TYPES}, or None. "
                f"Received: problem_type={problem_type!r}."
            )
        if problem_type == PROBLEM_TYPES[0] and num_classes == 1:
            raise ValueError(
                "A single class is always the right one: pass "
                "problem_type='multi_label_classification' for a yes or no, or "
                f"'regression'. Received: num_classes=1, problem_type={problem_type!r}."
            )
        self._saved_problem_type = problem_type
        if problem_type is None:
            problem_type = PROBLEM_TYPES[1 if num_classes == 1 else 0]
        self.problem_type = problem_type
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.num_classes = num_classes
        self.pooling = pooling
        self.head_transform = head_transform
        self.dropout = dropout
        self.activation = keras.activations.get(activation)

        self.pooling_layer = Pooling(
            pooling, dtype=at_least_float32(backbone.dtype_policy), name="pooling"
        )
        self.dropout_layer = keras.layers.Dropout(
            dropout, dtype=at_least_float32(backbone.dtype_policy), name="dropout"
        )
        self.hidden_dense = None
        if head_transform:
            self.hidden_dense = keras.layers.Dense(
                backbone.hidden_dim,
                activation="tanh",
                kernel_initializer=backbone.kernel_initializer(),
                dtype=at_least_float32(backbone.dtype_policy),
                name="hidden_dense",
            )
        # In float32: one vector a text costs nothing, and the logits are exact.
        self.logits_dense = keras.layers.Dense(
            num_classes,
            activation=self.activation,
            kernel_initializer=backbone.kernel_initializer(),
            dtype=at_least_float32(backbone.dtype_policy),
            name="logits_dense",
        )
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        """From the backbone's inputs to the result, see the class."""
        x = self.backbone(inputs)  # (B, T, D)
        return self.classify_states(x, self.backbone.padding_mask(inputs))

    def classify_states(self, x, padding_mask):
        """The head alone: hidden states (B, T, D), mask bool (B, T) -> (B, C)."""
        x = self.dropout_layer(self.pooling_layer(x, padding_mask))  # (B, D)
        if self.hidden_dense is not None:
            x = self.dropout_layer(self.hidden_dense(x))
        return self.logits_dense(x)

    def compile(self, optimizer="auto", loss="auto", *, metrics="auto", **kwargs):
        """As KerasHub's; the "auto" loss and metrics are those of the `problem_type`.

        The loss is never in half precision.
        """
        dtype = self.logits_dense.compute_dtype
        if self.problem_type == "multi_label_classification":
            is_logit = self.activation is keras.activations.linear
            if loss == "auto":
                loss = keras.losses.BinaryCrossentropy(
                    from_logits=is_logit, dtype=dtype
                )
            if metrics == "auto":
                threshold = 0.0 if is_logit else 0.5
                metrics = [keras.metrics.BinaryAccuracy(threshold=threshold)]
        elif self.problem_type == "regression":
            if loss == "auto":
                loss = keras.losses.MeanSquaredError(dtype=dtype)
            if metrics == "auto":
                metrics = [keras.metrics.MeanAbsoluteError()]
        elif loss == "auto":
            loss = keras.losses.SparseCategoricalCrossentropy(
                from_logits=self.activation != keras.activations.softmax, dtype=dtype
            )
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "problem_type": self._saved_problem_type,
            "pooling": self.pooling,
            "head_transform": self.head_transform,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
            "labels": self.labels,
        }
