"""Vectors of queries and of documents, of length 1: how a search reads texts."""

import numpy as np

from xlm_tf.models.text_fields import language_of_each

# Batches from which on a graph of the model is made, which then is many times as fast.
_GRAPH_FROM = 3


def embed_queries(embedder, texts, language=None, batch_size=32):
    """The vectors of what is looked for.

    Args:
        embedder: `XLMTextEmbedder`.
        texts: list of str.
        language, batch_size: see `embed`.

    Returns:
        float32 array (B, D), each row of length 1.
    """
    return embed_sentences(embedder, texts, language, batch_size)


def embed_documents(embedder, texts, language=None, batch_size=32):
    """The vectors of what is found; see `embed_queries`."""
    return embed_sentences(embedder, texts, language, batch_size)


def embed_sentences(embedder, texts, language=None, batch_size=32):
    """The vectors of texts that are compared with their like, without a prompt."""
    # Texts of similar length are batches: little of them is padding.
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    in_order = [texts[i] for i in order]
    languages = language_of_each(texts, language)
    if languages is not None:
        languages = [languages[i] for i in order]
    if len(texts) < _GRAPH_FROM * batch_size:
        found = embedder.embed(in_order, languages, batch_size)
    else:
        fields = {"text": in_order}
        if languages is not None:
            fields["language"] = languages
        found = embedder.predict(fields, batch_size=batch_size, verbose=0)
    vectors = np.empty(found.shape, "float32")
    vectors[order] = found
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)
