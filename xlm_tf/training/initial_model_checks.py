"""Whether a recipe fits the model that it begins with."""

from xlm_tf.text.language_codes import match_language
from xlm_tf.training.finetuning_recipe import FinetuningRecipe, several_targets


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
    if facts.causal and not is_finetuning:
        raise ValueError(
            f"recipe.initial_model {name} is causal: its tokens see the past only, and "
            "the objectives here need both sides."
        )
    has_languages = facts.languages is not None
    wanted = recipe.model.given().get("language_embeddings", has_languages)
    if wanted != has_languages:
        raise ValueError(
            f"recipe.model.language_embeddings is that of the initial model {name}. "
            f"Expected: {str(has_languages).lower()}, or to leave it out. Received: "
            f"{str(wanted).lower()}."
        )
    if not has_languages:
        for problem in several_targets(recipe) if is_finetuning else ():
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
