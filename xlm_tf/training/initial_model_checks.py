"""Whether a recipe fits the model that it begins with."""

from xlm_tf.text.language_codes import match_language
from xlm_tf.training.finetuning_recipe import (
    NO_DROPOUT,
    FinetuningRecipe,
    several_targets,
)
from xlm_tf.training.pretraining_recipe import PretrainingRecipe
from xlm_tf.training.recipe import OF_DECODER

# What encoder and decoder have in common, as far as files tell before they are read.
_FORM = (
    "vocabulary_size",
    "hidden_dim",
    "intermediate_dim",
    "num_heads",
    "max_sequence_length",
)


def check_initial_decoder(recipe, facts, of_decoder):
    """That the decoder of a recipe fits the encoder, as far as files tell.

    Args:
        recipe: one with an `initial_model` and an `initial_decoder`.
        facts, of_decoder: `InitialModelFacts` of the two.

    Raises:
        ValueError: another width, vocabulary or other languages, or too few layers.
    """
    names = recipe.initial_decoder, recipe.initial_model
    for name in _FORM:
        one, other = of_decoder.arguments.get(name), facts.arguments.get(name)
        if one is not None and other is not None and one != other:
            raise ValueError(
                f"recipe.initial_decoder {names[0]} does not fit the initial model "
                f"{names[1]}: {name} is {one} there, and {other} here."
            )
    if of_decoder.languages != facts.languages:
        raise ValueError(
            f"recipe.initial_decoder {names[0]} must have the languages of the "
            f"initial model {names[1]}, in their order. Received: "
            f"{of_decoder.languages} and {facts.languages}."
        )
    wanted = recipe.model.num_decoder_layers or 0
    known = of_decoder.arguments
    most = known.get("num_decoder_layers") or known.get("num_layers") or wanted
    if wanted > most:
        raise ValueError(
            "recipe.model.num_decoder_layers must not exceed the layers of "
            f"recipe.initial_decoder. Received: {wanted} and {most}."
        )


def check_initial_model(recipe, facts):
    """That a recipe fits the model that it begins with.

    Args:
        recipe: `PretrainingRecipe` or `FinetuningRecipe`.
        facts: `InitialModelFacts`.

    Raises:
        ValueError: a length beyond the model's positions, a language that it does not
            have, or another architecture.
    """
    name, training = recipe.initial_model, recipe.training
    for length in training.lengths:
        value = getattr(training, length)
        if value > facts.max_sequence_length:
            raise ValueError(
                f"recipe.training.{length} must not exceed the positions of the "
                f"initial model {name}. Received: {value} and "
                f"{facts.max_sequence_length}."
            )
    is_finetuning = isinstance(recipe, FinetuningRecipe)
    is_pretraining = isinstance(recipe, PretrainingRecipe)
    if is_pretraining:
        where = f"recipe.initial_model {name}"
        for problem in recipe.contradictions_of_causal(facts.causal, where):
            raise ValueError(problem)
    elif facts.causal and not is_finetuning:
        raise ValueError(
            f"recipe.initial_model {name} is causal: its tokens see the past only, and "
            "this task needs both sides."
        )
    for own in OF_DECODER if recipe.has_decoder else ():
        of_model = facts.arguments.get(own)
        wanted = recipe.model.given().get(own, of_model)
        if recipe.initial_decoder is None and of_model not in (None, wanted):
            raise ValueError(
                f"recipe.model.{own} is that of the initial model {name}, an "
                f"encoder-decoder. Expected: {str(of_model).lower()}, or to leave it "
                f"out. Received: {str(wanted).lower()}."
            )
    if is_finetuning and training.r_drop:
        rates = {**facts.arguments, **recipe.model.given()}
        if rates.get("dropout") == rates.get("attention_dropout") == 0:
            raise ValueError(
                f"{NO_DROPOUT} The initial model {name} has none: set "
                "recipe.model.dropout."
            )
    has_languages = facts.languages is not None
    if is_pretraining and recipe.has_decoder and not has_languages:
        raise ValueError(
            f"recipe.initial_model {name} has no language embeddings, by which a "
            "decoder is told what to write: begin with a model that has, or from "
            "scratch."
        )
    wanted = recipe.model.given().get("language_embeddings", has_languages)
    if wanted != has_languages:
        raise ValueError(
            f"recipe.model.language_embeddings is that of the initial model {name}. "
            f"Expected: {str(has_languages).lower()}, or to leave it out. Received: "
            f"{str(wanted).lower()}."
        )
    if is_finetuning and facts.language_tokens:
        for language in sorted({entry.target_language for entry in recipe.data}):
            try:
                match_language(language, facts.language_tokens, f"those of {name}")
            except ValueError as error:
                raise ValueError(f"recipe.data: {error}") from error
    if not has_languages:
        told = facts.language_tokens is not None
        for problem in several_targets(recipe) if is_finetuning and not told else ():
            raise ValueError(problem)
        return
    for where, language in recipe.named_languages():
        try:
            match_language(language, facts.languages, f"those of {name}")
        except ValueError as error:
            raise ValueError(
                f"recipe.{where}: {error} A model does not learn a language that it "
                "has no embedding of: begin with another one, or without one."
            ) from error
