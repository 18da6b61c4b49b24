"""Packages that only some of the work needs: the extras of the installation."""

import importlib


def import_optional(module, purpose, install):
    """Import a module of an optional package.

    Args:
        module: str, such as "sacrebleu.metrics".
        purpose: str, what needs it, such as "BLEU and chrF".
        install: str, the command that installs it with all that it needs.

    Returns:
        The module.

    Raises:
        ModuleNotFoundError: the package, or another one that it imports, is not
            installed; says which of them.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        missing = (error.name or str(error)).partition(".")[0]
        reason = f"{package}, which is not installed"
        if missing != package:
            reason = f"{package}, which needs {missing}, which is not installed"
        raise ModuleNotFoundError(
            f"{purpose} need {reason}: {install}", name=error.name, path=error.path
        ) from error
