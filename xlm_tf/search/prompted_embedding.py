"""Vectors of queries and of documents, of length 1: how a search reads texts."""

from xlm_tf.models.cosines import directions
from xlm_tf.models.text_embedding import DOCUMENT_PROMPTS


def embed_queries(embedder, texts, language=None, batch_size=32):
    """The vectors of what is looked for, with the model's prompt for it, if any.

    Args:
        embedder: `XLMTextEmbedder`.
        texts: list of str.
        language, batch_size: see `embed`.

    Returns:
        float32 array (B, E), each row of length 1.
    """
    vectors = embedder.encode_query(texts, language=language, batch_size=batch_size)
    return directions(vectors)


def embed_documents(embedder, texts, language=None, batch_size=32):
    """The vectors of what is found; see `embed_queries`."""
    vectors = embedder.encode_documents(texts, language=language, batch_size=batch_size)
    return directions(vectors)


def embed_sentences(embedder, texts, language=None, batch_size=32):
    """The vectors of texts that are compared with their like, as `embed`."""
    return directions(embedder.embed(texts, language, batch_size))


def document_prompt(embedder):
    """What is put before documents, a str."""
    return embedder.preprocessor.prompt(embedder.prompt_name_of(DOCUMENT_PROMPTS))
