"""Vectors of queries and of documents, of length 1: how a search reads texts."""

import numpy as np

from xlm_tf.models.text_embedding import DOCUMENT_PROMPTS, QUERY_PROMPTS
from xlm_tf.models.text_fields import language_of_each

# Batches from which on a graph of the model is made, which then is many times as fast.
_GRAPH_FROM = 3


def embed_queries(embedder, texts, language=None, batch_size=32):
    """The vectors of what is looked for, with the model's prompt for it, if any.

    Args:
        embedder: `XLMTextEmbedder`.
        texts: list of str.
        language, batch_size: see `embed`.

    Returns:
        float32 array (B, E), each row of length 1.
    """
    name = embedder.prompt_name_of(QUERY_PROMPTS)
    return _directions(embedder, texts, name, language, batch_size)


def embed_documents(embedder, texts, language=None, batch_size=32):
    """The vectors of what is found; see `embed_queries`."""
    name = embedder.prompt_name_of(DOCUMENT_PROMPTS)
    return _directions(embedder, texts, name, language, batch_size)


def embed_sentences(embedder, texts, language=None, batch_size=32):
    """The vectors of texts that are compared with their like, as `embed`."""
    return _directions(embedder, texts, None, language, batch_size)


def document_prompt(embedder):
    """What is put before documents, a str."""
    return embedder.preprocessor.prompt(embedder.prompt_name_of(DOCUMENT_PROMPTS))


def _directions(embedder, texts, prompt_name, language, batch_size):
    # Texts of similar length are batches: little of them is padding.
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    in_order = [texts[i] for i in order]
    languages = language_of_each(texts, language)
    if languages is not None:
        languages = [languages[i] for i in order]
    # `predict` puts the default prompt before texts.
    prompt = embedder.preprocessor.prompt
    is_default = prompt(prompt_name) == prompt()
    if is_default and len(texts) >= _GRAPH_FROM * batch_size:
        fields = {"text": in_order}
        if languages is not None:
            fields["language"] = languages
        found = embedder.predict(fields, batch_size=batch_size, verbose=0)
    else:
        found = embedder.embed(in_order, languages, batch_size, prompt_name)
    vectors = np.empty(found.shape, "float32")
    vectors[order] = found
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)
