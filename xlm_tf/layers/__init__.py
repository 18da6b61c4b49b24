"""Keras layers of the XLM family, on any Keras backend."""

from xlm_tf.layers.attention import (
    CrossAttention,
    SelfAttention,
    dot_product_attention,
)
from xlm_tf.layers.decoder_block import DecoderBlock
from xlm_tf.layers.embeddings import Embeddings, TokenEmbedding, sinusoidal_positions
from xlm_tf.layers.encoder_block import EncoderBlock
from xlm_tf.layers.feed_forward import FeedForward
from xlm_tf.layers.layer_normalization import LayerNormalization
from xlm_tf.layers.pooling import Pooling
from xlm_tf.layers.prediction_head import PredictionHead

__all__ = [
    "CrossAttention",
    "DecoderBlock",
    "Embeddings",
    "EncoderBlock",
    "FeedForward",
    "LayerNormalization",
    "Pooling",
    "PredictionHead",
    "SelfAttention",
    "TokenEmbedding",
    "dot_product_attention",
    "sinusoidal_positions",
]
