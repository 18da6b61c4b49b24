"""XLM's own checkpoints: one `.pth` with weights, settings and vocabulary.

Those of trainings to translate hold an `encoder` and a `decoder`, of the same form and
each with embeddings and a projection of its own.
"""

import re
from pathlib import Path

from xlm_tf.checkpoints.checkpoint import Checkpoint
from xlm_tf.checkpoints.declared_settings import check_settings, only
from xlm_tf.checkpoints.pickled_tensors import Record, read_pickled
from xlm_tf.checkpoints.tensor_files import Tensors, pickled_tensors
from xlm_tf.checkpoints.xlm import XLM

# What XLM's model reads of its parameters, beside those below. A checkpoint holds those
# of the whole training; all others are of data, optimizer and the like.
_ARCHITECTURE = {
    "attention_setting": only("v1"),
    "use_memory": only(False),
    "bos_index": only(0),
    "eos_index": only(1),
    "pad_index": only(2),
    "unk_index": only(3),
    "mask_index": only(5),
}


def find(path):
    """The `.pth` that a path is, or the only one that it holds, or None."""
    path = Path(path)
    if path.is_file():
        return path if path.suffix == ".pth" else None
    found = sorted(path.glob("*.pth")) if path.is_dir() else []
    return found[0] if len(found) == 1 else None


def read(model_file, ignored=()):
    """A checkpoint of XLM, as transformers would hold it.

    Args:
        model_file: Path of a `.pth`.
        ignored: tuple of str, names of settings to pass over.

    Returns:
        `Checkpoint`; a decoder's tensors are named `decoder.NAME`. Its `vocabulary` is
        the list of tokens in the order of their ids, in fastBPE's form (`th@@`), or
        None where the file has none.

    Raises:
        ValueError: it was refused (see `read_pickled`), it is not of XLM, or it has a
            setting that cannot be obeyed, which is named.
    """
    content = read_pickled(model_file)
    weights = None
    if isinstance(content, dict):
        weights = content.get("model") or content.get("encoder")
    if not weights or "params" not in content:
        raise ValueError(
            f"{model_file} is not a checkpoint of XLM: it holds no `model` (or "
            "`encoder`) with `params`."
        )
    tensors = {}
    for name, tensor in _own_tensors(weights):
        is_head = name.startswith("pred_layer.")
        tensors[name if is_head else f"transformer.{name}"] = tensor
    decoder = {} if content.get("model") else content.get("decoder") or {}
    decoder = {f"decoder.{name}": own for name, own in _own_tensors(decoder)}
    words = content.get("dico_id2word")
    vocabulary = None
    if words:
        if sorted(words) != list(range(len(words))):
            raise ValueError(f"{model_file} is damaged: ids of its vocabulary miss.")
        vocabulary = [str(words[i]) for i in range(len(words))]
    return Checkpoint(
        model_file,
        XLM,
        _config(content, tensors, model_file, ignored),
        Tensors(model_file, {**tensors, **decoder}),
        vocabulary,
        ignored,
        num_decoder_layers=_num_decoder_layers(decoder, model_file),
    )


def _own_tensors(weights):
    """Pairs of a name and a tensor."""
    for name, tensor in pickled_tensors(weights).items():
        yield name.removeprefix("module."), tensor  # saved in training on several GPUs


def _num_decoder_layers(tensors, model_file):
    """How many blocks attend to the source."""
    name = re.compile(r"decoder\.encoder_attn\.(\d+)\.q_lin\.weight")
    numbers = [int(found[1]) for found in map(name.fullmatch, tensors) if found]
    if tensors and not numbers:
        raise ValueError(
            f"The decoder in {model_file} attends to no source: it lacks the tensor "
            "encoder_attn.0.q_lin.weight."
        )
    return max(numbers) + 1 if numbers else 0


def _config(content, tensors, model_file, ignored):
    params = content["params"]
    params = params.fields if isinstance(params, Record) else params
    check_settings(
        model_file,
        {name: params[name] for name in _ARCHITECTURE if name in params},
        _ARCHITECTURE,
        ignored,
    )
    try:
        embedding = tensors["transformer.embeddings.weight"]
        positions = tensors["transformer.position_embeddings.weight"]
        config = {
            "vocab_size": embedding.shape[0],
            "emb_dim": embedding.shape[1],
            "n_layers": params["n_layers"],
            "n_heads": params["n_heads"],
            "max_position_embeddings": positions.shape[0],
        }
    except KeyError as error:
        raise ValueError(
            f"{model_file} is not a checkpoint of XLM: it lacks {error}."
        ) from error
    for name in ("dropout", "attention_dropout", "asm"):
        if name in params:
            config[name] = params[name]
    config["gelu_activation"] = bool(params.get("gelu_activation", False))
    config["sinusoidal_embeddings"] = bool(params.get("sinusoidal_embeddings", False))
    languages = "transformer.lang_embeddings.weight" in tensors
    config["use_lang_emb"] = languages
    # Models of 17 and 100 languages have no embedding of them.
    config["n_langs"] = params.get("n_langs") or len(params.get("lang2id") or [0])
    if languages:
        config["n_langs"] = tensors["transformer.lang_embeddings.weight"].shape[0]
    if params.get("lang2id"):
        config["lang2id"] = {str(k): int(v) for k, v in params["lang2id"].items()}
    return config
