"""The encoder-decoder: source ids and target ids in, states of the target out."""

import functools

import keras
import keras_hub
from keras import ops

from xlm_tf import masks
from xlm_tf.checkpoints.checkpoint_head import CheckpointHead
from xlm_tf.layers.decoder_block import DecoderBlock
from xlm_tf.layers.embeddings import Embeddings
from xlm_tf.layers.gradient_checkpointing import recomputed
from xlm_tf.layers.layer_normalization import LayerNormalization
from xlm_tf.layers.token_layout import PADDED
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.low_rank_adaptation import LowRankAdaptation, copy_weights
from xlm_tf.models.optional_inputs import OptionalInputs, check_shapes
from xlm_tf.models.presets import XLMPresets

# What an encoder's block has too.
_BLOCK_LAYERS = ("attention", "attention_norm", "feed_forward", "feed_forward_norm")
# What encoder and decoder have in common.
_FORM = (
    "vocabulary_size",
    "hidden_dim",
    "intermediate_dim",
    "num_heads",
    "max_sequence_length",
    "num_languages",
    "num_token_types",
    "position_embedding",
    "position_offset",
    "norm_placement",
    "embedding_norm",
    "layer_norm_epsilon",
    "activation",
    "pad_token_id",
)


def _read_decoder(checkpoint, head, arguments):
    """See `CheckpointHead.read`."""
    if not checkpoint.num_decoder_layers:
        raise ValueError(
            f"{checkpoint.path} holds an encoder without a decoder. Begin an "
            "encoder-decoder with it: XLMSeq2SeqLM.from_masked_lm, or the "
            "`initial_model` of a recipe."
        )
    return arguments, checkpoint.decoder_tensors


def _make_backbone(backbone_cls, checkpoint, arguments):
    """See `CheckpointHead.make_backbone`: XLM shares nothing between the two."""
    return backbone_cls(
        XLMBackbone(**arguments),
        num_decoder_layers=checkpoint.num_decoder_layers,
        share_embeddings=False,
    )


@keras.saving.register_keras_serializable("xlm_tf")
class XLMSeq2SeqBackbone(
    OptionalInputs, LowRankAdaptation, XLMPresets, keras_hub.models.Backbone
):
    """A Transformer encoder, and a decoder of the same form that attends to it.

    Args:
        encoder: an `XLMBackbone`; its facts (width, positions, languages, norms ...)
            are the decoder's too.
        num_decoder_layers: int; defaults to the encoder's.
        share_embeddings: bool, one embedding layer for source and target.
        dtype: dtype or dtype policy; defaults to the encoder's.

    Call arguments:
        inputs: dict of
            `encoder_token_ids`: int (B, S);
            `encoder_padding_mask`: bool (B, S), True = real token;
            `decoder_token_ids`: int (B, T), beginning with the start token;
            `decoder_padding_mask`: bool (B, T), True = real token: what is computed.
                Padding follows the text, where nobody looks back at it;
            `encoder_language_ids` int (B, S), `decoder_language_ids` int (B, T), where
            the model has languages: the decoder's say which one to write.

    Returns:
        dict of `encoder_sequence_output` (B, S, D) and `decoder_sequence_output`
        (B, T, D).

    Example:
    ```python
    import numpy as np
    import xlm_tf
    encoder = xlm_tf.XLMBackbone(
        vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=16,
        intermediate_dim=64,
    )
    backbone = xlm_tf.XLMSeq2SeqBackbone(encoder)
    ids = np.array([[0, 5, 6, 2]])
    states = backbone({"encoder_token_ids": ids, "decoder_token_ids": ids[:, :-1]})
    states["decoder_sequence_output"].shape  # (1, 3, 16)
    ```

    Source: Lample and Conneau 2019 (arXiv 1901.07291), section 5.
    """

    # Of XLM's own files alone: transformers has no encoder-decoder of the family.
    checkpoint_heads = (
        CheckpointHead(
            ("xlm",), "Model", read=_read_decoder, make_backbone=_make_backbone
        ),
    )
    input_names = (
        "encoder_token_ids",
        "decoder_token_ids",
        "encoder_padding_mask",
        "decoder_padding_mask",
        "encoder_language_ids",
        "decoder_language_ids",
        "encoder_position_ids",
    )
    # Query, key and value of the self-attention in encoder and decoder, and of the
    # decoder's attention to the source, where key and value are one product.
    lora_projections = ("qkv_dense", "query_dense", "key_value_dense")

    def __init__(
        self,
        encoder,
        num_decoder_layers=None,
        share_embeddings=True,
        dtype=None,
        **kwargs,
    ):
        self.encoder = encoder
        self.num_decoder_layers = num_decoder_layers or encoder.num_layers
        self.share_embeddings = share_embeddings
        dtype = dtype or encoder.dtype_policy
        for name in (
            "vocabulary_size",
            "num_heads",
            "hidden_dim",
            "max_sequence_length",
            "num_languages",
            "layer_norm_epsilon",
            "activation",
            "pad_token_id",
            "initializer_range",
        ):
            setattr(self, name, getattr(encoder, name))
        self.decoder_embeddings = encoder.embeddings
        if not share_embeddings:
            config = encoder.embeddings.get_config()
            config |= {"name": "decoder_embeddings", "dtype": dtype}
            self.decoder_embeddings = Embeddings(**config)
        self.decoder_blocks = [
            DecoderBlock(
                num_heads=encoder.num_heads,
                intermediate_dim=encoder.intermediate_dim,
                dropout=encoder.dropout,
                attention_dropout=encoder.attention_dropout,
                activation=encoder.activation,
                norm_placement=encoder.norm_placement,
                layer_norm_epsilon=encoder.layer_norm_epsilon,
                kernel_initializer=encoder.kernel_initializer(),
                dtype=dtype,
                name=f"decoder_block_{i}",
            )
            for i in range(self.num_decoder_layers)
        ]
        self.decoder_norm = None
        if encoder.norm_placement == "pre":
            self.decoder_norm = LayerNormalization(
                epsilon=encoder.layer_norm_epsilon, dtype=dtype, name="decoder_norm"
            )
        names = [
            f"{side}_{name}"
            for side in ("encoder", "decoder")
            for name in (
                "token_ids",
                "padding_mask",
                *(["language_ids"] if encoder.num_languages else []),
            )
        ]
        inputs = {
            name: keras.Input(shape=(None,), dtype="int32", name=name) for name in names
        }
        super().__init__(
            inputs=inputs, outputs=self.forward(inputs), dtype=dtype, **kwargs
        )

    @property
    def token_embedding(self):
        """The `TokenEmbedding` of the target, which the output is tied to."""
        return self.decoder_embeddings.token_embedding

    @property
    def gradient_checkpointing(self):
        """bool, that of the encoder, for both; see `XLMBackbone`."""
        return self.encoder.gradient_checkpointing

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, value):
        self.encoder.gradient_checkpointing = value

    def kernel_initializer(self):
        """A fresh initializer for dense kernels, for the heads on this backbone."""
        return self.encoder.kernel_initializer()

    def forward(self, inputs):
        """States of source and target, see the class."""
        source_states, x, arguments = self._embedded(inputs)
        for block in self.decoder_blocks:
            compute = block
            if self.gradient_checkpointing:
                compute = functools.partial(recomputed, block)
            x = compute(x, source_states, **arguments)
        if self.decoder_norm is not None:
            x = self.decoder_norm(x)
        return {
            "encoder_sequence_output": arguments["source_layout"].unpack(source_states),
            "decoder_sequence_output": arguments["layout"].unpack(x),
        }

    def cross_attention(self, inputs):
        """What the target's positions attend to in the source, by the cross-attention.

        Args:
            inputs: as for calling the backbone.

        Returns:
            List of float32 tensors (B, H, T, S), one a layer.
        """
        source_states, x, arguments = self._embedded(inputs)
        probabilities = []
        for block in self.decoder_blocks:
            probabilities.append(
                block.cross_attention_probabilities(x, source_states, **arguments)
            )
            x = block(x, source_states, **arguments)
        return probabilities

    def _embedded(self, inputs):
        """States of the source, embeddings of the target, the blocks' arguments."""
        source_states, visible, source_layout = self._encoded(inputs)
        # Padding follows the text: attention needs no mask of it.
        token_ids = ops.convert_to_tensor(inputs["decoder_token_ids"])  # (B, T)
        order = ops.cumsum(ops.ones_like(token_ids), axis=1)
        names = [name for name in self.input_names if name.startswith("decoder_")]
        check_shapes(inputs, "decoder_token_ids", names)
        padding_mask = inputs.get("decoder_padding_mask")
        layout = PADDED
        if padding_mask is not None:
            target = {"token_ids": token_ids, "padding_mask": padding_mask}
            layout = self.encoder.layout_of(self.encoder.padding_mask(target))
        x = self.decoder_embeddings(
            token_ids,
            padding_mask=ops.ones_like(token_ids, "bool"),
            language_ids=inputs.get("decoder_language_ids"),
            layout=layout,
        )
        return (
            source_states,
            x,
            {
                "self_attention_mask": masks.causal_attention_mask(order, order),
                "cross_attention_mask": masks.padding_attention_mask(visible),
                "layout": layout,
                "source_layout": source_layout,
            },
        )

    def encode(self, inputs):
        """Encode the source: what `step` reads of it, computed once.

        Args:
            inputs: dict with the encoder's inputs.

        Returns:
            dict of `keys_values`, a tuple with a pair of float (B, H, S, K) a layer,
            and `mask` bool (B, S), what is attended to.
        """
        states, visible, layout = self._encoded(inputs)
        return {
            "keys_values": tuple(
                block.source_attention.keys_values(states, layout)
                for block in self.decoder_blocks
            ),
            "mask": visible,
        }

    def _encoded(self, inputs):
        """States of the source, which of it is attended to (B, S), and its layout."""
        source = encoder_inputs(inputs)
        mask = self.encoder.padding_mask(source)
        layout = self.encoder.layout_of(mask)
        states = layout.pack(self.encoder(source))
        return states, masks.visible_tokens(mask), layout

    def empty_caches(self, batch_size):
        """A tuple with a pair of tensors (batch_size, H, 0, K) a layer."""
        return tuple(
            block.attention.empty_cache(batch_size) for block in self.decoder_blocks
        )

    def step(self, token_ids, index, caches, source, mask=None, language_ids=None):
        """The states of one new position.

        Args:
            token_ids: int tensor (A, k), the newest token of k beams of A texts.
            index: int scalar, its position.
            caches: tuple of pairs of tensors (A, H, index * k, K).
            source: dict of `encode`.
            mask: bool tensor (A, k, (index + 1) * k), which cached positions are those
                of a beam, see `SelfAttention.step`; None where k is 1.
            language_ids: int tensor (A, k), where the model has languages.

        Returns:
            `(states, caches)`: float (A * k, D), and the caches with the position.
        """
        x = self.decoder_embeddings.step(token_ids, index, language_ids)  # (A * k, D)
        source_mask = masks.padding_attention_mask(source["mask"])
        new_caches = []
        for block, cache, keys_values in zip(
            self.decoder_blocks, caches, source["keys_values"], strict=True
        ):
            x, new_cache = block.step(x, cache, keys_values, mask, source_mask)
            new_caches.append(new_cache)
        if self.decoder_norm is not None:
            x = self.decoder_norm(x)
        return x, tuple(new_caches)

    def initialize_decoder(self, other=None):
        """Copy the encoder, or another model, into the decoder.

        XLM's way to begin translation with one masked language model, or with two.

        Args:
            other: an `XLMBackbone`, whose blocks have no attention to a source: the
                decoder's stays as it is; or an `XLMSeq2SeqBackbone`, whose decoder is
                copied. Defaults to the encoder.

        Raises:
            ValueError: the decoder has more layers than the other model, or is of
                another form; or it shares its embeddings with the encoder, which are
                not the other model's.
        """
        other = self.encoder if other is None else other
        if isinstance(other, XLMSeq2SeqBackbone):
            blocks, norm = other.decoder_blocks, other.decoder_norm
            embeddings, encoder = other.decoder_embeddings, other.encoder
            layers = (*_BLOCK_LAYERS, "source_attention", "source_attention_norm")
        else:
            blocks, norm = other.encoder_blocks, other.final_norm
            embeddings, encoder, layers = other.embeddings, other, _BLOCK_LAYERS
        if self.num_decoder_layers > len(blocks):
            raise ValueError(
                "A decoder begins with the layers of "
                f"{'the encoder' if other is self.encoder else 'another model'}: it "
                "cannot have more. Received: num_decoder_layers="
                f"{self.num_decoder_layers}, and {len(blocks)} there."
            )
        for name in _FORM:
            own, others = getattr(self.encoder, name), getattr(encoder, name)
            if own != others:
                raise ValueError(
                    f"A decoder has the form of its encoder, whose {name} is {own}. "
                    f"Received: a decoder's of {others}."
                )
        if self.share_embeddings and embeddings is not self.encoder.embeddings:
            raise ValueError(
                "A decoder that begins with another model has the embeddings of that "
                "model. Expected share_embeddings=False."
            )
        if not self.share_embeddings:
            copy_weights(embeddings, self.decoder_embeddings)
        for block, own in zip(
            blocks[: self.num_decoder_layers], self.decoder_blocks, strict=True
        ):
            for name in layers:
                copy_weights(getattr(block, name), getattr(own, name))
        if self.decoder_norm is not None:
            copy_weights(norm, self.decoder_norm)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "encoder": keras.saving.serialize_keras_object(self.encoder),
                "num_decoder_layers": self.num_decoder_layers,
                "share_embeddings": self.share_embeddings,
            }
        )
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config["encoder"], dict):
            # A policy that the reader of a preset chose is the encoder's too.
            encoder = config["encoder"]["config"] | {"dtype": config.get("dtype")}
            config["encoder"] = config["encoder"] | {"config": encoder}
            config["encoder"] = keras.saving.deserialize_keras_object(config["encoder"])
        return super().from_config(config)


def encoder_inputs(inputs):
    """The encoder's part of the inputs, under the names that `XLMBackbone` has."""
    names = ("token_ids", "padding_mask", "language_ids", "position_ids")
    return {
        name: inputs[f"encoder_{name}"]
        for name in names
        if inputs.get(f"encoder_{name}") is not None
    }
