"""Folders of sentence-transformers: how hidden states become the vector of a text."""

import dataclasses
import json
from pathlib import Path

from xlm_tf.checkpoints.declared_settings import (
    OBEYED,
    check_settings,
    no_effect,
    only,
    read_json,
    read_json_if_there,
)

MODULES_FILE = "modules.json"
CONFIG_FILE = "config_sentence_transformers.json"
TRANSFORMER_FILE = "sentence_bert_config.json"
DENSE_FOLDER = "2_Dense"
POOLINGS = {
    "pooling_mode_cls_token": "first",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
}
_MODULE = {
    "path": OBEYED,
    "type": OBEYED,
    "kwargs": only([]),
    **no_effect("their order is that of the list", "idx name"),
}
_CONFIG = {
    "model_type": OBEYED,
    "prompts": OBEYED,
    "default_prompt_name": OBEYED,
    "activation_fn": OBEYED,
    "truncate_dim": OBEYED,
    **no_effect("of comparing vectors, not of the vectors", "similarity_fn_name"),
    **no_effect("says where the file came from", "__version__"),
}
_TRANSFORMER = {
    "max_seq_length": OBEYED,
    "do_lower_case": OBEYED,
    "transformer_task": OBEYED,
    "modality_config": OBEYED,
    "module_output_name": only("token_embeddings"),
    "processing_kwargs": only({}),
    "query_length": only(),
    "document_length": only(),
    "query_expansion": only(),
    "model_args": only({}),
    "tokenizer_args": only({}),
    "config_args": only({}),
    **no_effect("whether padding is computed, which nothing sees", "unpad_inputs"),
}
_MODALITIES = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}
_NORMALIZE = {
    "module_input_name": only("sentence_embedding"),
    "module_output_name": only("sentence_embedding"),
}
_DENSE = {
    "in_features": OBEYED,
    "out_features": OBEYED,
    "bias": only(True, False),
    "activation_function": OBEYED,
    "use_residual": only(False),
    **_NORMALIZE,
}
ACTIVATIONS = {
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.linear.Identity": "linear",
}
_POOLING = {
    "pooling_mode": OBEYED,
    "word_embedding_dimension": OBEYED,
    "embedding_dimension": OBEYED,
    "include_prompt": only(True, False),
    **dict.fromkeys(
        (
            *POOLINGS,
            "pooling_mode_mean_sqrt_len_tokens",
            "pooling_mode_weightedmean_tokens",
            "pooling_mode_lasttoken",
        ),
        OBEYED,
    ),
}


@dataclasses.dataclass(frozen=True)
class Projection:
    """A dense layer after the pooling.

    Attributes:
        width: int, of the vectors.
        activation: "tanh" or "linear".
        use_bias: bool.
        folder: Path that holds its weights, `linear.weight` and `linear.bias`; None
            where they are not written yet.
    """

    width: int
    activation: str
    use_bias: bool
    folder: Path | None = None


@dataclasses.dataclass(frozen=True)
class Embedding:
    """What a folder says.

    Attributes:
        pooling: "first", "mean" or "max".
        normalize: bool, scale vectors to length 1.
        max_length: int, longest text in tokens, or None.
        lowercase: bool, lower-case texts first.
        truncate_dim: int, the first numbers of a vector, which are kept, or None. An
            argument of sentence-transformers, whose files do not have it: written, and
            read, by this package.
        prompts: dict from a name to what is put before a text.
        default_prompt_name: str, the prompt of texts for which none is chosen, or None.
        include_prompt: bool, whether a prompt's tokens are pooled.
        projection: `Projection`, or None.
    """

    pooling: str
    normalize: bool
    max_length: int | None = None
    lowercase: bool = False
    truncate_dim: int | None = None
    prompts: dict = dataclasses.field(default_factory=dict)
    default_prompt_name: str | None = None
    include_prompt: bool = True
    projection: Projection | None = None


def transformer_folder(folder):
    """Where the encoder of a folder is: in it, or, in old ones, in a folder of it."""
    path = Path(folder, MODULES_FILE)
    if not path.is_file() or Path(folder, "config.json").is_file():
        return Path(folder)
    modules = _modules(path)
    if not modules or modules[0][0] != "Transformer":
        return Path(folder)
    return modules[0][1]


def is_of_embedder(folder):
    """Whether a folder is one of sentence-transformers that makes vectors."""
    folder = Path(folder)
    if not (folder / MODULES_FILE).is_file():
        return False
    config = read_json_if_there(folder / CONFIG_FILE)
    return config.get("model_type") != "CrossEncoder"


def read_embedding(folder, hidden_dim, ignored=()):
    """Read the files of a folder.

    Args:
        folder: Path, with a modules.json.
        hidden_dim: int, of the encoder.
        ignored: names of settings to pass over.

    Returns:
        `Embedding`.

    Raises:
        ValueError: a module that is not supported, or a setting that can be neither
            obeyed nor passed over; names it.
    """
    path = Path(folder, MODULES_FILE)
    modules = _modules(path, ignored)
    kinds = [kind for kind, _ in modules]
    folders = {kind: folder for kind, folder in modules}
    known = ("Transformer", "Pooling", "Dense", "Normalize")
    in_order = [kind for kind in known if kind in folders]
    if kinds != in_order or not {"Transformer", "Pooling"} <= set(kinds):
        other = [kind for kind in kinds if kind not in known]
        what = f"a module {other[0]}" if other else f"the modules {', '.join(kinds)}"
        raise ValueError(
            f"{path} names {what}, which is not supported. Expected Transformer, "
            "Pooling and perhaps Dense and Normalize, in this order."
        )
    config_path = Path(folder, CONFIG_FILE)
    config = read_json_if_there(config_path)
    check_settings(config_path, config, _CONFIG, ignored)
    prompts, default = _prompts(config_path, config, ignored)
    transformer_path = modules[0][1] / TRANSFORMER_FILE
    transformer = read_json_if_there(transformer_path)
    check_settings(transformer_path, transformer, _TRANSFORMER, ignored)
    for name, expected in (
        ("transformer_task", "feature-extraction"),
        ("modality_config", _MODALITIES),
    ):
        if transformer.get(name, expected) != expected and name not in ignored:
            raise ValueError(
                f"{transformer_path} has {name}={transformer[name]!r}, which is not "
                f"supported. Expected {expected!r}."
            )
    if "Normalize" in kinds:
        normalize_path = folders["Normalize"] / "config.json"
        check_settings(
            normalize_path, read_json_if_there(normalize_path), _NORMALIZE, ignored
        )
    pooling_path = modules[1][1] / "config.json"
    pooling = read_json(pooling_path)
    check_settings(pooling_path, pooling, _POOLING, ignored)
    projection = _projection(folders.get("Dense"), hidden_dim, ignored)
    return Embedding(
        pooling=_pooling(pooling_path, pooling, hidden_dim),
        normalize="Normalize" in kinds,
        max_length=transformer.get("max_seq_length"),
        lowercase=bool(transformer.get("do_lower_case")),
        truncate_dim=_truncate_dim(
            config_path, config, projection.width if projection else hidden_dim
        ),
        prompts=prompts,
        default_prompt_name=default,
        include_prompt=pooling.get("include_prompt") is not False,
        projection=projection,
    )


def write_embedding(folder, embedding, hidden_dim):
    """Write the files that `read_embedding` reads.

    Args:
        folder: Path, of the encoder.
        embedding: `Embedding`.
        hidden_dim: int, of the encoder.
    """
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    projection = embedding.projection
    if projection is not None:
        modules.append((DENSE_FOLDER, "Dense"))
    if embedding.normalize:
        modules.append((f"{len(modules)}_Normalize", "Normalize"))
    content = [
        {
            "idx": i,
            "name": str(i),
            "path": path,
            "type": f"sentence_transformers.models.{kind}",
        }
        for i, (path, kind) in enumerate(modules)
    ]
    (folder / MODULES_FILE).write_text(json.dumps(content, indent=2))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": hidden_dim}
    pooling |= {name: mode == embedding.pooling for name, mode in POOLINGS.items()}
    if not embedding.include_prompt:
        pooling["include_prompt"] = False
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2))
    if projection is not None:
        (folder / DENSE_FOLDER).mkdir(exist_ok=True)
        (name,) = (x for x, y in ACTIVATIONS.items() if y == projection.activation)
        config = {
            "in_features": hidden_dim,
            "out_features": projection.width,
            "bias": projection.use_bias,
            "activation_function": name,
        }
        path = folder / DENSE_FOLDER / "config.json"
        path.write_text(json.dumps(config, indent=2))
    config = {}
    if embedding.prompts:
        config = {
            "model_type": "SentenceTransformer",
            "prompts": embedding.prompts,
            "default_prompt_name": embedding.default_prompt_name,
        }
    if embedding.truncate_dim is not None:
        config["truncate_dim"] = embedding.truncate_dim
    if config:
        (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2))
    if embedding.max_length is not None:
        length = {"max_seq_length": embedding.max_length}
        (folder / TRANSFORMER_FILE).write_text(json.dumps(length, indent=2))


def _truncate_dim(path, config, hidden_dim):
    dim = config.get("truncate_dim")
    is_usable = isinstance(dim, int) and not isinstance(dim, bool)
    if dim is not None and not (is_usable and 1 <= dim <= hidden_dim):
        raise ValueError(
            f"{path} has truncate_dim={dim!r}. Expected a whole number from 1 to the "
            f"width of the encoder, {hidden_dim}, or null."
        )
    return dim


def _modules(path, ignored=()):
    """Pairs of a module's kind and its folder, in order."""
    modules = []
    for number, module in enumerate(read_json(path, list)):
        where = f"{path}, module {number},"
        check_settings(where, module, _MODULE, ignored)
        if not isinstance(module.get("type"), str):
            raise ValueError(f"{where} has no type. Received: {module}.")
        kind = module["type"].split(".")[-1]
        modules.append((kind, path.parent / module.get("path", "")))
    return modules


def _prompts(path, config, ignored):
    """The prompts by their names, and the name of the default one or None."""
    prompts, default = config.get("prompts") or {}, config.get("default_prompt_name")
    is_text = isinstance(prompts, dict) and all(
        isinstance(prompt, str | None) for prompt in prompts.values()
    )
    if not is_text:
        raise ValueError(
            f"{path} has prompts={prompts!r}. Expected a text for every name."
        )
    if default is None or "default_prompt_name" in ignored:
        default = None
    elif default not in prompts:
        raise ValueError(
            f"{path} has default_prompt_name={default!r}. Expected one of its "
            f"prompts: {sorted(prompts)}."
        )
    return {name: prompt or "" for name, prompt in prompts.items()}, default


def _projection(folder, hidden_dim, ignored):
    """The `Projection` of a folder; None where there is none."""
    if folder is None:
        return None
    path = folder / "config.json"
    config = read_json(path)
    check_settings(path, config, _DENSE, ignored)
    name = config.get("activation_function", "torch.nn.modules.activation.Tanh")
    if name not in ACTIVATIONS:
        raise ValueError(
            f"{path} has activation_function={name!r}, which is not supported. "
            f"Expected one of {sorted(ACTIVATIONS)}."
        )
    if config.get("in_features") != hidden_dim or "out_features" not in config:
        raise ValueError(
            f"{path} must have in_features={hidden_dim}, as the encoder has, and "
            f"out_features. Received: {config}."
        )
    return Projection(
        width=config["out_features"],
        activation=ACTIVATIONS[name],
        use_bias=config.get("bias", True),
        folder=folder,
    )


def _pooling(path, config, hidden_dim):
    modes = [
        x for x, is_on in config.items() if x.startswith("pooling_mode_") and is_on
    ]
    named = config.get("pooling_mode")  # newer files name the mode, or several
    if named:
        modes = [named] if isinstance(named, str) else list(named)
        modes = [f"pooling_mode_{mode}" for mode in modes]
        modes = [x if x in POOLINGS else f"{x}_tokens" for x in modes]
        modes = [x.replace("cls_tokens", "cls_token") for x in modes]
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise ValueError(
            f"{path} pools by {modes}, which is not supported. Expected one of "
            f"{sorted(POOLINGS)}."
        )
    for name in ("word_embedding_dimension", "embedding_dimension"):
        if config.get(name, hidden_dim) != hidden_dim:
            raise ValueError(
                f"{path} has {name}={config[name]}. Expected {hidden_dim}, as the "
                "encoder has: the files are of two models."
            )
    return POOLINGS[modes[0]]
