"""Three embeddings of a text at once: a vector, weights of tokens, many vectors."""

import keras
import keras_hub
import numpy as np
from keras import ops

from xlm_tf.checkpoints.checkpoint_head import CheckpointHead, has_tensor
from xlm_tf.checkpoints.tensor_names import dense
from xlm_tf.layers.pooling import Pooling
from xlm_tf.layers.precision import at_least_float32
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.task import XLMTask
from xlm_tf.models.text_embedder import (
    read_embedding_head,
    text_settings,
    write_embedding_files,
)
from xlm_tf.models.text_embedder_preprocessor import XLMTextEmbedderPreprocessor
from xlm_tf.models.text_embedding import TextEmbedding, normalized


def _read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: two projections beside the encoder."""
    arguments, _ = read_embedding_head(checkpoint, head, arguments)
    if not head.is_in(checkpoint):
        raise ValueError(
            f"{checkpoint.path} holds no heads for sparse and multi-vector embeddings, "
            "as BGE M3 has them in sparse_linear.pt and colbert_linear.pt. Load it as "
            "an XLMTextEmbedder, or put new heads on its encoder: "
            "XLMHybridEmbedder(backbone, preprocessor)."
        )
    is_cut = arguments.pop("truncate_dim", None) is not None
    if is_cut or checkpoint.read_embedding().projection is not None:
        raise ValueError(
            f"{checkpoint.path} projects or cuts its vectors, which BGE M3 does not. "
            "Load it as an XLMTextEmbedder."
        )
    width, _ = checkpoint.tensors.shape(head.tensors["multi_vector_dense/kernel"])
    return {"multi_vector_dim": width, **arguments}, head.tensors


# No `keras_hub.models.TextEmbedder`: of several on one backbone, that class takes any.
@keras.saving.register_keras_serializable("xlm_tf")
class XLMHybridEmbedder(OptionalInputs, TextEmbedding, XLMTask, keras_hub.models.Task):
    """A backbone with the three heads of BGE M3.

    - dense: one vector, the pooled hidden states;
    - sparse: a weight for every token of the text, its importance: what two texts have
      in common counts, as in a search for words;
    - multi-vector: a vector for every token but the first, as in ColBERT.

    Args:
        backbone: an `XLMBackbone`.
        preprocessor: an `XLMTextEmbedderPreprocessor`, or None to pass token ids.
        pooling: "first", "mean" or "max", of the dense vector.
        normalize: bool, scale every vector to length 1.
        multi_vector_dim: int, width of the tokens' vectors; that of the backbone by
            default.

    Call arguments:
        inputs: dict as for `XLMTextEmbedder`.

    Returns:
        dict of float32 tensors: `dense` (B, D); `sparse` (B, T), zero on padding;
        `multi_vector` (B, T, E), zero on padding and on the first token. Of texts,
        `embed` gives them without special tokens and padding.

    Example:
    ```python
    embedder = xlm_tf.XLMHybridEmbedder.from_preset("bge_m3")
    queries = embedder.encode_query(["What is BGE M3?"])
    documents = embedder.encode_documents(["An embedder.", "A train."])
    scores = embedder.similarity(queries, documents)
    0.4 * scores["dense"] + 0.2 * scores["sparse"] + 0.4 * scores["multi_vector"]
    ```

    Source: Chen et al. 2024 (arXiv 2402.03216), section 3.2.
    """

    backbone_cls = XLMBackbone
    preprocessor_cls = XLMTextEmbedderPreprocessor
    checkpoint_heads = (
        CheckpointHead(
            families=("xlm-roberta",),
            architecture="Model",
            tensors={
                **dense("sparse_dense", "sparse_linear"),
                **dense("multi_vector_dense", "colbert_linear"),
            },
            is_in=has_tensor("sparse_linear.weight"),
            read=_read_head,
            text_settings=text_settings,
            write_files=write_embedding_files,
        ),
    )
    input_names = (*XLMBackbone.input_names, "prompt_length")

    def __init__(
        self,
        backbone,
        preprocessor=None,
        pooling="first",
        normalize=True,
        multi_vector_dim=None,
        **kwargs,
    ):
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.pooling = pooling
        self.normalize = normalize
        self.multi_vector_dim = multi_vector_dim or backbone.hidden_dim
        dtype = at_least_float32(backbone.dtype_policy)
        self.pooling_layer = Pooling(pooling, dtype=dtype, name="pooling")
        self.sparse_dense, self.multi_vector_dense = (
            keras.layers.Dense(
                width,
                kernel_initializer=backbone.kernel_initializer(),
                dtype=dtype,
                name=name,
            )
            for name, width in (
                ("sparse_dense", 1),
                ("multi_vector_dense", self.multi_vector_dim),
            )
        )
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        """From the backbone's inputs to the result, see the class."""
        of_backbone = {**inputs}
        prompt_length = of_backbone.pop("prompt_length", None)
        x = self.backbone(of_backbone)  # (B, T, D)
        padding_mask = ops.cast(self.backbone.padding_mask(of_backbone), "bool")
        pooled = self.pooling_layer(x, padding_mask, prompt_length)
        x = ops.cast(x, pooled.dtype)
        is_real = ops.cast(padding_mask, x.dtype)  # (B, T)
        # Written as a sum: the length is not known when the model is built.
        number = ops.cumsum(ops.ones_like(of_backbone["token_ids"]), axis=1)
        is_first = ops.equal(number, 1)
        has_vector = is_real * (1.0 - ops.cast(is_first, x.dtype))
        weights = ops.squeeze(ops.relu(self.sparse_dense(x)), -1)
        vectors = self.multi_vector_dense(x)
        if self.normalize:
            pooled, vectors = normalized(pooled), normalized(vectors)
        return {
            "dense": pooled,
            "sparse": weights * is_real,
            "multi_vector": vectors * ops.expand_dims(has_vector, -1),
        }

    def vectors(self, inputs, outputs):
        """What `embed` gives for a batch, see there."""
        ids = ops.convert_to_numpy(inputs["token_ids"])
        lengths = ops.convert_to_numpy(inputs["padding_mask"]).sum(axis=1)
        dense, sparse, multi_vector = (
            ops.convert_to_numpy(outputs[name])
            for name in ("dense", "sparse", "multi_vector")
        )
        tokenizer = self.preprocessor.tokenizer
        special = {
            tokenizer.start_token_id,
            tokenizer.end_token_id,
            tokenizer.pad_token_id,
            tokenizer.unk_token_id,
        }
        return {
            "dense": dense,
            "sparse": [
                _weights_of_tokens(ids[row, :length], sparse[row, :length], special)
                for row, length in enumerate(lengths)
            ],
            "multi_vector": [
                multi_vector[row, 1:length] for row, length in enumerate(lengths)
            ],
        }

    def joined(self, batches, rows):
        """What `embed` gives for all texts."""
        if not batches:
            dense = np.zeros((0, self.backbone.hidden_dim), "float32")
            return {"dense": dense, "sparse": [], "multi_vector": []}
        found = {"dense": np.concatenate([batch["dense"] for batch in batches])[rows]}
        for name in ("sparse", "multi_vector"):
            of_all = [own for batch in batches for own in batch[name]]
            found[name] = [of_all[row] for row in rows]
        return found

    def embed(self, texts, **arguments):
        """The embeddings of some texts.

        Args:
            texts: str or list of str.
            **arguments: see `XLMTextEmbedder.embed`.

        Returns:
            dict: `dense`, float array (B, D); `sparse`, list of B dicts from a token's
            id to its weight, above 0, the largest of its occurrences, without special
            and unknown tokens; `multi_vector`, list of B float arrays (T - 1, E), of
            all tokens but the first.

        Raises:
            ValueError: see `XLMTextEmbedder.embed`.
        """
        return super().embed(texts, **arguments)

    def similarity(self, a, b, language=None):
        """How near texts are to each other, by each of the three.

        Args:
            a, b: str, list of str, or what `embed` gave for A and B texts.
            language: str, of the texts, where the model or its tokenizer has any.

        Returns:
            dict of float arrays (A, B): `dense`, products of the vectors, cosines where
            they are normalised; `sparse`, sums of the
            products of the weights of the tokens that both have; `multi_vector`, means
            over the vectors of `a` of their largest product with one of `b` (MaxSim).
            Weighted sums of them rank best.
        """
        a, b = (
            x if isinstance(x, dict) else self.embed(x, language=language)
            for x in (a, b)
        )
        return {
            "dense": a["dense"] @ b["dense"].T,
            "sparse": sparse_scores(a["sparse"], b["sparse"]),
            "multi_vector": multi_vector_scores(a["multi_vector"], b["multi_vector"]),
        }

    def get_config(self):
        return {
            **super().get_config(),
            "pooling": self.pooling,
            "normalize": self.normalize,
            "multi_vector_dim": self.multi_vector_dim,
        }


def sparse_scores(queries, documents):
    """Products of the weights of the tokens that a query and a document both have.

    Args:
        queries, documents: lists of A and B dicts from a token to its weight.

    Returns:
        float array (A, B).
    """
    column_of = {token: i for i, token in enumerate(set().union(*queries))}
    weights = []
    for texts in (queries, documents):
        matrix = np.zeros((len(texts), len(column_of)), "float32")
        for row, text in enumerate(texts):
            for token in text.keys() & column_of.keys():
                matrix[row, column_of[token]] = text[token]
        weights.append(matrix)
    return weights[0] @ weights[1].T


def multi_vector_scores(queries, documents):
    """ColBERT's MaxSim, a mean over the vectors of the query.

    Args:
        queries, documents: lists of A and B float arrays (vectors, E).

    Returns:
        float array (A, B); 0 where one has no vectors.
    """
    scores = np.zeros((len(queries), len(documents)), "float32")
    for row, query in enumerate(queries):
        for column, document in enumerate(documents):
            if len(query) and len(document):
                scores[row, column] = (query @ document.T).max(axis=1).mean()
    return scores


def _weights_of_tokens(ids, weights, special):
    """dict from the id of a token to the largest of its weights, above 0."""
    result = {}
    for token_id, weight in zip(ids.tolist(), weights.tolist(), strict=True):
        if weight > 0 and token_id not in special:
            result[token_id] = max(weight, result.get(token_id, 0.0))
    return result
