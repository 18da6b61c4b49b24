"""The YAML that recipes are written in: that of 1.2, where every key stands once."""

import re

import yaml

_TAG = "tag:yaml.org,2002:"
# What YAML 1.1 reads otherwise: `no` is Norwegian here, 1e-4 a number, and 010 ten. It
# has dates, and 1:30 for 90, too: text here.
_SCALARS = {
    f"{_TAG}bool": ("^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    f"{_TAG}float": (
        r"^(?:[-+]?(?:\.\d+|\d+\.\d*|\d+(?:\.\d*)?[eE][-+]?\d+|\.\d+[eE][-+]?\d+)"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+.0123456789",
    ),
    f"{_TAG}int": (r"^(?:[-+]?\d+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
}
# What both read alike.
_KEPT = (f"{_TAG}null", f"{_TAG}merge")
# Of a value, in an error.
_SHOWN = 40


def read_yaml(path):
    """The fields of a YAML file.

    Args:
        path: Path.

    Returns:
        dict. Keys are text as it is written, also `no`; numbers and truth values are
        those of YAML 1.2.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not YAML, holds no fields, or one of them twice.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe at {path}.")
    try:
        loader = _Loader(path.read_text(encoding="utf-8-sig"))
        loader.name = str(path)
        content = loader.get_single_data()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"{path} is not YAML: {text}") from error
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold fields, such as `training:`.")
    return content


def write_yaml(content):
    """The YAML of some fields, which `read_yaml` reads as they are: str.

    Args:
        content: dict of what JSON has.
    """
    return yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=88
    )


class _Loader(yaml.SafeLoader):
    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError) as error:
            if not isinstance(node, yaml.ScalarNode):
                raise
            kind = node.tag.removeprefix(_TAG)
            raise ValueError(
                f"{_place(node)}: {node.value[:_SHOWN]!r} is no {kind}: {error}."
            ) from error

    def construct_whole(self, node):
        text = self.construct_scalar(node)
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"{_place(key)}: a key must be text.")
            if key.tag == f"{_TAG}merge":
                continue
            if key.value in seen:
                raise ValueError(
                    f"{_place(key)}: {key.value!r} stands there twice. Only the last "
                    "would count: leave one out, or join them."
                )
            seen.add(key.value)
            key.tag = f"{_TAG}str"
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Puts into quotation marks what the loader would not read as text."""


def _place(node):
    return f"{node.start_mark.name}, line {node.start_mark.line + 1}"


_Loader.yaml_implicit_resolvers = {
    first: [resolver for resolver in resolvers if resolver[0] in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for tag, (pattern, first_letters) in _SCALARS.items():
    _Loader.add_implicit_resolver(tag, re.compile(pattern), list(first_letters))
_Loader.add_constructor(f"{_TAG}int", _Loader.construct_whole)
_Dumper.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
