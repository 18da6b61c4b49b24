"""What every task of the package does beyond KerasHub's `Task`."""

import contextlib
import functools
import warnings

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from xlm_tf import onednn
from xlm_tf.models.presets import XLMPresets
from xlm_tf.models.task_fitting import TaskFitting
from xlm_tf.models.text_fields import with_language

_TEXTS_AT_ONCE = 256


class XLMTask(TaskFitting, XLMPresets):
    """Mixin for tasks: Keras's contract of `fit`, and presets without its state.

    Attributes:
        classes_axis: int, where the output has the classes that labels are numbers of.
    """

    classes_axis = -1

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.check_lengths()
        onednn.warn_if_late(bool(tf.config.list_physical_devices("GPU")))

    @property
    def preprocessor(self):
        """The layer that turns texts into the backbone's inputs, or None."""
        return super().preprocessor

    @preprocessor.setter
    def preprocessor(self, preprocessor):
        check_preprocessor(preprocessor, self.backbone)
        keras_hub.models.Task.preprocessor.fset(self, preprocessor)

    def text_preprocessor(self, method):
        """The preprocessor, which a method that takes texts needs.

        Args:
            method: str, its name.

        Raises:
            ValueError: there is none; says how to give one.
        """
        if self.preprocessor is None:
            name = type(self).__name__
            raise ValueError(
                f"`{method}` takes texts, and this {name} has no preprocessor to read "
                f"them. Give it one: `model.preprocessor = "
                f"xlm_tf.{self.preprocessor_cls.__name__}(tokenizer)`, or "
                f"`{name}.from_preset(..., preprocessor=...)`. Without one, the model "
                "takes token ids: `model({'token_ids': ...})`."
            )
        return self.preprocessor

    def mask_padding(self, x, inputs):
        """Outputs (B, T, C) of every token, with `padding_output` for padding."""
        is_real = keras.ops.expand_dims(self.backbone.padding_mask(inputs), -1)
        # A select by a mask that broadcasts would be a Flex op in TFLite; a sum of
        # floats, in a float16 file, minus infinity.
        padding = (1 - keras.ops.cast(is_real, "int32")) * int(self.padding_output)
        return x * keras.ops.cast(is_real, x.dtype) + keras.ops.cast(padding, x.dtype)

    def last_hidden_states(self, texts, language=None):
        """The hidden states of texts, one vector a token.

        Args:
            texts: str or list of str, or what else the preprocessor takes.
            language: str, of the texts, or list of str, one each, where the model or
                its tokenizer has any.

        Returns:
            Float tensor (B, T, D), padded: the last block's states of `<s>`, the
            tokens and `</s>`.
        """
        return self.backbone(self._packed(texts, language, "last_hidden_states"))

    def hidden_states(self, texts, language=None):
        """The hidden states of texts, after the embeddings and after every block.

        Args:
            texts, language: as for `last_hidden_states`.

        Returns:
            List of `num_layers + 1` float tensors (B, T, D), see
            `XLMBackbone.hidden_states`.
        """
        inputs = self._packed(texts, language, "hidden_states")
        return self.backbone.hidden_states(inputs)

    def self_attention(self, texts, language=None):
        """What every token of texts attends to, in every block and head.

        Args:
            texts, language: as for `last_hidden_states`.

        Returns:
            List of `num_layers` float32 tensors (B, H, T, T), see
            `XLMBackbone.self_attention`. `preprocessor.pack(texts)["token_ids"]` are
            the tokens.
        """
        inputs = self._packed(texts, language, "self_attention")
        return self.backbone.self_attention(inputs)

    def _packed(self, texts, language, method):
        if hasattr(self.backbone, "encoder"):
            raise ValueError(
                f"`{method}` looks into an encoder, and an {type(self).__name__} has a "
                "decoder too: see `model.backbone.encoder.hidden_states` and "
                "`model.backbone.cross_attention`, which take token ids."
            )
        texts = [texts] if isinstance(texts, str) else texts
        preprocessor = self.text_preprocessor(method)
        if language is not None:
            preprocessor.check_language(language)
        return preprocessor.pack(with_language(texts, language))

    def enable_lora(self, rank, target_layer_names=None):
        """Train low-rank updates of the backbone, and the task's head.

        Compile the model afterwards. `save_to_preset` merges the updates into the
        kernels.

        Args: see `LowRankAdaptation.enable_lora`.
        """
        self.backbone.enable_lora(rank, target_layer_names)

    def train_embeddings_of(self, x):
        """Train, of the token embedding, the rows of some texts' tokens alone.

        On these texts the result is that of training all rows, in less memory and time:
        rows without a gradient do not move. (A weight decay moves them; it is left out
        for tokens that are in none of the texts. Optimizers that look at whole
        matrices, such as Lamb and Adafactor, see a smaller one.) Other texts may be
        read as before. Compile the model afterwards, and train it on these texts; what
        is saved has the whole table.

        Args:
            x: all texts that the model will be trained on, as for `fit`, in memory.

        Raises:
            ValueError: the model's output layer needs every row, or the embeddings are
                frozen.
        """
        if hasattr(self, "prediction_head"):
            raise ValueError(
                f"{type(self).__name__} predicts tokens: its loss moves the row of "
                "every one. train_embeddings_of is for other tasks."
            )
        examples = self._read(x)
        if not len(examples):
            raise ValueError("train_embeddings_of needs texts. Received: none.")
        ids = [self.backbone.pad_token_id]
        tokenizer = getattr(self.preprocessor, "tokenizer", None)
        if tokenizer is not None:
            ids += [tokenizer.start_token_id, tokenizer.end_token_id]
        ids = [np.array(ids)]
        for begin in range(0, len(examples), _TEXTS_AT_ONCE):
            rows = examples.rows(begin, begin + _TEXTS_AT_ONCE)
            ids.append(np.unique(self._token_ids_of(rows)))
        with self.distribute_strategy.scope():
            self.backbone.token_embedding.train_rows(np.concatenate(ids))
        # What was traced, and an optimizer, would train the whole table.
        self.compiled = False
        self.train_function = self.test_function = self.predict_function = None

    def _token_ids_of(self, parts):
        """The ids that the model may meet of some rows of examples."""
        inputs = self._prepare(parts)[0]
        return inputs["token_ids"] if isinstance(inputs, dict) else inputs

    def compile_from_config(self, config):
        # Keras leaves a model whose `compile` is its own without its optimizer.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)
            inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)
            inner.load_own_variables = functools.partial(_load_state, inner)

    # A training's state belongs into its checkpoints: stored here, it would triple the
    # size, and every loading would warn that another optimizer has other variables.
    def save_task_weights(self, filepath):
        with self._without_optimizer():
            super().save_task_weights(filepath)

    def load_task_weights(self, filepath):
        with self._without_optimizer():
            super().load_task_weights(filepath)

    @contextlib.contextmanager
    def _without_optimizer(self):
        optimizer = getattr(self, "optimizer", None)
        if optimizer is None:
            yield
            return
        self.optimizer = None
        try:
            yield
        finally:
            self.optimizer = optimizer


def _load_state(optimizer, store):
    """Load an optimizer's state, but one of rows that were trained alone."""
    shapes = [tuple(variable.shape) for variable in optimizer.variables]
    saved = [tuple(store[str(i)].shape) for i in range(len(store.keys()))]
    if len(saved) == len(shapes) and saved != shapes:
        warnings.warn(
            "The model is loaded, and its optimizer begins anew: its state is that of "
            "rows of the token embedding alone (`train_embeddings_of`).",
            stacklevel=2,
        )
        return
    type(optimizer).load_own_variables(optimizer, store)


def check_preprocessor(preprocessor, backbone):
    """Refuse a preprocessor whose tokens the backbone does not have.

    Args:
        preprocessor: any layer, or None.
        backbone: the task's.

    Raises:
        ValueError: more tokens or languages than the backbone has.
    """
    tokenizer = getattr(preprocessor, "tokenizer", None)
    # Loading a preset, Keras makes the tokenizer before it reads the vocabulary.
    if tokenizer is not None and getattr(tokenizer, "has_vocabulary", False):
        size = tokenizer.vocabulary_size()
        if size > backbone.vocabulary_size:
            raise ValueError(
                "The tokenizer has more tokens than the backbone: it is of another "
                f"model. Received: a tokenizer of {size} tokens, a backbone with "
                f"vocabulary_size={backbone.vocabulary_size}."
            )
    languages = getattr(preprocessor, "languages", None)
    if languages is not None and len(languages) > backbone.num_languages:
        raise ValueError(
            "The preprocessor has more languages than the backbone's language "
            f"embedding has rows. Received: languages={languages}, "
            f"num_languages={backbone.num_languages}."
        )


def check_labels(num_classes, labels):
    """The number of classes and their names, of which one may be missing.

    Args:
        num_classes: int or None.
        labels: list of str or None.

    Returns:
        `(num_classes, labels)`: int, and a list or None.

    Raises:
        ValueError: both are missing, or they contradict each other.
    """
    if labels is not None:
        # Line ends of a file, of Windows too, are no part of a name.
        labels = [str(label).strip("\r\n") for label in labels]
        if "" in labels:
            raise ValueError(f"A label must not be empty. Received: {labels}.")
        if len(set(labels)) != len(labels):
            raise ValueError(f"labels must differ from each other. Received: {labels}.")
        if num_classes is None:
            num_classes = len(labels)
        if num_classes != len(labels):
            raise ValueError(
                "There must be one label for each class. "
                f"Received: num_classes={num_classes}, labels={labels}."
            )
    if not num_classes or num_classes < 1:
        raise ValueError(
            "Pass num_classes, 1 at least, or labels. "
            f"Received: num_classes={num_classes}."
        )
    return num_classes, labels
