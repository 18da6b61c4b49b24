"""What choices of a pretraining are worth at equal steps: held-out perplexity.

python benchmarks/pretraining_choices.py --multi30k multi30k --scitldr xscitldr

Masked language models of captions (en, de, fr) with packed rows and streams, with a
rate that falls from 30 to 5 %, and with a language that joins (mmBERT, Marone et al.,
arXiv 2509.06888; its phases have 77, 20 and 3 % of the tokens); causal ones of the
sentences of abstracts, whose order means something. Held-out sentences are scored each
on its own, of masked models 15 % of the tokens.
"""

import argparse
import gzip
import json
import re
import statistics
import tempfile
from pathlib import Path

from cleaning import markdown
from small_pretraining import MODEL, pretrain, train_vocabulary
from timing import machine

LANGUAGES = ("en", "de", "fr")


def main():
    """Pretrain by every choice, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--multi30k", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--scitldr", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--output", default="pretraining_choices.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        result = {
            "captions, mlm": captions(args, Path(name)),
            "abstracts, clm": abstracts(args, Path(name)),
        }
    for text, choices in result.items():
        languages = next(iter(choices.values()))[0]
        rows = [[text, *languages]]
        for choice, runs in choices.items():
            means = (statistics.mean(own[x] for own in runs) for x in languages)
            rows.append([choice, *(f"{mean:.1f}" for mean in means)])
        print(markdown(rows))
    document = {"machine": machine(), "steps": args.steps, "perplexities": result}
    Path(args.output).write_text(
        json.dumps(document, indent=1) + "\n", encoding="utf-8"
    )
    print(f"Written to {args.output}.")


def captions(args, folder):
    """dict from a choice to what `pretrain` gives, by seed."""
    data = {x: (args.multi30k / f"train.{x}.gz").absolute() for x in LANGUAGES}
    held_out = {x: args.multi30k / f"val.{x}.gz" for x in LANGUAGES}
    vocabulary = folder / "captions.spm"
    train_vocabulary(vocabulary, 4000, data)
    second, third = round(0.77 * args.steps), round(0.97 * args.steps)
    choices = {
        "packed": {},
        "stream": {"rows": "stream"},
        "rate 30, 15, 5 %": {
            "selection_rate": f"0:0.3,{second - 1}:0.3,{second}:0.15,"
            f"{third - 1}:0.15,{third}:0.05"
        },
        "rate 30 %": {"selection_rate": 0.3},
        "fr joins at 77 %": {"language_starts": {"fr": second}},
    }
    return {
        choice: [
            pretrain(
                folder,
                f"captions, {choice}, seed {seed}",
                vocabulary,
                data,
                held_out,
                {"steps": args.steps, "seed": seed, **training},
            )
            for seed in args.seeds
        ]
        for choice, training in choices.items()
    }


def abstracts(args, folder):
    """As `captions`."""
    files = {}
    for split in ("train", "dev"):
        with gzip.open(args.scitldr / f"scitldr_en.{split}.jsonl.gz", "rt") as lines:
            texts = [json.loads(line)["source"] for line in lines]
        sentences = [x for text in texts for x in re.split(r"(?<=[.!?])\s+", text) if x]
        files[split] = folder / f"{split}.txt"
        files[split].write_text("\n".join(sentences) + "\n", encoding="utf-8")
    vocabulary = folder / "abstracts.spm"
    train_vocabulary(vocabulary, 4000, {"en": files["train"]})
    return {
        rows: [
            pretrain(
                folder,
                f"abstracts, {rows}, seed {seed}",
                vocabulary,
                {"en": files["train"]},
                {"en": files["dev"]},
                {"steps": args.steps, "seed": seed, "rows": rows},
                objectives={"clm": 1},
                model={**MODEL, "causal": True},
            )
            for seed in args.seeds
        ]
        for rows in ("packed", "stream")
    }


if __name__ == "__main__":
    main()
