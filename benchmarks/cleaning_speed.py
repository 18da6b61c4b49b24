"""Text per second of one core: `xlm-tf clean` and datatrove's filters.

python benchmarks/cleaning_speed.py --ntrex ntrex --datatrove datatrove/bin/python \\
    --fasttext-model lid.176.ftz

`--datatrove` is the Python of an environment with datatrove[processing] and spaCy; the
model is fastText's identifier of languages, which datatrove would download. Both get
the articles of NTREX. xlm_tf judges their lines, and reads and writes files besides;
datatrove judges documents, from and to memory.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import yaml
from cleaning import read
from timing import report

from xlm_tf.cleaning.clean import clean
from xlm_tf.cleaning.cleaning_recipe import load_cleaning_recipe

# Those whose words datatrove tells by spaCy alone.
LANGUAGES = ("bg", "cs", "de", "el", "en", "es", "fi", "fr", "he", "id", "it")
LANGUAGES += ("nl", "pl", "pt", "ru", "tr", "uk")
LINE_RULES = {"mask_personal_data": True, "duplicates": False, "boilerplate": False}
RULES = {"line rules": LINE_RULES, "all": {"mask_personal_data": True}}
DOCUMENTS = "documents.jsonl"
_DATATROVE = Path(__file__).with_name("datatrove_filters.py")


def main():
    """Measure in turn, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ntrex", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--languages", nargs="+", default=LANGUAGES)
    parser.add_argument("--datatrove", metavar="PYTHON")
    parser.add_argument("--fasttext-model", metavar="FILE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", default="cleaning_speed.json")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        megabytes = write_documents(args, folder)
        own, theirs = measure(args, folder)
    seconds = {name: {"xlm_tf": median(values)} for name, values in own.items()}
    if theirs:
        whole = {"all": median(sum(x.values()) for x in theirs)}
        whole["line rules"] = median(
            sum(x.values()) - x["MinhashDedup"] for x in theirs
        )
        for name, value in whole.items():
            seconds[name]["datatrove"] = value
        for step in theirs[0]:
            seconds[step] = {"datatrove": median(x[step] for x in theirs)}
    report(
        f"Cleaning {megabytes:.1f} MB",
        "kB/s",
        {
            name: {engine: 1000 * megabytes / value for engine, value in row.items()}
            for name, row in seconds.items()
        },
        "datatrove",
        args.output,
        languages=args.languages,
    )


def write_documents(args, folder):
    """Write the articles to a file a language, and all to one; their size in MB."""
    articles = read(args.ntrex / "DOCUMENT_IDS.txt.gz")
    size = 0
    with open(folder / DOCUMENTS, "w", encoding="utf-8") as everything:
        for language in args.languages:
            lines = zip(
                articles, read(args.ntrex / f"ntrex.{language}.txt.gz"), strict=True
            )
            with open(folder / f"{language}.jsonl", "w", encoding="utf-8") as own:
                for _, group in itertools.groupby(lines, key=lambda x: x[0]):
                    text = "\n".join(line for _, line in group)
                    size += len(text.encode())
                    item = json.dumps({"language": language, "text": text}) + "\n"
                    own.write(item)
                    everything.write(item)
    return size / 1e6


def measure(args, folder):
    """Seconds of processor time, in turn.

    Returns:
        dict from a name of `RULES` to list of seconds, a round each, the first left
        out; and a list of dicts from a step of datatrove to its seconds.
    """
    process = None
    if args.datatrove:
        process = subprocess.Popen(
            [args.datatrove, _DATATROVE, folder / DOCUMENTS, args.fasttext_model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    own, theirs = {name: [] for name in RULES}, []
    # The first round loads what the others have.
    for number in range(args.rounds + 1):
        for name, rules in RULES.items():
            own[name].append(cleaning_seconds(args, folder, name, rules, number))
        if process:
            print(file=process.stdin, flush=True)
            theirs.append(json.loads(process.stdout.readline()))
    if process:
        process.communicate()
    return {name: values[1:] for name, values in own.items()}, theirs[1:]


def cleaning_seconds(args, folder, name, rules, number):
    """Seconds of processor time of a cleaning of all languages."""
    recipe = {
        "output": f"{name} {number}",
        "data": {"monolingual": {x: [f"{x}.jsonl"] for x in args.languages}},
        "rules": rules,
    }
    path = folder / "cleaning.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    recipe = load_cleaning_recipe(path)
    begun = time.process_time()
    clean(recipe, quiet=True)
    return time.process_time() - begun


def median(values):
    """The median of an iterable."""
    return statistics.median(list(values))


if __name__ == "__main__":
    main()
