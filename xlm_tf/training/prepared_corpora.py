"""What `xlm-tf prepare` wrote: corpora that were tokenised before the training."""

import dataclasses
import json
import zlib
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from xlm_tf.data.file_content import File
from xlm_tf.data.token_examples import Part
from xlm_tf.data.token_shards import (
    KINDS,
    OFFSETS,
    MappedShard,
    Shard,
    allow_open_files,
    shard_name,
    token_dtype,
)
from xlm_tf.text.fingerprint import tokenizer_fingerprint

VERSION = 1
INDEX_FILE = "index.json"
HELD_OUT_FILE = "held_out.json"
# What there is while the corpora are prepared, see `xlm_tf.training.prepare`.
PROGRESS_FILE = "progress.jsonl"
_CHUNK = 1 << 24


@dataclasses.dataclass(frozen=True)
class PreparedSource:
    """The texts of a language, or of a pair of languages.

    Attributes:
        languages: tuple of str, one or two.
        count: int, sentences or pairs.
        tokens: int, in all.
        shards: tuple of `Shard`; of pairs, source and target are a row each.
    """

    languages: tuple[str, ...]
    count: int
    tokens: int
    shards: tuple[Shard, ...]

    def check(self, dtype):
        """Raise a ValueError where the numbers do not fit to each other."""
        sides = len(self.languages)
        if sides not in (1, 2):
            raise ValueError(f"{sides} languages")
        for number, own in enumerate(self.shards):
            name = shard_name(self.languages, number)
            sizes = [
                own.tokens * np.dtype(dtype).itemsize,
                (own.rows + 1) * np.dtype(OFFSETS).itemsize,
            ]
            names = (f"{name}.{kind}.bin" for kind in KINDS)
            files = list(zip(names, sizes, strict=True))
            if [(file.name, file.bytes) for file in own.files] != files:
                raise ValueError(f"the files and sizes of {name}")
        rows = sum(own.rows for own in self.shards)
        tokens = sum(own.tokens for own in self.shards)
        if (rows, tokens) != (self.count * sides, self.tokens):
            raise ValueError(f"the counts of {'-'.join(self.languages)}")


@dataclasses.dataclass(frozen=True)
class _Vocabulary:
    fingerprint: str
    size: int


@dataclasses.dataclass(frozen=True)
class _Index:
    """What is in `index.json`."""

    version: int
    vocabulary: _Vocabulary
    dtype: str
    sources: list[PreparedSource]
    held_out: File | None

    def check(self):
        """Raise a ValueError where the numbers do not fit to each other."""
        if self.dtype != token_dtype(self.vocabulary.size):
            raise ValueError(f"dtype {self.dtype}")
        languages = [own.languages for own in self.sources]
        if not languages or len({*languages}) < len(languages):
            raise ValueError(f"the sources, of {languages}")
        for own in self.sources:
            own.check(self.dtype)
        if self.held_out is not None and self.held_out.name != HELD_OUT_FILE:
            raise ValueError(f"held_out, {self.held_out.name}")


class PreparedCorpora:
    """A folder that `xlm-tf prepare` wrote.

    Args:
        folder: str or Path.

    Attributes:
        sources: list of `PreparedSource`.
        fingerprint: str, of the vocabulary.
        held_out: None where no texts were held out, or a dict of `texts`, from
            languages to lists of str, and `pairs`, from pairs of languages to lists of
            pairs of str.

    Raises:
        ValueError: it is none, is not finished, or is damaged.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        path = self.folder / INDEX_FILE
        if not path.is_file():
            if (self.folder / PROGRESS_FILE).exists():
                raise ValueError(
                    f"{self.folder} is not prepared to its end: run the same "
                    "`xlm-tf prepare` again, it goes on where it stopped."
                )
            raise ValueError(
                f"{self.folder} holds no prepared corpora: there is no {INDEX_FILE} in "
                "it. `xlm-tf prepare` makes one."
            )
        index = self._read(path)
        self.fingerprint = index.vocabulary.fingerprint
        self.vocabulary_size = index.vocabulary.size
        self.dtype = index.dtype
        self.sources = index.sources
        self._held_out_file = index.held_out

    def _read(self, path):
        content = path.read_bytes()
        try:
            version = json.loads(content)["version"]
            if version != VERSION:
                index = None
            else:
                index = TypeAdapter(_Index).validate_json(content, strict=True)
                index.check()
        except ValidationError as error:
            own = error.errors(include_url=False)[0]
            where = ".".join(map(str, own["loc"]))
            raise _damaged(path, f"{where}: {own['msg']}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path, error) from error
        if index is None:
            raise ValueError(
                f"{self.folder} has version {version} of the format. "
                f"Expected: {VERSION}. Prepare the corpora again."
            )
        return index

    @property
    def languages(self):
        """The languages: those of plain text first, then those of pairs alone."""
        of_texts = [own.languages for own in self.sources if len(own.languages) == 1]
        return list(dict.fromkeys(sum([*of_texts, *self.pairs], ())))

    @property
    def pairs(self):
        """The pairs of languages, in their order."""
        return [own.languages for own in self.sources if len(own.languages) == 2]

    @property
    def has_held_out(self):
        """Whether texts were held out."""
        return self._held_out_file is not None

    @property
    def held_out(self):
        if not self.has_held_out:
            return None
        path = self.folder / HELD_OUT_FILE
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            "texts": content["texts"],
            "pairs": {
                tuple(own["languages"]): [tuple(pair) for pair in own["pairs"]]
                for own in content["pairs"]
            },
        }

    def check(self, tokenizer):
        """See that the files are those of the index, and made by a vocabulary.

        Args:
            tokenizer: a tokenizer of `xlm_tf.text`.

        Raises:
            ValueError: another vocabulary; a file that is missing or has changed.
        """
        if tokenizer_fingerprint(tokenizer) != self.fingerprint:
            raise ValueError(
                f"recipe.data.prepared: {self.folder} was prepared with another "
                f"vocabulary, of {self.vocabulary_size:,} tokens. Expected that of the "
                f"recipe, of {tokenizer.vocabulary_size():,}. Prepare the corpora with "
                "it, or name the other one."
            )
        files = [
            file for own in self.sources for shard in own.shards for file in shard.files
        ]
        files += [self._held_out_file] if self.has_held_out else []
        for file in files:
            try:
                file.check(self.folder)
            except ValueError as error:
                raise ValueError(
                    f"recipe.data.prepared: {error} Prepare the corpora again."
                ) from error

    def content_fingerprint(self):
        """A number of all that the shards hold, and of their order: str."""
        crcs = [
            [x.crc32 for x in shard.files]
            for own in self.sources
            for shard in own.shards
        ]
        return f"{zlib.crc32(repr(crcs).encode()):08x}-{self.fingerprint[:16]}"

    def parts(self):
        """The examples of every source.

        Returns:
            `(texts, pairs)`: dicts from languages, and pairs of languages, to lists of
            `Part`. A language without text of its own has its sides of the pairs.
        """
        files = [x for own in self.sources for shard in own.shards for x in shard.files]
        allow_open_files(len(files))
        texts, pairs, sides = {}, {}, {}
        for own in self.sources:
            shards = [MappedShard(self.folder, x, self.dtype) for x in own.shards]
            if len(own.languages) == 1:
                texts[own.languages[0]] = [Part(shard, 1, (0,)) for shard in shards]
                continue
            pairs[own.languages] = [Part(shard, 2, (0, 1)) for shard in shards]
            for side, language in enumerate(own.languages):
                parts = [Part(shard, 2, (side,)) for shard in shards]
                sides.setdefault(language, []).extend(parts)
        return {**sides, **texts}, pairs

    def token_counts(self):
        """How often every token occurs, int64 (V,)."""
        counts = np.zeros(self.vocabulary_size, "int64")
        for own in self.sources:
            for shard in own.shards:
                tokens = MappedShard(self.folder, shard, self.dtype).tokens
                for begin in range(0, len(tokens), _CHUNK):
                    chunk = tokens[begin : begin + _CHUNK]
                    counts += np.bincount(chunk, minlength=self.vocabulary_size)
        return counts


def _damaged(path, why):
    return ValueError(f"{path} is damaged: {why}. Prepare the corpora again.")
