"""What `xlm-tf prepare` wrote: corpora that were tokenised before the training."""

import dataclasses
import json
import zlib
from pathlib import Path

import numpy as np

from xlm_tf.data.file_content import File
from xlm_tf.data.token_examples import Part
from xlm_tf.data.token_shards import MappedShard, Shard, allow_open_files
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

    languages: tuple
    count: int
    tokens: int
    shards: tuple


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
        try:
            self._read(json.loads(path.read_text(encoding="utf-8")))
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{path} is damaged: {error!r}. Prepare the corpora again."
            ) from error

    def _read(self, content):
        if content["version"] != VERSION:
            raise ValueError(
                f"{self.folder} has version {content['version']} of the format. "
                f"Expected: {VERSION}. Prepare the corpora again."
            )
        self.fingerprint = content["vocabulary"]["fingerprint"]
        self.vocabulary_size = content["vocabulary"]["size"]
        self.dtype = content["dtype"]
        self.sources = [
            PreparedSource(
                tuple(own["languages"]),
                own["count"],
                own["tokens"],
                tuple(map(Shard.from_json, own["shards"])),
            )
            for own in content["sources"]
        ]
        held_out = content["held_out"]
        self._held_out_file = None if held_out is None else File(**held_out)

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
