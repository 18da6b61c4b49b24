"""What is done with every setting of a checkpoint's files: none is passed over.

A reader declares the settings of its file by name. One that is there and not declared
may change the numbers in a way that nobody here knows: it is refused by its name.
"""

import dataclasses
import json
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is done with one setting.

    Attributes:
        values: tuple of those that can be obeyed; None where all can.
        reason: str, why it changes none of the numbers; empty where it does.
    """

    values: tuple | None = None
    reason: str = ""


OBEYED = Setting()


def only(*values):
    """A setting that can be obeyed where it has one of some values."""
    return Setting(values=values)


def no_effect(reason, names):
    """dict of settings, any value of which leaves the numbers as they are.

    Args:
        reason: str, why.
        names: str, their names with spaces between them.
    """
    return {name: Setting(reason=reason) for name in names.split()}


def check_settings(path, settings, declared, ignored=()):
    """Refuse what can be neither obeyed nor passed over.

    Args:
        path: str or Path of the file, for messages.
        settings: dict that it holds. None says nothing.
        declared: dict from name to `Setting`.
        ignored: collection of names that the caller asks to pass over.

    Raises:
        ValueError: a setting that is not declared, or with a value that cannot be
            obeyed; names it.
    """
    for name, value in settings.items():
        if value is None or name in ignored:
            continue
        setting = declared.get(name)
        if setting is None:
            problem = "whose effect is not known here."
        elif setting.values is not None and not _is_among(value, setting.values):
            expected = " or ".join(map(repr, setting.values)) or "no such setting"
            problem = f"which is not supported. Expected {expected}."
        else:
            continue
        raise ValueError(
            f"{path} has the setting {name}={value!r}, {problem} If it changes nothing "
            f"for you, pass ignored_settings=[{name!r}] to from_preset, or delete it "
            "from the file."
        )


def _is_among(value, accepted):
    # In Python True == 1, in JSON they differ.
    return any(
        value == x and isinstance(value, bool) == isinstance(x, bool) for x in accepted
    )


def read_json(path, kind=dict):
    """What a JSON file holds.

    Args:
        path: str or Path.
        kind: type that is expected.

    Raises:
        ValueError: it is not JSON, or of another type; names the file.
    """
    try:
        content = json.loads(Path(path).read_text("utf-8-sig"))
    except ValueError as error:  # UnicodeDecodeError among them
        raise ValueError(
            f"{path} is not JSON, or it is damaged: {error}. Copy or download it again."
        ) from error
    if not isinstance(content, kind):
        raise ValueError(
            f"{path} must hold a {kind.__name__}. Received: a {type(content).__name__}."
        )
    return content


def read_json_if_there(path):
    """As `read_json`, and an empty dict where there is no such file."""
    return read_json(path) if Path(path).is_file() else {}
