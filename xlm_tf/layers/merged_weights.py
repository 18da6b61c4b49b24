"""The weights that a model computes with: what is trained apart, merged in."""

from keras import ops

from xlm_tf.private_keras import nested_layers


def merged_weights(layers):
    """The weights of layers, and of those within them, as if all were trained whole.

    Args:
        layers: list of Keras layers.

    Returns:
        dict from a variable's path to the variable, or to a tensor where an adapter, or
        rows that are trained alone, are merged into it; in the order of the layers'
        weights.

    Raises:
        ValueError: a layer is quantised: its weights are no longer numbers alone.
    """
    weights = {
        variable.path: variable
        for layer in layers
        for variable in layer.variables
        if not variable.name.startswith(("lora_", "trained_rows"))
    }
    parts = {id(x): x for layer in layers for x in (layer, *nested_layers(layer))}
    for part in parts.values():
        if getattr(part, "quantization_mode", None):
            raise ValueError(
                f"The layer {part.path} is quantised ({part.quantization_mode}). "
                "Expected a model whose weights are floats: save it before `quantize`."
            )
        if getattr(part, "lora_enabled", False):
            path = f"{part.path}/kernel"
            adapter = ops.matmul(part.lora_kernel_a, part.lora_kernel_b)
            scale = part.lora_alpha / part.lora_rank
            # As Keras does, but in the variable's own type.
            weights[path] = ops.add(weights[path], scale * adapter)
        if getattr(part, "trained_ids", None) is not None:
            weights[f"{part.path}/embeddings"] = part.table()
    return weights
