"""What every task of the package does beyond KerasHub's `Task`."""

import contextlib
import json
from pathlib import Path

import tensorflow as tf


class XLMPresets:
    """Mixin for models: what their presets can be, and how they are stored.

    Mixed policies compute in half precision on float32 weights. KerasHub writes the
    policy into the preset and then cannot load it again; here the preset says
    "float32", and the reader chooses the policy: `from_preset(path,
    dtype="mixed_bfloat16")`.
    """

    @classmethod
    def from_preset(cls, preset, load_weights=True, **kwargs):
        """Load a model that was saved, here or by Hugging Face's transformers.

        Args:
            preset: str or Path: a folder of `save_to_preset` or of a training, a
                folder of transformers with safetensors, or "hf://OWNER/NAME".
            load_weights: bool, False for random weights in the same shape.
            **kwargs: arguments of the class instead of those saved; `dtype` is the
                policy of the backbone.

        Returns:
            The model; a task with its preprocessor.

        Raises:
            FileNotFoundError, ValueError: there is no such preset, or it does not
                fit the class; names what does not.
        """
        from xlm_tf.models import huggingface_presets

        folder = huggingface_presets.find_checkpoint(preset)
        if folder is None:
            return super().from_preset(str(preset), load_weights=load_weights, **kwargs)
        return huggingface_presets.load(cls, folder, load_weights, **kwargs)

    def save_to_preset(self, preset_dir, max_shard_size=10):
        """Save the model, its configuration and its vocabulary.

        Args:
            preset_dir: str or Path, a directory, made where it does not exist.
            max_shard_size: float, largest weight file in GB.
        """
        super().save_to_preset(str(preset_dir), max_shard_size=max_shard_size)
        for name in ("config.json", "task.json"):
            path = Path(preset_dir) / name
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


class XLMTask(XLMPresets):
    """Mixin for tasks: presets without optimizer state, and `fit` that shuffles.

    KerasHub turns lists into a dataset and loses `shuffle=True` on the way: examples
    sorted by label or by language would train one class after the other.
    """

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

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        sample_weight=None,
        validation_split=None,
        shuffle=True,
        **kwargs,
    ):
        """As `keras.Model.fit`; raw strings, dicts, arrays and datasets."""
        if isinstance(x, tf.data.Dataset) or not hasattr(x, "__len__"):
            return super().fit(
                x,
                y,
                batch_size=batch_size,
                sample_weight=sample_weight,
                validation_split=validation_split,
                shuffle=shuffle,
                **kwargs,
            )
        batch_size = batch_size or 32
        parts = tuple(part for part in (x, y, sample_weight) if part is not None)
        examples = tf.data.Dataset.from_tensor_slices(
            parts if len(parts) > 1 else parts[0]
        )
        num_train = len(examples)
        if validation_split:
            # As Keras: the last examples, before any shuffling.
            num_train = int(num_train * (1.0 - validation_split))
            kwargs.setdefault(
                "validation_data", examples.skip(num_train).batch(batch_size)
            )
            examples = examples.take(num_train)
        if shuffle:
            examples = examples.shuffle(num_train)
        return super().fit(examples.batch(batch_size), shuffle=False, **kwargs)
