"""Keras finds the package's classes by their names, though nobody imported them yet.

`keras.models.load_model` and KerasHub's `from_preset` look classes up in a registry
that `keras.saving.register_keras_serializable` fills when a class is defined. Here a
class is defined when it is first used, so that `import xlm_tf` and `xlm-tf --help`
start at once, without TensorFlow. The registry therefore gets the names, from the table
below, and imports a class when somebody asks for it.
"""

import importlib.abc
import sys

from xlm_tf import private_keras

PACKAGE = "xlm_tf"

# Every class under `register_keras_serializable`; a test compares.
CLASSES = {
    "xlm_tf.generation.beam_search": ("BeamSearch",),
    "xlm_tf.generation.sampling": ("Sampling",),
    "xlm_tf.layers.attention": ("CrossAttention", "SelfAttention"),
    "xlm_tf.layers.decoder_block": ("DecoderBlock",),
    "xlm_tf.layers.embeddings": ("Embeddings", "TokenEmbedding"),
    "xlm_tf.layers.encoder_block": ("EncoderBlock",),
    "xlm_tf.layers.feed_forward": ("FeedForward",),
    "xlm_tf.layers.layer_normalization": ("LayerNormalization",),
    "xlm_tf.layers.pooling": ("Pooling",),
    "xlm_tf.layers.prediction_head": ("PredictionHead",),
    "xlm_tf.models.backbone": ("XLMBackbone",),
    "xlm_tf.models.causal_lm": ("XLMCausalLM",),
    "xlm_tf.models.causal_lm_preprocessor": ("XLMCausalLMPreprocessor",),
    "xlm_tf.models.hybrid_embedder": ("XLMHybridEmbedder",),
    "xlm_tf.models.losses": ("LabelSmoothedCrossentropy", "SpanCrossentropy"),
    "xlm_tf.models.masked_lm": ("XLMMaskedLM",),
    "xlm_tf.models.masked_lm_preprocessor": ("XLMMaskedLMPreprocessor",),
    "xlm_tf.models.question_answering": ("XLMQuestionAnswering",),
    "xlm_tf.models.question_answering_preprocessor": (
        "XLMQuestionAnsweringPreprocessor",
    ),
    "xlm_tf.models.seq2seq_backbone": ("XLMSeq2SeqBackbone",),
    "xlm_tf.models.seq2seq_lm": ("XLMSeq2SeqLM",),
    "xlm_tf.models.seq2seq_lm_preprocessor": ("XLMSeq2SeqLMPreprocessor",),
    "xlm_tf.models.text_classifier": ("XLMTextClassifier",),
    "xlm_tf.models.text_classifier_preprocessor": ("XLMTextClassifierPreprocessor",),
    "xlm_tf.models.text_embedder": ("XLMTextEmbedder",),
    "xlm_tf.models.text_embedder_preprocessor": ("XLMTextEmbedderPreprocessor",),
    "xlm_tf.models.token_classifier": ("XLMTokenClassifier",),
    "xlm_tf.models.token_classifier_preprocessor": ("XLMTokenClassifierPreprocessor",),
    "xlm_tf.text.bpe_tokenizer": ("XLMBPETokenizer",),
    "xlm_tf.text.sentencepiece_tokenizer": ("XLMSentencePieceTokenizer",),
    "xlm_tf.training.contrastive": ("ContrastiveTrainer",),
    "xlm_tf.training.masked_lm_trainer": ("MaskedLMTrainer",),
    "xlm_tf.training.multitask_trainer": ("MultitaskTrainer",),
    "xlm_tf.training.optimizer": ("AdamW",),
    "xlm_tf.training.schedules": (
        "Constant",
        "CosineDecay",
        "InverseSquareRoot",
        "LinearDecay",
    ),
    "xlm_tf.training.seq2seq_trainer": ("Seq2SeqTrainer",),
    "xlm_tf.training.task_trainer": ("TaskTrainer",),
}


def register_names():
    """Fill Keras's registry, now or as soon as Keras is imported."""
    if "keras" in sys.modules:
        private_keras.register_on_lookup(PACKAGE, CLASSES)
    elif not any(isinstance(finder, _KerasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _KerasFinder())


class _KerasFinder:
    """Finds Keras as Python does, and registers the names after its import."""

    def find_spec(self, name, path=None, target=None):
        if name != "keras":
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None:
            spec.loader = _KerasLoader(spec.loader, self)
        return spec


class _KerasLoader(importlib.abc.Loader):
    def __init__(self, loader, finder):
        self.loader = loader
        self.finder = finder

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        # May fail and be tried again: TensorFlow imports Keras in the middle of its
        # own import.
        self.loader.exec_module(module)
        private_keras.register_on_lookup(PACKAGE, CLASSES)
        sys.meta_path.remove(self.finder)
