"""`xlm-tf vectors`: word vectors of two languages in one space, from text alone.

For example `xlm-tf vectors --corpus en=en.txt --corpus fr=fr.txt --dimension 128
--output vectors`, which writes vectors/en.vec and vectors/fr.vec.
"""

import re
from pathlib import Path

from xlm_tf.cli.argument_types import whole
from xlm_tf.cli.corpus_arguments import add_corpus_argument, corpus_files

# A word with the apostrophe of an elision, or a sign.
_WORD = re.compile(r"\w+'?|[^\w\s]")


def add_arguments(parser):
    """Add the arguments of `vectors`."""
    add_corpus_argument(
        parser, "text of one of two languages, which separate words", required=True
    )
    parser.add_argument(
        "--dimension",
        type=whole("dimension", minimum=2),
        required=True,
        help="numbers of a vector: the hidden_dim of the model that begins with them",
    )
    parser.add_argument(
        "--min-count",
        type=whole("min_count"),
        default=5,
        help="occurrences of a word that gets a vector (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="folder of the files, one per language, in fastText's format, and of "
        "dictionary.tsv; must not exist",
    )
    parser.add_argument("--quiet", action="store_true", help="print errors alone")


def run(args):
    """Make the vectors, align them, write them.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError, OSError: a corpus cannot be used, or the output not be written.
    """
    from xlm_tf.data.aligned_vectors import align, word_vectors
    from xlm_tf.data.plain_text import iterate_plain_text, scan_plain_text
    from xlm_tf.data.word_vectors import write_word_vectors
    from xlm_tf.output_files import check_new, whole_folder

    files = corpus_files(args.corpus)
    if len(files) != 2:
        raise ValueError(
            "Two languages are aligned: name each by --corpus LANGUAGE=FILE. Received: "
            f"{', '.join(files)}."
        )
    check_new(args.output)
    say = (lambda text: None) if args.quiet else print
    found = []
    for language, paths in files.items():
        say(f"{language}: {scan_plain_text(paths).summary()}")
        sentences = (
            _WORD.findall(text.casefold().replace("\u2019", "'"))
            for text in iterate_plain_text(paths)
        )
        try:
            found.append(word_vectors(sentences, args.dimension, args.min_count))
        except ValueError as error:
            raise ValueError(f"{language}: {error}") from error
    alignment = align(*found)
    with whole_folder(args.output) as folder:
        folder.mkdir()
        for language, own in zip(
            files, (alignment.first, alignment.second), strict=True
        ):
            write_word_vectors(folder / f"{language}.vec", own.words, own.vectors)
        lines = "".join(f"{a}\t{b}\n" for a, b in alignment.dictionary)
        (folder / "dictionary.tsv").write_text(lines, encoding="utf-8")
    sizes = [len(own.words) for own in found]
    place = args.output.absolute()  # a recipe may be in another folder
    say(
        f"{sizes[0]:,} and {sizes[1]:,} words, {alignment.alike:,} of them written "
        f"alike; {len(alignment.dictionary):,} pairs are each other's nearest, in "
        f"{args.output / 'dictionary.tsv'}. `initial_embeddings: {{"
        + ", ".join(f"{x}: {place / x}.vec" for x in files)
        + "}` begins a training with them."
    )
    return 0
