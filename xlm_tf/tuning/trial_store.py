"""The trials of a study in Optuna's storage: begun, taken over, counted."""

import contextlib
import json
import os
import uuid
import warnings

from xlm_tf.optional_packages import import_optional
from xlm_tf.output_files import whole_file
from xlm_tf.training.run import is_higher_better
from xlm_tf.tuning.file_locks import is_held, locked

optuna = import_optional(
    "optuna", "Searches for hyper-parameters", "pip install 'xlm-tf[tune]'"
)
sqlalchemy_errors = import_optional(
    "sqlalchemy.exc", "Searches for hyper-parameters", "pip install 'xlm-tf[tune]'"
)

optuna.logging.set_verbosity(optuna.logging.WARNING)
State = optuna.trial.TrialState
# Of a trial that another process, which ended in the middle of it, had begun.
_CONTINUES = "continues"
_PROCESS = "process"
# Of a study in its storage: what it is.
_DEFINITION = "definition"


class TrialStore:
    """The trials of one study, shared with all processes that work on it.

    A process holds a file in `processes/` of the output while it lives: a trial whose
    process is gone is begun anew, with the same values, and goes on where it was.

    Args:
        study: `Study`.

    Raises:
        ValueError: the output holds another study, or something else; the database
            cannot be reached, or is damaged.
    """

    def __init__(self, study):
        self.study = study
        self.settings = study.settings
        self.output = study.output
        self._claim()
        self._lock = self.output / "study.lock"
        self.maximize = study.metric is None or is_higher_better(study.metric)
        with self._storage_errors(), locked(self._lock):
            self._study = self._open()
        self.process = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"

    @contextlib.contextmanager
    def working(self):
        """While the block runs, this process lives, and its trials are its own."""
        folder = self.output / "processes"
        folder.mkdir(exist_ok=True)
        path = folder / self.process
        try:
            with locked(path):
                yield
        finally:
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
            ImportError,  # its driver
        ) as error:
            cause = error.__cause__ or error
            text = " ".join(str(getattr(cause, "orig", None) or cause).split())
            raise ValueError(
                f"The database of the study, {self._shown_url()}, cannot be used: "
                f"{text.rstrip('.')}. Expected one that is reached from here, with its "
                "driver installed, or, of study.storage null, a folder of a study that "
                "was not damaged."
            ) from error

    def _url(self):
        path = (self.output / "study.db").absolute()
        return self.settings.storage or f"sqlite:///{path}"

    def _shown_url(self):
        url = self._url()
        scheme, _, rest = url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"  # no password

    def _claim(self):
        record = self.output / "study.json"
        definition = self.study.definition()
        try:
            if record.exists():
                before = json.loads(record.read_text(encoding="utf-8"))
                self._check_same(before, definition)
            elif self.output.exists() and any(self.output.iterdir()):
                raise ValueError(
                    f"{self.output} exists and is not a study. Choose another output."
                )
            self.output.mkdir(parents=True, exist_ok=True)
            with whole_file(record) as partial:
                partial.write_text(json.dumps(definition, indent=2), encoding="utf-8")
        except OSError as error:
            raise ValueError(
                f"study.output: {self.output} cannot be written ({error}). Choose "
                "another one."
            ) from error
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{record} is damaged: {error}. Choose another output, or delete it."
            ) from error

    def _check_same(self, before, definition):
        changed = sorted(differences(before, definition))
        if changed:
            raise ValueError(
                f"{self.output} holds another study. Changed since: "
                f"{', '.join(changed)}. Choose another output, or delete it."
            )

    def _open(self):
        name = self.output.absolute().name
        study = optuna.create_study(
            storage=optuna.storages.RDBStorage(self._url()),
            study_name=name,
            direction="maximize" if self.maximize else "minimize",
            pruner=_pruner(self.study),
            load_if_exists=True,
        )
        definition = self.study.definition()["study"]
        known = study.user_attrs.get(_DEFINITION)
        if known is None:
            study.set_user_attr(_DEFINITION, json.dumps(definition))
        elif any(differences(json.loads(known), definition)):
            raise ValueError(
                f"The database {self._shown_url()} has another study named {name}: "
                "let study.output end in another name."
            )
        if self.settings.sampler == "grid":
            known = study.get_trials(deepcopy=False)
            begun = sum(_CONTINUES not in trial.user_attrs for trial in known)
            for values in self.study.space.grid()[begun : self.count]:
                study.enqueue_trial(self.study.space.parameters(values))
        return study

    def trials(self):
        """All trials that count, `optuna.trial.FrozenTrial`, in their order.

        Those that another one continues, and those that wait, do not.
        """
        with self._storage_errors():
            trials = self._study.get_trials(deepcopy=False)
        continued = {trial.user_attrs.get(_CONTINUES) for trial in trials}
        return [
            trial
            for trial in trials
            if trial.number not in continued and trial.state != State.WAITING
        ]

    def begin(self):
        """Begin the next trial.

        Returns:
            `(trial, values)`, an `optuna.Trial` and the values of its dimensions, see
            `SearchSpace`; None where all trials are begun.
        """
        with self._storage_errors(), self.alone():
            self._take_over()
            trials = self._study.get_trials(deepcopy=False)
            waiting = any(trial.state == State.WAITING for trial in trials)
            if not waiting and len(self.trials()) >= self.count:
                return None
            self._study.sampler = self._sampler(len(trials))
            trial = self._study.ask()
            trial.set_user_attr(_PROCESS, self.process)
            values = self.study.space.suggest(trial)
            trial.set_user_attr("values", values)
            return trial, values

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
        """Leave a trial that was interrupted to whoever comes next."""
        with self._storage_errors(), self.alone():
            self._begin_anew(trial.number, trial.params)

    def _take_over(self):
        """Begin the trials of processes that are gone anew."""
        for trial in self.trials():
            process = trial.user_attrs.get(_PROCESS)
            if trial.state != State.RUNNING or process == self.process:
                continue
            path = self.output / "processes" / (process or "none")
            # Where there is no file, it may live on a machine with other files.
            if process is None or (path.exists() and not is_held(path)):
                self._begin_anew(trial.number, trial.params)

    def _begin_anew(self, number, params):
        self._study.tell(number, state=State.FAIL)
        self._study.enqueue_trial(params, user_attrs={_CONTINUES: number})

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
            dict from names to float, the largest first; empty of fewer than two trials,
            or of equal ones.
        """
        values = {x.value for x in self.trials() if x.state == State.COMPLETE}
        if len(values) < 2:
            return {}
        try:
            return dict(optuna.importance.get_param_importances(self._study))
        except (ValueError, RuntimeError):  # nothing that all trials vary
            return {}


def differences(before, after, where=""):
    """Yield the paths of fields by which two records differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {*before, *after}:
            inner = f"{where}.{key}" if where else key
            yield from differences(before.get(key), after.get(key), inner)
    elif before != after:
        yield where


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
