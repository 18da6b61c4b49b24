"""What enters the first block: token + position + language embeddings."""

import keras
import numpy as np
from keras import ops

from xlm_tf.layers.id_checks import checked_ids
from xlm_tf.layers.initializers import drawn_in_place, random_normal
from xlm_tf.layers.layer_normalization import LayerNormalization
from xlm_tf.layers.token_layout import PADDED
from xlm_tf.private_keras import unlocked

POSITION_EMBEDDINGS = ("learned", "sinusoidal")


def sinusoidal_positions(num_positions, hidden_dim):
    """The fixed position table of the original Transformer.

    Args:
        num_positions: int, rows.
        hidden_dim: int, columns: even ones hold sines, odd ones cosines of
            position / 10000^(2 floor(j / 2) / hidden_dim).

    Returns:
        float32 array (num_positions, hidden_dim).

    Source: Vaswani et al. 2017, section 3.5; the column order is XLM's.
    """
    columns = np.arange(hidden_dim)
    angles = np.arange(num_positions)[:, None] / np.power(
        10000.0, 2 * (columns // 2) / hidden_dim
    )
    return np.where(columns % 2 == 0, np.sin(angles), np.cos(angles)).astype("float32")


def rows_of(table, ids):
    """Rows of a variable (N, D) by int ids of any shape: (*ids.shape, D).

    TensorFlow's lookup in a variable, unlike that in a tensor, makes every later read
    of the variable a copy of it: of the whole table, wherever the output layer is tied.
    (`ops.copy` copies nothing in a graph.)
    """
    return ops.take(ops.copy(table), ids, axis=0)


@keras.saving.register_keras_serializable("xlm_tf")
class TokenEmbedding(keras.layers.Layer):
    """The table of token vectors; tied output layers project with its transpose.

    Unlike `keras.layers.Embedding` it looks up rows and then casts them:
    under a mixed policy Keras casts the whole table at every step, and its gradient
    becomes dense.

    Args:
        vocabulary_size: int, V.
        hidden_dim: int, D.
        embeddings_initializer: initializer of the table.

    Call arguments:
        token_ids: int tensor of any shape.

    Returns:
        Tensor (*token_ids.shape, D) of the compute dtype.
    """

    lookup = staticmethod(rows_of)  # an export has its own

    def __init__(
        self, vocabulary_size, hidden_dim, embeddings_initializer="uniform", **kwargs
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)

    def build(self, input_shape=None):
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.vocabulary_size, self.hidden_dim),
            initializer=drawn_in_place(self.embeddings_initializer),
            autocast=False,
        )
        self.trained_ids = None  # int array (U,)
        self.trained_rows = None  # variable (U, D)

    @property
    def trainable(self):
        """bool, whether the table is trained, or the rows that are trained alone."""
        return super().trainable

    @trainable.setter
    def trainable(self, value):
        keras.layers.Layer.trainable.fset(self, value)
        if getattr(self, "trained_ids", None) is not None:
            self.embeddings.trainable = False

    def train_rows(self, token_ids):
        """Train the rows of some tokens alone, as a small table beside the whole one.

        Gradients, and what an optimizer keeps, are then of that size. Other rows stay
        as they are; `table` has both.

        Args:
            token_ids: int array of any shape.

        Raises:
            ValueError: an id that is no row, the table is not trained, or rows of it
                are trained alone already.
        """
        ids = np.unique(np.asarray(token_ids))
        if not ids.size or ids[0] < 0 or ids[-1] >= self.vocabulary_size:
            raise ValueError(
                "token_ids must be rows of the table, from 0 to "
                f"{self.vocabulary_size - 1}. Received: {ids[:1]} to {ids[-1:]}."
            )
        if self.trained_ids is not None:
            raise ValueError(
                f"{len(self.trained_ids):,} rows of the token embedding are trained "
                "alone already. Save the model and load it again to choose others."
            )
        if not self.embeddings.trainable:
            raise ValueError(
                "The token embedding is frozen, as LoRA leaves it: none of its rows "
                "can be trained."
            )
        rows = ops.take(ops.convert_to_tensor(self.embeddings), ids, axis=0)
        self.embeddings.trainable = False
        with unlocked(self):
            self.trained_rows = self.add_weight(
                name="trained_rows", shape=rows.shape, autocast=False
            )
        self.trained_rows.assign(rows)
        self.trained_ids = ids.astype("int32")
        self._row_numbers = np.full(self.vocabulary_size, -1, "int32")
        self._row_numbers[ids] = np.arange(len(ids))

    def table(self):
        """All rows: the variable, or with rows that are trained alone a tensor."""
        if self.trained_ids is None:
            return self.embeddings
        return ops.scatter_update(
            self.embeddings, self.trained_ids[:, None], self.trained_rows
        )

    def call(self, token_ids):
        rows = self.lookup(self.embeddings, token_ids)
        if self.trained_ids is not None:
            numbers = ops.take(self._row_numbers, token_ids)
            trained = rows_of(self.trained_rows, ops.maximum(numbers, 0))
            rows = ops.where(numbers[..., None] >= 0, trained, rows)
        return ops.cast(rows, self.compute_dtype)

    # The whole table, whatever is trained of it.

    def save_own_variables(self, store):
        store["0"] = self.table()

    def load_own_variables(self, store):
        self.embeddings.assign(store["0"])
        if self.trained_ids is not None:
            rows = ops.take(ops.convert_to_tensor(self.embeddings), self.trained_ids, 0)
            self.trained_rows.assign(rows)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.hidden_dim)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "vocabulary_size": self.vocabulary_size,
                "hidden_dim": self.hidden_dim,
                "embeddings_initializer": keras.initializers.serialize(
                    self.embeddings_initializer
                ),
            }
        )
        return config


@keras.saving.register_keras_serializable("xlm_tf")
class Embeddings(keras.layers.Layer):
    """Token + position (+ language, + token type) embeddings, LayerNorm, dropout.

    Args:
        vocabulary_size: int, V.
        hidden_dim: int, D.
        max_sequence_length: int, positions that a sequence may have.
        num_languages: int, rows of the language table; 0 for none.
        num_token_types: int, rows of the token-type table; 0 for none.
        position_embedding: "learned" or "sinusoidal" (fixed).
        position_offset: int, row of the first position. In XLM-R it is 2, and the
            row before it belongs to padding; XLM has 0.
        embedding_norm: bool, normalise the sum (all but XLM-R XL and XXL).
        layer_norm_epsilon: float.
        dropout: float, rate after the LayerNorm.
        initializer_range: float, standard deviation of the tables. Defaults to
            `hidden_dim ** -0.5`, as in XLM.

    Call arguments:
        token_ids: int tensor (B, T).
        padding_mask: bool tensor (B, T), True = real token.
        position_ids: int tensor (B, T), 0 for the first token of a sequence.
            Defaults to running positions, which count real tokens only where
            `position_offset > 0` (fairseq's rule: left padding changes nothing).
        language_ids: int tensor (B, T), needed where `num_languages > 0`.
        token_type_ids: int tensor (B, T). Defaults to zeros.
        token_vectors: float tensor (B, T, D), in place of the token embeddings.
        layout: how the tokens of the result lie, see `SelfAttention`.

    Returns:
        Float tensor (B, T, D), or (N, D) of packed tokens.

    Raises:
        ValueError: ids that are no rows of their table; in a graph an
            InvalidArgumentError, see `checked_ids`.
    """

    lookup = staticmethod(rows_of)  # as that of `TokenEmbedding`

    def __init__(
        self,
        vocabulary_size,
        hidden_dim,
        max_sequence_length,
        num_languages=0,
        num_token_types=0,
        position_embedding="learned",
        position_offset=0,
        embedding_norm=True,
        layer_norm_epsilon=1e-5,
        dropout=0.0,
        initializer_range=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if position_embedding not in POSITION_EMBEDDINGS:
            raise ValueError(
                f"position_embedding must be one of {POSITION_EMBEDDINGS}. "
                f"Received: position_embedding={position_embedding!r}."
            )
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.max_sequence_length = max_sequence_length
        self.num_languages = num_languages
        self.num_token_types = num_token_types
        self.position_embedding = position_embedding
        self.position_offset = position_offset
        self.embedding_norm = embedding_norm
        self.layer_norm_epsilon = layer_norm_epsilon
        self.dropout = dropout
        self.initializer_range = initializer_range

    def build(self, input_shape):
        self.token_embedding = TokenEmbedding(
            self.vocabulary_size,
            self.hidden_dim,
            embeddings_initializer=self._initializer(),
            dtype=self.dtype_policy,
            name="token_embedding",
        )
        self.token_embedding.build(input_shape)
        num_rows = self.max_sequence_length + self.position_offset
        is_learned = self.position_embedding == "learned"
        self.position_table = self._table(
            "position_table",
            num_rows,
            self._initializer()
            if is_learned
            else lambda shape, dtype=None: ops.cast(
                sinusoidal_positions(*shape), dtype
            ),
            trainable=is_learned,
        )
        self.language_table = self._table("language_table", self.num_languages)
        self.token_type_table = self._table("token_type_table", self.num_token_types)
        self.norm = None
        if self.embedding_norm:
            self.norm = LayerNormalization(
                epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name="norm"
            )
            self.norm.build((*input_shape, self.hidden_dim))
        self.dropout_layer = keras.layers.Dropout(
            self.dropout, dtype=self.dtype_policy, name="dropout"
        )

    def _initializer(self):
        stddev = self.initializer_range or self.hidden_dim**-0.5
        return random_normal(stddev)

    def _table(self, name, num_rows, initializer=None, trainable=True):
        if not num_rows:
            return None
        return self.add_weight(
            name=name,
            shape=(num_rows, self.hidden_dim),
            initializer=initializer or self._initializer(),
            trainable=trainable,
            autocast=False,
        )

    def call(
        self,
        token_ids,
        padding_mask,
        position_ids=None,
        language_ids=None,
        token_type_ids=None,
        token_vectors=None,
        layout=PADDED,
    ):
        token_ids = checked_ids(token_ids, self.vocabulary_size, "token_ids")
        if position_ids is not None:
            position_ids = checked_ids(
                position_ids, self.max_sequence_length, "position_ids"
            )
        if self.num_languages and language_ids is not None:
            language_ids = checked_ids(language_ids, self.num_languages, "language_ids")
        if self.num_token_types and token_type_ids is not None:
            token_type_ids = checked_ids(
                token_type_ids, self.num_token_types, "token_type_ids"
            )
        rows = self._position_rows(position_ids, padding_mask)
        if position_ids is None and not isinstance(token_ids.shape[1], int):
            # Of other lengths, the backbone knows that they are not too long.
            num_rows = self.max_sequence_length + self.position_offset
            rows = checked_ids(rows, num_rows, "positions")
        given = token_ids, rows, language_ids, token_type_ids, token_vectors
        return self._sum(*(None if x is None else layout.pack(x) for x in given))

    def _sum(
        self,
        token_ids,
        rows,
        language_ids=None,
        token_type_ids=None,
        token_vectors=None,
    ):
        if token_vectors is None:
            x = self.token_embedding(token_ids)  # (B, T, D)
        else:
            x = ops.cast(token_vectors, self.compute_dtype)
        x = x + self._rows(self.position_table, rows)
        if self.num_languages:
            if language_ids is None:
                raise ValueError(
                    "This model has language embeddings "
                    f"(num_languages={self.num_languages}): pass `language_ids`, an "
                    "int tensor (batch, length) that holds the language of every "
                    "token."
                )
            x = x + self._rows(self.language_table, language_ids)
        if self.num_token_types and token_type_ids is None:
            x = x + ops.cast(self.token_type_table[:1], self.compute_dtype)
        elif self.num_token_types:
            x = x + self._rows(self.token_type_table, token_type_ids)
        if self.norm is not None:
            x = self.norm(x)
        return self.dropout_layer(x)

    def step(self, token_ids, index, language_ids=None):
        """The call for one new position of k beams.

        Args:
            token_ids: int tensor (A, k), the newest token of k beams of A texts.
            index: int scalar, its position, 0 for the first; or int (A, 1), that of
                every text.
            language_ids: int tensor (A, k), where the model has languages.

        Returns:
            Float tensor (A * k, D).
        """
        # A search writes no ids but those of the vocabulary.
        rows = ops.zeros_like(token_ids) + index + self.position_offset
        ids = token_ids, rows, language_ids
        return self._sum(*(None if x is None else ops.reshape(x, (-1,)) for x in ids))

    def _position_rows(self, position_ids, padding_mask):
        real = ops.cast(padding_mask, "int32")
        if position_ids is None:
            counted = real if self.position_offset else ops.ones_like(real)
            position_ids = ops.cumsum(counted, axis=1) - 1
        position_ids = ops.cast(position_ids, "int32")
        if self.position_offset:
            position_ids = (position_ids + 1) * real - 1
        return position_ids + self.position_offset

    def _rows(self, table, ids):
        return ops.cast(self.lookup(table, ids), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.hidden_dim)

    def get_config(self):
        config = super().get_config()
        config.update(
            {
                "vocabulary_size": self.vocabulary_size,
                "hidden_dim": self.hidden_dim,
                "max_sequence_length": self.max_sequence_length,
                "num_languages": self.num_languages,
                "num_token_types": self.num_token_types,
                "position_embedding": self.position_embedding,
                "position_offset": self.position_offset,
                "embedding_norm": self.embedding_norm,
                "layer_norm_epsilon": self.layer_norm_epsilon,
                "dropout": self.dropout,
                "initializer_range": self.initializer_range,
            }
        )
        return config
