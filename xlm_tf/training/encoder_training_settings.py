"""How an encoder is fine-tuned: what recipes of several tasks may say."""

from typing import Annotated, ClassVar

from pydantic import Field

from xlm_tf.training.recipe import TrainingSettings
from xlm_tf.training.recipe_fields import Distinct, Truth


class EncoderTrainingSettings(TrainingSettings):
    """How to train. A step is one update on a batch of `batch_size` texts."""

    lengths: ClassVar[tuple] = ("sequence_length",)

    batch_size: int = Field(
        32,
        ge=1,
        description="Texts of an update, over all GPUs and accumulation steps.",
    )
    sequence_length: int = Field(
        128,
        ge=8,
        description="Longest text, or pair, in tokens; what is longer is cut.",
    )
    group_by_length: Truth = Field(
        False,
        description="Make batches of texts of similar length, in random order: there "
        "is less padding to compute. An epoch leaves out what fills no batch.",
    )
    language_alpha: float = Field(
        1.0,
        ge=0,
        description="Languages are drawn by (n / N) ** alpha: 1 by their size, so that "
        "an epoch reads every row once, 0 all alike.",
    )
    layer_decay: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Of the rate from a block to the one below it, and to the "
        "embeddings; the last block has `learning_rate`.",
    )
    train_used_embeddings: Truth = Field(
        False,
        description="Train, of the token embeddings, the rows of tokens that the data "
        "uses alone: the same result in less memory and time, but that a weight decay "
        "leaves the others as they are.",
    )
    freeze_embeddings: Truth = Field(
        False, description="Leave the embeddings as they are."
    )
    freeze_layers: int = Field(
        0,
        ge=0,
        description="Leave the embeddings and so many encoder blocks as they are; 0 "
        "trains all.",
    )
    freeze_blocks: list[Annotated[int, Field(ge=1)]] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="The first and the last of a range of encoder blocks to leave as "
        "they are, counted from 1, such as `[3, 6]`.",
    )
    lora_rank: int | None = Field(
        None,
        ge=1,
        description="Train low-rank updates of the attention, and the head, alone; "
        "they are merged into the weights where the model is saved.",
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Distinct] | None = (
        Field(
            None,
            min_length=2,
            description="Instead of `seed`: a run with each, in `seed-N` of the "
            "output, and there the mean and the deviation of their scores.",
        )
    )

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        if self.accumulation_steps > self.batch_size:
            yield (
                "batch_size must have a text for each of accumulation_steps parts. "
                f"Received: {self.batch_size} and {self.accumulation_steps}."
            )
        frozen = self._given("freeze_embeddings", "freeze_layers", "freeze_blocks")
        if self.lora_rank and frozen:
            yield (
                "lora_rank leaves all weights as they are but a head's: leave "
                f"{frozen} out."
            )
        untrained = self._given("freeze_embeddings", "freeze_layers", "lora_rank")
        if self.train_used_embeddings and untrained:
            yield (
                "train_used_embeddings needs embeddings that are trained: leave it or "
                f"{untrained} out."
            )
        if self.freeze_blocks and self.freeze_blocks[0] > self.freeze_blocks[1]:
            yield (
                "freeze_blocks must be the first and the last of a range. Received: "
                f"{self.freeze_blocks}."
            )
        if self.seeds and "seed" in self.model_fields_set:
            yield "expected either `seed` or `seeds`."

    def _given(self, *names):
        """Those of some fields that are set, as a text."""
        return " and ".join(name for name in names if getattr(self, name))
