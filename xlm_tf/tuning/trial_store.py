"""The trials of a study in Optuna's storage: begun, taken over, counted."""

import contextlib
import dataclasses
import json
import os
import shutil
import uuid
import warnings
from urllib.parse import quote

from xlm_tf.optional_packages import import_optional
from xlm_tf.output_files import visible_names
from xlm_tf.training.run import is_higher_better
from xlm_tf.tuning.file_locks import is_held, locked
from xlm_tf.tuning.study_record import RECORD, StudyRecord

optuna = import_optional(
    "optuna", "Searches for hyper-parameters", "pip install 'xlm-tf[tune]'"
)
sqlalchemy_errors = import_optional(
    "sqlalchemy.exc", "Searches for hyper-parameters", "pip install 'xlm-tf[tune]'"
)

optuna.logging.set_verbosity(optuna.logging.WARNING)
State = optuna.trial.TrialState
# How long another process may write to an SQLite file.
_SECONDS_OF_OTHERS = 60
# Of a trial that another process, which ended in the middle of it, had begun.
_CONTINUES = "continues"
_PROCESS = "process"
# That a trial took until now, with those that it continues.
SECONDS = "seconds"
# Of a study in a database that machines share: what it is.
_RECORD = "definition"


class StorageError(ValueError):
    """The database of a study cannot be used."""


class TrialStore:
    """The trials of one study, shared with all processes that work on it.

    A process holds a file in `processes/` of the output while it lives: a trial whose
    process is gone is begun anew, with the same values, and goes on where it was.

    Args:
        study: `Study`.

    Attributes:
        fewest_for_importances: int, complete trials. Of fewer, a field that decides
            nothing is said to decide nearly all.

    Raises:
        ValueError: the output holds another study, or something else; the database
            cannot be reached, or is damaged.
    """

    fewest_for_importances = 30

    def __init__(self, study):
        self.study = study
        self.settings = study.settings
        self.output = study.output
        self.process = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.maximize = study.metric is None or is_higher_better(study.metric)
        self._lock = self.output / "study.lock"
        with self._write_errors():
            self._claim()
            with self._storage_errors(), locked(self._lock):
                self._study, self._record = self._open()
                self._try_again()

    @contextlib.contextmanager
    def working(self):
        """While the block runs, this process lives, and its trials are its own."""
        folder = self.output / "processes"
        folder.mkdir(exist_ok=True)
        path = folder / self.process
        with locked(path):
            yield
        # After an error it stays, held by nobody: others take its trial over.
        path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self):
        """While the block runs, no other process here begins or ends a trial."""
        with locked(self._lock):
            yield

    @contextlib.contextmanager
    def _storage_errors(self):
        try:
            yield
        except (
            sqlalchemy_errors.SQLAlchemyError,
            optuna.exceptions.StorageInternalError,
            RuntimeError,  # a database of another version
            json.JSONDecodeError,
            ImportError,  # its driver
        ) as error:
            cause = error.__cause__ or error
            text = " ".join(str(getattr(cause, "orig", None) or cause).split())
            how = "Expected one that is reached from here, with its driver installed."
            if self.settings.storage is None:
                how = (
                    "Make room on the disk, and let it be written; if it is damaged, "
                    "delete it: trials that ended are not trained again."
                )
                if not self._database.exists():
                    text = "it was removed while the study ran"
            raise StorageError(
                f"The database of the study, {self._shown_url()}, cannot be used: "
                f"{text.rstrip('.')}. {how}"
            ) from error

    @property
    def _database(self):
        return (self.output / "study.db").absolute()

    def _storage(self):
        url = self.settings.storage or f"sqlite:///{quote(str(self._database))}"
        how = {}
        if url.startswith("sqlite"):  # which others may hold as long as a disk is slow
            how = {"connect_args": {"timeout": _SECONDS_OF_OTHERS}}
        return optuna.storages.RDBStorage(url, engine_kwargs=how)

    def _shown_url(self):
        url = self.settings.storage
        if url is None:
            return self._database
        scheme, mark, rest = url.partition("?")[0].rpartition("://")
        return f"{scheme}{mark}{rest.rpartition('@')[2]}"  # no password

    @contextlib.contextmanager
    def _write_errors(self):
        try:
            yield
        except OSError as error:
            raise ValueError(
                f"study.output: {self.output} cannot be written ({error}). Choose "
                "another one."
            ) from error

    def _claim(self):
        """Make the output, or see that it is a study's."""
        is_study = (self.output / RECORD).exists()
        if not is_study and visible_names(self.output) - {self._lock.name}:
            raise ValueError(
                f"{self.output} exists and is not a study. Choose another output."
            )
        self.output.mkdir(parents=True, exist_ok=True)
        self._lock.touch()

    def _open(self):
        before = StudyRecord.read(self.study)
        name = self.output.absolute().name if before is None else before.name
        record = before
        if before is None or before.inputs is None:
            record = StudyRecord.of(self.study, name)
        if before is None:
            record.write(self.output)
        how = {
            "storage": self._storage(),
            "study_name": name,
            "direction": "maximize" if self.maximize else "minimize",
            "pruner": _pruner(self.study),
            "load_if_exists": True,
        }
        study = optuna.create_study(**how)
        for trial in study.get_trials(deepcopy=False):
            is_whole = trial.value is not None and "values" in trial.user_attrs
            if trial.state == State.COMPLETE and not is_whole:
                raise RuntimeError(f"trial {trial.number} has lost its score or values")
        changed = [] if before is None else before.changed(self.study)
        if changed:
            if self._is_begun(study):
                raise ValueError(
                    f"{self.output} holds another study. Changed since: "
                    f"{', '.join(changed)}. Choose another output, or delete it."
                )
            # Nothing was trained to its end: what was changed may be why.
            optuna.delete_study(study_name=name, storage=how["storage"])
            shutil.rmtree(self.output / "trials", ignore_errors=True)
            record = StudyRecord.of(self.study, name)
            study = optuna.create_study(**how)
        if self.settings.storage is not None:
            self._check_shared(study, record)
        if record is not before:
            record.write(self.output)
        inputs = record.inputs.found_same(self.study.recipe, self.study.searched_files)
        return study, dataclasses.replace(record, inputs=inputs)

    def _check_shared(self, study, record):
        """See that a study that machines share is this one; of a new one, say so."""
        known = study.user_attrs.get(_RECORD)
        if known is not None:
            known = StudyRecord.from_text(known, self.study)
            changed = known.changed(self.study, is_elsewhere=True)
            if changed:
                raise ValueError(
                    f"The database {self._shown_url()} has another study named "
                    f"{record.name}, with other values of: {', '.join(changed)}. Let "
                    "study.output end in another name."
                )
        if known is None or known.inputs is None:
            study.set_user_attr(_RECORD, record.text())

    def _is_begun(self, study):
        """Whether there is anything that a study of other values would lose: bool."""
        if self.settings.storage is not None:
            return True  # of other machines
        trials = study.get_trials(deepcopy=False)
        return (
            any(x.state in (State.COMPLETE, State.PRUNED) for x in trials)
            or any(map(self._lives, trials))
            or any(self.output.glob("trials/*/*/checkpoints"))
        )

    def _try_again(self):
        """Begin the trials anew where all that were begun failed."""
        begun = [
            trial
            for trial in self._last()
            if trial.state != State.WAITING or _CONTINUES in trial.user_attrs
        ]
        if all(trial.state == State.FAIL for trial in begun):
            # Whatever made all of them fail may be mended.
            for trial in begun:
                self._begin_anew(trial)

    def trials(self):
        """All trials that count, `optuna.trial.FrozenTrial`, in their order.

        Those that another one continues, and those that wait, do not.
        """
        with self._storage_errors():
            return [trial for trial in self._last() if trial.state != State.WAITING]

    def _last(self):
        """The trials that no other one continues."""
        trials = self._study.get_trials(deepcopy=False)
        continued = {trial.user_attrs.get(_CONTINUES) for trial in trials}
        return [trial for trial in trials if trial.number not in continued]

    def begin(self):
        """Begin the next trial.

        Returns:
            `(trial, values)`, an `optuna.Trial` and the values of its dimensions, see
            `SearchSpace`; None where all trials are begun.

        Raises:
            ValueError: the files that trials read are no longer those of the first.
        """
        changed = self._record.changed_files(self.study)
        if changed:
            raise ValueError(
                f"Files of the study in {self.output} changed while it ran: "
                f"{', '.join(changed)}. Bring them back, and run the same command, or "
                "choose another output."
            )
        with self._storage_errors(), self.alone():
            self._take_over()
            trials = self._study.get_trials(deepcopy=False)
            if not any(trial.state == State.WAITING for trial in trials):
                if self.settings.sampler == "grid":
                    point = self._next_point(trials)
                    if point is None:
                        return None
                    self._study.enqueue_trial(self.study.space.parameters(point))
                elif len(self.trials()) >= self.count:
                    return None
            # Those that another one continues are one with it: as without a stop.
            number = sum(_CONTINUES not in trial.user_attrs for trial in trials)
            self._study.sampler = self._sampler(number)
            trial = self._study.ask()
            trial.set_user_attr(_PROCESS, self.process)
            values = self.study.space.suggest(trial)
            trial.set_user_attr("values", values)
            return trial, values

    def _next_point(self, trials):
        """The first values of the grid that no trial has, or None."""
        begun = {json.dumps(trial.user_attrs.get("values")) for trial in trials}
        points = self.study.space.grid()[: self.count]
        return next((own for own in points if json.dumps(own) not in begun), None)

    def is_complete(self):
        """Whether all trials are ended: bool."""
        trials = self.trials()
        ended = sum(trial.state.is_finished() for trial in trials)
        return ended >= self.count and ended == len(trials)

    @property
    def count(self):
        """How many trials there are to be: int."""
        if self.settings.sampler != "grid":
            return self.settings.trials
        size = len(self.study.space.grid())
        return min(size, self.settings.trials or size)

    def _sampler(self, number):
        # Of the trial's own seed: whatever the number of processes, and of stops.
        seed = self.settings.seed + number
        if self.settings.sampler != "tpe":
            return optuna.samplers.RandomSampler(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)

    def note(self, trial, name, value):
        """Keep a value of JSON, by a name, with a trial."""
        with self._storage_errors():
            trial.set_user_attr(name, value)

    def report(self, trial, step, score):
        """Keep the score of a trial at a step; whether the pruner ends it, as bool."""
        with self._storage_errors():
            trial.report(score, step)
            return trial.should_prune()

    def end(self, trial, state, value=None):
        """Give a trial its result.

        Args:
            trial: `optuna.Trial`.
            state: a `State`.
            value: float, of a complete one.
        """
        with self._storage_errors():
            self._study.tell(trial, value, state=state)

    def release(self, trial):
        """Leave a trial that did not come to its end to whoever comes next."""
        with self._storage_errors(), self.alone():
            for own in self._last():
                if own.number == trial.number:
                    self._begin_anew(own)

    def _take_over(self):
        """Begin the trials of processes that are gone anew."""
        for trial in self.trials():
            if trial.state == State.RUNNING and not self._lives(trial):
                self._begin_anew(trial)
                process = trial.user_attrs.get(_PROCESS)
                if process is not None:
                    (self.output / "processes" / process).unlink(missing_ok=True)

    def _lives(self, trial):
        """Whether a trial runs, in a process that lives as far as one can see: bool."""
        process = trial.user_attrs.get(_PROCESS)
        if trial.state != State.RUNNING or process is None:
            return False
        path = self.output / "processes" / process
        if not path.exists():
            return self.settings.storage is not None  # on a machine with other files
        return process == self.process or is_held(path)

    def _begin_anew(self, trial):
        if trial.state == State.RUNNING:
            self._study.tell(trial.number, state=State.FAIL)
        # Of one that was stopped before it had all of them: those it was to have.
        params = trial.system_attrs.get("fixed_params", {}) | trial.params
        attributes = {_CONTINUES: trial.number}
        if SECONDS in trial.user_attrs:
            attributes[SECONDS] = trial.user_attrs[SECONDS]
        self._study.enqueue_trial(params, user_attrs=attributes)

    def best(self):
        """The best of the complete trials, or None."""
        complete = [x for x in self.trials() if x.state == State.COMPLETE]
        sign = -1 if self.maximize else 1
        return min(complete, key=lambda x: (sign * x.value, x.number), default=None)

    def importances(self):
        """How much a dimension decides whether a trial is one of the best.

        By PED-ANOVA (Watanabe et al. 2023, IJCAI); of those that all complete trials
        have.

        Returns:
            dict from names to float, the largest first; empty of fewer complete trials
            than `fewest_for_importances`, or of equal ones.
        """
        values = [x.value for x in self.trials() if x.state == State.COMPLETE]
        if len(values) < self.fewest_for_importances or len(set(values)) < 2:
            return {}
        try:
            return dict(optuna.importance.get_param_importances(self._study))
        except (ValueError, RuntimeError):  # nothing that all trials vary
            return {}


def _pruner(study):
    """The pruner of a study; its resource is a step of the training."""
    kind = study.settings.pruner
    training = study.recipe.training
    steps = training.steps
    dimension = study.space.dimensions.get("training.steps")
    if dimension is not None:
        steps = max(dimension.extremes())
    first = min(training.evaluate_every, steps)
    total = steps * len(study.runs())
    if kind == "median":
        return optuna.pruners.MedianPruner()
    if kind == "asha":
        return optuna.pruners.SuccessiveHalvingPruner(first, reduction_factor=3)
    if kind == "hyperband":
        return optuna.pruners.HyperbandPruner(first, total, reduction_factor=3)
    return optuna.pruners.NopPruner()
