"""What tasks that embed texts share: batches, languages, prompts."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.models.text_fields import language_of_each, with_language
from xlm_tf.models.text_reading import read_column

# Batches from which on a graph of the model is made, which then is faster.
_GRAPH_FROM = 3
# By which names models have the prompts of what is looked for, and of what is found.
QUERY_PROMPTS = ("query",)
DOCUMENT_PROMPTS = ("document", "passage", "corpus")


class TextEmbedding:
    """Mixin for tasks on an `XLMTextEmbedderPreprocessor` that embed texts.

    A class has `vectors(inputs, outputs)`, what it gives for a batch, and
    `joined(batches, rows)`, what for all: of every text the row that it is in them.
    """

    def embed(self, texts, language=None, batch_size=32, prompt_name=None, prompt=None):
        """The vectors of some texts.

        Args:
            texts: str or list of str.
            language: str, of the texts, or list of str, one each, where the model or
                its tokenizer has any.
            batch_size: int, texts at a time.
            prompt_name: str, the one of the model's prompts that is put before every
                text; its default one, if it has any, where nothing is said.
            prompt: str, put before every text instead; "" for nothing.

        Returns:
            float array (B, E), one row per text; of one str, one row.

        Raises:
            ValueError: no texts, a language that the model does not read, a prompt that
                it does not have, or a `batch_size` below 1.
        """
        preprocessor = self.text_preprocessor("embed")
        if language is not None:
            preprocessor.check_language(language)
        batch_size = whole_number("batch_size", batch_size)
        prompt = _chosen_prompt(preprocessor, prompt_name, prompt)
        texts = read_column(texts)
        languages = language_of_each(texts, language)
        # Texts of similar length are batches: little of them is padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        texts = [texts[i] for i in order]
        languages = languages and [languages[i] for i in order]
        compute = self._compute_of(-(-len(texts) // batch_size))
        batches = []
        for begin in range(0, len(texts), batch_size):
            own = slice(begin, begin + batch_size)
            rows = with_language(texts[own], languages and languages[own])
            inputs = preprocessor.pack(rows, prompt)
            batches.append(self.vectors(inputs, compute(inputs)))
        return self.joined(batches, np.argsort(order))

    def _compute_of(self, num_batches):
        """What computes a batch: from some batches on a graph, as of `predict`."""
        is_graph = keras.backend.backend() == "tensorflow"
        if num_batches < _GRAPH_FROM or not is_graph:
            return self
        if self.distribute_strategy.num_replicas_in_sync > 1:
            return self
        self.make_predict_function()
        return lambda inputs: self._predicted((inputs,))

    def encode_query(self, texts, **arguments):
        """The vectors of texts that something is looked for with.

        Args:
            texts: str or list of str.
            **arguments: further ones of `embed`. Without a `prompt_name` or `prompt`,
                the prompt "query" is put before the texts, of a model that has one;
                else as `embed`.

        Returns and raises: see `embed`.
        """
        return self.embed(texts, **self._with_prompt(QUERY_PROMPTS, arguments))

    def encode_documents(self, texts, **arguments):
        """The vectors of texts that are looked for, as `encode_query`.

        The prompt is "document", "passage" or "corpus": the first of which the model
        has a text.
        """
        return self.embed(texts, **self._with_prompt(DOCUMENT_PROMPTS, arguments))

    def _with_prompt(self, names, arguments):
        """Arguments of `embed`, with the first of some prompts that there is."""
        is_chosen = any(
            arguments.get(name) is not None for name in ("prompt_name", "prompt")
        )
        name = None if is_chosen else self.prompt_name_of(names)
        return arguments if name is None else {**arguments, "prompt_name": name}

    def prompt_name_of(self, names):
        """The first of some names of prompts that the model has, or None.

        Those without a text come last: files of sentence-transformers name some that
        the model does not have.
        """
        prompts = self.text_preprocessor("encode_query").prompts
        found = [name for name in names if name in prompts]
        return next((name for name in found if prompts[name]), next(iter(found), None))

    def _token_ids_of(self, parts):
        # Texts may be trained with any of the prompts.
        ids = [np.ravel(super()._token_ids_of(parts))]
        prompts = getattr(self.preprocessor, "prompts", {}).values()
        if any(prompts):
            text = tf.nest.map_structure(lambda column: column[:1], parts["x"])
            packed = (self.preprocessor.pack(text, prompt) for prompt in prompts)
            ids += [np.ravel(x["token_ids"]) for x in packed]
        return np.concatenate(ids)


def normalized(x):
    """float tensor (..., D) -> the same, rows of length 1."""
    # Written out: `ops.normalize` branches on the norm, this converts to builtin
    # TFLite ops.
    length = ops.sum(ops.square(x), axis=-1, keepdims=True)
    return x * ops.rsqrt(ops.maximum(length, 1e-12))


def _chosen_prompt(preprocessor, prompt_name, prompt):
    """What is put before texts, by the arguments of `embed`: a str."""
    if prompt is None:
        return preprocessor.prompt(prompt_name)
    if prompt_name is not None:
        raise ValueError(
            "Pass prompt_name or prompt, not both. Received: "
            f"prompt_name={prompt_name!r}, prompt={prompt!r}."
        )
    if not isinstance(prompt, str):
        raise ValueError(f"prompt must be a str. Received: prompt={prompt!r}.")
    return prompt
