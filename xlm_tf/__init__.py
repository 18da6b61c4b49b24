"""The XLM family of cross-lingual language models in TensorFlow and Keras.

Names are imported when they are first used, so that `xlm-tf --help` and modules
without TensorFlow start at once. Keras finds the classes all the same.
"""

import importlib

from xlm_tf.registration import register_names
from xlm_tf.version import __version__

register_names()

_MODULES = {
    "BeamSearch": "xlm_tf.generation.search",
    "PRESETS": "xlm_tf.checkpoints.released_models",
    "XLMBPETokenizer": "xlm_tf.text.bpe_tokenizer",
    "XLMBackbone": "xlm_tf.models.backbone",
    "XLMCausalLM": "xlm_tf.models.causal_lm",
    "XLMCausalLMPreprocessor": "xlm_tf.models.causal_lm",
    "XLMMaskedLM": "xlm_tf.models.masked_lm",
    "XLMMaskedLMPreprocessor": "xlm_tf.models.masked_lm_preprocessor",
    "XLMQuestionAnswering": "xlm_tf.models.question_answering",
    "XLMQuestionAnsweringPreprocessor": "xlm_tf.models.question_answering_preprocessor",
    "XLMSentencePieceTokenizer": "xlm_tf.text.sentencepiece_tokenizer",
    "XLMSeq2SeqBackbone": "xlm_tf.models.seq2seq_backbone",
    "XLMSeq2SeqLM": "xlm_tf.models.seq2seq_lm",
    "XLMSeq2SeqLMPreprocessor": "xlm_tf.models.seq2seq_lm",
    "XLMTextClassifier": "xlm_tf.models.text_classifier",
    "XLMTextClassifierPreprocessor": "xlm_tf.models.text_classifier_preprocessor",
    "XLMTextEmbedder": "xlm_tf.models.text_embedder",
    "XLMTextEmbedderPreprocessor": "xlm_tf.models.text_embedder_preprocessor",
    "XLMTokenClassifier": "xlm_tf.models.token_classifier",
    "XLMTokenClassifierPreprocessor": "xlm_tf.models.token_classifier_preprocessor",
    "load_task": "xlm_tf.models.loading",
}

__all__ = [
    "PRESETS",
    "BeamSearch",
    "XLMBPETokenizer",
    "XLMBackbone",
    "XLMCausalLM",
    "XLMCausalLMPreprocessor",
    "XLMMaskedLM",
    "XLMMaskedLMPreprocessor",
    "XLMQuestionAnswering",
    "XLMQuestionAnsweringPreprocessor",
    "XLMSentencePieceTokenizer",
    "XLMSeq2SeqBackbone",
    "XLMSeq2SeqLM",
    "XLMSeq2SeqLMPreprocessor",
    "XLMTextClassifier",
    "XLMTextClassifierPreprocessor",
    "XLMTextEmbedder",
    "XLMTextEmbedderPreprocessor",
    "XLMTokenClassifier",
    "XLMTokenClassifierPreprocessor",
    "__version__",
    "load_task",
]


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module 'xlm_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__():
    return __all__
