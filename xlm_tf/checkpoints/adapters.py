"""LoRA adapters, as PEFT saves them, merged into the weights that they were trained on.

A folder holds `adapter_config.json` and `adapter_model.safetensors` (or `.bin`): for
some matrices two thin ones, whose product is added, and whole tensors in the place of
others. Source: Hu et al. 2021 (arXiv 2106.09685); `use_rslora`: Kalajdzievski 2023
(arXiv 2312.03732).
"""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np

from xlm_tf.checkpoints.declared_settings import (
    OBEYED,
    check_settings,
    no_effect,
    only,
    read_json,
)
from xlm_tf.checkpoints.huggingface import FAMILIES
from xlm_tf.checkpoints.model_names import HUB
from xlm_tf.checkpoints.pickled_tensors import read_pickled
from xlm_tf.checkpoints.released_models import PRESETS
from xlm_tf.checkpoints.sentence_transformers import MODULES_FILE
from xlm_tf.checkpoints.tensor_files import (
    Tensors,
    pickled_tensors,
    read_safetensors,
)

ADAPTER_FILE = "adapter_config.json"
SAFETENSORS, PICKLED = "adapter_model.safetensors", "adapter_model.bin"
_SETTINGS = {
    "peft_type": only("LORA"),
    "task_type": only(
        "SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS", "CAUSAL_LM", "FEATURE_EXTRACTION"
    ),
    "bias": only("none", "lora_only", "all"),
    **dict.fromkeys(
        (
            "auto_mapping",
            "base_model_name_or_path",
            "r",
            "lora_alpha",
            "rank_pattern",
            "alpha_pattern",
            "use_rslora",
            "target_modules",
            "exclude_modules",
            "layers_to_transform",
            "layers_pattern",
            "modules_to_save",
        ),
        OBEYED,
    ),
    # Others begin with another base than the one that is named.
    "init_lora_weights": only(True, False, "gaussian", "eva", "orthogonal"),
    "revision": only("main"),
    "fan_in_fan_out": only(False),
    "use_dora": only(False),
    "lora_bias": only(False),
    "use_qalora": only(False),
    "layer_replication": only([]),
    "loftq_config": only({}),
    "corda_config": only({}),
    "megatron_config": only({}),
    "trainable_token_indices": only([], {}),
    "target_parameters": only([]),
    "alora_invocation_tokens": only([]),
    "arrow_config": only({}),
    "use_bdlora": only({}),
    "ensure_weight_tying": only(False),
    **no_effect("says where the file came from", "peft_version"),
    **no_effect("of training", "inference_mode lora_dropout runtime_config eva_config"),
    **no_effect("of what is refused", "megatron_core qalora_group_size"),
}
# What classes are called without their family, by families that share heads.
_HEADS = {
    (None, "SEQ_CLS"): "ForSequenceClassification",
    (None, "TOKEN_CLS"): "ForTokenClassification",
    (None, "QUESTION_ANS"): "ForQuestionAnswering",
    ("xlm", "QUESTION_ANS"): "ForQuestionAnsweringSimple",
    (None, "CAUSAL_LM"): "ForCausalLM",
    ("xlm", "CAUSAL_LM"): "WithLMHeadModel",
    (None, "FEATURE_EXTRACTION"): "Model",
}
# The weights of heads with a row for every class.
_LOGITS = (
    "classifier.weight",
    "classifier.out_proj.weight",
    "sequence_summary.summary.weight",
)
# Regular expressions, or names, which are some too.
_PATTERNS = (
    "target_modules",
    "exclude_modules",
    "layers_pattern",
    "rank_pattern",
    "alpha_pattern",
)
_PREFIX = "base_model.model."
_FACTOR = re.compile(r"(.+)\.lora_(embedding_)?([AB])(?:\.weight)?")
# The output layers of language models, by the families that share heads: tied ones have
# no tensor of their own.
_OUTPUTS = {"xlm": "pred_layer.proj", "xlm-roberta": "lm_head.decoder"}


def is_adapter(folder):
    """Whether a folder holds an adapter."""
    return Path(folder, ADAPTER_FILE).is_file()


def base_of(folder):
    """The name of the model that an adapter was trained on, for `find_checkpoint`.

    Args:
        folder: Path.

    Raises:
        ValueError: the adapter names none, or one that is neither here nor on the hub.
    """
    path = Path(folder, ADAPTER_FILE)
    name = read_json(path).get("base_model_name_or_path")
    if isinstance(name, str) and name:
        if name in PRESETS or "://" in name or Path(name).exists():
            return name
        if re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            return HUB + name
        for preset, released in PRESETS.items():
            if released.source.endswith(f"/{name}"):  # an old name of the hub
                return preset
    raise ValueError(
        f"{path} names the model that it adapts as base_model_name_or_path={name!r}, "
        "which is no folder here and no model of the hub. Pass the model: "
        f"from_preset(MODEL, adapter={str(folder)!r})."
    )


def merge(base, folder):
    """A checkpoint with an adapter merged into it.

    Args:
        base: `Checkpoint`. The names of settings that it passes over count for the
            adapter's too.
        folder: Path of the adapter.

    Returns:
        `Checkpoint`, whose tensors are computed when they are read; with the tokenizer
        of the adapter's folder where that has one.

    Raises:
        FileNotFoundError: the adapter has no weights.
        ValueError: it is of another base, contradicts itself, or has a setting that
            cannot be obeyed, which is named.
    """
    folder = Path(folder)
    settings = read_json(folder / ADAPTER_FILE)
    named = {"peft_type": "", **settings}
    check_settings(folder / ADAPTER_FILE, named, _SETTINGS, base.ignored)
    _check_patterns(folder / ADAPTER_FILE, settings)
    factors, whole = _read(folder)
    tensors = base.tensors.stored()
    _untie(tensors, base, {*factors, *(name.rpartition(".")[0] for name in whole)})
    _replace(tensors, base, folder, settings, whole)
    for module, pair in factors.items():
        name = _name_in(tensors, base, f"{module}.weight")
        if name not in tensors:
            raise _other_base(base, folder, f"{module}, which the model lacks")
        left, right = pair.product(_scale(folder, settings, module, pair))
        shape = left.shape[0], right.shape[1]
        if tensors[name].shape != shape:
            raise _other_base(
                base,
                folder,
                f"{module} as of the shape {shape}, which the model has "
                f"in the shape {tensors[name].shape}",
            )
        tensors[name] = AdaptedTensor(tensors[name], left, right)
    _check_targets(base, folder, settings, factors)
    family = FAMILIES[base.family.model_type]  # KerasHub's has its own tokenizer
    names = family.tokenizer.names
    has_tokenizer = any((folder / name).is_file() for name in names)
    return dataclasses.replace(
        base,
        family=family if has_tokenizer else base.family,
        config=_config(base, settings, whole),
        tensors=Tensors(base.path, tensors),
        vocabulary=None if has_tokenizer else base.vocabulary,
        tokenizer_folder=folder if has_tokenizer else base.tokenizer_folder,
        root=folder if (folder / MODULES_FILE).is_file() else base.root,
    )


def _check_patterns(path, settings):
    """Refuse what is no regular expression where one is expected."""
    for name in _PATTERNS:
        values = settings.get(name) or []
        for value in [values] if isinstance(values, str) else values:
            try:
                re.compile(value)
            except (re.error, TypeError) as error:
                raise ValueError(
                    f"{path} has {name}={values!r}, which is no regular expression: "
                    f"{error}."
                ) from error


class AdaptedTensor:
    """A `StoredTensor`, to which the product of two thin matrices is added.

    Args:
        tensor: `StoredTensor` (N, M).
        left, right: float32 arrays (N, r) and (r, M).
    """

    def __init__(self, tensor, left, right):
        self.shape = tensor.shape
        self._tensor, self._left, self._right = tensor, left, right

    def rows(self, start, stop):
        """Some of its rows, an `AdaptedTensor`."""
        rows = self._tensor.rows(start, stop)
        return AdaptedTensor(rows, self._left[start:stop], self._right)

    def read(self):
        """The sum, a float32 array."""
        return self._tensor.read().astype("float32") + self._left @ self._right


@dataclasses.dataclass
class _Factors:
    """The two matrices of a module: A (r, in) and B (out, r).

    An embedding is a product from the left: its A is (r, tokens), its B (width, r).
    """

    is_embedding: bool
    a: np.ndarray | None = None
    b: np.ndarray | None = None

    def product(self, scale):
        """Two factors of what is added to the module's weight."""
        if self.is_embedding:
            return self.a.T, scale * self.b.T
        return self.b, scale * self.a


def _read(folder):
    """The tensors of an adapter.

    Returns:
        `(factors, whole)`: dict from a module to its `_Factors`; and dict from a name
        to a `StoredTensor` that takes the place of the base's.
    """
    path = folder / SAFETENSORS
    if path.is_file():
        stored = read_safetensors(path)
    elif (folder / PICKLED).is_file():
        path = folder / PICKLED
        stored = pickled_tensors(read_pickled(path))
    else:
        raise FileNotFoundError(
            f"{folder} holds an {ADAPTER_FILE} without the adapter's weights, "
            f"{SAFETENSORS} or {PICKLED}."
        )
    factors, whole = {}, {}
    for full_name, tensor in stored.items():
        name = full_name.removeprefix(_PREFIX)
        if name == full_name:
            raise ValueError(
                f"{path} holds {name}, which is no tensor of an adapter. Expected "
                f"names that begin with {_PREFIX}."
            )
        match = _FACTOR.fullmatch(name)
        if match is None:
            whole[name.replace(".base_layer.", ".")] = tensor
            continue
        module, embedding, which = match.groups()
        pair = factors.setdefault(module, _Factors(bool(embedding)))
        setattr(pair, which.lower(), tensor.read().astype("float32"))
    for module, pair in factors.items():
        if pair.a is None or pair.b is None or pair.a.shape[0] != pair.b.shape[1]:
            raise ValueError(
                f"{path} is damaged: it lacks two matrices of one rank for {module}."
            )
    return factors, whole


def _other_base(base, folder, what):
    return ValueError(
        f"{folder} is an adapter for another base than {base.path}: it changes {what}."
    )


def _name_in(tensors, base, name):
    """The name that a tensor of the adapter's model has in the base's files."""
    bare = name.removeprefix(base.family.prefix)
    full = base.family.prefix + bare
    return full if full in tensors else bare


def _untie(tensors, base, modules):
    """Give the output layer its own weights, where a tied one does not stay so.

    An adapter of the embedding changes what goes in, and one of the output layer what
    comes out, and neither the other.
    """
    output = _OUTPUTS.get(base.family.heads)
    if output is None:
        return
    embedding = base.backbone_tensors["embeddings/token_embedding/embeddings"]
    embedding = _name_in(tensors, base, embedding)
    bias = "lm_head.bias" if output.startswith("lm_head.") else f"{output}.bias"
    changed = {_name_in(tensors, base, f"{module}.weight") for module in modules}
    if bias in tensors and changed & {embedding, f"{output}.weight"}:
        tensors.setdefault(f"{output}.weight", tensors[embedding])
        tensors.setdefault(f"{output}.bias", tensors[bias])


def _replace(tensors, base, folder, settings, whole):
    """Put the tensors that the adapter holds whole in the place of the base's."""
    saved = settings.get("modules_to_save") or []
    modules = {name: _module_of(name, saved) for name in whole}
    before = dict(tensors)
    for module in {*modules.values()} - {None}:
        begin = module.removeprefix(base.family.prefix) + "."
        for name in before:
            if name.removeprefix(base.family.prefix).startswith(begin):
                tensors.pop(name, None)
    has_biases = settings.get("bias", "none") != "none"
    for own, tensor in whole.items():
        name = _name_in(before, base, own)
        is_bias = has_biases and own.endswith(".bias")
        if modules[own] is None and not (is_bias and name in before):
            raise _other_base(
                base,
                folder,
                f"{own}, which is none of its modules_to_save and no bias of the model",
            )
        stored = before.get(name, tensor)
        is_of_encoder = name.removeprefix(base.family.prefix) in _encoder(base)
        if (is_bias or is_of_encoder) and stored.shape != tensor.shape:
            raise _other_base(
                base,
                folder,
                f"{own} to the shape {tensor.shape}, from {stored.shape}",
            )
        tensors[name] = tensor


def _encoder(base):
    """dict from the encoder's modules with matrices to whether they are embeddings."""
    modules = {}
    for path, names in base.backbone_tensors.items():
        is_table = path.endswith(("/embeddings", "_table"))
        if is_table or path.endswith("/kernel"):
            for name in names if isinstance(names, tuple) else (names,):
                modules[name.removesuffix(".weight")] = is_table
    return modules


def _check_targets(base, folder, settings, factors):
    """See that what is adapted is what the settings ask for, no more and no less."""
    prefix = base.family.prefix
    prefix = prefix if any(x.startswith(prefix) for x in factors) else ""
    saved = settings.get("modules_to_save") or []
    asked = {
        prefix + module
        for module, is_embedding in _encoder(base).items()
        if _is_target(settings, prefix + module, is_embedding)
        and not _module_of(f"{prefix}{module}.weight", saved)
    }
    missing = sorted(asked - set(factors))
    if missing:
        raise ValueError(
            f"{folder} lacks the matrices of {missing[0]}, which {ADAPTER_FILE} names "
            "by its target_modules."
        )
    for module, pair in factors.items():
        if not _is_target(settings, module, pair.is_embedding):
            raise ValueError(
                f"{folder} holds matrices for {module}, which {ADAPTER_FILE} does not "
                f"name: target_modules={settings.get('target_modules')!r}."
            )


def _config(base, settings, whole):
    """The configuration of the model that was adapted, dict."""
    config = dict(base.config)
    made_by = (settings.get("auto_mapping") or {}).get("base_model_class")
    task = settings.get("task_type")
    if task is not None:
        head = _HEADS.get((base.family.heads, task), _HEADS[None, task])
        made_by = base.family.class_name + head
    if made_by is not None:
        config["architectures"] = [made_by]
    for name in _LOGITS:
        if name in whole:
            labels = config.get("id2label") or config.get("label2id") or {}
            if len(labels) != whole[name].shape[0]:  # those of the base's head
                config["id2label"] = config["label2id"] = None
    return config


def _module_of(name, ends):
    """The module that a tensor is in whose name ends so; None where none does."""
    parts = name.split(".")[:-1]
    for end in range(len(parts), 0, -1):
        module = ".".join(parts[:end])
        if module.endswith(tuple(ends)):  # in the middle of a word too, as PEFT has it
            return module
    return None


def _is_target(settings, module, is_embedding):
    """Whether the settings ask for a module to be adapted, by PEFT's rules."""
    targets = settings.get("target_modules")
    excluded = settings.get("exclude_modules") or []
    if _matches(excluded, module):
        return False
    if targets == "all-linear":
        return not is_embedding
    if not _matches(targets or [], module):
        return False
    layers = settings.get("layers_to_transform")
    if layers is None or isinstance(targets, str):
        return True
    patterns = settings.get("layers_pattern") or [r"[^.]*"]
    patterns = [patterns] if isinstance(patterns, str) else patterns
    for pattern in patterns:
        layer = re.match(rf".*\.{pattern}\.(\d+)\.", module)
        if layer:
            layers = [layers] if isinstance(layers, int) else layers
            return int(layer[1]) in layers
    return False


def _matches(targets, module):
    if isinstance(targets, str):
        return re.fullmatch(targets, module) is not None
    return any(module == x or module.endswith(f".{x}") for x in targets)


def _scale(folder, settings, module, pair):
    """What the product of two matrices is multiplied with."""
    rank = _of_pattern(settings, "rank_pattern", "r", module, 8)
    alpha = _of_pattern(settings, "alpha_pattern", "lora_alpha", module, 8)
    if not isinstance(alpha, int | float):
        raise ValueError(f"{folder} has lora_alpha={alpha!r}. Expected a number.")
    if pair.a.shape[0] != rank or not rank:
        raise ValueError(
            f"{folder} holds matrices of rank {pair.a.shape[0]} for {module}. Expected "
            f"{rank}, as {ADAPTER_FILE} says."
        )
    return alpha / (math.sqrt(rank) if settings.get("use_rslora") else rank)


def _of_pattern(settings, patterns, default, module, fallback):
    for pattern, value in (settings.get(patterns) or {}).items():
        if re.fullmatch(rf"(?:.*\.)?(?:{pattern})", module):
            return value
    return settings.get(default, fallback)
