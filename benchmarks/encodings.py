"""How often the encoding is found, of texts in the encodings of their languages.

python benchmarks/encodings.py --ntrex ntrex

`xlm-tf collect` and charset-normalizer, on one, three and ten sentences of NTREX,
without a declaration; and the first with one that is right, or that is another.
"""

import argparse
import gzip
from pathlib import Path

from charset_normalizer import from_bytes
from rich.console import Console
from rich.table import Table

from xlm_tf.collecting.encodings import decode
from xlm_tf.data.language_identification import LanguageIdentifier

ENCODED = {
    **{"ar": ["cp1256"], "bg": ["cp1251"], "cs": ["iso8859-2", "cp1250"]},
    **{"de": ["cp1252"], "el": ["iso8859-7", "cp1253"], "es": ["cp1252"]},
    **{"fa": ["cp1256"], "fi": ["cp1252"], "fr": ["cp1252"], "he": ["cp1255"]},
    **{"it": ["cp1252"], "ja": ["cp932", "euc_jp"], "ko": ["cp949"]},
    **{"pl": ["iso8859-2", "cp1250"], "pt": ["cp1252"], "ru": ["cp1251", "koi8-r"]},
    **{"th": ["cp874"], "tr": ["cp1254"], "uk": ["cp1251"], "vi": ["cp1258"]},
    **{"zh": ["gb18030"]},
}
WRONG = ("cp1252", "cp1251", "cp932", "utf-8", "cp1250")
SENTENCES = (1, 3, 10)


def main():
    """Count, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ntrex", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--texts", type=int, default=20, help="of every encoding")
    args = parser.parse_args()
    identifier = LanguageIdentifier()

    def by_likeness(content, charset=None):
        return decode(content, charset, identifier)

    def by_charset_normalizer(content):
        return str(from_bytes(content).best())

    table = Table()
    for column in ("sentences", "declared", "decoder", "right", "texts"):
        table.add_column(column, justify="right")
    for count in SENTENCES:
        texts = list(encoded_texts(args, count))
        for decoder in (by_likeness, by_charset_normalizer):
            found = [decoder(content) == text for content, text, _ in texts]
            add(table, count, "nothing", decoder, found)
        found = [by_likeness(x, name) == text for x, text, name in texts]
        add(table, count, "right", by_likeness, found)
        found = [
            by_likeness(content, wrong) == text
            for content, text, name in texts
            for wrong in WRONG
            if wrong != name
        ]
        add(table, count, "wrong", by_likeness, found)
    Console().print(table)


def encoded_texts(args, count):
    """(bytes, text, name of the encoding) of texts of so many sentences."""
    for language, names in ENCODED.items():
        path = args.ntrex / f"ntrex.{language}.txt.gz"
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = file.read().splitlines()
        step = len(lines) // args.texts
        for name in names:
            for begin in range(0, step * args.texts, step):
                text = " ".join(lines[begin : begin + count])
                content = text.encode(name, "xmlcharrefreplace")
                if not content.isascii():
                    yield content, content.decode(name), name


def add(table, count, declared, decoder, found):
    values = (count, declared, decoder.__name__, sum(found), len(found))
    table.add_row(*map(str, values))


if __name__ == "__main__":
    main()
