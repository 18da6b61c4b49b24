"""How a model with a head is fine-tuned: what recipes of several tasks may say."""

from pydantic import Field

from xlm_tf.training.encoder_training_settings import EncoderTrainingSettings


class TaskTrainingSettings(EncoderTrainingSettings):
    """How to train. A step is one update on a batch of `batch_size` texts."""

    head_learning_rate: float | None = Field(
        None,
        gt=0,
        description="The highest rate of the head, which is new and learns from "
        "nothing; null: `learning_rate`.",
    )
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the probability that is spread over all classes.",
    )

    def contradictions(self):
        """Yield what does not fit together."""
        yield from super().contradictions()
        if (self.head_learning_rate or 0) * self.weight_decay >= 1:
            yield (
                "head_learning_rate times weight_decay must be less than 1. Received: "
                f"{self.head_learning_rate} and {self.weight_decay}."
            )
