"""What every model loads from, and how it is saved."""

import json
import warnings

from xlm_tf.checkpoints.finding import find_checkpoint
from xlm_tf.checkpoints.model_files import check_no_other_model, is_model_file
from xlm_tf.models.keras_hub_saving import save_keras_hub_preset
from xlm_tf.models.loading import load_checkpoint
from xlm_tf.models.room_for_weights import check_room_for_weights
from xlm_tf.models.saving import save_checkpoint
from xlm_tf.output_files import replaced_files
from xlm_tf.private_keras import read_preset


class XLMPresets:
    """Mixin for models: what their presets can be, and how they are stored.

    A class declares in `checkpoint_heads` what it is in released files: a tuple of
    `CheckpointHead`, empty for a model that has no form there.

    Mixed policies compute in half precision on float32 weights. KerasHub writes the
    policy into the preset and then cannot load it again; here the preset says
    "float32", and the reader chooses the policy: `from_preset(path,
    dtype="mixed_bfloat16")`.
    """

    checkpoint_heads = ()

    @classmethod
    def from_preset(
        cls, preset, load_weights=True, ignored_settings=(), adapter=None, **kwargs
    ):
        """Load a model that was saved, here or elsewhere.

        Args:
            preset: str or Path:
                a name of `xlm_tf.PRESETS`, such as "xlm_roberta_base";
                "hf://OWNER/NAME", of transformers or of Keras;
                a folder of `save_to_preset`, or of a training;
                a preset of KerasHub's XLM-R, by its folder or its address, such as
                "kaggle://keras/xlm_roberta/keras/xlm_roberta_base_multi";
                a folder of transformers (safetensors, `pytorch_model.bin` or
                `tf_model.h5`) or of sentence-transformers;
                a folder of PEFT with a LoRA adapter, which is merged into the model
                that it names;
                fairseq's `model.pt`, or its folder;
                XLM's own `.pth`, or its folder, with the BPE codes beside it.
            load_weights: bool, False for random weights in the same shape.
            ignored_settings: collection of str, names of settings in the files of
                others to pass over, which would be refused because they cannot be
                obeyed, or nobody here knows what they do.
            adapter: str or Path of a LoRA adapter of PEFT, a folder or
                "hf://OWNER/NAME", to be merged into the model, whichever it names.
            **kwargs: arguments of the class instead of those saved; `dtype` is the
                policy of the backbone. `num_classes` or `labels` ask for a new head,
                see `ClassHead`.

        Returns:
            The model; a task with its preprocessor.

        Raises:
            FileNotFoundError, ValueError: there is no such preset, it does not fit
                the class, it holds a setting that cannot be obeyed, or a pickle in it
                asks for more than tensors, or the adapter is of another model; says
                what.
        """
        checkpoint = find_checkpoint(preset, ignored_settings, adapter)
        if checkpoint is None:
            _check_backbone(cls, preset)
            kwargs = cls.arguments_for_preset(preset, kwargs)
            model = super().from_preset(
                str(preset), load_weights=load_weights, **kwargs
            )
            _warn_of_new_head(model, preset)
            return model
        return load_checkpoint(cls, checkpoint, load_weights, **kwargs)

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
        save_checkpoint(self, folder)

    def save_to_keras_hub(self, folder):
        """Save an XLM-R as KerasHub's own classes read it.

        Writes what `save_to_preset` of `keras_hub.models.XLMRobertaBackbone`,
        `XLMRobertaTextClassifier`, `XLMRobertaMaskedLM` or `XLMRobertaTextEmbedder`
        writes, in float32. Loaded there, or here again, it computes the same. KerasHub
        knows no names of classes; its embedder has one `</s>` between the texts of a
        pair; its tokenizer reads `<mask>` in a text as text. A preset of this package,
        with everything a model has, is written by `save_to_preset`.

        Args:
            folder: str or Path, as for `save_to_huggingface`.

        Raises:
            ValueError: KerasHub has no model of this form; says what differs.
            FileExistsError: the folder holds a model of fairseq or XLM.
        """
        save_keras_hub_preset(self, folder)

    def save_to_preset(self, preset_dir, max_shard_size=10):
        """Save the model, its configuration and its vocabulary.

        Args:
            preset_dir: str or Path, as `folder` of `save_to_huggingface`.
            max_shard_size: float, largest weight file in GB.

        Raises:
            FileExistsError: the directory holds a model of fairseq or XLM.
            OSError: there is no room for the model; what was there stays.
        """
        check_no_other_model(preset_dir)
        with replaced_files(preset_dir, is_model_file) as new:
            check_room_for_weights(self, new, max_shard_size)
            super().save_to_preset(str(new), max_shard_size=max_shard_size)
            for name in ("config.json", "task.json"):
                path = new / name
                if path.exists():
                    config = json.loads(path.read_text(encoding="utf-8"))
                    _unmix(config)
                    path.write_text(json.dumps(config, indent=4), encoding="utf-8")


def _check_backbone(model_class, preset):
    """Raise a ValueError where a preset of this package has another backbone."""
    config = read_preset(preset, "config.json")
    saved = config and config.get("class_name")
    expected = getattr(model_class, "backbone_cls", model_class).__name__
    if saved == expected or saved not in ("XLMBackbone", "XLMSeq2SeqBackbone"):
        return
    form = "an encoder alone"
    advice = "`XLMSeq2SeqLM.from_masked_lm` makes an encoder-decoder of one."
    if saved == "XLMSeq2SeqBackbone":
        form = "an encoder-decoder"
        advice = "`xlm_tf.load_task` loads it as what it was saved."
    raise ValueError(
        f"{preset} holds {form} ({saved}), and {model_class.__name__} loads presets "
        f"of an {expected}. {advice}"
    )


def _warn_of_new_head(model, preset):
    """Say so where a preset of another task, or of none, has no head for it."""
    backbone = getattr(model, "backbone", None)
    if backbone is None or len(model.weights) == len(backbone.weights):
        return
    if hasattr(model, "num_classes"):
        return  # their number asks for a new head, see `ClassHead`
    task = read_preset(preset, "task.json")
    saved = None if task is None else task["class_name"]
    if saved == type(model).__name__:
        return
    held = f"an {saved}" if saved else "an encoder without a task"
    warnings.warn(
        f"{preset} holds {held}: the head of {type(model).__name__} begins with random "
        "weights, to be trained.",
        stacklevel=3,
    )


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
