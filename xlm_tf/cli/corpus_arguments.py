"""The argument `--corpus LANGUAGE=FILE` of commands that read text of languages."""

import os


def add_corpus_argument(parser, help, required=False):
    """Add `--corpus`, which may be repeated; one help for what it is read for."""
    parser.add_argument(
        "--corpus",
        action="append",
        default=[],
        required=required,
        metavar="LANGUAGE=FILE",
        help=f"{help}, one sentence per line, plain or .gz; may be repeated",
    )


def corpus_files(arguments):
    """The files of every language.

    Args:
        arguments: list of str, LANGUAGE=FILE. What is one language in two spellings,
            `zh_CN` and `zh-CN`, is one, named as it comes first.

    Returns:
        dict from language to list of str.

    Raises:
        ValueError: an argument in another form, or a file that stands twice.
    """
    from xlm_tf.text.language_codes import parse_language_code

    names, files, seen = {}, {}, {}
    for argument in arguments:
        language, separator, path = argument.partition("=")
        if not (language and separator and path):
            raise ValueError(
                "--corpus must be LANGUAGE=FILE, such as en=news.txt. "
                f"Received: {argument}"
            )
        name = names.setdefault(parse_language_code(language), language)
        path = os.path.expanduser(path)  # the shell leaves ~ alone behind the sign
        place = os.path.realpath(path)
        if place in seen:
            raise ValueError(
                f"--corpus {seen[place]} and --corpus {argument} are the same file: it "
                "would count twice."
            )
        seen[place] = argument
        files.setdefault(name, []).append(path)
    return files
