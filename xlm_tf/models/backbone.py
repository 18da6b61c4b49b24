"""The Transformer encoder that every model of the family shares."""

import functools

import keras
import keras_hub
from keras import ops

from xlm_tf import masks
from xlm_tf.checkpoints.checkpoint_head import CheckpointHead
from xlm_tf.layers.embeddings import Embeddings
from xlm_tf.layers.encoder_block import EncoderBlock
from xlm_tf.layers.gradient_checkpointing import recomputed
from xlm_tf.layers.initializers import dense_kernel
from xlm_tf.layers.layer_normalization import LayerNormalization
from xlm_tf.layers.token_layout import TOKEN_LAYOUTS, choose_layout
from xlm_tf.models.low_rank_adaptation import LowRankAdaptation
from xlm_tf.models.optional_inputs import OptionalInputs, as_dict, check_shapes
from xlm_tf.models.presets import XLMPresets


@keras.saving.register_keras_serializable("xlm_tf")
class XLMBackbone(
    OptionalInputs, LowRankAdaptation, XLMPresets, keras_hub.models.Backbone
):
    """The XLM / XLM-R encoder: token ids in, hidden states out.

    One class covers the family. Every argument is a fact of an architecture:

    | argument              | XLM (2019)         | XLM-R        | XLM-R XL     |
    |-----------------------|--------------------|--------------|--------------|
    | `num_languages`       | 15, 2, or 0 (17, 100 languages) | 0 | 0          |
    | `position_offset`     | 0                  | 2            | 2            |
    | `num_token_types`     | 0                  | 1            | 1            |
    | `norm_placement`      | "post"             | "post"       | "pre"        |
    | `embedding_norm`      | True               | True         | False        |
    | `layer_norm_epsilon`  | 1e-12              | 1e-5         | 1e-5         |
    | `zero_padding_states` | True               | False        | False        |
    | `pad_token_id`        | 2                  | 1            | 1            |

    Our `hidden_dim` is XLM's `emb_dim`.

    Args:
        vocabulary_size: int, V.
        num_layers: int, encoder blocks.
        num_heads: int, H; divides `hidden_dim`.
        hidden_dim: int, D.
        intermediate_dim: int, width of the feed-forward networks.
        dropout: float, rate after the embeddings and after every sub-layer.
        attention_dropout: float, rate on the attention probabilities.
        max_sequence_length: int, positions of a sequence (specials included).
        num_languages: int, rows of the language embedding; 0 for none.
        num_token_types: int, rows of the token-type embedding; 0 for none.
        position_embedding: "learned" or "sinusoidal".
        position_offset: int, row of the first position. Where it is above 0, the
            row before it belongs to padding, and positions count real tokens only
            (fairseq's rule), so left padding changes nothing.
        norm_placement: "post" or "pre" (which adds a final LayerNorm).
        embedding_norm: bool, LayerNorm after the embeddings.
        layer_norm_epsilon: float.
        activation: activation of the feed-forward networks, "gelu" (exact) or
            "relu".
        zero_padding_states: bool, set hidden states of padding to zero after the
            embeddings and after every block, as XLM does.
        causal: bool, every token sees the past only (XLM's `clm` models).
        pad_token_id: int, id of padding, where no `padding_mask` is given.
        initializer_range: float, standard deviation of the dense kernels. Defaults
            to Glorot and Bengio's uniform distribution, which follows the width: the
            0.02 of the large models leaves a narrow one attending to everything
            alike, and slow to learn.
        embedding_initializer_range: float, standard deviation of the embedding
            tables. Defaults to `hidden_dim ** -0.5` (XLM).
        dtype: dtype or dtype policy, such as "mixed_bfloat16".

    Call arguments:
        inputs: dict, or the tensor `token_ids` alone:
            `token_ids`: int (B, T);
            `padding_mask`: bool (B, T), True = real token. Defaults to
                `token_ids != pad_token_id`;
            `language_ids`: int (B, T), needed where the model has languages;
            `position_ids`: int (B, T), 0-based; defaults to running positions;
            `segment_ids`: int (B, T), 0 = padding: packed rows, in which tokens
                attend only within their segment;
            `token_type_ids`: int (B, T). Defaults to zeros;
            `token_vectors`: float (B, T, D), in place of the token embeddings of
                `token_ids`, which then say where padding is.

    Returns:
        Float tensor (B, T, D): hidden states of the last block. With
        `backbone.hidden_states(inputs)`, those of every block.

    Raises:
        ValueError: arguments that contradict each other, language ids missing, or
            sequences longer than `max_sequence_length`.

    Example:
    ```python
    import numpy as np
    import xlm_tf
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=16,
        intermediate_dim=64, max_sequence_length=32,
    )
    backbone(np.array([[0, 5, 6, 2, 1, 1]])).shape  # (1, 6, 16)
    ```

    Sources: Lample and Conneau 2019 (arXiv 1901.07291), Conneau et al. 2020
    (arXiv 1911.02116), Goyal et al. 2021 (arXiv 2105.00572).
    """

    # The encoder alone.
    checkpoint_heads = (
        CheckpointHead(
            ("xlm", "xlm-roberta", "bert"),
            "Model",
            keras_hub_class="XLMRobertaBackbone",
        ),
    )
    input_names = (
        "token_ids",
        "padding_mask",
        "language_ids",
        "position_ids",
        "segment_ids",
        "token_type_ids",
        "token_vectors",
    )
    # Query, key and value of the self-attention, one product.
    lora_projections = ("qkv_dense",)

    def __init__(
        self,
        vocabulary_size,
        num_layers,
        num_heads,
        hidden_dim,
        intermediate_dim,
        dropout=0.1,
        attention_dropout=0.1,
        max_sequence_length=512,
        num_languages=0,
        num_token_types=0,
        position_embedding="learned",
        position_offset=0,
        norm_placement="post",
        embedding_norm=True,
        layer_norm_epsilon=1e-5,
        activation="gelu",
        zero_padding_states=False,
        causal=False,
        pad_token_id=1,
        initializer_range=None,
        embedding_initializer_range=None,
        dtype=None,
        **kwargs,
    ):
        if hidden_dim % num_heads:
            raise ValueError(
                "hidden_dim must be divisible by num_heads. "
                f"Received: hidden_dim={hidden_dim}, num_heads={num_heads}."
            )
        self.vocabulary_size = vocabulary_size
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.hidden_dim = hidden_dim
        self.intermediate_dim = intermediate_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.max_sequence_length = max_sequence_length
        self.num_languages = num_languages
        self.num_token_types = num_token_types
        self.position_embedding = position_embedding
        self.position_offset = position_offset
        self.norm_placement = norm_placement
        self.embedding_norm = embedding_norm
        self.layer_norm_epsilon = layer_norm_epsilon
        self.activation = keras.activations.get(activation)
        self.token_layout = "auto"
        self.gradient_checkpointing = False
        self.zero_padding_states = zero_padding_states
        self.causal = causal
        self.pad_token_id = pad_token_id
        self.initializer_range = initializer_range
        self.embedding_initializer_range = embedding_initializer_range

        self.embeddings = Embeddings(
            vocabulary_size=vocabulary_size,
            hidden_dim=hidden_dim,
            max_sequence_length=max_sequence_length,
            num_languages=num_languages,
            num_token_types=num_token_types,
            position_embedding=position_embedding,
            position_offset=position_offset,
            embedding_norm=embedding_norm,
            layer_norm_epsilon=layer_norm_epsilon,
            dropout=dropout,
            initializer_range=embedding_initializer_range,
            dtype=dtype,
            name="embeddings",
        )
        self.encoder_blocks = [
            EncoderBlock(
                num_heads=num_heads,
                intermediate_dim=intermediate_dim,
                dropout=dropout,
                attention_dropout=attention_dropout,
                activation=self.activation,
                norm_placement=norm_placement,
                layer_norm_epsilon=layer_norm_epsilon,
                kernel_initializer=self.kernel_initializer(),
                dtype=dtype,
                name=f"encoder_block_{i}",
            )
            for i in range(num_layers)
        ]
        self.final_norm = None
        if norm_placement == "pre":
            self.final_norm = LayerNormalization(
                epsilon=layer_norm_epsilon, dtype=dtype, name="final_norm"
            )
        names = ["token_ids", "padding_mask"]
        if num_languages:
            names.append("language_ids")
        inputs = {
            name: keras.Input(shape=(None,), dtype="int32", name=name) for name in names
        }
        super().__init__(
            inputs=inputs, outputs=self.forward(inputs), dtype=dtype, **kwargs
        )

    @property
    def token_embedding(self):
        """The `TokenEmbedding`, which prediction heads are tied to."""
        return self.embeddings.token_embedding

    def kernel_initializer(self):
        """A fresh initializer for dense kernels, for the heads on this backbone."""
        return dense_kernel(self.initializer_range)

    @property
    def token_layout(self):
        """How a batch is computed: "auto", "padded" or "packed"; it may be set.

        See `xlm_tf.layers.token_layout.choose_layout`: the result is the same, apart
        from padding, whose states are zeros where tokens are packed. A graph that is
        traced keeps what it was traced with: set it before `fit` or `predict`.
        """
        return self._token_layout

    @token_layout.setter
    def token_layout(self, token_layout):
        if token_layout not in TOKEN_LAYOUTS:
            raise ValueError(
                f"token_layout must be one of {TOKEN_LAYOUTS}. "
                f"Received: token_layout={token_layout!r}."
            )
        self._token_layout = token_layout

    @property
    def gradient_checkpointing(self):
        """bool, whether blocks are computed again for the gradients; it may be set.

        A training step then needs less memory, and more time; the result is the same.
        Set it before `fit`. It is not saved.
        """
        return self._gradient_checkpointing

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, value):
        if not isinstance(value, bool):
            raise ValueError(
                "gradient_checkpointing must be True or False. Received: "
                f"gradient_checkpointing={value!r}."
            )
        self._gradient_checkpointing = value

    def forward(self, inputs):
        """Hidden states of the last block, see the class."""
        states, layout, _ = self._states(inputs)
        return layout.unpack(states[-1])

    def hidden_states(self, inputs):
        """Hidden states after the embeddings and after every block.

        Args:
            inputs: as for calling the backbone.

        Returns:
            List of `num_layers + 1` float tensors (B, T, D). The last is what the
            call returns (under `norm_placement="pre"`, after the final LayerNorm).
        """
        states, layout, _ = self._states(inputs)
        return [layout.unpack(x) for x in states]

    def self_attention(self, inputs):
        """What every token attends to, in every block.

        Args:
            inputs: as for calling the backbone.

        Returns:
            List of `num_layers` float32 tensors (B, H, T, T): of every head, rows that
            sum to 1 over what a token looks at; of padding, zeros.
        """
        states, layout, attention_mask = self._states(inputs)
        is_real = self.padding_mask(inputs)[:, None, :, None]
        attention = [
            block.attention_probabilities(x, attention_mask, layout)
            for block, x in zip(self.encoder_blocks, states, strict=False)
        ]
        return [x * ops.cast(is_real, x.dtype) for x in attention]

    def layout_of(self, padding_mask):
        """How tokens of such a mask (B, T) lie; see `token_layout`."""
        return choose_layout(padding_mask, self.token_layout)

    def _states(self, inputs):
        """States as they lie, their layout, and what attention may look at."""
        inputs = as_dict(inputs, self.input_names)
        per_token = [name for name in self.input_names if name != "token_vectors"]
        check_shapes(inputs, "token_ids", per_token)
        padding_mask = self.padding_mask(inputs)
        layout = self.layout_of(padding_mask)
        x, attention_mask = self._embedded(inputs, padding_mask, layout)
        is_real = layout.pack(padding_mask)
        states = [x]
        for block in self.encoder_blocks:
            compute = block
            if self.gradient_checkpointing:
                compute = functools.partial(recomputed, block)
            x = compute(x, attention_mask=attention_mask, layout=layout)
            x = self._zero_padding(x, is_real)
            states.append(x)
        if self.final_norm is not None:
            states[-1] = self._zero_padding(self.final_norm(x), is_real)
        return states, layout, attention_mask

    def prefill(self, token_ids, language_ids=None, padding_mask=None):
        """The caches of texts' first positions, which `step` goes on from.

        Args:
            token_ids: int tensor (B, T); T may be 0. Padding follows the text: no
                position sees it, and the `mask` of `step` must leave it out.
            language_ids: int tensor (B, T), where the model has languages.
            padding_mask: bool tensor (B, T), True = real token, so that padding need
                not be computed. Defaults to all.

        Returns:
            A tuple with a pair of float tensors (B, H, T, K) a layer.

        Raises:
            ValueError: the model is not causal, or has fewer positions.
        """
        self._check_causal()
        inputs = {
            "token_ids": token_ids,
            "language_ids": language_ids,
        }
        if padding_mask is None:
            padding_mask = ops.ones_like(token_ids, "bool")
        layout = self.layout_of(padding_mask)
        x, attention_mask = self._embedded(inputs, padding_mask, layout)
        caches = []
        for block in self.encoder_blocks:
            x, cache = block.prefill(x, attention_mask, layout)
            caches.append(cache)
        return tuple(caches)

    def empty_caches(self, batch_size):
        """What `step` begins with: a pair of tensors (batch_size, H, 0, K) a layer."""
        return tuple(
            block.attention.empty_cache(batch_size) for block in self.encoder_blocks
        )

    def step(self, token_ids, index, caches, mask=None, language_ids=None):
        """The states of one new position, of a causal model.

        Args:
            token_ids: int tensor (A, k), the newest token of k beams of A texts.
            index: int scalar, its position, or int (A, 1), that of every text.
            caches: tuple of pairs of tensors (A, H, p + t * k, K), where p positions
                are those of `prefill` and t those of earlier steps.
            mask: bool tensor (A, k, p + (t + 1) * k), which cached positions are
                those of a beam, see `SelfAttention.step`; None for all.
            language_ids: int tensor (A, k), where the model has languages.

        Returns:
            `(states, caches)`: float (A * k, D), and the caches with the position.

        Raises:
            ValueError: the model is not causal.
        """
        self._check_causal()
        x = self.embeddings.step(token_ids, index, language_ids)  # (A * k, D)
        new_caches = []
        for block, cache in zip(self.encoder_blocks, caches, strict=True):
            x, new_cache = block.step(x, cache, mask)
            new_caches.append(new_cache)
        if self.final_norm is not None:
            x = self.final_norm(x)
        return x, tuple(new_caches)

    def _embedded(self, inputs, padding_mask, layout):
        """States that enter the first block, and what attention may look at."""
        token_ids = ops.convert_to_tensor(inputs["token_ids"])  # (B, T)
        self._check_length(token_ids.shape[1])
        visible = masks.visible_tokens(padding_mask)
        attention_mask = masks.padding_attention_mask(visible)  # (B, 1, 1, T)
        if inputs.get("segment_ids") is not None:
            segment_mask = masks.segment_attention_mask(inputs["segment_ids"])
            attention_mask = ops.logical_and(attention_mask, segment_mask)
        if self.causal:
            order = ops.cumsum(ops.ones_like(token_ids), axis=1)  # (B, T)
            past_mask = masks.causal_attention_mask(order, order)  # (B, 1, T, T)
            attention_mask = ops.logical_and(attention_mask, past_mask)
        x = self.embeddings(
            token_ids,
            padding_mask=padding_mask,
            position_ids=inputs.get("position_ids"),
            language_ids=inputs.get("language_ids"),
            token_type_ids=inputs.get("token_type_ids"),
            token_vectors=self._token_vectors(inputs),
            layout=layout,
        )  # (B, T, D), or (N, D)
        return self._zero_padding(x, layout.pack(padding_mask)), attention_mask

    def padding_mask(self, inputs):
        """The bool mask (B, T) of real tokens: the one given, or derived from ids."""
        inputs = as_dict(inputs, self.input_names)
        padding_mask = inputs.get("padding_mask")
        if padding_mask is None:
            return ops.not_equal(inputs["token_ids"], self.pad_token_id)
        everywhere = ops.ones_like(inputs["token_ids"], "bool")
        return ops.logical_and(ops.cast(padding_mask, "bool"), everywhere)

    def _token_vectors(self, inputs):
        vectors = inputs.get("token_vectors")
        if vectors is None:
            return None
        vectors = ops.convert_to_tensor(vectors)
        shape = (*ops.shape(inputs["token_ids"]), self.hidden_dim)
        own = tuple(ops.shape(vectors))
        if len(own) != 3 or any(
            isinstance(x, int) and isinstance(y, int) and x != y
            for x, y in zip(own, shape, strict=True)
        ):
            raise ValueError(
                "token_vectors must hold a vector of hidden_dim for every token. "
                f"Received: token_vectors of shape {own}, token_ids of shape "
                f"{shape[:2]}, hidden_dim={self.hidden_dim}."
            )
        return vectors

    def _zero_padding(self, x, is_real):
        if not self.zero_padding_states:
            return x
        return x * ops.cast(ops.expand_dims(is_real, -1), x.dtype)

    def _check_causal(self):
        if not self.causal:
            raise ValueError(
                "Only a causal model can be read position by position: in others, "
                "every token sees those after it. Received: causal=False."
            )

    def _check_length(self, length):
        # Where JAX traces, a length may be a symbol.
        if isinstance(length, int) and length > self.max_sequence_length:
            raise ValueError(
                "The sequences are longer than the model's positions: shorten them, "
                "or set `sequence_length` of the preprocessor. Received: length="
                f"{length}, max_sequence_length={self.max_sequence_length}."
            )

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "vocabulary_size": self.vocabulary_size,
                "num_layers": self.num_layers,
                "num_heads": self.num_heads,
                "hidden_dim": self.hidden_dim,
                "intermediate_dim": self.intermediate_dim,
                "dropout": self.dropout,
                "attention_dropout": self.attention_dropout,
                "max_sequence_length": self.max_sequence_length,
                "num_languages": self.num_languages,
                "num_token_types": self.num_token_types,
                "position_embedding": self.position_embedding,
                "position_offset": self.position_offset,
                "norm_placement": self.norm_placement,
                "embedding_norm": self.embedding_norm,
                "layer_norm_epsilon": self.layer_norm_epsilon,
                "activation": keras.activations.serialize(self.activation),
                "zero_padding_states": self.zero_padding_states,
                "causal": self.causal,
                "pad_token_id": self.pad_token_id,
                "initializer_range": self.initializer_range,
                "embedding_initializer_range": self.embedding_initializer_range,
            }
        )
        return config
