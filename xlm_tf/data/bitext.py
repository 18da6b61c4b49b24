"""Sentence pairs as `tf.data` sources: TSV, JSONL and line-aligned files."""

import itertools
import json

import tensorflow as tf

from xlm_tf.data.corpus_report import CorpusReport, binary_lines, check_files
from xlm_tf.data.plain_text import is_utf8, stripped_lines

_SIGNATURE = {
    name: tf.TensorSpec((), tf.string)
    for name in ("source", "target", "source_language", "target_language")
}


def read_bitext(paths, source_language, target_language):
    """The pairs of TSV or JSONL files as examples.

    A `.tsv` file holds `source<TAB>target`; a `.jsonl` file an object a line, with
    the keys `source` and `target`, or the two languages as keys. Both may be .gz.
    Lines that `scan_bitext` counts as broken or empty are left out.

    Args:
        paths: path or list of paths; read in this order, streaming.
        source_language: str.
        target_language: str.

    Returns:
        `tf.data.Dataset` of `source`, `target`, `source_language` and
        `target_language`, string scalars. Reads in Python, as TensorFlow has no
        operation for JSON.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file is neither .tsv nor .jsonl.
    """
    paths = check_files(paths)
    for path in paths:
        _parser(path)
    languages = {"source_language": source_language, "target_language": target_language}

    def examples():
        for _, _, pair, _ in _pairs(paths, source_language, target_language):
            if pair is not None and all(pair):
                yield {"source": pair[0], "target": pair[1], **languages}

    return tf.data.Dataset.from_generator(examples, output_signature=_SIGNATURE)


def scan_bitext(paths, source_language, target_language):
    """Read TSV or JSONL files once and count what they hold.

    Args:
        paths: path or list of paths.
        source_language: str.
        target_language: str.

    Returns:
        `CorpusReport`; a pair with an empty side counts as empty.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: a file is neither .tsv nor .jsonl, there is no pair, or most lines
            cannot be read.
    """
    paths = check_files(paths)
    report = CorpusReport()
    for path, number, pair, reason in _pairs(paths, source_language, target_language):
        if pair is None:
            report.add_broken(path, number, reason)
        elif all(pair):
            report.sentences += 1
        else:
            report.empty += 1
    report.check_usable(paths)
    return report


def read_parallel_text(source_path, target_path, source_language, target_language):
    """The pairs of two line-aligned files as examples.

    Pairs with a side that is empty or not UTF-8 are left out.

    Args:
        source_path: path, plain or .gz.
        target_path: path, of as many lines.
        source_language: str.
        target_language: str.

    Returns:
        `tf.data.Dataset` as `read_bitext`'s.

    Raises:
        FileNotFoundError: a file does not exist.
    """
    sides = [stripped_lines(check_files(path)) for path in (source_path, target_path)]

    def is_usable(source, target):
        both = tf.stack([source, target])
        return tf.reduce_all(tf.logical_and(tf.strings.length(both) > 0, is_utf8(both)))

    return (
        tf.data.Dataset.zip(*sides)
        .filter(is_usable)
        .map(
            lambda source, target: {
                "source": source,
                "target": target,
                "source_language": tf.constant(source_language),
                "target_language": tf.constant(target_language),
            }
        )
    )


def scan_parallel_text(source_path, target_path):
    """Read two line-aligned files once and count what they hold.

    Returns:
        `CorpusReport`.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the files have different numbers of lines, there is no pair, or
            most lines are not UTF-8.
    """
    paths = [*check_files(source_path), *check_files(target_path)]
    report = CorpusReport()
    lines = itertools.zip_longest(*map(binary_lines, paths))
    counts = [0, 0]
    for sides in lines:
        counts = [n + (side is not None) for n, side in zip(counts, sides, strict=True)]
        if None in sides:
            continue
        try:
            texts = [line.decode("utf-8").strip(" \t\r\v\f") for _, line in sides]
        except UnicodeDecodeError as error:
            number = sides[0][0]
            report.add_broken(
                " | ".join(map(str, paths)), number, f"not UTF-8: {error}"
            )
            continue
        if all(texts):
            report.sentences += 1
        else:
            report.empty += 1
    if counts[0] != counts[1]:
        raise ValueError(
            "Line-aligned files must have as many lines as each other. Received: "
            f"{paths[0]} with {counts[0]:,} and {paths[1]} with {counts[1]:,}."
        )
    report.check_usable(paths)
    return report


def _pairs(paths, source_language, target_language):
    """Yield (path, line number, (source, target) or None, why it is None)."""
    for path in paths:
        parse = _parser(path)
        for number, line in binary_lines(path):
            try:
                text = line.decode("utf-8")
                pair = parse(text, source_language, target_language)
            except UnicodeDecodeError as error:
                yield path, number, None, f"not UTF-8: {error.reason}"
            except ValueError as error:
                yield path, number, None, str(error)
            else:
                yield path, number, pair, None


def _parser(path):
    name = path.name.removesuffix(".gz")
    if name.endswith(".tsv"):
        return _parse_tsv
    if name.endswith((".jsonl", ".json")):
        return _parse_json
    raise ValueError(
        f"{path}: sentence pairs are read from .tsv or .jsonl files (or .gz of them)."
    )


def _parse_tsv(line, source_language, target_language):
    if not line.strip():
        return "", ""
    columns = line.split("\t")
    if len(columns) != 2:
        raise ValueError(f"{len(columns)} columns instead of source and target")
    return columns[0].strip(), columns[1].strip()


def _parse_json(line, source_language, target_language):
    if not line.strip():
        return "", ""
    try:
        item = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    for keys in (("source", "target"), (source_language, target_language)):
        if isinstance(item, dict) and all(isinstance(item.get(k), str) for k in keys):
            return item[keys[0]].strip(), item[keys[1]].strip()
    raise ValueError(
        f"no texts under source and target, or {source_language} and {target_language}"
    )
