"""What every task of the package does beyond KerasHub's `Task`."""

import contextlib
import json

import keras
import keras_hub

from xlm_tf.checkpoints.model_files import check_no_other_model, is_model_file
from xlm_tf.models.task_fitting import TaskFitting
from xlm_tf.output_files import replaced_files


class XLMPresets:
    """Mixin for models: what their presets can be, and how they are stored.

    Mixed policies compute in half precision on float32 weights. KerasHub writes the
    policy into the preset and then cannot load it again; here the preset says
    "float32", and the reader chooses the policy: `from_preset(path,
    dtype="mixed_bfloat16")`.
    """

    @classmethod
    def from_preset(cls, preset, load_weights=True, ignored_settings=(), **kwargs):
        """Load a model that was saved, here or elsewhere.

        Args:
            preset: str or Path:
                a name of `xlm_tf.PRESETS`, such as "xlm_roberta_base";
                "hf://OWNER/NAME", of transformers or of Keras;
                a folder of `save_to_preset`, or of a training;
                a folder of transformers (safetensors or `pytorch_model.bin`) or of
                sentence-transformers;
                fairseq's `model.pt`, or its folder;
                XLM's own `.pth`, or its folder, with the BPE codes beside it.
            load_weights: bool, False for random weights in the same shape.
            ignored_settings: collection of str, names of settings in the files of
                others to pass over, which would be refused because they cannot be
                obeyed, or nobody here knows what they do.
            **kwargs: arguments of the class instead of those saved; `dtype` is the
                policy of the backbone. `num_classes` or `labels` ask for a new head,
                see `ClassHead`.

        Returns:
            The model; a task with its preprocessor.

        Raises:
            FileNotFoundError, ValueError: there is no such preset, it does not fit
                the class, it holds a setting that cannot be obeyed, or a pickle in it
                asks for more than tensors; says what.
        """
        from xlm_tf.models import released_checkpoints

        checkpoint = released_checkpoints.find(preset, ignored_settings)
        if checkpoint is None:
            kwargs = cls.arguments_for_preset(preset, kwargs)
            return super().from_preset(str(preset), load_weights=load_weights, **kwargs)
        return released_checkpoints.load(cls, checkpoint, load_weights, **kwargs)

    @classmethod
    def arguments_for_preset(cls, preset, arguments):
        """What KerasHub is given of the arguments of `from_preset`, dict -> dict."""
        return arguments

    def save_to_huggingface(self, folder):
        """Save the model as transformers reads it.

        Writes `config.json`, `model.safetensors` and the tokenizer's files; for a
        `XLMTextEmbedder` also those of sentence-transformers. Loaded again, here or
        there, it computes the same; but the newer tokenizers of transformers begin a
        word after every user-defined symbol, which SentencePiece does not.

        Args:
            folder: str or Path, made where it does not exist. A model that is there
                is replaced as a whole when the new one is written; files of other
                names stay. Low-rank adapters are merged into their kernels.

        Raises:
            ValueError: transformers has no model of this form; says what differs.
            FileExistsError: the folder holds a model of fairseq or XLM.
        """
        from xlm_tf.models import released_checkpoints

        released_checkpoints.save(self, folder)

    def save_to_preset(self, preset_dir, max_shard_size=10):
        """Save the model, its configuration and its vocabulary.

        Args:
            preset_dir: str or Path, as `folder` of `save_to_huggingface`.
            max_shard_size: float, largest weight file in GB.

        Raises:
            FileExistsError: the directory holds a model of fairseq or XLM.
        """
        check_no_other_model(preset_dir)
        with replaced_files(preset_dir, is_model_file) as new:
            super().save_to_preset(str(new), max_shard_size=max_shard_size)
            for name in ("config.json", "task.json"):
                path = new / name
                if path.exists():
                    config = json.loads(path.read_text(encoding="utf-8"))
                    _unmix(config)
                    path.write_text(json.dumps(config, indent=4), encoding="utf-8")


def _unmix(config):
    """Replace every mixed policy in a nested configuration by "float32"."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            if config["config"]["name"].startswith("mixed_"):
                config["config"]["name"] = "float32"
            return
        for value in config.values():
            _unmix(value)
    elif isinstance(config, list):
        for value in config:
            _unmix(value)


class XLMTask(TaskFitting, XLMPresets):
    """Mixin for tasks: Keras's contract of `fit`, and presets without its state."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.check_lengths()

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

    def last_hidden_states(self, texts):
        """The hidden states of texts, one vector a token.

        Args:
            texts: what the preprocessor takes: str or list of str, or a dict with
                `text` and `language`.

        Returns:
            Float tensor (B, T, D), padded: the last block's states of `<s>`, the
            tokens and `</s>`.
        """
        texts = [texts] if isinstance(texts, str) else texts
        return self.backbone(self.text_preprocessor("last_hidden_states").pack(texts))

    def enable_lora(self, rank, target_layer_names=None):
        """Train low-rank updates of the backbone, and the task's head.

        Compile the model afterwards. `save_to_preset` merges the updates into the
        kernels.

        Args: see `LowRankAdaptation.enable_lora`.
        """
        self.backbone.enable_lora(rank, target_layer_names)

    def compile_from_config(self, config):
        # Keras leaves a model whose `compile` is its own without its optimizer.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

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
