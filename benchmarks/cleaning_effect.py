"""What cleaning does to a pretraining: perplexity of held-out captions.

python benchmarks/cleaning_effect.py --multi30k multi30k

A small masked language model is pretrained on captions of Multi30k (en, de, fr) of
which a third is planted noise, on the same cleaned by `xlm-tf clean`, and on those
without noise: equal steps, and one vocabulary, of the last.
"""

import argparse
import gzip
import json
import tempfile
from pathlib import Path

from cleaning import clean, markdown, read
from planted_noise import plant
from small_pretraining import pretrain, train_vocabulary
from timing import machine

LANGUAGES = ("en", "de", "fr")
# Of a kind: eight of them are a third of all lines then.
SHARE = 1 / 21


def main():
    """Write the texts, pretrain on each, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--multi30k", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--output", default="cleaning_effect.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts, counts = write_texts(args, folder)
        vocabulary = folder / "vocabulary.spm"
        train_vocabulary(vocabulary, 4000, texts["captions"])
        held_out = {x: args.multi30k / f"val.{x}.gz" for x in LANGUAGES}
        perplexities = {
            text: [
                pretrain(
                    folder,
                    f"{text} {seed}",
                    vocabulary,
                    files,
                    held_out,
                    {"steps": args.steps, "seed": seed},
                )
                for seed in args.seeds
            ]
            for text, files in texts.items()
        }
    rows = [["", "lines", *LANGUAGES]]
    for text, own in perplexities.items():
        means = (sum(x[language] for x in own) / len(own) for language in LANGUAGES)
        rows.append([text, f"{counts[text]:,}", *(f"{mean:.1f}" for mean in means)])
    print(markdown(rows))
    document = {"machine": machine(), "lines": counts, "perplexities": perplexities}
    Path(args.output).write_text(
        json.dumps(document, indent=1) + "\n", encoding="utf-8"
    )
    print(f"Written to {args.output}.")


def write_texts(args, folder):
    """Write and clean what is pretrained on.

    Returns:
        dict from the name of a text to a dict from language to file, and a dict from
        the name to its number of lines.
    """
    captions = {x: args.multi30k / f"train.{x}.gz" for x in LANGUAGES}
    lines = {language: read(path) for language, path in captions.items()}
    planted = {
        (language,): plant([(x,) for x in own], (language,), lines, SHARE, seed=0)
        for language, own in lines.items()
    }
    clean(folder, planted, {})
    # What is not noise, without near duplicates: as many captions as behind the others.
    texts = {
        "captions": {x: folder / f"captions.{x}.txt.gz" for x in LANGUAGES},
        "with noise": {x: folder / f"{x}.{x}.gz" for x in LANGUAGES},
        "cleaned": {x: folder / "cleaned" / f"{x}.txt.gz" for x in LANGUAGES},
    }
    for (language,), own in planted.items():
        text = "".join(f"{line.texts[0]}\n" for line in own if line.kind is None)
        texts["captions"][language].write_bytes(gzip.compress(text.encode()))
    counts = {
        name: sum(len(read(path)) for path in own.values())
        for name, own in texts.items()
    }
    return texts, counts


if __name__ == "__main__":
    main()
