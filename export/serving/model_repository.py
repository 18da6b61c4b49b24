"""The models of a directory, in TF Serving's layout `<model>/<version>/`."""

import os
from pathlib import Path

from export.serving.request_error import RequestError
from export.serving.served_version import ServedVersion
from export.serving.warmup_replay import replay_warmup


def find_versions(model_directory):
    """List the version directories of one model.

    Args:
        model_directory: path of a directory.

    Returns:
        dict of version number (int) to path, ascending. Folders whose name is not
        a whole number are not versions, as in TF Serving.

    Raises:
        ValueError: if two folders name the same version ("1" and "01").
    """
    versions = {}
    for path in sorted(Path(model_directory).iterdir()):
        if not (path.name.isdecimal() and path.name.isascii() and path.is_dir()):
            continue
        if int(path.name) in versions:
            raise ValueError(
                f"{versions[int(path.name)]} and {path} are the same version; "
                "remove one of them."
            )
        versions[int(path.name)] = path
    return dict(sorted(versions.items()))


def find_models(directory):
    """Find the models below a directory.

    Args:
        directory: path of a model directory, holding version folders (the model is
            then called as the directory), or of a directory of such directories.

    Returns:
        dict of model name to dict of version number to path.

    Raises:
        FileNotFoundError: if the directory does not exist.
        NotADirectoryError: if it is a file.
        ValueError: if there is no version folder in it.
    """
    directory = Path(directory)
    if not directory.exists():
        raise FileNotFoundError(f"There is no directory {directory}.")
    if not directory.is_dir():
        raise NotADirectoryError(
            f"{directory} is a file. Expected a model directory such as "
            "models/sentiment, with versions in it: models/sentiment/1/saved_model.pb."
        )
    # Not `resolve`: a link to a model directory gives the model its own name.
    directory = Path(os.path.abspath(directory))
    if (directory / "saved_model.pb").exists():
        raise ValueError(
            f"{directory} is a SavedModel itself. Expected the directory above it, "
            "with integer version folders: pass "
            + (
                f"{directory.parent}."
                if directory.name.isdecimal()
                else f"its parent after moving it to {directory}/1."
            )
        )
    versions = find_versions(directory)
    if versions:
        return {directory.name: versions}
    models = {}
    for child in sorted(directory.iterdir()):
        if child.is_dir() and (versions := find_versions(child)):
            models[child.name] = versions
    if not models:
        raise ValueError(
            f"{directory} holds no model version. Expected integer folders with a "
            f"SavedModel in each, such as {directory}/1/saved_model.pb, or model "
            f"directories that hold them."
        )
    return models


class ModelRepository:
    """Loads the models of a directory and finds them by name and version.

    Args:
        directory: path, see `find_models`.
        all_versions: bool, load every version and not only the latest of each
            model. TF Serving's default is the latest.

    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: see `find_models`; also
            if a version cannot be loaded or its warm-up records fail.
    """

    def __init__(self, directory, all_versions=False):
        # Not `resolve`, see `find_models`.
        self._directory = Path(os.path.abspath(directory))
        self._all_versions = all_versions
        found = find_models(directory)
        self._is_one_model = bool(find_versions(self._directory))
        # Replaced as a whole: requests run while versions come and go.
        self._models = {
            name: {
                number: _load(name, number, versions[number])
                for number in self._wanted(versions)
            }
            for name, versions in found.items()
        }
        self._seen = {}  # path of a version -> its files, at the last look
        self._failed = {}  # (model, version) -> (its files, why it is not loaded)

    def refresh(self):
        """Look at the directory again, as TF Serving does.

        New versions are loaded before old ones are dropped; versions whose folder is
        gone are dropped. A folder counts when it has stayed as it is from one call to
        the next, so that one that is being copied is left alone; one that cannot be
        loaded is tried again when it has changed, and what is served stays until then.

        Returns:
            list of str, what was loaded, dropped or found to be broken.
        """
        try:
            found = self._find_now()
        except ValueError as error:  # two folders of one version
            return [str(error)]
        changes = []
        for name in sorted(self._models.keys() | found.keys()):
            changes += self._refresh_model(name, found.get(name, {}))
        return changes

    def failures(self, model_name):
        """dict from versions of a model that could not be loaded to the reasons."""
        return {
            version: reason
            for (name, version), (_, reason) in sorted(self._failed.items())
            if name == model_name
        }

    def _find_now(self):
        """As `find_models`, in the layout that was found first; may be nothing."""
        if not self._directory.is_dir():
            return {}
        if self._is_one_model:
            return {self._directory.name: find_versions(self._directory)}
        children = [x for x in sorted(self._directory.iterdir()) if x.is_dir()]
        return {child.name: find_versions(child) for child in children}

    def _wanted(self, versions):
        return list(versions) if self._all_versions else list(versions)[-1:]

    def _refresh_model(self, name, paths):
        loaded = dict(self._models.get(name, {}))
        wanted = self._wanted(paths)
        changes = []
        for number in wanted:
            if number in loaded or not self._is_ready(name, number, paths[number]):
                continue
            try:
                loaded[number] = _load(name, number, paths[number])
            except (ValueError, OSError) as error:
                self._failed[name, number] = (self._seen[paths[number]], str(error))
                changes.append(f"{name} {number} is not loaded: {error}")
                continue
            self._publish(name, loaded)
            changes.append(f"{name} {number} is loaded.")
        for key in [key for key in self._failed if key[0] == name]:
            if key[1] not in paths or key[1] in loaded:
                del self._failed[key]
        # What is wanted may not be there yet: the old is served until it is.
        if set(wanted) & set(loaded) or not paths:
            for number in sorted(set(loaded) - set(wanted)):
                del loaded[number]
                changes.append(f"{name} {number} is not served any more.")
            self._publish(name, loaded)
        return changes

    def _is_ready(self, name, number, path):
        """Whether a folder is to be loaded: whole, at rest, and not tried before."""
        files = _files_of(path)
        is_at_rest = self._seen.get(path) == files
        self._seen[path] = files
        failed_files, _ = self._failed.get((name, number), (None, None))
        is_whole = any(file == "saved_model.pb" for file, *_ in files)
        return is_whole and is_at_rest and failed_files != files

    def _publish(self, name, loaded):
        models = dict(self._models)
        models.pop(name, None)
        if loaded:
            models[name] = dict(sorted(loaded.items()))
        self._models = models

    @property
    def model_names(self):
        """Sorted names of the models."""
        return sorted(self._models)

    def versions(self, model_name):
        """Return the loaded `ServedVersion`s of a model, ascending.

        Raises:
            RequestError: INVALID_ARGUMENT without a name, NOT_FOUND for an unknown
                model.
        """
        if not model_name:
            raise RequestError(
                "INVALID_ARGUMENT",
                f"Missing model name in request. Models here: {self.model_names}.",
            )
        models = self._models
        if model_name not in models:
            raise RequestError(
                "NOT_FOUND",
                f"Servable not found for request: Latest({model_name}). "
                f"Models here: {self.model_names}.",
            )
        return list(models[model_name].values())

    def find(self, model_name, version=None, label=None):
        """Return one loaded `ServedVersion`: that number, or the latest.

        Args:
            model_name: string.
            version: int. Defaults to the latest.
            label: string, a version label. No version has one here: labels come
                from a configuration file of the official server.

        Raises:
            RequestError: see `versions`; NOT_FOUND for a version that is not
                loaded, INVALID_ARGUMENT for a label.
        """
        versions = self.versions(model_name)
        if label:
            raise RequestError(
                "INVALID_ARGUMENT",
                f"Unrecognized servable version label: {label}. This server has no "
                "version labels; ask for a version number.",
            )
        if version is None:
            return versions[-1]
        for served in versions:
            if served.version == version:
                return served
        raise RequestError(
            "NOT_FOUND",
            f"Servable not found for request: Specific({model_name}, {version}). "
            f"Loaded versions: {[served.version for served in versions]}.",
        )


def _load(name, number, path):
    served = ServedVersion(name, number, path)
    replay_warmup(served)
    return served


def _files_of(path):
    """(name, size, time) of every file below a folder; what vanishes is left out."""
    files = []
    for file in sorted(path.rglob("*")):
        try:
            status = file.stat()
        except FileNotFoundError:
            continue
        files.append(
            (file.relative_to(path).as_posix(), status.st_size, status.st_mtime_ns)
        )
    return files
