"""Errors that all trials of a study share: of its recipe, and not of values."""

import shutil

import tensorflow as tf

from xlm_tf.tuning.trial_runs import next_run, train_recipe, trial_folder


class SharedErrors:
    """Tells an error of the recipe from one of the values that a trial has.

    After a trial failed, the recipe is trained without the values of the search, one
    step: the data are read, the model is made and scored. Where that fails in the same
    way, so would all trials.

    Args:
        study: `Study`.
    """

    def __init__(self, study):
        self.study = study
        self._sound = set()  # runs that have no error of their own

    def has(self, values, error):
        """Whether the error of a trial is one that the recipe has by itself: bool.

        Args:
            values: of the trial.
            error: Exception, that ended it. Too little memory is of the values.

        Raises:
            InterruptedTrial: by Ctrl-C.
        """
        own = trial_folder(self.study, values)
        run = next_run(self.study, own)
        is_of_values = isinstance(error, tf.errors.ResourceExhaustedError | MemoryError)
        if is_of_values or run is None or run.name in self._sound:
            return False
        folder = own / "without_values"
        try:
            recipe = self.study.trial_recipe({"training.steps": 1}, folder, run)
            train_recipe(recipe, lambda run, metrics, step, is_best: None)
        except (ValueError, tf.errors.OpError) as other:
            return _text(other, folder) == _text(error, own / run.name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._sound.add(run.name)
        return False


def _text(error, folder):
    """What an error says, wherever it happened."""
    return f"{type(error).__name__}: {error}".replace(str(folder.absolute()), "")
