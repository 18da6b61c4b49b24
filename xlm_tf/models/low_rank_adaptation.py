"""LoRA: fine-tuning by low-rank updates of some projections."""

from xlm_tf.private_keras import nested_layers


class LowRankAdaptation:
    """Mixin for backbones: `enable_lora`, of projections that are chosen.

    A subclass has `lora_projections`, the names of the dense layers that are adapted
    by default. As in the paper they are those of the attention. Where query, key and
    value are one product (`qkv_dense`) they share the update's first factor, as in
    other models with such a product (GPT-2, BLOOM): give `rank` more than the 4 or 8
    that suit single projections.

    Source: Hu et al. 2021 (arXiv 2106.09685).
    """

    lora_projections = ()

    def default_lora_layer_names(self):
        return list(self.lora_projections)

    def enable_lora(self, rank, target_layer_names=None):
        """Freeze the backbone, and train low-rank updates of some projections.

        Biases are frozen too, so that the factors are all that changes:
        `save_lora_weights` stores the whole result, and a saved preset has it merged
        into its kernels.

        Args:
            rank: int, 1 at least.
            target_layer_names: list of str, names of dense layers, wherever they are
                in the model; defaults to those of `lora_projections`. Feed-forward
                networks have "intermediate_dense", and attention and they
                "output_dense".

        Raises:
            ValueError: a rank below 1, or a name that no dense layer has.
        """
        if not isinstance(rank, int) or rank < 1:
            raise ValueError(f"rank must be an int, 1 at least. Received: rank={rank}.")
        names = target_layer_names
        names = self.default_lora_layer_names() if names is None else list(names)
        layers = [x for x in nested_layers(self) if hasattr(x, "enable_lora")]
        known = sorted({layer.name for layer in layers})
        unknown = sorted(set(names) - set(known))
        if unknown or not names:
            raise ValueError(
                f"LoRA adapts dense layers, which are {', '.join(known)}. "
                f"Received: target_layer_names={names}."
            )
        super().enable_lora(rank, names)
        for layer in layers:
            if layer.name in names and layer.use_bias:
                layer.bias.trainable = False


def copy_weights(layer, other):
    """Give a layer the weights of another of its kind, LoRA's updates merged.

    Args:
        layer: `keras.Layer`, also a model.
        other: `keras.Layer`, of the same configuration, without LoRA.
    """
    for source, target in zip(
        [layer, *nested_layers(layer)], [other, *nested_layers(other)], strict=True
    ):
        store = {}
        source.save_own_variables(store)
        target.load_own_variables(store)
