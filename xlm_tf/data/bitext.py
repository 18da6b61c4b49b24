"""Sentence pairs as `tf.data` sources: TSV, JSONL and line-aligned files."""

import atexit
import gc
import itertools

import tensorflow as tf

from xlm_tf.data.corpus_report import CorpusReport, check_files
from xlm_tf.data.pair_files import bitext_pairs, scan_bitext, scan_parallel_text
from xlm_tf.data.pair_lines import pair_parser, parse_tsv
from xlm_tf.data.plain_text_dataset import BLOCK, is_usable, line_blocks, stripped


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
        pairs = bitext_pairs(paths, source_language, target_language, read)
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


def _examples(source, target, source_language, target_language):
    return {
        "source": source,
        "target": target,
        "source_language": tf.fill(tf.shape(source), source_language),
        "target_language": tf.fill(tf.shape(source), target_language),
    }
