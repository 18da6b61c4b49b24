"""Sentence embeddings: one vector a text, comparable across languages."""

import keras
import keras_hub
import numpy as np
from keras import ops

from xlm_tf.checkpoints import sentence_transformers
from xlm_tf.checkpoints.checkpoint_head import CheckpointHead
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.layers.pooling import Pooling
from xlm_tf.layers.precision import at_least_float32
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.extractive_summary import SentenceRanking, ranked_sentences
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.task import XLMTask
from xlm_tf.models.text_embedder_preprocessor import XLMTextEmbedderPreprocessor
from xlm_tf.models.text_fields import with_language
from xlm_tf.models.text_reading import read_column
from xlm_tf.text.byte_offsets import as_strings


def _is_of_embedder(checkpoint):
    return checkpoint.is_of_embedder


def _read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: how sentence-transformers pools, if it is of it."""
    if checkpoint.is_of_embedder:
        embedding = checkpoint.read_embedding()
        said = {"pooling": embedding.pooling, "normalize": embedding.normalize}
        said["truncate_dim"] = embedding.truncate_dim
        arguments = {**said, **arguments}
    return arguments, {}


def _text_settings(checkpoint):
    if not checkpoint.is_of_embedder:
        return {}
    embedding = checkpoint.read_embedding()
    return {"max_length": embedding.max_length, "lowercase": embedding.lowercase}


def _keras_hub_arguments(model):
    pooling = "cls" if model.pooling == "first" else model.pooling
    return {"pooling_mode": pooling, "normalize": model.normalize}


def _write_files(model, folder):
    length = None
    if model.preprocessor is not None:
        length = model.preprocessor.sequence_length
    embedding = sentence_transformers.Embedding(
        model.pooling,
        model.normalize,
        length,
        lowercase=False,
        truncate_dim=model.truncate_dim,
    )
    sentence_transformers.write_embedding(folder, embedding, model.backbone.hidden_dim)


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTextEmbedder(OptionalInputs, XLMTask, keras_hub.models.TextEmbedder):
    """A backbone whose hidden states are pooled into one vector a text.

    Args:
        backbone: an `XLMBackbone`.
        preprocessor: an `XLMTextEmbedderPreprocessor`, or None to pass token ids.
        pooling: "first", "mean" or "max", see `xlm_tf.layers.Pooling`.
        normalize: bool, scale every vector to length 1, so that a dot product is the
            cosine.
        truncate_dim: int, the numbers of a vector to keep, the first, which then is
            scaled; None keeps all. For models that were trained so: `matryoshka_dims`
            of a recipe (Kusupati et al. 2022, arXiv 2205.13147).

    Call arguments:
        inputs: dict as for the backbone.

    Returns:
        float32 tensor (B, D), D the width of the backbone or `truncate_dim`. Of texts,
        `embed` gives it as an array, and `similarity` their cosines.

    Example:
    ```python
    import numpy as np
    import xlm_tf
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=100, num_layers=1, num_heads=2, hidden_dim=16,
        intermediate_dim=64,
    )
    xlm_tf.XLMTextEmbedder(backbone)(np.array([[0, 5, 6, 2]])).shape  # (1, 16)
    ```
    """

    backbone_cls = XLMBackbone
    preprocessor_cls = XLMTextEmbedderPreprocessor
    # The encoder alone, with the files of sentence-transformers beside it.
    checkpoint_heads = (
        CheckpointHead(
            families=("xlm", "xlm-roberta"),
            architecture="Model",
            is_in=_is_of_embedder,
            read=_read_head,
            text_settings=_text_settings,
            write_files=_write_files,
            keras_hub_class="XLMRobertaTextEmbedder",
            keras_hub_arguments=_keras_hub_arguments,
        ),
    )
    input_names = XLMBackbone.input_names

    def __init__(
        self,
        backbone,
        preprocessor=None,
        pooling="mean",
        normalize=True,
        truncate_dim=None,
        **kwargs,
    ):
        if truncate_dim is not None:
            truncate_dim = whole_number("truncate_dim", truncate_dim)
            if truncate_dim > backbone.hidden_dim:
                raise ValueError(
                    "truncate_dim must not exceed the width of the backbone. Received: "
                    f"truncate_dim={truncate_dim}, hidden_dim={backbone.hidden_dim}."
                )
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.pooling = pooling
        self.normalize = normalize
        self.truncate_dim = truncate_dim
        self.pooling_layer = Pooling(
            pooling, dtype=at_least_float32(backbone.dtype_policy), name="pooling"
        )
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        """From the backbone's inputs to the result, see the class."""
        x = self.backbone(inputs)  # (B, T, D)
        return self.embed_states(x, self.backbone.padding_mask(inputs))

    def embed_states(self, x, padding_mask):
        """The head alone: hidden states (B, T, D), mask bool (B, T) -> (B, D)."""
        x = self.pooling_layer(x, padding_mask)[:, : self.embedding_dim]
        if self.normalize:
            # Written out: `ops.normalize` branches on the norm, this converts to
            # builtin TFLite ops.
            x = x * ops.rsqrt(
                ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-12)
            )
        return x

    @property
    def embedding_dim(self):
        """Numbers of a vector."""
        return self.truncate_dim or self.backbone.hidden_dim

    def embed(self, texts, language=None, batch_size=32):
        """The vectors of some texts.

        Args:
            texts: str or list of str.
            language: str, of the texts, where the model or its tokenizer has any.
            batch_size: int, texts at a time.

        Returns:
            float array (B, D), one row per text; of one str, one row.

        Raises:
            ValueError: no texts, a language that the model does not read, or a
                `batch_size` below 1.
        """
        preprocessor = self.text_preprocessor("embed")
        if language is not None:
            preprocessor.check_language(language)
        batch_size = whole_number("batch_size", batch_size)
        texts = read_column(texts)
        vectors = [
            self(preprocessor.pack(with_language(texts[i : i + batch_size], language)))
            for i in range(0, len(texts), batch_size)
        ]
        if not vectors:
            return np.zeros((0, self.embedding_dim), "float32")
        return np.concatenate([ops.convert_to_numpy(x) for x in vectors])

    def similarity(self, a, b, language=None):
        """How near texts are to each other: cosines of their vectors.

        Args:
            a, b: str, list of str, or vectors (A, D) and (B, D) of `embed`.
            language: str, of the texts, where the model or its tokenizer has any.

        Returns:
            float array (A, B), from -1 to 1.

        Raises:
            ValueError: neither texts nor vectors.
        """
        a, b = (self._directions(x, language) for x in (a, b))
        return a @ b.T

    def summarize(
        self,
        texts,
        num_sentences=1,
        diversity=0.5,
        position_weight=0.1,
        language=None,
        batch_size=32,
    ):
        """The sentences that say most of a text, word for word, in their order.

        Args:
            texts: str or list of str, of any length. Where a sentence ends says
                `xlm_tf.text.sentences.split_sentences`.
            num_sentences: int, of a text; one that has fewer is given whole.
            diversity, position_weight: floats from 0 to 1, see `SentenceRanking`.
                With 1 as the `position_weight` and 0 as the `diversity`, it is the
                beginning of the text.
            language: str, of the texts, where the model or its tokenizer has any.
            batch_size: int, sentences at a time.

        Returns:
            List, one entry per text, of lists of dict with

            - `text`: str, the characters `text[start:end]`;
            - `start`, `end`: int, in characters;
            - `score`: float, its relevance.

        Raises:
            ValueError: an argument out of range, no texts, or a language that the
                model does not read.
        """
        num_sentences = whole_number("num_sentences", num_sentences)
        batch_size = whole_number("batch_size", batch_size)
        ranking = SentenceRanking(diversity, position_weight)
        self.text_preprocessor("summarize")
        texts = as_strings(read_column(texts))
        found = ranked_sentences(
            self, texts, ranking, language, batch_size, num_sentences
        )
        return [
            [
                {
                    "text": text[slice(*spans[number])],
                    "start": spans[number][0],
                    "end": spans[number][1],
                    "score": float(relevance[number]),
                }
                for number in sorted(order)
            ]
            for text, (spans, order, relevance) in zip(texts, found, strict=True)
        ]

    def _directions(self, x, language):
        array = np.asarray(x)
        is_vectors = array.dtype.kind in "iuf" and array.size > 0
        vectors = np.atleast_2d(array) if is_vectors else self.embed(x, language)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(lengths, 1e-12)

    def get_config(self):
        return {
            **super().get_config(),
            "pooling": self.pooling,
            "normalize": self.normalize,
            "truncate_dim": self.truncate_dim,
        }
