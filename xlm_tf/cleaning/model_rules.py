"""Rules by models: how surprising a line is, and how alike the sides of a pair are.

Apart from the other rules, which need no TensorFlow.
"""

import tensorflow as tf

from xlm_tf.models.causal_lm import XLMCausalLM
from xlm_tf.models.cosines import directions
from xlm_tf.search.index import load_embedder

_BATCH = 32


class LinePerplexity:
    """The perplexity of lines to a left-to-right language model, by its tokens.

    Args:
        model: str, as `XLMCausalLM.from_preset` takes it.

    Raises:
        ValueError: the model is no causal language model with a tokenizer.
    """

    def __init__(self, model):
        self.model = XLMCausalLM.from_preset(model)
        self.preprocessor = self.model.text_preprocessor("The rule perplexity")
        self._losses = tf.function(self._losses_of, reduce_retracing=True)

    def __call__(self, texts, language):
        """The perplexities of texts.

        Args:
            texts: list of str.
            language: str, of all.

        Returns:
            list of float.
        """
        perplexities = [0.0] * len(texts)
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        for start in range(0, len(order), _BATCH):
            numbers = order[start : start + _BATCH]
            batch = {"text": [texts[number] for number in numbers]}
            if self.preprocessor.languages:
                batch["language"] = [language] * len(numbers)
            values = tf.exp(self._losses(*self.preprocessor(batch))).numpy()
            for number, value in zip(numbers, values.tolist(), strict=True):
                perplexities[number] = value
        return perplexities

    def _losses_of(self, inputs, targets, weights):
        # Padding that no text of the batch has is left out.
        length = tf.reduce_max(
            tf.reduce_sum(tf.cast(inputs["padding_mask"], "int32"), axis=1)
        )
        inputs = {name: value[:, :length] for name, value in inputs.items()}
        targets, weights = targets[:, :length], weights[:, :length]
        logits = self.model(inputs, training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return tf.reduce_sum(losses * weights, 1) / tf.reduce_sum(weights, 1)


class PairSimilarity:
    """The cosine of the meanings of the two sides of pairs.

    Args:
        model: str, as `xlm_tf.search.index.load_embedder` takes it.

    Raises:
        ValueError: the model is no embedder.
    """

    def __init__(self, model):
        self.model = load_embedder(model)

    def __call__(self, sources, targets, languages):
        """The similarities of pairs.

        Args:
            sources, targets: lists of str.
            languages: tuple of two str.

        Returns:
            list of float.
        """
        source, target = (
            directions(self.model.embed(texts, self._language(language), _BATCH))
            for texts, language in zip((sources, targets), languages, strict=True)
        )
        return (source * target).sum(axis=1).tolist()

    def _language(self, language):
        return language if self.model.preprocessor.languages else None
