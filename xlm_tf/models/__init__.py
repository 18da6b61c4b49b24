"""Models of the XLM family on KerasHub's base classes."""

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.masked_lm import XLMMaskedLM, XLMMaskedLMPreprocessor
from xlm_tf.models.text_classifier import (
    XLMTextClassifier,
    XLMTextClassifierPreprocessor,
)
from xlm_tf.models.text_embedder import XLMTextEmbedder, XLMTextEmbedderPreprocessor

__all__ = [
    "XLMBackbone",
    "XLMMaskedLM",
    "XLMMaskedLMPreprocessor",
    "XLMTextClassifier",
    "XLMTextClassifierPreprocessor",
    "XLMTextEmbedder",
    "XLMTextEmbedderPreprocessor",
]
