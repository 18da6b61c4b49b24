"""What tests of trainings share."""

import itertools

import pytest

from xlm_tf.training import task_finetuning
from xlm_tf.training.task_finetuning import finetune_task


@pytest.fixture
def stop_at(monkeypatch):
    """Function that runs a recipe and stops it after so many steps of all runs."""

    def run(recipe, step):
        original = task_finetuning._TaskRun.on_train_batch_end
        steps = itertools.count(1)

        def stop(self, batch, logs=None):
            self.stop_requested |= next(steps) == step
            original(self, batch, logs)

        with monkeypatch.context() as patch:
            patch.setattr(task_finetuning._TaskRun, "on_train_batch_end", stop)
            return finetune_task(recipe, quiet=True)

    return run
