"""Models as KerasHub's XLM-R reads them: the way back from `checkpoints.keras_hub`."""

import keras_hub
import numpy as np

from xlm_tf.checkpoints.checkpoint_head import head_of
from xlm_tf.checkpoints.family import activation_name
from xlm_tf.checkpoints.keras_hub import MASKING, POSITIONS, tensor_names
from xlm_tf.checkpoints.model_files import check_no_other_model, is_model_file
from xlm_tf.checkpoints.weights import as_stored, find_variable
from xlm_tf.checkpoints.xlm_roberta import XLM_ROBERTA
from xlm_tf.layers.merged_weights import merged_weights
from xlm_tf.models.room_for_weights import check_room_for_weights
from xlm_tf.output_files import replaced_files
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer

# What `XLMRobertaBackbone` is; its arguments say the rest.
_FORM = {
    "num_languages": 0,
    "position_embedding": "learned",
    "norm_placement": "post",
    "embedding_norm": True,
    "layer_norm_epsilon": 1e-5,
    "zero_padding_states": False,
    "causal": False,
    "pad_token_id": 1,
}
_ARGUMENTS = (
    "vocabulary_size",
    "num_layers",
    "num_heads",
    "hidden_dim",
    "intermediate_dim",
    "dropout",
    "max_sequence_length",
)
_TOKEN_TYPES = "embeddings/token_type_table"


def save_keras_hub_preset(model, folder):
    """Write a model as KerasHub reads it, see `save_to_keras_hub`."""
    is_backbone = isinstance(model, keras_hub.models.Backbone)
    backbone = model if is_backbone else model.backbone
    name = type(model).__name__
    if hasattr(backbone, "encoder"):
        raise ValueError(
            f"{name} has no form in KerasHub, which has no encoder-decoder of this "
            "family. Save the encoder alone: "
            "model.backbone.encoder.save_to_keras_hub(...)."
        )
    _check_form(backbone)
    head = head_of(type(model), XLM_ROBERTA)
    if head is None or head.keras_hub_class is None:
        raise ValueError(
            f"{name} has no form in KerasHub's XLM-R. Save its encoder alone: "
            "model.backbone.save_to_keras_hub(...)."
        )
    arguments = head.keras_hub_arguments(model)
    preprocessor = None if is_backbone else model.preprocessor
    if preprocessor is not None:
        _check_preprocessor(preprocessor, head)
    check_no_other_model(folder)
    weights = merged_weights([backbone, *([] if is_backbone else model.layers)])
    theirs = keras_hub.models.XLMRobertaBackbone(
        **{argument: getattr(backbone, argument) for argument in _ARGUMENTS},
        dtype="float32",
    )
    if not is_backbone:
        task_class = getattr(keras_hub.models, head.keras_hub_class)
        if preprocessor is not None:
            preprocessor = _preprocessor(task_class.preprocessor_cls, preprocessor)
        theirs = task_class(theirs, preprocessor=preprocessor, **arguments)
    _fill(theirs, backbone, weights, dict(head.saved_tensors(model)))
    with replaced_files(folder, is_model_file) as new:
        check_room_for_weights(theirs, new)
        theirs.save_to_preset(str(new))


def _check_form(backbone):
    """Refuse what `XLMRobertaBackbone` is not."""
    expected = {
        **_FORM,
        "activation": "gelu",
        "attention_dropout": backbone.dropout,
        "num_token_types": min(backbone.num_token_types, 1),
    }
    own = {name: getattr(backbone, name) for name in expected}
    own["activation"] = activation_name(backbone)
    differing = [name for name, value in expected.items() if own[name] != value]
    if differing:
        raise ValueError(
            "This model has no form in KerasHub, whose XLMRobertaBackbone has "
            f"{_listed(expected, differing)}. Received: {_listed(own, differing)}."
        )


def _listed(values, names):
    return ", ".join(f"{name}={values[name]!r}" for name in names)


def _check_preprocessor(preprocessor, head):
    """Refuse a tokenizer, and a packing of pairs, that KerasHub's are not."""
    tokenizer = preprocessor.tokenizer
    if not isinstance(tokenizer, XLMSentencePieceTokenizer):
        raise ValueError(
            "KerasHub's XLM-R has SentencePiece. Received: a "
            f"{type(tokenizer).__name__}."
        )
    if tokenizer.added_tokens or tokenizer.special_tokens_in_strings:
        raise ValueError(
            "KerasHub's tokenizer of XLM-R has no added tokens, and reads special ones "
            f"in texts as text. Received: added_tokens={tokenizer.added_tokens}, "
            f"special_tokens_in_strings={tokenizer.special_tokens_in_strings}."
        )
    # Nobody embeds pairs, between which KerasHub's embedder puts one.
    if head.tensors and preprocessor.num_separators != 2:
        raise ValueError(
            f"{head.keras_hub_class} puts 2 </s> between the texts of a pair. "
            f"Received: num_separators={preprocessor.num_separators}."
        )


def _preprocessor(preprocessor_class, own):
    """KerasHub's preprocessor of a task."""
    config = own.get_config()
    masking = {name: config[name] for name in MASKING if name in config}
    return preprocessor_class(
        keras_hub.models.XLMRobertaTokenizer(proto=own.tokenizer.proto),
        sequence_length=own.sequence_length,
        **masking,
    )


def _fill(theirs, backbone, weights, of_head):
    """Give a model of KerasHub the weights of ours.

    Args:
        theirs: a model of KerasHub.
        backbone: our `XLMBackbone`.
        weights: dict from the paths of our variables, see `merged_weights`.
        of_head: dict from those of the head to the tensors of transformers.
    """
    names = tensor_names(backbone.num_layers)
    variables = {
        names[variable.path]: variable
        for variable in theirs.variables
        if variable.dtype.startswith(("float", "bfloat"))  # no state of dropout
    }
    form = {"num_layers": backbone.num_layers, "num_token_types": 0}
    for path, own in {**XLM_ROBERTA.tensors_of(form), **of_head}.items():
        parts = own if isinstance(own, tuple) else (own,)
        stored = as_stored(path, find_variable(weights, path), parts)
        if POSITIONS in stored:
            stored[POSITIONS] = stored[POSITIONS][backbone.position_offset :]
            if backbone.num_token_types:
                token_type = np.asarray(find_variable(weights, _TOKEN_TYPES), "float32")
                stored[POSITIONS] = stored[POSITIONS] + token_type
        for name, value in stored.items():
            variable = variables[name]
            kernel = value.T if path.endswith("/kernel") else value
            variable.assign(kernel.reshape(variable.shape))
