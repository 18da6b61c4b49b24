"""From a recipe to a model with a head that is trained as the recipe says.

What the tasks with `EncoderTrainingSettings` share.
"""

from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.training.initial_model import facts_of, load_initial_model
from xlm_tf.training.initial_model_checks import check_initial_model
from xlm_tf.training.optimizer import build_optimizer
from xlm_tf.training.recipe_tokenizer import read_tokenizer
from xlm_tf.training.task_trainer import TaskTrainer


def build_encoder(recipe, preprocessor_class, initial=None, **packing):
    """The encoder of a recipe and what reads texts for it, as the training begins.

    Args:
        recipe: a recipe whose `training` is an `EncoderTrainingSettings`.
        preprocessor_class: that of the task.
        initial: what `read_initial_model` gave, where the caller has asked for it.
        **packing: further arguments of the preprocessor.

    Returns:
        `(backbone, preprocessor)`: `XLMBackbone`, and one of the class.

    Raises:
        ValueError: the initial model or the vocabulary does not fit the recipe.
    """
    training = recipe.training
    if recipe.initial_model is not None:
        initial = initial or read_initial_model(recipe)
        backbone, tokenizer = initial.backbone, initial.preprocessor.tokenizer
        languages = initial.preprocessor.languages
        packing["num_separators"] = initial.preprocessor.num_separators
    else:
        arguments = recipe.model.given()
        wants_languages = arguments.pop("language_embeddings", False)
        tokenizer = read_tokenizer(recipe)
        languages = recipe.languages if wants_languages else None
        backbone = XLMBackbone(
            vocabulary_size=tokenizer.vocabulary_size(),
            pad_token_id=tokenizer.pad_token_id,
            num_languages=len(languages or ()),
            dtype=training.dtype,
            **arguments,
        )
    backbone.gradient_checkpointing = training.gradient_checkpointing
    preprocessor = preprocessor_class(
        tokenizer,
        sequence_length=training.sequence_length,
        languages=languages,
        **packing,
    )
    return backbone, preprocessor


def read_initial_model(recipe):
    """The model that a recipe begins with, its rates of dropout those of the recipe.

    Args:
        recipe: as for `build_encoder`, with an `initial_model`.

    Returns:
        A task with a preprocessor, one of `recipe.initial_tasks`.

    Raises:
        ValueError: it does not fit the recipe.
    """
    arguments = recipe.model.given()
    arguments.pop("language_embeddings", None)
    initial = load_initial_model(
        recipe.initial_model, recipe.training.dtype, recipe.initial_tasks, **arguments
    )
    check_initial_model(recipe, facts_of(initial))
    return initial


def choose_trained_parts(model, training):
    """Freeze what a recipe does not train, or add its low-rank updates.

    Args:
        model: a task on an `XLMBackbone`, not compiled.
        training: `EncoderTrainingSettings`.

    Raises:
        ValueError: it names more encoder blocks than there are.
    """
    backbone = model.backbone
    first, last = training.freeze_blocks or (1, 0)
    for name, number in (("layers", training.freeze_layers), ("blocks", last)):
        if number > backbone.num_layers:
            raise ValueError(
                f"recipe.training.freeze_{name} must not exceed the encoder blocks. "
                f"Received: {number} and {backbone.num_layers}."
            )
    if training.freeze_embeddings or training.freeze_layers:
        backbone.embeddings.trainable = False
    blocks = backbone.encoder_blocks
    for block in [*blocks[: training.freeze_layers], *blocks[first - 1 : last]]:
        block.trainable = False
    if training.lora_rank:
        model.enable_lora(training.lora_rank)


def rate_factors(model, training):
    """By how much the rate of every trained variable differs from `learning_rate`.

    Args:
        model: a task on an `XLMBackbone`.
        training: `EncoderTrainingSettings`.

    Returns:
        List of float, in the order of `model.trainable_variables`; None where all are
        alike.

    Source: Howard and Ruder 2018 (arXiv 1801.06146), section 3.2, and XLNet (arXiv
    1906.08237), appendix A.4, of rates by layer.
    """
    head_learning_rate = getattr(training, "head_learning_rate", None)
    if head_learning_rate is None and training.layer_decay == 1:
        return None
    backbone = model.backbone
    head = (head_learning_rate or training.learning_rate) / training.learning_rate
    factors = {id(variable): 1.0 for variable in backbone.variables}
    layers = [*reversed(backbone.encoder_blocks), backbone.embeddings]
    for depth, layer in enumerate(layers):
        for variable in layer.variables:
            factors[id(variable)] = float(training.layer_decay**depth)
    return [factors.get(id(variable), head) for variable in model.trainable_variables]


def build_trainer(model, training):
    """The compiled `TaskTrainer` of a task, its optimizer built.

    Call under the strategy's scope.

    Args:
        model: a task on an `XLMBackbone`, made with `compile=False`.
        training: `TaskTrainingSettings`.
    """
    trainer = TaskTrainer(
        model,
        training.label_smoothing,
        training.clip_norm,
        training.accumulation_steps,
    )
    return compile_trainer(trainer, model, training)


def compile_trainer(trainer, model, training):
    """Give a trainer what its recipe trains, and with which optimizer.

    Args:
        trainer: `GlobalBatchTrainer` of the model.
        model: a task on an `XLMBackbone`, made with `compile=False`.
        training: `EncoderTrainingSettings`.

    Returns:
        The trainer, compiled, its optimizer built.

    Raises:
        ValueError: the recipe freezes all that there is.
    """
    choose_trained_parts(model, training)
    if not model.trainable_variables:
        raise ValueError(
            "recipe.training freezes all weights of the model: there is nothing to "
            "train. Lower freeze_layers, or leave it out."
        )
    trainer.compile(optimizer=build_optimizer(training, rate_factors(model, training)))
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer
