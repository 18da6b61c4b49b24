"""Files of word vectors in fastText's text format, `.vec`, streaming.

The first line is `count dimension`, every other one a word and its numbers. MUSE's
aligned vectors are such files, too.
"""

import numpy as np

from xlm_tf.data.corpus_report import CorpusReport, check_files
from xlm_tf.data.text_lines import binary_lines

# Words that are in memory at once.
WORDS_AT_ONCE = 4096
_BINARY = (".bin", ".pth", ".pt", ".pkl", ".npy", ".npz", ".model")


def check_vector_file(path):
    """Raise ValueError where a file's name is of another format than `.vec`."""
    name = path.name.removesuffix(".gz")
    ending = name[name.rfind(".") :] if "." in name else ""
    if ending in _BINARY:
        raise ValueError(
            f"{path} is of another format. Expected text, `.vec` of fastText (or .gz), "
            "which fastText writes and publishes beside every `.bin`; MUSE writes it "
            "with `--export txt`, gensim with `save_word2vec_format`."
        )


def vector_dimension(path):
    """The dimension that the first line of a file says.

    Args:
        path: Path, plain or gzip.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is of another format.
    """
    check_vector_file(path)
    (path,) = check_files(path)
    _, first = next(binary_lines(path), (0, b""))
    numbers = first.split()
    if len(numbers) != 2 or not all(x.isdigit() and int(x) for x in numbers):
        raise ValueError(
            f"{path}:1: expected two whole numbers, how many words there are and the "
            "dimension of their vectors, as fastText's .vec begin; a file of GloVe can "
            f"be given such a line. Received: {_shown(first)}."
        )
    return int(numbers[1])


def check_dimension(path, width):
    """Raise ValueError where the vectors of a file are not as wide as a model."""
    dimension = vector_dimension(path)
    if dimension != width:
        raise ValueError(
            f"{path} holds vectors of {dimension} numbers, and the model has "
            f"hidden_dim {width}. Expected the same: choose hidden_dim {dimension}, or "
            f"vectors of {width}."
        )


def read_word_vectors(path, report=None, is_wanted=None):
    """The words of a file and their vectors, some at a time.

    Lines that cannot be read are left out.

    Args:
        path: Path, plain or gzip.
        report: `CorpusReport` to count in; without one, broken lines are a warning.
        is_wanted: function from the number of a word, from 1, and the word to whether
            to read its vector; the others, whose numbers cost time, are passed over.

    Yields:
        Pairs of a list of n str and a float32 array (n, D).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is of another format, damaged, or most of it cannot be read.
    """
    dimension = vector_dimension(path)
    own = CorpusReport() if report is None else report
    words, vectors = [], []
    for number, line in binary_lines(path, own.lines_of(path)):
        if number == 1:
            continue
        if is_wanted is not None:
            word = line.partition(b" ")[0].decode("utf-8", "replace")
            if not is_wanted(number - 1, word):
                continue
        try:
            word, vector = _read_line(line, dimension)
        except ValueError as error:
            own.add_broken(path, number, str(error))
            continue
        own.sentences += 1
        words.append(word)
        vectors.append(vector)
        if len(words) == WORDS_AT_ONCE:
            yield words, np.array(vectors, "float32")
            words, vectors = [], []
    if words:
        yield words, np.array(vectors, "float32")
    own.check_usable([path])
    if report is None:
        own.warn()


def _read_line(line, dimension):
    word, *numbers = line.rstrip(b" \t").rsplit(b" ", dimension)
    if len(numbers) != dimension or not word:
        raise ValueError(f"expected a word and {dimension} numbers: {_shown(line)}")
    try:
        vector = np.array([float(x) for x in numbers], "float32")
    except ValueError as error:
        raise ValueError(f"{error}: {_shown(line)}") from error
    if not np.isfinite(vector).all():
        raise ValueError(f"a number that is not finite: {_shown(line)}")
    try:
        return word.decode("utf-8"), vector
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8: {error.reason} at byte {error.start}") from error


def _shown(line):
    text = line[:60].decode("utf-8", "replace")
    return repr(text + "..." if len(line) > 60 else text)


def write_word_vectors(path, words, vectors):
    """Write a file that `read_word_vectors` reads.

    Args:
        path: Path.
        words: list of str, the most frequent first.
        vectors: float array (words, dimension).
    """
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{len(words)} {vectors.shape[1]}\n")
        for word, vector in zip(words, vectors, strict=True):
            file.write(f"{word} {' '.join(f'{x:.5f}' for x in vector)}\n")
