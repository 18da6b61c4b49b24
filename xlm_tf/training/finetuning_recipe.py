"""A training to translate or summarise written down: one YAML file, all checked."""

import dataclasses
import typing
from pathlib import Path

from xlm_tf.training.recipe import (
    DTYPES,
    SCHEDULES,
    Bitext,
    ModelName,
    check_bitext,
    check_model,
    field,
    read_fields,
)

# The metrics of each task, the one that chooses the best model first.
METRICS = {
    "translation": ("bleu", "chrf"),
    "summarization": ("rougeL", "rouge1", "rouge2"),
}


@dataclasses.dataclass(frozen=True)
class FinetuningTraining:
    """How to train. A step is one update on a batch of `tokens_per_batch`."""

    steps: int = field(minimum=1)
    tokens_per_batch: int = field(4096, minimum=8)
    source_length: int = field(128, minimum=8)
    target_length: int = field(128, minimum=8)
    learning_rate: float = field(5e-4, above=0)
    schedule: str = field("inverse_square_root", choices=SCHEDULES)
    warmup_steps: int = field(1000, minimum=1)
    weight_decay: float = field(0.0, minimum=0)
    beta_1: float = field(0.9, minimum=0)
    beta_2: float = field(0.98, minimum=0)
    epsilon: float = field(1e-6, above=0)
    clip_norm: float | None = field(1.0, above=0)
    label_smoothing: float = field(0.1, minimum=0)
    dtype: str = field("float32", choices=DTYPES)
    seed: int = field(0, minimum=0)
    evaluate_every: int = field(1000, minimum=1)
    checkpoint_every: int = field(200, minimum=1)
    early_stopping_metric: str | None = None
    early_stopping_patience: int | None = field(None, minimum=1)
    average_last: int = field(5, minimum=1)


@dataclasses.dataclass(frozen=True)
class Decoding:
    """How to write: `evaluation_beams` during training, `num_beams` at the end."""

    evaluation_beams: int = field(1, minimum=1)
    num_beams: int = field(5, minimum=1)
    length_penalty: float = 1.0
    no_repeat_ngram_size: int = field(0, minimum=0)


@dataclasses.dataclass(frozen=True)
class FinetuningRecipe:
    """A run that trains an encoder-decoder on pairs of texts.

    Attributes:
        output: directory of the results.
        data: pairs to train on, one direction an entry.
        held_out: pairs to write during training; the best model is chosen by them.
        test: pairs that the best model writes at the end.
        task: "translation", measured by BLEU and chrF, or "summarization", by ROUGE;
            the best model is that of the best BLEU, or ROUGE-L, unless
            `training.early_stopping_metric` names another.
        initial_model: an `XLMMaskedLM` to begin with: a folder, or whatever else
            `from_preset` takes, such as "xlm_roberta_base".
        vocabulary_size: int, tokens of a vocabulary that is trained on the training
            pairs, where there is no `initial_model`.
        model: arguments of `XLMBackbone`, with an `initial_model` those that differ
            from its own, such as `dropout`; `num_decoder_layers` and
            `share_embeddings` of `XLMSeq2SeqBackbone`;
            `language_embeddings` (bool) gives every language a vector, which several
            target languages need.
        training: how to train.
        decoding: how to translate.
    """

    output: Path
    data: list[Bitext] = field(in_data_folder=True)
    held_out: list[Bitext] = field(in_data_folder=True)
    training: FinetuningTraining
    test: list[Bitext] = field([], in_data_folder=True)
    task: str = field("translation", choices=tuple(METRICS))
    initial_model: ModelName | None = None
    vocabulary_size: int | None = field(None, minimum=16)
    model: dict[str, typing.Any] = field({})
    decoding: Decoding = Decoding()

    @property
    def metric(self):
        """The name of the metric that chooses the best model."""
        return self.training.early_stopping_metric or METRICS[self.task][0]

    @property
    def languages(self):
        """Languages of the training pairs, sorted: the order of the language ids."""
        return sorted(
            {entry.source_language for entry in self.data}
            | {entry.target_language for entry in self.data}
        )


def load_finetuning_recipe(path, data_folder=None, **overrides):
    """Read and check a recipe.

    Args:
        path: str or Path of a YAML file.
        data_folder: str or Path that the files of `data`, `held_out` and `test` lie
            in; defaults to the recipe's folder, where all other paths start.
        **overrides: values for top-level fields, such as `output`.

    Returns:
        `FinetuningRecipe`.

    Raises:
        FileNotFoundError: the recipe, or a file that it names, does not exist.
        ValueError: a field that is unknown, missing, of another type or out of
            range; names the field.
    """
    recipe = read_fields(FinetuningRecipe, path, data_folder, overrides)
    for part in ("data", "held_out"):
        if not getattr(recipe, part):
            raise ValueError(f"recipe.{part} names no pairs of texts.")
    for part in ("data", "held_out", "test"):
        for number, entry in enumerate(getattr(recipe, part)):
            check_bitext(entry, f"recipe.{part}[{number}]")
    directions = {(x.source_language, x.target_language) for x in recipe.data}
    for entry in (*recipe.held_out, *recipe.test):
        pair = (entry.source_language, entry.target_language)
        if pair not in directions:
            raise ValueError(
                f"recipe.data does not train {pair[0]}-{pair[1]}, which is evaluated. "
                f"Trained: {', '.join('-'.join(x) for x in sorted(directions))}."
            )
    if recipe.metric not in METRICS[recipe.task]:
        raise ValueError(
            "recipe.training.early_stopping_metric must be one of "
            f"{', '.join(METRICS[recipe.task])}. Received: {recipe.metric}."
        )
    if (recipe.initial_model is None) == (recipe.vocabulary_size is None):
        raise ValueError(
            "recipe must have either initial_model, a pretrained model with its "
            "vocabulary, or vocabulary_size, to begin from nothing."
        )
    begins_from_nothing = recipe.initial_model is None
    check_model(
        recipe.model,
        ("num_decoder_layers", "share_embeddings", "language_embeddings"),
        required=begins_from_nothing,
    )
    positions = recipe.model.get("max_sequence_length", 512)
    for side in ("source_length", "target_length"):
        length = getattr(recipe.training, side)
        if begins_from_nothing and length > positions:
            raise ValueError(
                f"recipe.training.{side} must not exceed the model's positions "
                f"(recipe.model.max_sequence_length). Received: {length} and "
                f"{positions}."
            )
    return recipe
