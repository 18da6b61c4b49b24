"""What the models that write share: the search, and the way back to texts."""

import tensorflow as tf

from xlm_tf.generation.search import IMPOSSIBLE, BeamSearch, Sampling, get_search
from xlm_tf.text import unknown_characters

# What is written for a character that the vocabulary does not have.
UNKNOWN_CHARACTERS = ("copy", "mark", "omit")


class TextWriting:
    """Mixin for preprocessors of models that write.

    The attribute `unknown_characters` says what is written for `<unk>`:
    "copy": what stands in the text that is read, as far as it is clear which; else
    "mark": a double question mark, U+2047, as sentencepiece does;
    "omit": nothing.
    """

    @property
    def unknown_characters(self):
        return self._unknown_characters

    @unknown_characters.setter
    def unknown_characters(self, choice):
        if choice not in UNKNOWN_CHARACTERS:
            raise ValueError(
                f"unknown_characters must be one of {', '.join(UNKNOWN_CHARACTERS)}. "
                f"Received: unknown_characters={choice!r}."
            )
        self._unknown_characters = choice

    def generate_postprocess(self, token_ids, copies=None):
        """int (..., T) -> texts, str tensor (...).

        Args:
            token_ids: int tensor (B, ..., T).
            copies: what `copies_from` made of the texts that were read, from which
                unknown characters are copied.
        """
        token_ids = tf.convert_to_tensor(token_ids)
        shape = tf.shape(token_ids)
        # T is 0 where a sampler had nothing but empty texts: no -1 could be inferred.
        num_rows = tf.reduce_prod(shape[:-1])
        flat = tf.reshape(token_ids, (num_rows, shape[-1]))  # (N, T)
        is_unknown = flat == self.tokenizer.unk_token_id
        if self.unknown_characters != "copy":
            copies = None
        if copies is not None:
            num_texts = shape[0]
            num_each = num_rows // tf.maximum(num_texts, 1)
            number = tf.repeat(tf.range(num_texts), num_each)  # (N,)
            places = tf.reduce_sum(tf.cast(is_unknown, "int64"), axis=1)
            copies = tf.cond(
                tf.reduce_any(is_unknown),
                lambda make=copies: make(number, places),
                lambda: tf.RaggedTensor.from_row_lengths(
                    tf.constant([], tf.string), tf.zeros_like(places)
                ),
            )
        mark = "" if self.unknown_characters == "omit" else unknown_characters.MARK
        texts = self.tokenizer.detokenize(flat, mark=mark, copies=copies)
        return tf.reshape(texts, shape[:-1])

    def written(self, token_ids, copies=None):
        """int (B, n, T) -> lists of n str, one of each text."""
        texts = self.generate_postprocess(token_ids, copies).numpy()
        return [[text.decode("utf-8") for text in row] for row in texts]


class TextWriter:
    """Mixin for tasks that write, with `backbone` and `prediction_head`.

    `decoding` is the search that is saved with the model and used wherever nothing
    else is asked for: that of the class's argument, then of every `compile` that
    names a `sampler`. A training that searches otherwise sets it anew afterwards.
    """

    default_sampler = "greedy"

    def compile(self, *args, sampler="auto", **kwargs):
        """As KerasHub's, with the searches of `xlm_tf.generation` too."""
        search = self.decoding if sampler == "auto" else get_search(sampler)
        search.check_vocabulary(self.backbone.vocabulary_size)
        super().compile(*args, sampler="greedy", **kwargs)
        self.decoding = search
        self.sampler = search

    @property
    def decoding(self):
        """The `BeamSearch` or `Sampling` that the model is saved with."""
        return self._decoding

    @decoding.setter
    def decoding(self, sampler):
        self._decoding = get_search(
            self.default_sampler if sampler is None else sampler
        )

    @property
    def num_return(self):
        """How many texts the search returns of each input."""
        return getattr(self.chosen_search, "num_return", 1)

    @property
    def chosen_search(self):
        """The search that `compile` was given, or `decoding`."""
        search = getattr(self, "sampler", None)
        is_search = isinstance(search, BeamSearch | Sampling)
        return search if is_search else self.decoding

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
    """Lists of candidates in the form in which `generate` was asked.

    Args:
        texts: list of lists of str, one of each input, best first.
        scores: list of lists of float, as `texts`. Candidates that there are none of,
            because a text has fewer, score below all others, and are left out.
        num_return: int, how many the search returns at most.
        is_single: bool, one str came in and not a list.

    Returns:
        `(texts, scores)`: where `num_return` is 1, the candidate instead of a list of
        it; and what belongs to the first input alone with `is_single`.
    """
    counts = [max(sum(x > IMPOSSIBLE / 2 for x in row), 1) for row in scores]
    texts, scores = (
        [row[:count] for row, count in zip(rows, counts, strict=True)]
        for rows in (texts, scores)
    )
    if num_return == 1:
        texts, scores = ([row[0] for row in x] for x in (texts, scores))
    if is_single:
        texts, scores = texts[0], scores[0]
    return texts, scores
