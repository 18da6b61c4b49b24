"""One shared SentencePiece vocabulary for many languages."""

import collections
import dataclasses
import io
import json
import re
from pathlib import Path

import sentencepiece
from rich.table import Table

from xlm_tf.output_files import whole_file
from xlm_tf.text.available_memory import available_memory
from xlm_tf.text.language_codes import UNSPACED_LANGUAGES, parse_language_code
from xlm_tf.text.languages import language_probabilities
from xlm_tf.text.normalization import trainer_arguments, usual_normalization

# Ids that are not SentencePiece's: `<pad>` and `<mask>`.
ADDED_TOKENS = 2
SPECIAL_TEXTS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
# Sentences of each language that the report is measured on.
REPORT_SENTENCES = 2000
# Fixed, as the sums of floats, and so the pieces, depend on it: a vocabulary must not
# depend on the number of cores of the machine.
NUM_THREADS = 16
# SentencePiece leaves longer sentences out, and its own limit of 4,192 is a paragraph.
MAX_SENTENCE_BYTES = 100_000
# What SentencePiece takes of memory for a byte of text: 21.7 were measured in English,
# 18.2 in Russian, 16.5 in Chinese, at any length; and for the strings of a sentence.
MEMORY_OF_BYTE = 22
MEMORY_OF_SENTENCE = 100
# Of the sample that shows whether a text is too small.
TRIAL_BYTES = 4_000_000
# More pieces than any text gives.
_MANY = 1 << 30


@dataclasses.dataclass(frozen=True)
class LanguageCoverage:
    """How a vocabulary serves one language, on up to 2,000 of its sentences.

    Attributes:
        language: str.
        sentences: int, in the corpus.
        share: float, probability that the vocabulary's training drew from it.
        coverage: float, share of the characters that are not read as `<unk>`.
        known_tokens: float, share of the tokens that are not `<unk>`.
        tokens_per_word: float; per character for languages without spaces.
        is_per_character: bool.
    """

    language: str
    sentences: int
    share: float
    coverage: float
    known_tokens: float
    tokens_per_word: float
    is_per_character: bool


@dataclasses.dataclass(frozen=True)
class VocabularyReport:
    """A trained vocabulary.

    Attributes:
        path: Path of the SentencePiece model.
        size: int, all ids, as `XLMSentencePieceTokenizer.vocabulary_size()` says.
        languages: list of `LanguageCoverage`.
        normalization: str, see `train_vocabulary`.
        sentences: int, about as many were drawn.
        memory: float, GB that training on them was estimated to take.
    """

    path: Path
    size: int
    languages: list[LanguageCoverage]
    normalization: str
    sentences: int
    memory: float

    def save_json(self, path):
        """Write the report as JSON."""
        content = {**dataclasses.asdict(self), "path": str(self.path)}
        with whole_file(path) as partial:
            partial.write_text(json.dumps(content, indent=2), encoding="utf-8")

    def table(self):
        """The report as a `rich` table."""
        table = Table(
            title=f"{self.path}: {self.size:,} tokens, text by {self.normalization}"
        )
        for column in (
            "language",
            "sentences",
            "drawn",
            "characters known",
            "tokens known",
            "tokens per word",
        ):
            table.add_column(column, justify="right" if table.columns else "left")
        for row in self.languages:
            unit = "/character" if row.is_per_character else ""
            table.add_row(
                row.language,
                f"{row.sentences:,}",
                f"{row.share:.1%}",
                f"{row.coverage:.2%}",
                f"{row.known_tokens:.2%}",
                f"{row.tokens_per_word:.2f}{unit}",
            )
        return table


def train_vocabulary(
    corpora,
    size,
    output_path,
    alpha=0.5,
    character_coverage=0.9995,
    max_sentences=5_000_000,
    user_defined_symbols=(),
    overwrite=False,
    normalization=None,
    memory=None,
    say=None,
):
    """Train a SentencePiece unigram model on many languages at once.

    Sentences are drawn with q proportional to (n / N) ** alpha, so that small
    languages get pieces of their own; they are read from the corpora as a stream, the
    large languages thinned evenly, the small ones repeated. The same corpora give the
    same vocabulary on every machine whose memory suffices for `max_sentences`, or with
    the same `memory`.

    Args:
        corpora: dict from language to a function without arguments that returns an
            iterator over its sentences, str. Every corpus is read twice.
        size: int, all ids of the tokenizer: specials, pieces and `<mask>`.
        output_path: path of the model file to write.
        alpha: float; 1 draws languages by size, 0 all alike. XLM's is 0.5.
        character_coverage: float from 0.98 to 1, share of the characters that get a
            piece; the rarest others are `<unk>`.
        max_sentences: int, sentences to train on; SentencePiece holds them in memory
            (not the corpora). It leaves out sentences of more than 100,000 bytes.
        user_defined_symbols: list of str, texts that are always one piece, such as
            `%(name)s` or `New York`.
        overwrite: bool, replace an existing file.
        normalization: str, how texts are normalised: "nmt_nfkc" as in XLM-R,
            "keep_joiners" with the zero-width non-joiners that it makes spaces of, or
            "identity". By default what the languages need, see
            `xlm_tf.text.normalization.usual_normalization`.
        memory: float, GB that training may take: as many sentences are drawn as fit,
            by their bytes. By default half of what is free.
        say: function that is told, before the training, how many sentences are drawn
            and what memory they take.

    Returns:
        `VocabularyReport`.

    Raises:
        FileExistsError: the output exists.
        ValueError: a language without text, more tokens than the text gives (names
            the largest possible size; where a sample shows it before the training, a
            bound of it), or a symbol that would never be found. Nothing is written
            then.

    Example:
    ```python
    train_vocabulary(
        {language: lambda l=language: open(f"{l}.txt") for language in ("en", "sw")},
        size=8000,
        output_path="vocabulary.spm",
    )
    ```

    Source: Lample and Conneau 2019, section 3.1.
    """
    output_path = Path(output_path)
    if output_path.exists() and not overwrite:
        raise FileExistsError(
            f"{output_path} exists. Choose another name, or overwrite."
        )
    if size <= ADDED_TOKENS:
        raise ValueError(f"size must hold special tokens and pieces. Received: {size}.")
    if not 0.98 <= character_coverage <= 1:
        raise ValueError(
            "character_coverage must lie between 0.98 and 1. "
            f"Received: {character_coverage}."
        )
    if normalization is None:
        normalization = usual_normalization(corpora)
    symbols = _pieces_of_symbols(user_defined_symbols, normalization)
    if memory is not None and not memory > 0:
        raise ValueError(f"memory must be above 0, in GB. Received: {memory}.")
    counts, sizes = {}, {}
    for language, sentences in corpora.items():
        counts[language], sizes[language] = _count(sentences())
    shares = language_probabilities(counts, alpha)
    # Of a sentence that is drawn: its bytes, and the GB that it takes.
    length = sum(shares[key] * sizes[key] / counts[key] for key in counts)
    per_sentence = (length * MEMORY_OF_BYTE + MEMORY_OF_SENTENCE) / 1e9
    budget = memory or available_memory() / 2e9
    wanted = min(sum(counts.values()), max_sentences)
    total = min(wanted, int(budget / per_sentence))
    if not total:
        raise ValueError(
            f"A memory of {budget:.3g} GB holds no sentence. Received: memory={memory}."
        )
    if say is not None:
        fewer = f", as many as fit into {_size(budget)}" if total < wanted else ""
        say(
            f"Training on {total:,} of {sum(counts.values()):,} sentences{fewer}: "
            f"about {_size(total * per_sentence)} of memory."
        )

    def drawn(part=1):
        for language, sentences in corpora.items():
            own = shares[language] * total / part
            yield from _evenly(sentences(), counts[language], own)

    trials = total * length / TRIAL_BYTES
    if trials > 4:
        _check_size(
            drawn(trials), trials, size, character_coverage, symbols, normalization
        )
    model = _train(
        drawn(), size - ADDED_TOKENS, character_coverage, symbols, normalization
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    report = VocabularyReport(
        output_path,
        size,
        [
            _coverage(
                processor, language, sentences, counts[language], shares[language]
            )
            for language, sentences in corpora.items()
        ],
        normalization,
        total,
        total * per_sentence,
    )
    output_path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(output_path) as partial:
        partial.write_bytes(model)
    return report


def _size(gigabytes):
    """A size for the eye: "3.1 GB", "22 MB"."""
    is_large = gigabytes > 0.999
    return f"{gigabytes:.1f} GB" if is_large else f"{gigabytes * 1000:.3g} MB"


def _count(sentences):
    """How many sentences there are, and their bytes."""
    count, size = 0, 0
    for sentence in sentences:
        count += 1
        size += len(sentence.encode("utf-8", "replace"))
    return count, size


def _check_size(sample, times, size, character_coverage, symbols, normalization):
    """Raise ValueError where a sample shows that the text is too small for a size.

    A text so many times as large as another gives at most as many times as many pieces:
    in English, Swahili and Chinese, twice the text gave 1.3 to 1.7 times as many.
    """
    largest = _largest_size(sample, character_coverage, symbols, normalization)
    if largest * times < size:
        raise ValueError(
            f"The text is too small for a vocabulary of {size:,} tokens: a sample, one "
            f"in {times:.0f} sentences, gives {largest:,}, so that all of it gives "
            f"less than {int(largest * times):,}."
        )


def _largest_size(sentences, character_coverage, symbols, normalization):
    try:
        _train(sentences, _MANY, character_coverage, symbols, normalization)
    except _TooLargeError as error:
        return error.largest
    return _MANY


def _evenly(sentences, count, wanted):
    """Yield about `wanted` of `count` sentences, evenly spaced or repeated."""
    wanted = max(round(wanted), 1)
    for number, sentence in enumerate(sentences):
        for _ in range((number + 1) * wanted // count - number * wanted // count):
            yield sentence


def _pieces_of_symbols(symbols, normalization):
    """The pieces that find the symbols in texts, or an error for one that none does."""
    pieces = [symbol.replace(" ", "\u2581") for symbol in symbols]
    for symbol in symbols:
        if not symbol.strip(" \u2581"):
            raise ValueError(
                f"A user-defined symbol must hold a text. Received: {symbol!r}."
            )
        if symbol in SPECIAL_TEXTS:
            raise ValueError(
                f"Every vocabulary has {', '.join(SPECIAL_TEXTS)}: they are no "
                f"user-defined symbols. Received: {symbol!r}."
            )
    if len(set(pieces)) != len(pieces):
        raise ValueError(
            f"A user-defined symbol must be there once. Received: {list(symbols)}."
        )
    if not pieces:
        return pieces
    # Text is normalised before it is read: a small model shows what is left to find.
    model = _train(["a b", *symbols], 10_000, 1.0, pieces, normalization, is_trial=True)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    for symbol, piece in zip(symbols, pieces, strict=True):
        if piece not in processor.encode(f"a {symbol} b", out_type=str):
            normal = processor.normalize(symbol).replace("\u2581", " ").strip()
            raise ValueError(
                f"The user-defined symbol {symbol!r} would never be found: texts are "
                f"normalised before, and hold {normal!r} instead. Name that, or choose "
                f"another normalization. Received: normalization={normalization!r}."
            )
    return pieces


def _train(
    sentences, num_pieces, character_coverage, symbols, normalization, is_trial=False
):
    model = io.BytesIO()
    reading_errors = []

    def checked():
        try:
            yield from sentences
        except (OSError, ValueError) as error:
            reading_errors.append(error)
            raise

    try:
        with trainer_arguments(normalization) as arguments:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=checked(),
                model_writer=model,
                # A trial needs no more than the symbols.
                model_type="char" if is_trial else "unigram",
                hard_vocab_limit=not is_trial,
                vocab_size=num_pieces,
                character_coverage=character_coverage,
                max_sentence_length=MAX_SENTENCE_BYTES,
                user_defined_symbols=symbols,
                unk_id=0,
                bos_id=1,
                eos_id=2,
                pad_id=-1,
                num_threads=NUM_THREADS,
                minloglevel=2,  # errors, which come as exceptions too
                **arguments,
            )
    except (RuntimeError, ValueError) as error:
        if reading_errors:
            raise reading_errors[0] from error
        raise _explained(str(error), num_pieces) from error
    return model.getvalue()


class _TooLargeError(ValueError):
    """More tokens than a text gives; has the largest possible size."""

    def __init__(self, size, largest):
        self.largest = largest
        super().__init__(
            f"The text is too small for a vocabulary of {size:,} tokens: the largest "
            f"possible is {largest:,}."
        )


def _explained(message, num_pieces):
    """The error of SentencePiece as one that says what to do."""
    size = num_pieces + ADDED_TOKENS
    too_high = re.search(r"value <= (\d+)", message)
    if too_high:
        return _TooLargeError(size, int(too_high[1]) + ADDED_TOKENS)
    too_low = re.search(r"smaller than required_chars\. \d+ vs (\d+)", message)
    if too_low:
        return ValueError(
            f"A vocabulary of {size:,} tokens has no room for the characters of the "
            f"text: it must be at least {int(too_low[1]) + ADDED_TOKENS:,}, or "
            "character_coverage lower."
        )
    return ValueError(
        f"SentencePiece could not train a vocabulary of {size:,}: {message.strip()}"
    )


def _coverage(processor, language, sentences, count, share):
    is_per_character = parse_language_code(language).language in UNSPACED_LANGUAGES
    totals = collections.Counter()
    for sentence in _evenly(sentences(), count, min(count, REPORT_SENTENCES)):
        for piece in processor.encode(sentence, out_type=str):
            is_known = processor.piece_to_id(piece) != processor.unk_id()
            characters = len(piece.replace("\u2581", ""))  # the mark of a word's start
            totals["tokens"] += 1
            totals["known tokens"] += is_known
            totals["characters"] += characters
            totals["known characters"] += characters * is_known
        words = "".join(sentence.split()) if is_per_character else sentence.split()
        totals["words"] += len(words)
    return LanguageCoverage(
        language=language,
        sentences=count,
        share=share,
        coverage=totals["known characters"] / max(totals["characters"], 1),
        known_tokens=totals["known tokens"] / max(totals["tokens"], 1),
        tokens_per_word=totals["tokens"] / max(totals["words"], 1),
        is_per_character=is_per_character,
    )
