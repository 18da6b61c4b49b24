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
    """Loads the models of a directory once and finds them by name and version.

    Args:
        directory: path, see `find_models`.
        all_versions: bool, load every version and not only the latest of each
            model. TF Serving's default is the latest.

    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: see `find_models`; also
            if a version cannot be loaded or its warm-up records fail.
    """

    def __init__(self, directory, all_versions=False):
        self._models = {}
        for name, versions in find_models(directory).items():
            numbers = list(versions) if all_versions else [max(versions)]
            self._models[name] = {
                number: ServedVersion(name, number, versions[number])
                for number in numbers
            }
            for served in self._models[name].values():
                replay_warmup(served)

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
        if model_name not in self._models:
            raise RequestError(
                "NOT_FOUND",
                f"Servable not found for request: Latest({model_name}). "
                f"Models here: {self.model_names}.",
            )
        return list(self._models[model_name].values())

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
