"""The encoder-decoder that a training begins with: new, of one model, or of two."""

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.seq2seq_backbone import XLMSeq2SeqBackbone
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM
from xlm_tf.models.seq2seq_lm_preprocessor import XLMSeq2SeqLMPreprocessor
from xlm_tf.training.initial_model import SEQ2SEQ_TASKS, facts_of, load_initial_model
from xlm_tf.training.initial_model_checks import check_initial_model
from xlm_tf.training.recipe import OF_DECODER


def begin_seq2seq(recipe, read_tokenizer, head_transform=False):
    """The `XLMSeq2SeqLM` that a recipe says its training begins with.

    Args:
        recipe: `FinetuningRecipe`, or `PretrainingRecipe` with a decoder.
        read_tokenizer: function that returns the tokenizer of a model from scratch.
        head_transform: bool, of a model from scratch where the recipe says nothing.

    Returns:
        `XLMSeq2SeqLM`, whose preprocessor has its tokenizer and languages.

    Raises:
        ValueError: see `load_initial_seq2seq`, `check_initial_model`.
    """
    arguments = recipe.model.given()
    has_languages = arguments.pop("language_embeddings", False)
    decoder = {name: arguments.pop(name) for name in OF_DECODER if name in arguments}
    dtype = recipe.training.dtype
    if recipe.initial_model is not None:
        model = load_initial_seq2seq(
            recipe.initial_model, dtype, recipe.initial_decoder, **decoder, **arguments
        )
        check_initial_model(recipe, facts_of(model))
        return model
    head_transform = arguments.pop("head_transform", head_transform)
    tokenizer = read_tokenizer()
    languages = recipe.languages if has_languages else None
    encoder = XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        pad_token_id=tokenizer.pad_token_id,
        num_languages=len(languages or ()),
        dtype=dtype,
        **arguments,
    )
    preprocessor = XLMSeq2SeqLMPreprocessor(
        tokenizer, sequence_length=encoder.max_sequence_length, languages=languages
    )
    backbone = XLMSeq2SeqBackbone(encoder, **decoder)
    return XLMSeq2SeqLM(backbone, preprocessor, head_transform=head_transform)


def load_initial_seq2seq(
    initial_model,
    dtype,
    initial_decoder=None,
    num_decoder_layers=None,
    share_embeddings=None,
    **arguments,
):
    """An `XLMSeq2SeqLM` to train on.

    Encoder and decoder are those of an encoder-decoder, both as they are; or both begin
    with one language model; or the encoder is one model's, and embeddings, blocks and
    output layer of the decoder another's. Attention to the source that none of them has
    is random.

    Args:
        initial_model: `ModelName`, of a model of one of `SEQ2SEQ_TASKS`.
        dtype: str, policy of the backbone.
        initial_decoder: `ModelName`, likewise; None for `initial_model`.
        num_decoder_layers: int, of a decoder that begins with other models' layers;
            defaults to all that there are.
        share_embeddings: bool, one embedding layer for source and target; see
            `XLMSeq2SeqLM.from_masked_lm`.
        **arguments: of `XLMBackbone`, instead of its own; none that its weights
            depend on.

    Returns:
        `XLMSeq2SeqLM`, whose preprocessor has the model's tokenizer and languages.

    Raises:
        ValueError: a model comes without a tokenizer, or is of another task; encoder
            and decoder do not fit each other; or an argument is not that of the
            encoder-decoder.
    """
    model = load_initial_model(initial_model, dtype, SEQ2SEQ_TASKS, **arguments)
    if initial_decoder is None and isinstance(model, XLMSeq2SeqLM):
        asked = {
            "num_decoder_layers": num_decoder_layers,
            "share_embeddings": share_embeddings,
        }
        for name, value in asked.items():
            own = getattr(model.backbone, name)
            if value is not None and value != own:
                raise ValueError(
                    f"{name} is that of the encoder-decoder {initial_model}. "
                    f"Expected: {own}, or to leave it out. Received: {value}."
                )
        return model
    decoder = None
    if initial_decoder is not None:
        decoder = load_initial_model(
            initial_decoder, dtype, SEQ2SEQ_TASKS, "initial_decoder", **arguments
        )
    try:
        return XLMSeq2SeqLM.from_masked_lm(
            model, num_decoder_layers, share_embeddings, decoder=decoder
        )
    except ValueError as error:
        if decoder is None:
            raise
        raise ValueError(
            f"The decoder {initial_decoder} does not fit the encoder {initial_model}: "
            f"{error}"
        ) from error
