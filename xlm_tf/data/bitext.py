"""Sentence pairs as `tf.data` sources: TSV, JSONL and line-aligned files."""

import atexit
import gc
import itertools

import tensorflow as tf

from xlm_tf.data.corpus_report import CorpusReport, check_files, usable_text
from xlm_tf.data.pair_lines import pair_parser, parse_tsv
from xlm_tf.data.plain_text import BLOCK, is_usable, line_blocks, stripped
from xlm_tf.data.text_lines import binary_lines


def read_bitext(paths, source_language, target_language, report=None):
    """The pairs of TSV or JSONL files as examples.

    A `.tsv` file holds `source<TAB>target`; a `.jsonl` file one object per line, with
    the keys `source` and `target`, or the two languages as keys, in any spelling, or
    `source` and the target language. A list of targets is as many pairs. Both may be
    gzip. What a line is says `xlm_tf.data.text_lines.binary_lines`. Pairs with an empty
    side are left out; so are lines that cannot be read, with a warning that names file
    and line.

    Args:
        paths: path or list of paths; read in this order, streaming.
        source_language: str.
        target_language: str.
        report: what `scan_bitext` said of these files, if the caller has it (and then
            sees to the broken lines). Without it they are scanned here.

    Returns:
        `tf.data.Dataset` of `source`, `target`, `source_language` and
        `target_language`, string scalars. JSON is read in Python, for which TensorFlow
        has no operation.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: as `scan_bitext`.
    """
    paths = check_files(paths)
    if report is None:
        report = scan_bitext(paths, source_language, target_language)
        report.warn()

    languages = (source_language, target_language)
    dataset = None
    for parse, of_a_kind in itertools.groupby(paths, pair_parser):
        read = _read_tsv if parse is parse_tsv else _read_json
        own = read(list(of_a_kind), *languages, report)
        dataset = own if dataset is None else dataset.concatenate(own)
    return dataset.unbatch()


def _read_tsv(paths, source_language, target_language, report):
    """Blocks of examples, read in graph; keeps and drops what `parse_tsv` does."""

    def examples(lines):
        columns = tf.strings.split(lines, "\t")  # (lines, None)
        columns = tf.ragged.boolean_mask(columns, columns.row_lengths() == 2)
        columns = stripped(columns.to_tensor(shape=(None, 2)))
        usable = tf.reduce_all(is_usable(columns, report), axis=1)
        source, target = tf.unstack(tf.boolean_mask(columns, usable), axis=1)
        return _examples(source, target, source_language, target_language)

    return line_blocks(paths, report).map(examples)


def _read_json(paths, source_language, target_language, report):
    def blocks():
        read = CorpusReport()
        pairs = (
            pair
            for _, _, pairs, _ in _pairs(paths, source_language, target_language, read)
            for pair in pairs or ()
            if all(pair)
        )
        while block := list(itertools.islice(pairs, BLOCK)):
            yield block
        for path, found in read.files.items():
            if found.lines != report.files[path].lines:
                raise ValueError(
                    f"{path} has changed since its lines were counted: there were "
                    f"{report.files[path].lines:,}. Start again. "
                    f"Received, in lines: {found.lines:,}."
                )

    def examples(block):
        source, target = tf.unstack(block, axis=1)  # (pairs,) each
        return _examples(source, target, source_language, target_language)

    # An iterator that is collected while Python shuts down waits for ever for threads
    # that read ahead, in Python: collect it before.
    atexit.register(gc.collect)
    signature = tf.TensorSpec((None, 2), tf.string)
    return tf.data.Dataset.from_generator(blocks, output_signature=signature).map(
        examples
    )


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
    found = _pairs(paths, source_language, target_language, report)
    for path, number, pairs, reason in found:
        if pairs is None:
            report.add_broken(path, number, reason)
            continue
        for pair in pairs:
            if all(pair):
                report.sentences += 1
            else:
                report.empty += 1
    report.check_usable(paths)
    return report


def iterate_bitext(paths, source_language, target_language):
    """The lines of TSV or JSONL files, all of them, in Python.

    Args:
        paths: path or list of paths.
        source_language: str.
        target_language: str.

    Yields:
        For every line the list of its pairs of str, of which a side may be empty; of a
        line that cannot be read an empty list.
    """
    found = _pairs(check_files(paths), source_language, target_language, CorpusReport())
    for _, _, pairs, _ in found:
        yield pairs or []


def iterate_parallel_text(source_path, target_path):
    """The lines of two line-aligned files, all of them, in Python.

    Args:
        source_path: path, plain or .gz.
        target_path: path, of as many lines.

    Yields:
        For every line a list of its pair of str, of which a side may be empty; of a
        line that cannot be read an empty list.
    """
    paths = [*check_files(source_path), *check_files(target_path)]
    for sides in zip(*map(binary_lines, paths), strict=True):
        try:
            yield [tuple(usable_text(line) for _, line in sides)]
        except ValueError:  # which the report names
            yield []


def read_parallel_text(
    source_path, target_path, source_language, target_language, report=None
):
    """The pairs of two line-aligned files as examples, streaming.

    Pairs with an empty side are left out; so are pairs with a side that is not UTF-8
    text, with a warning that names file and line.

    Args:
        source_path: path, plain or .gz.
        target_path: path, of as many lines.
        source_language: str.
        target_language: str.
        report: what `scan_parallel_text` said of these files, if the caller has it
            (and then sees to the broken lines). Without it they are scanned here.

    Returns:
        `tf.data.Dataset` as `read_bitext`'s.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: as `scan_parallel_text`.
    """
    if report is None:
        report = scan_parallel_text(source_path, target_path)
        report.warn()
    sides = [
        line_blocks(check_files(path), report).map(stripped)
        for path in (source_path, target_path)
    ]

    def examples(source, target):
        is_aligned = tf.debugging.Assert(
            tf.size(source) == tf.size(target),
            [
                f"{source_path} or {target_path} has changed since the lines were "
                "counted: they are not as many any more. Start again."
            ],
        )
        with tf.control_dependencies([is_aligned]):
            usable = is_usable(source, report) & is_usable(target, report)
        return _examples(
            tf.boolean_mask(source, usable),  # (usable pairs,)
            tf.boolean_mask(target, usable),
            source_language,
            target_language,
        )

    return tf.data.Dataset.zip(*sides).map(examples).unbatch()


def scan_parallel_text(source_path, target_path):
    """Read two line-aligned files once and count what they hold.

    Args:
        source_path: path, plain or .gz.
        target_path: path, of as many lines.

    Returns:
        `CorpusReport`; a pair with an empty side counts as empty.

    Raises:
        FileNotFoundError: a file does not exist.
        ValueError: the files have different numbers of lines, there is no pair, or
            most lines are not UTF-8.
    """
    paths = [*check_files(source_path), *check_files(target_path)]
    report = CorpusReport()
    counts = [0, 0]
    lines = (binary_lines(path, report.lines_of(path)) for path in paths)
    for sides in itertools.zip_longest(*lines):
        counts = [n + (side is not None) for n, side in zip(counts, sides, strict=True)]
        if None in sides:
            continue
        texts = []
        for path, (number, line) in zip(paths, sides, strict=True):
            try:
                texts.append(usable_text(line))
            except ValueError as error:
                report.add_broken(path, number, str(error))
                break
        else:
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


def _examples(source, target, source_language, target_language):
    return {
        "source": source,
        "target": target,
        "source_language": tf.fill(tf.shape(source), source_language),
        "target_language": tf.fill(tf.shape(source), target_language),
    }


def _pairs(paths, source_language, target_language, report):
    """Yield (path, line number, [(source, target)] or None, why it is None)."""
    for path in paths:
        parse = pair_parser(path)
        for number, line in binary_lines(path, report.lines_of(path)):
            try:
                pairs = parse(line, source_language, target_language)
            except ValueError as error:
                yield path, number, None, str(error)
            else:
                yield path, number, pairs, None
