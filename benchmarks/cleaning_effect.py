"""What cleaning does to a pretraining: perplexity of held-out captions.

python benchmarks/cleaning_effect.py --multi30k multi30k

A small masked language model is pretrained on captions of Multi30k (en, de, fr) of
which a third is planted noise, on the same cleaned by `xlm-tf clean`, and on those
without noise: equal steps, and one vocabulary, of the last.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from cleaning import clean, markdown, read
from planted_noise import plant
from timing import machine

LANGUAGES = ("en", "de", "fr")
# Of a kind: eight of them are a third of all lines then.
SHARE = 1 / 21
MODEL = {
    "num_layers": 2,
    "num_heads": 4,
    "hidden_dim": 128,
    "intermediate_dim": 512,
    "max_sequence_length": 128,
    "position_offset": 2,
    "language_embeddings": True,
}


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
        corpora = [
            f"--corpus={language}={path}"
            for language, path in texts["captions"].items()
        ]
        vocabulary = folder / "vocabulary.spm"
        run("vocabulary", "--size", "4000", "--output", vocabulary, *corpora)
        perplexities = {
            text: [
                pretrain(args, folder, vocabulary, files, f"{text} {seed}", seed)
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


def pretrain(args, folder, vocabulary, files, name, seed):
    """dict from language to the perplexity of the held-out captions."""
    recipe = {
        "output": str(folder / name),
        "vocabulary": str(vocabulary),
        "model": MODEL,
        "data": {"monolingual": {x: [str(path)] for x, path in files.items()}},
        "held_out": {
            "monolingual": {
                x: [str((args.multi30k / f"val.{x}.gz").absolute())] for x in LANGUAGES
            }
        },
        "objectives": {"mlm": 1},
        "training": {
            "steps": args.steps,
            "batch_size": 16,
            "sequence_length": 128,
            "learning_rate": 2.0e-3,
            "schedule": "cosine",
            "warmup_steps": args.steps // 10,
            "evaluate_every": args.steps,
            "seed": seed,
        },
    }
    path = folder / "pretraining.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    run("pretrain", path, "--quiet")
    metrics = (folder / name / "metrics.jsonl").read_text(encoding="utf-8")
    last = json.loads(metrics.splitlines()[-1])
    return {language: last[f"perplexity/mlm/{language}"] for language in LANGUAGES}


def run(*command):
    """Run `xlm-tf` with arguments."""
    subprocess.run([sys.executable, "-m", "xlm_tf.cli", *map(str, command)], check=True)


if __name__ == "__main__":
    main()
