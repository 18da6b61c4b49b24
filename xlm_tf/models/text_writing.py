"""What the models that write share: the search, and the way back to texts."""

import tensorflow as tf

from xlm_tf.generation.search import BeamSearch, Sampling, get_search


class TextWriting:
    """Mixin for preprocessors of models that write."""

    def generate_postprocess(self, token_ids):
        """int (..., T) -> texts, str tensor (...)."""
        flat = tf.reshape(token_ids, (-1, tf.shape(token_ids)[-1]))
        texts = self.tokenizer.detokenize(flat)
        return tf.reshape(texts, tf.shape(token_ids)[:-1])

    def written(self, token_ids):
        """int (B, n, T) -> lists of n str, one of each text."""
        texts = self.generate_postprocess(token_ids).numpy()
        return [[text.decode("utf-8") for text in row] for row in texts]


class TextWriter:
    """Mixin for tasks that write, with `backbone` and `prediction_head`."""

    default_sampler = "greedy"

    def compile(self, *args, sampler, **kwargs):
        """As KerasHub's, with the searches of `xlm_tf.generation` too."""
        super().compile(*args, sampler="greedy", **kwargs)
        self.sampler = get_search(sampler)

    @property
    def chosen_search(self):
        """The search that `compile` was given, or that of `default_sampler`."""
        search = getattr(self, "sampler", None)
        is_search = isinstance(search, BeamSearch | Sampling)
        return search if is_search else get_search(self.default_sampler)

    def logits(self, states):
        """Float tensor (..., D), the last block's states -> float32 (..., V)."""
        return self.prediction_head(
            states, token_embedding=self.backbone.token_embedding
        )

    def search_step(self, backbone_step):
        """The step function of a search, see `BeamSearch.decode`.

        Args:
            backbone_step: function (token_ids, index, caches, source, mask,
                language_ids) -> (states (A * k, D), caches); `language_ids` int32
                (A, k), None where the source has no `language_ids` (A,).
        """
        kernel = self.prediction_head.kernel(self.backbone.token_embedding)

        def step(token_ids, index, caches, source, mask):
            language_ids = source.get("language_ids")
            if language_ids is not None:
                language_ids = language_ids[:, None] + tf.zeros_like(token_ids)
            states, caches = backbone_step(
                token_ids, index, caches, source, mask, language_ids
            )
            logits = self.prediction_head.logits(states, kernel)  # (A * k, V)
            shape = (-1, token_ids.shape[1], logits.shape[1])
            return tf.reshape(logits, shape), caches

        return step


def as_asked(texts, scores, num_return, is_single):
    """Lists of n candidates in the form in which `generate` was asked.

    Args:
        texts: list of lists of str, one of each input, best first.
        scores: list of lists of float, as `texts`.
        num_return: int, n.
        is_single: bool, one str came in and not a list.

    Returns:
        `(texts, scores)`: where n is 1, the candidate instead of a list of it; and
        what belongs to the first input alone with `is_single`.
    """
    if num_return == 1:
        texts, scores = ([row[0] for row in x] for x in (texts, scores))
    if is_single:
        texts, scores = texts[0], scores[0]
    return texts, scores
