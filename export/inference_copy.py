"""The layers of a task for inference, on weights that an export holds its own way."""

import contextlib

import keras
import tensorflow as tf

from xlm_tf.layers.attention import CrossAttention, SelfAttention
from xlm_tf.layers.feed_forward import FeedForward
from xlm_tf.layers.merged_weights import merged_weights
from xlm_tf.private_keras import nested_layers, without_values

# What multiplies by matrices.
_PRODUCTS = (keras.layers.Dense, SelfAttention, CrossAttention, FeedForward)


class InferenceCopy:
    """A copy of a task without weights: `weights` gives it those of the export.

    What is computed is the layers' matter. The copy computes in float32 and without
    adapters, whatever the task was trained with.

    Args:
        task: the task.
        frozen: bool, weights are constants of the graph instead of variables. oneDNN
            then keeps its packed form of every kernel between calls. Tables are
            variables still: a lookup gains nothing.
        dtype: "float32" or "bfloat16", in which the backbone's kernels and tables are
            held and multiplied. Biases, LayerNorms and residuals stay float32.
        layout: function from a padding mask to a layout of the backbone, see
            `xlm_tf.layers.token_layout`; None packs the real tokens.
        lookup: function (table (N, D), ids) -> rows (*ids.shape, D).

    Attributes:
        task: the copy. It computes within `weights()` alone.
        variables: list of tf.Variable, the weights that are no constants, which the
            module of a graph must own.
    """

    def __init__(
        self, task, frozen=False, dtype="float32", layout=None, lookup=tf.gather
    ):
        self.task = _copied(task)
        backbone = self.task.backbone
        encoder = getattr(backbone, "encoder", backbone)
        encoder.token_layout = "packed"
        if layout is not None:
            encoder.layout_of = layout
        in_dtype = {id(x) for x in backbone.weights}
        if hasattr(self.task, "prediction_head"):
            self.task.prediction_head.kernel_dtype = dtype
            in_dtype.add(id(self.task.prediction_head.projection))
        for layer in nested_layers(backbone):
            if hasattr(layer, "lookup"):
                layer.lookup = lookup
            if dtype != "float32" and isinstance(layer, _PRODUCTS):
                layer.dtype_policy = f"mixed_{dtype}"
        of_dense = {
            id(x)
            for layer in nested_layers(self.task)
            if isinstance(layer, keras.layers.Dense)
            for x in layer.weights
        }
        merged = merged_weights([task])
        merged = [merged[x.path] for x in task.weights if x.path in merged]
        self._values = []
        self.variables = []
        for variable, weight in zip(self.task.weights, merged, strict=True):
            is_matrix = len(variable.shape) == 2
            own_dtype = dtype if is_matrix and id(variable) in in_dtype else "float32"
            # A NumPy array becomes a constant of the function that uses it.
            value = keras.ops.convert_to_numpy(weight)
            value = value.astype(tf.as_dtype(own_dtype).as_numpy_dtype)
            if not frozen or (is_matrix and id(variable) not in of_dense):
                value = tf.Variable(value, trainable=False)
                self.variables.append(value)
            self._values.append((variable, value))

    @contextlib.contextmanager
    def weights(self):
        """Within it, the copy computes with the weights of the export."""
        scope = keras.StatelessScope(initialize_variables=False)
        for update in self._values:
            scope.add_update(update)
        with scope:
            yield


def _copied(task):
    config = {**task.backbone.get_config(), "dtype": "float32"}
    with without_values():
        backbone = type(task.backbone).from_config(config)
    config = {**task.get_config(), "backbone": backbone}
    config["preprocessor"] = task.preprocessor
    config.pop("dtype", None)  # serialised; it is the backbone's
    return type(task).from_config(config)
