"""What a recipe names: it stays as it was where the work goes on, wherever it is."""

import dataclasses
import json
import os
import re
from pathlib import Path

from xlm_tf.data.file_content import File
from xlm_tf.output_files import whole_file

# In the output folder.
RECORD = "inputs.json"
# What a field holds in recipes that are compared, where its content is compared apart.
_ELSEWHERE = "..."
# Fields that may name a folder. One of prepared corpora knows its content.
_FOLDERS = re.compile(r"initial_(model|decoder)|data\.gettext\[\d+\]|.*\.dataset\.name")
_PREPARED = "data.prepared"
# Fields of models that judge texts, and do so until the end of the work: not only where
# the folder is counts, as where a training begins with a model, but all that it holds.
_JUDGES = re.compile(r"rules\.(perplexity|pairs\.similarity)\.model")


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The files and folders that a recipe names, by field.

    Attributes:
        files: dict from fields, such as "data[0].source_file", to `File`; of the files
            of a model that judges texts, their names follow, "rules.perplexity.model/".
        folders: dict from fields to two paths: absolute, and from the output folder.
    """

    files: dict
    folders: dict

    @classmethod
    def of(cls, recipe, others=None):
        """Describe what a recipe names; reads the files.

        Args:
            recipe: any recipe.
            others: dict from names that are no fields of it to Path: files that are
                read beside it.
        """
        files = dict(_files(recipe.model_dump())) | (others or {})
        return cls(
            {field: File.of(path) for field, path in files.items()},
            cls.folders_of(recipe),
        )

    @staticmethod
    def folders_of(recipe):
        """`folders` of a recipe."""
        folders = _folders(recipe.model_dump())
        return {field: _places(path, recipe) for field, path in folders}

    @classmethod
    def from_json(cls, content):
        """What `dataclasses.asdict` made."""
        files = {field: File(**own) for field, own in content["files"].items()}
        return cls(files, content["folders"])

    @classmethod
    def read(cls, output):
        """What was written down in an output folder; None where nothing was."""
        path = output / RECORD
        if not path.exists():
            return None
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))

    def write(self, output):
        """Write it down in an output folder."""
        content = dataclasses.asdict(self)
        with whole_file(output / RECORD) as partial:
            partial.write_text(json.dumps(content, indent=2), encoding="utf-8")

    def changed(self, recipe, others=None):
        """The files of a recipe whose content is another one than here.

        Of tests it may be: they are read when all is trained, but where they are
        parted from what is trained on.

        Args:
            recipe: any recipe.
            others: see `of`.

        Returns:
            list of str, their fields and paths.
        """
        has_parts = getattr(recipe, "test_share", None) is not None
        files = dict(_files(recipe.model_dump()))
        own = {f"recipe.{field}": (field, path) for field, path in files.items()}
        own |= {name: (name, path) for name, path in (others or {}).items()}
        return [
            f"{shown} ({path})"
            for shown, (field, path) in own.items()
            if has_parts or not field.startswith("test[")
            if field in self.files and not self.files[field].is_same(path)
        ]

    def found_same(self, recipe, others=None):
        """These, of files that are unchanged: with the times that they have now.

        So that whoever looks again need not read copies again.

        Args:
            recipe, others: see `of`.
        """
        found = dict(_files(recipe.model_dump())) | (others or {})
        times = {field: path.stat().st_mtime_ns for field, path in found.items()}
        files = {
            field: dataclasses.replace(own, changed=times.get(field, own.changed))
            for field, own in self.files.items()
        }
        return dataclasses.replace(self, files=files)

    def comparable(self, content, recipe):
        """A recipe without what is said by the files, or is only where they are.

        Args:
            content: dict, what `recipe.json` holds: of this training as it began.
            recipe: the recipe that goes on with it.

        Returns:
            two dicts, of before and now, which differ where the recipes do, see
        `differences`.
        """
        now = dict(_files(recipe.model_dump()))
        folders = {
            field
            for field, path in _folders(recipe.model_dump())
            if set(_places(path, recipe)) & set(self.folders.get(field, ()))
        }
        elsewhere = {"output", _PREPARED, *folders}
        before = _without("", content, elsewhere | _fields(self.files))
        after = recipe.model_dump(mode="json")
        return before, _without("", after, elsewhere | _fields(now))


def differences(before, after, where="recipe"):
    """Yield the names of the fields that differ: str, such as "recipe.rules.script".

    They begin with `where`, unless it is empty.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {*before, *after}:
            inner = f"{where}.{key}" if where else key
            yield from differences(before.get(key), after.get(key), inner)
    elif before != after:
        yield where


def files_in(field, value):
    """The files that a field names, or fields in it.

    Args:
        field: str, its name.
        value: what it holds, as `model_dump` gives it.

    Yields:
        `(field, path)`, str such as "data[0].source_file" and Path.
    """
    for name, own in _leaves(field, value):
        if isinstance(own, Path) and own.is_file():
            yield name, own
        elif isinstance(own, str) and _JUDGES.fullmatch(name):
            folder = Path(own)
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    yield f"{name}/{path.relative_to(folder).as_posix()}", path


def without_places(field, part):
    """A part of a recipe as JSON has it, without where its files are.

    Args:
        field: str, its name.
        part: `RecipePart`.
    """
    files = dict(files_in(field, part.model_dump()))
    return _without(field, part.model_dump(mode="json"), files)


def _fields(files):
    """The fields of files, without the names of those in folders: set of str."""
    return {name.partition("/")[0] for name in files}


def _files(content):
    for name, value in content.items():
        if name != "output":
            yield from files_in(name, value)


def _folders(content):
    for name, value in content.items():
        for field, own in _leaves(name, value):
            is_text = isinstance(own, str) and _FOLDERS.fullmatch(field)
            if is_text and Path(own).exists():
                yield field, own


def _places(path, recipe):
    path, output = os.path.realpath(path), os.path.realpath(recipe.output)
    return [path, os.path.relpath(path, output)]


def _leaves(field, value):
    if isinstance(value, dict):
        for name, own in value.items():
            yield from _leaves(f"{field}.{name}", own)
    elif isinstance(value, list | tuple):
        for number, own in enumerate(value):
            yield from _leaves(f"{field}[{number}]", own)
    else:
        yield field, value


def _without(field, value, fields):
    if field in fields and value is not None:
        return _ELSEWHERE
    if isinstance(value, dict):
        begin = f"{field}." if field else ""
        return {x: _without(f"{begin}{x}", own, fields) for x, own in value.items()}
    if isinstance(value, list):
        return [_without(f"{field}[{x}]", own, fields) for x, own in enumerate(value)]
    return value
