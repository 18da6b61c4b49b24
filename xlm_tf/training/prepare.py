"""The corpora of a pretraining recipe, tokenised once: `xlm-tf prepare`."""

import dataclasses
import functools
import json
import multiprocessing.pool
import os
import sys

import tensorflow as tf
from rich.console import Console
from rich.progress import Progress

from xlm_tf.data.file_content import File
from xlm_tf.data.token_shards import Shard, shard_name, token_dtype, write_shard
from xlm_tf.objectives.token_sequences import token_ids_of_sides
from xlm_tf.output_files import claim_folder, folders_unlocked, whole_file
from xlm_tf.text.fingerprint import tokenizer_fingerprint
from xlm_tf.training.input_files import without_places
from xlm_tf.training.prepared_corpora import (
    HELD_OUT_FILE,
    INDEX_FILE,
    PROGRESS_FILE,
    VERSION,
    PreparedCorpora,
)
from xlm_tf.training.pretrain import build_masked_lm
from xlm_tf.training.recipe_tokenizer import read_tokenizer
from xlm_tf.training.reporting import Reporter
from xlm_tf.training.text_sources import check_tokens, read_corpora, split_sizes

# Of a shard, about: what is lost, and done again, where preparing is interrupted.
SHARD_TOKENS = 100_000_000
# Texts that are tokenised together.
BLOCK = 2048


@folders_unlocked()
def prepare(
    recipe,
    folder,
    threads=None,
    quiet=False,
    shard_tokens=SHARD_TOKENS,
    map_blocks=None,
    processes=1,
):
    """Tokenise the corpora of a recipe into a folder, from where it stopped before.

    The folder gets shards of token ids (`xlm_tf.data.token_shards`), the texts that are
    held out, where the recipe names no `held_out`, and at last `index.json`. Texts are
    read as a stream.

    Args:
        recipe: `PretrainingRecipe`, see `load_recipe`.
        folder: Path to write to.
        threads: int, blocks of texts that are tokenised at once; by default as many as
            there are cores.
        quiet: bool, say nothing on the standard output.
        shard_tokens: int, tokens of a shard, about.
        map_blocks: function from blocks of texts to the results of `tokenizing` in
            their order, which may be found elsewhere; None: here.
        processes: see `xlm_tf.training.text_sources.read_corpora`.

    Returns:
        `PreparedCorpora`.

    Raises:
        FileExistsError: the folder holds something else, or what was prepared of other
            texts.
        ValueError: a corpus or the vocabulary cannot be used.
    """
    if recipe.data.prepared is not None:
        raise ValueError(
            f"recipe.data.prepared: {recipe.data.prepared} is prepared already. "
            "Expected a recipe that names texts."
        )
    reporter = Reporter(quiet)
    tokenizer = _tokenizer_of(recipe)
    progress = _Progress(folder, _plan(recipe, tokenizer, processes))
    if progress.is_over:
        return _finish(folder, reporter)
    train, held_out, reports = read_corpora(recipe, processes)
    reporter.say_broken(reports)
    reporter.say_split(recipe.held_out_fold, split_sizes(train))
    check_tokens(train, tokenizer)
    sources = {(language,): own for language, own in train["texts"].items()}
    sources |= train["pairs"]
    total = sum(source.count for source in sources.values())
    dtype = token_dtype(tokenizer.vocabulary_size())
    console = Console(quiet=quiet or not sys.stdout.isatty())
    # Traced once, not for every source.
    tokenize = tf.function(functools.partial(_tokenize, tokenizer))
    with Progress(console=console, transient=True, disable=console.quiet) as bar:
        task = bar.add_task("", total=total)
        for number, (languages, source) in enumerate(sources.items()):
            name = "-".join(languages)
            bar.update(task, description=f"Preparing {name}")
            done = sum(shard.rows for shard in progress.shards(number))
            done //= len(languages)
            bar.advance(task, done)
            texts = source.examples.skip(done).batch(BLOCK)
            if map_blocks is None:
                blocks = _blocks(tokenize, texts, threads)
            else:
                blocks = map_blocks(texts.as_numpy_iterator())
            blocks = _advancing(blocks, bar, task, len(languages))
            while done < source.count:
                shards = progress.shards(number)
                shard = write_shard(
                    folder,
                    shard_name(languages, len(shards)),
                    blocks,
                    dtype,
                    shard_tokens,
                )
                if shard is None:
                    raise ValueError(
                        f"The texts of {name} have changed while they were read: of "
                        f"{source.count:,} there are {done:,}. Start again."
                    )
                progress.add(number, shard)
                done += shard.rows // len(languages)
            shards = progress.shards(number)
            unit = ("sentences", "pairs")[len(languages) - 1]
            reporter.say(
                f"{name}: {source.count:,} {unit}, "
                f"{sum(shard.tokens for shard in shards):,} tokens."
            )
    held_out_file = None
    if recipe.held_out is None:
        held_out_file = _write_held_out(folder, held_out)
    _write_index(folder, tokenizer, dtype, sources, progress, held_out_file)
    return _finish(folder, reporter)


def _finish(folder, reporter):
    """What is to be done once there is an index."""
    for name in (PROGRESS_FILE, INDEX_FILE, HELD_OUT_FILE):  # half, where it was killed
        for path in folder.glob(f".{name}.*.partial"):
            path.unlink()
    (folder / PROGRESS_FILE).unlink()
    reporter.say(
        f"The prepared corpora are in {folder}. In a recipe, wherever that is: `data: "
        f"{{prepared: {folder.absolute()}}}`."
    )
    return PreparedCorpora(folder)


def _tokenizer_of(recipe):
    if recipe.initial_model is None:
        return read_tokenizer(recipe)
    return build_masked_lm(recipe).preprocessor.tokenizer


def tokenizing(recipe):
    """The function from a block of texts, a dict of arrays, to (ids, lengths)."""
    tokenizer = _tokenizer_of(recipe)

    def tokenize(block):
        return tuple(x.numpy() for x in _tokenize(tokenizer, block))

    return tokenize


def _tokenize(tokenizer, block):
    """The ids of a block, one text after the other, and their lengths."""
    ids = token_ids_of_sides(tokenizer, block)
    rows = tf.stack(ids, axis=1).merge_dims(0, 1)  # source, target, source...
    return rows.values, rows.row_lengths()


def _blocks(tokenize, texts, threads):
    """Iterate over the ids of blocks of texts: (ids, lengths), int32 and int64."""
    blocks = texts.map(tokenize, num_parallel_calls=threads or os.cpu_count())
    return blocks.prefetch(1).as_numpy_iterator()


def _advancing(blocks, bar, task, num_sides):
    for ids, lengths in blocks:
        yield ids, lengths
        bar.advance(task, len(lengths) // num_sides)


def _plan(recipe, tokenizer, threads):
    """What the shards depend on: another plan gives others."""
    data, fold = recipe.data, recipe.held_out_fold
    paths = [path for paths in data.monolingual.values() for path in paths]
    paths += [path for entry in data.bitext for path in entry.paths]
    # Its threads do not outlive Ctrl-C.
    with multiprocessing.pool.ThreadPool(threads) as pool:
        files = pool.map(File.of, paths, chunksize=1)
    return {
        "version": VERSION,
        "vocabulary": tokenizer_fingerprint(tokenizer),
        "data": without_places("data", data),
        "held_out": recipe.held_out is not None,
        "held_out_share": recipe.held_out_share,
        "files": [[own.bytes, own.crc32] for own in files],
        **({} if fold is None else {"held_out_fold": fold.model_dump()}),
    }


class _Progress:
    """The shards that are whole, of every source: a line each, after the plan.

    Attributes:
        is_over: bool, whether the index is written, and only this file is left.
    """

    def __init__(self, folder, plan):
        self.path = folder / PROGRESS_FILE
        self.is_over = (folder / INDEX_FILE).exists()
        is_there = (
            f"{folder} holds prepared corpora already. Choose another output, or "
            "delete it."
        )
        if self.is_over and not self.path.exists():
            raise FileExistsError(is_there)
        claim_folder(folder, self.path.exists(), "prepared corpora")
        if not self.path.exists():
            self._write_plan(plan)
        self._shards = {}
        first, *lines = self.path.read_bytes().splitlines() or [b""]
        try:
            is_new = not (lines or self.is_over)
            is_same = is_new or json.loads(first) == json.loads(json.dumps(plan))
            for line in lines if is_same else ():
                self._read(json.loads(line), folder)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{folder} holds the beginning of prepared corpora, and is damaged: "
                f"{error} Delete it, and prepare the corpora again."
            ) from error
        if is_new:  # nothing would be lost
            self._write_plan(plan)
        elif not is_same and self.is_over:
            raise FileExistsError(is_there)
        elif not is_same:
            raise FileExistsError(
                f"{folder} holds the beginning of other prepared corpora: the texts, "
                "the vocabulary or the recipe were others. Choose another output, or "
                "delete it."
            )

    def _read(self, content, folder):
        """Keep a shard that was written before."""
        shard = Shard.from_json(content["shard"])
        for file in shard.files:
            file.check(folder)
        self._shards.setdefault(content["source"], []).append(shard)

    def _write_plan(self, plan):
        with whole_file(self.path) as partial:
            partial.write_text(json.dumps(plan) + "\n", encoding="utf-8")

    def shards(self, source):
        """The whole shards of a source, by its number."""
        return self._shards.get(source, [])

    def add(self, source, shard):
        """Keep that a shard is whole."""
        self._shards.setdefault(source, []).append(shard)
        lines = self.path.read_text(encoding="utf-8")
        line = json.dumps({"source": source, "shard": dataclasses.asdict(shard)})
        with whole_file(self.path) as partial:
            partial.write_text(f"{lines}{line}\n", encoding="utf-8")


def _write_held_out(folder, held_out):
    content = {
        "texts": {
            language: [example["text"].decode() for example in _examples(own)]
            for language, own in held_out["texts"].items()
        },
        "pairs": [
            {
                "languages": pair,
                "pairs": [
                    [example[side].decode() for side in ("source", "target")]
                    for example in _examples(own)
                ],
            }
            for pair, own in held_out["pairs"].items()
        ],
    }
    path = folder / HELD_OUT_FILE
    with whole_file(path) as partial:
        text = json.dumps(content, ensure_ascii=False, indent=0)
        partial.write_text(text, encoding="utf-8")
    return File.of(path)


def _examples(source):
    return source.examples.as_numpy_iterator()


def _write_index(folder, tokenizer, dtype, sources, progress, held_out_file):
    content = {
        "version": VERSION,
        "vocabulary": {
            "fingerprint": tokenizer_fingerprint(tokenizer),
            "size": tokenizer.vocabulary_size(),
        },
        "dtype": dtype,
        "sources": [
            {
                "languages": languages,
                "count": source.count,
                "tokens": sum(shard.tokens for shard in progress.shards(number)),
                "shards": [dataclasses.asdict(x) for x in progress.shards(number)],
            }
            for number, (languages, source) in enumerate(sources.items())
        ],
        "held_out": held_out_file and dataclasses.asdict(held_out_file),
    }
    with whole_file(folder / INDEX_FILE) as partial:
        partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
