"""Sentence embeddings: one vector a text, comparable across languages."""

import keras
import keras_hub
import numpy as np
from keras import ops

from xlm_tf.checkpoints import sentence_transformers
from xlm_tf.checkpoints.checkpoint_head import CheckpointHead
from xlm_tf.checkpoints.tensor_files import SAFETENSORS, open_folder, write_safetensors
from xlm_tf.checkpoints.tensor_names import dense
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.layers.pooling import Pooling
from xlm_tf.layers.precision import at_least_float32
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.cosines import directions
from xlm_tf.models.extractive_summary import SentenceRanking, ranked_sentences
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.task import XLMTask
from xlm_tf.models.text_embedder_preprocessor import (
    PROMPT_ARGUMENTS,
    XLMTextEmbedderPreprocessor,
)
from xlm_tf.models.text_embedding import TextEmbedding, normalized
from xlm_tf.models.text_reading import read_column
from xlm_tf.private_keras import read_preset
from xlm_tf.text.byte_offsets import as_strings


def _is_in(checkpoint):
    # With further heads beside it, it is an `XLMHybridEmbedder`.
    has_heads = "sparse_linear.weight" in checkpoint.tensors.names
    return checkpoint.is_of_embedder and not has_heads


def read_embedding_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: how sentence-transformers pools, if it is of it."""
    if checkpoint.is_of_embedder:
        embedding = checkpoint.read_embedding()
        said = {"pooling": embedding.pooling, "normalize": embedding.normalize}
        said["truncate_dim"] = embedding.truncate_dim
        arguments = {**said, **arguments}
    return arguments, {}


def _read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: the projection too, if there is one."""
    arguments, tensors = read_embedding_head(checkpoint, head, arguments)
    if not checkpoint.is_of_embedder or "projection_dim" in arguments:
        return arguments, tensors
    projection = checkpoint.read_embedding().projection
    if projection is None:
        return arguments, tensors
    checkpoint.tensors.include(open_folder(projection.folder), "projection.")
    tensors = dense("projection_dense", "projection.linear")
    if not projection.use_bias:
        del tensors["projection_dense/bias"]
    arguments = {
        "projection_dim": projection.width,
        "projection_activation": projection.activation,
        "projection_bias": projection.use_bias,
        **arguments,
    }
    return arguments, tensors


def text_settings(checkpoint):
    """See `CheckpointHead.text_settings`: lengths, letters and prompts."""
    if not checkpoint.is_of_embedder:
        return {}
    embedding = checkpoint.read_embedding()
    return {
        "max_length": embedding.max_length,
        "lowercase": embedding.lowercase,
        **{name: getattr(embedding, name) for name in PROMPT_ARGUMENTS},
    }


def _keras_hub_arguments(model):
    preprocessor = model.preprocessor
    if model.projection_dim is not None:
        raise ValueError(
            "KerasHub has no projection after the pooling. Received: projection_dim="
            f"{model.projection_dim}."
        )
    if preprocessor is not None and any(preprocessor.prompts.values()):
        raise ValueError(
            "KerasHub has no prompts: they would be lost. Put them before texts "
            "yourself, and set them to {} here. Received: "
            f"prompts={preprocessor.prompts}."
        )
    if model.truncate_dim is not None:
        raise ValueError(
            "KerasHub keeps all numbers of a vector. Received: truncate_dim="
            f"{model.truncate_dim}."
        )
    pooling = "cls" if model.pooling == "first" else model.pooling
    return {"pooling_mode": pooling, "normalize": model.normalize}


def write_embedding_files(model, folder, projection=None):
    """See `CheckpointHead.write_files`: those of sentence-transformers."""
    preprocessor, of_texts = model.preprocessor, {}
    if preprocessor is not None:
        of_texts = {name: getattr(preprocessor, name) for name in PROMPT_ARGUMENTS}
        of_texts["max_length"] = preprocessor.sequence_length
    embedding = sentence_transformers.Embedding(
        model.pooling,
        model.normalize,
        truncate_dim=getattr(model, "truncate_dim", None),
        projection=projection,
        **of_texts,
    )
    sentence_transformers.write_embedding(folder, embedding, model.backbone.hidden_dim)


def _write_files(model, folder):
    if model.projection_dense is None:
        write_embedding_files(model, folder)
        return
    path = folder / sentence_transformers.DENSE_FOLDER
    projection = sentence_transformers.Projection(
        model.projection_dim, model.projection_activation, model.projection_bias
    )
    write_embedding_files(model, folder, projection)
    kernel, *bias = (np.asarray(x) for x in model.projection_dense.weights)
    tensors = {"linear.weight": np.ascontiguousarray(kernel.T)}
    if bias:
        tensors["linear.bias"] = bias[0]
    write_safetensors(tensors, path / SAFETENSORS)


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTextEmbedder(
    OptionalInputs, TextEmbedding, XLMTask, keras_hub.models.TextEmbedder
):
    """A backbone whose hidden states are pooled into one vector a text.

    Args:
        backbone: an `XLMBackbone`.
        preprocessor: an `XLMTextEmbedderPreprocessor`, or None to pass token ids.
        pooling: "first", "mean" or "max", see `xlm_tf.layers.Pooling`.
        normalize: bool, scale every vector to length 1, so that a dot product is the
            cosine.
        projection_dim: int, E, the width of a dense layer after the pooling; None for
            none, where E is D.
        projection_activation: its activation, "tanh" or "linear".
        projection_bias: bool, whether it has a bias.
        truncate_dim: int, the numbers of a vector to keep, the first, which then is
            scaled; None keeps all. For models that were trained so: `matryoshka_dims`
            of a recipe (Kusupati et al. 2022, arXiv 2205.13147).

    Call arguments:
        inputs: dict as for the backbone; and, where some tokens at the start of texts
            are not pooled, `prompt_length` int (B,), their number.

    Returns:
        float32 tensor (B, E), E the width of the backbone, `projection_dim` or
        `truncate_dim`. Of texts, `embed` gives it as an array, and `similarity` their
        cosines.

    Models that were trained with prompts (multilingual E5: Wang et al. 2024, arXiv
    2402.05672) have them in their preprocessor, see `XLMTextEmbedderPreprocessor`;
    `encode_query` and `encode_documents` put the right one before texts.

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
            families=("xlm", "xlm-roberta", "bert"),
            architecture="Model",
            is_in=_is_in,
            read=_read_head,
            text_settings=text_settings,
            write_files=_write_files,
            keras_hub_class="XLMRobertaTextEmbedder",
            keras_hub_arguments=_keras_hub_arguments,
        ),
    )
    input_names = (*XLMBackbone.input_names, "prompt_length")

    def __init__(
        self,
        backbone,
        preprocessor=None,
        pooling="mean",
        normalize=True,
        truncate_dim=None,
        projection_dim=None,
        projection_activation="tanh",
        projection_bias=True,
        **kwargs,
    ):
        width = projection_dim or backbone.hidden_dim
        if truncate_dim is not None:
            truncate_dim = whole_number("truncate_dim", truncate_dim)
            if truncate_dim > width:
                raise ValueError(
                    "truncate_dim must not exceed the width of the vectors. Received: "
                    f"truncate_dim={truncate_dim}, of {width}."
                )
        activations = tuple(sentence_transformers.ACTIVATIONS.values())
        if projection_activation not in activations:
            raise ValueError(
                f"projection_activation must be one of {activations}. Received: "
                f"projection_activation={projection_activation!r}."
            )
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.pooling = pooling
        self.normalize = normalize
        self.truncate_dim = truncate_dim
        self.pooling_layer = Pooling(
            pooling, dtype=at_least_float32(backbone.dtype_policy), name="pooling"
        )
        self.projection_dim = projection_dim
        self.projection_activation = projection_activation
        self.projection_bias = projection_bias
        self.projection_dense = None
        if projection_dim is not None:
            self.projection_dense = keras.layers.Dense(
                projection_dim,
                activation=projection_activation,
                use_bias=projection_bias,
                kernel_initializer=backbone.kernel_initializer(),
                dtype=at_least_float32(backbone.dtype_policy),
                name="projection_dense",
            )
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    @classmethod
    def arguments_for_preset(cls, preset, arguments):
        """See `XLMPresets`: the dense vectors of an `XLMHybridEmbedder` are its own."""
        task = read_preset(preset, "task.json")
        if task is None or task["class_name"] != "XLMHybridEmbedder":
            return arguments
        saved = {name: task["config"][name] for name in ("pooling", "normalize")}
        return {**saved, **arguments}

    def forward(self, inputs):
        """From the backbone's inputs to the result, see the class."""
        of_backbone = {**inputs}
        prompt_length = of_backbone.pop("prompt_length", None)
        x = self.backbone(of_backbone)  # (B, T, D)
        padding_mask = self.backbone.padding_mask(of_backbone)
        return self.embed_states(x, padding_mask, prompt_length)

    def embed_states(self, x, padding_mask, prompt_length=None):
        """The head alone.

        Args:
            x: float tensor (B, T, D), hidden states.
            padding_mask: bool tensor (B, T).
            prompt_length: int tensor (B,), or None; see the class.

        Returns:
            float tensor (B, E).
        """
        x = self.pooling_layer(x, padding_mask, prompt_length)
        if self.projection_dense is not None:
            x = self.projection_dense(x)
        x = x[:, : self.embedding_dim]
        return normalized(x) if self.normalize else x

    @property
    def embedding_dim(self):
        """Numbers of a vector."""
        return self.truncate_dim or self.projection_dim or self.backbone.hidden_dim

    def vectors(self, inputs, outputs):
        """What `embed` gives for a batch: float array (B, E)."""
        return ops.convert_to_numpy(outputs)

    def joined(self, batches, rows):
        """What `embed` gives for all texts: float array (B, E)."""
        if not batches:
            return np.zeros((0, self.embedding_dim), "float32")
        return np.concatenate(batches)[rows]

    def similarity(self, a, b, language=None):
        """How near texts are to each other: cosines of their vectors.

        Args:
            a, b: str, list of str, or vectors (A, E) and (B, E) of `embed`.
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
            language: str, of the texts, or list of str, one each, where the model or
                its tokenizer has any.
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
        return directions(vectors)

    def get_config(self):
        return {
            **super().get_config(),
            "pooling": self.pooling,
            "normalize": self.normalize,
            "truncate_dim": self.truncate_dim,
            "projection_dim": self.projection_dim,
            "projection_activation": self.projection_activation,
            "projection_bias": self.projection_bias,
        }
