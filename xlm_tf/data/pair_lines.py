"""What a line of a file of sentence pairs is: TSV, or objects of JSON."""

import functools
import json

from xlm_tf.data.corpus_report import usable_text
from xlm_tf.text.language_codes import match_language


def pair_parser(path):
    """The function that reads a line of a file of pairs.

    Args:
        path: Path, of which the name tells the kind.

    Returns:
        function of a line in bytes, the source and the target language, which gives a
        list of (source, target), of which a side may be empty, and raises a ValueError
        for a line that cannot be read.

    Raises:
        ValueError: it is no `.tsv` or `.jsonl`, nor `.gz` of one.
    """
    name = path.name.removesuffix(".gz")
    if name.endswith(".tsv"):
        return parse_tsv
    if name.endswith((".jsonl", ".json")):
        return parse_json
    raise ValueError(
        f"{path}: sentence pairs are read from .tsv or .jsonl files (or .gz of them)."
    )


def parse_tsv(line, source_language, target_language):
    """The pair of a line of TSV, see `pair_parser`."""
    # Columns first: an empty one at an end is white space to strip.
    columns = line.split(b"\t")
    if not line.strip():
        return [("", "")]
    if len(columns) != 2:
        raise ValueError(f"columns must be source and target; there are {len(columns)}")
    return [(usable_text(columns[0]), usable_text(columns[1]))]


def parse_json(line, source_language, target_language):
    """The pairs of an object of JSON, see `pair_parser`."""
    text = usable_text(line)
    if not text:
        return [("", "")]
    try:
        item = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("not a flat JSON object: it is nested too deeply") from error
    keys = tuple(item) if isinstance(item, dict) else ()
    for source_key, target_key in _keys_of_sides(
        keys, source_language, target_language
    ):
        source, targets = item[source_key], item[target_key]
        targets = targets if isinstance(targets, list) else [targets]
        if targets and all(isinstance(text, str) for text in (source, *targets)):
            # JSON can spell half a surrogate pair, which is no character.
            source, *targets = (
                usable_text(text.encode("utf-8")) for text in (source, *targets)
            )
            return [(source, target) for target in targets]
    raise ValueError(
        f"no texts under source and target, {source_language} and {target_language}, "
        f"or source and {target_language}"
    )


@functools.lru_cache(maxsize=1024)
def _keys_of_sides(keys, source_language, target_language):
    """The pairs of keys that may hold source and target, the likeliest first."""
    source_key, target_key = (
        _key_of_language(language, keys)
        for language in (source_language, target_language)
    )
    sides = (("source", "target"), (source_key, target_key), ("source", target_key))
    return [both for both in sides if set(both) <= set(keys)]


def _key_of_language(language, keys):
    try:
        return match_language(language, filter(str.strip, keys))
    except ValueError:  # there is none, or no one of several
        return None
