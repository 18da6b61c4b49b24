"""The recipes that come with the package: `xlm_tf/recipes`."""

import difflib
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "recipes"


def shipped_recipes():
    """The recipes of the package: dict from their names to their files."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def shipped_recipe(name):
    """The file of a recipe of the package.

    Args:
        name: str.

    Returns:
        Path.

    Raises:
        FileNotFoundError: there is no such recipe; names the nearest.
    """
    shipped = shipped_recipes()
    if name in shipped:
        return shipped[name]
    close = difflib.get_close_matches(Path(name).stem, shipped, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise FileNotFoundError(
        f"There is no recipe {name}.{hint} Expected a YAML file, or one of the "
        f"package: {', '.join(shipped)}."
    )


def find_recipe(source):
    """A recipe by its file, or by its name.

    Args:
        source: str or Path of a file, or the name of a recipe of the package.

    Returns:
        Paths of the file, and of the folder where relative paths in it start: its own,
        or, of a recipe of the package, the working directory.

    Raises:
        FileNotFoundError: there is no such recipe; names the nearest.
    """
    path = Path(source)
    if path.is_file():
        return path, path.parent
    return shipped_recipe(str(source)), Path.cwd()
