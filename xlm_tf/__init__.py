"""The XLM family of cross-lingual language models in TensorFlow and Keras.

Names are imported when they are first used, so that `xlm-tf --help` and modules
without TensorFlow start at once. Keras finds the classes all the same.
"""

import importlib

from xlm_tf import onednn
from xlm_tf.registration import CLASSES, register_names
from xlm_tf.version import __version__

register_names()
onednn.enable()

# Where the public names are: classes in the registry's table, and what is none.
_MODULES = {
    "PRESETS": "xlm_tf.checkpoints.released_models",
    "keep_freed_memory": "xlm_tf.freed_memory",
    "load_task": "xlm_tf.models.loading",
    **{name: module for module, names in CLASSES.items() for name in names},
}

__all__ = [
    "PRESETS",
    "BeamSearch",
    "XLMBPETokenizer",
    "XLMBackbone",
    "XLMCausalLM",
    "XLMCausalLMPreprocessor",
    "XLMHybridEmbedder",
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
    "keep_freed_memory",
    "load_task",
]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module 'xlm_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__():
    return __all__
