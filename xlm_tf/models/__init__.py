"""Models of the XLM family on KerasHub's base classes."""

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.causal_lm import XLMCausalLM
from xlm_tf.models.causal_lm_preprocessor import XLMCausalLMPreprocessor
from xlm_tf.models.hybrid_embedder import XLMHybridEmbedder
from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.masked_lm_preprocessor import XLMMaskedLMPreprocessor
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.question_answering_preprocessor import (
    XLMQuestionAnsweringPreprocessor,
)
from xlm_tf.models.seq2seq_backbone import XLMSeq2SeqBackbone
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM
from xlm_tf.models.seq2seq_lm_preprocessor import XLMSeq2SeqLMPreprocessor
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_classifier_preprocessor import XLMTextClassifierPreprocessor
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.models.text_embedder_preprocessor import XLMTextEmbedderPreprocessor
from xlm_tf.models.token_classifier import XLMTokenClassifier
from xlm_tf.models.token_classifier_preprocessor import XLMTokenClassifierPreprocessor
from xlm_tf.text.bpe_tokenizer import XLMBPETokenizer
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer

# How KerasHub finds the tokenizer of a preset; `text` cannot import the models.
XLMSentencePieceTokenizer.backbone_cls = XLMBackbone
XLMBPETokenizer.backbone_cls = XLMBackbone

__all__ = [
    "XLMBackbone",
    "XLMCausalLM",
    "XLMCausalLMPreprocessor",
    "XLMHybridEmbedder",
    "XLMMaskedLM",
    "XLMMaskedLMPreprocessor",
    "XLMQuestionAnswering",
    "XLMQuestionAnsweringPreprocessor",
    "XLMSeq2SeqBackbone",
    "XLMSeq2SeqLM",
    "XLMSeq2SeqLMPreprocessor",
    "XLMTextClassifier",
    "XLMTextClassifierPreprocessor",
    "XLMTextEmbedder",
    "XLMTextEmbedderPreprocessor",
    "XLMTokenClassifier",
    "XLMTokenClassifierPreprocessor",
]
