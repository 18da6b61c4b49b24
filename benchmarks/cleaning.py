"""What `xlm-tf clean` finds of planted noise, and what it loses of clean text.

python benchmarks/cleaning.py --ntrex ntrex --multi30k multi30k

NTREX: `ntrex.LANGUAGE.txt.gz` of any languages, parallel; every language, and every
pair with English. Multi30k: `train.LANGUAGE.gz` of en, de and fr.

A planted line is found if it was rejected, by whatever rule, or repaired: what was kept
is what it was before; of personal data, the datum is gone. The other lines are clean,
and all that are rejected are lost.
"""

import argparse
import gzip
import html
import json
import random
import re
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

import yaml
from planted_noise import plant
from timing import machine

from xlm_tf.data.text_lines import binary_lines

KINDS = (
    "wrong language",
    "mojibake",
    "swapped sides",
    "near duplicate",
    "truncated",
    "boilerplate",
    "misaligned",
    "HTML remains",
    "repeated characters",
    "personal data",
)
# Lines of a kind by lines of a file.
SHARE = 1 / 12
# Signs that a repair may change, none of which is noise.
_SAME_SIGNS = str.maketrans("‘’‚‛“”„‟«»–—―", '\'\'\'\'""""""---')
_MASK = re.compile(r"\[(?:EMAIL|PHONE|CARD|IBAN|IP)\]")


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ntrex", type=Path, metavar="FOLDER")
    parser.add_argument("--multi30k", type=Path, metavar="FOLDER")
    parser.add_argument("--languages", nargs="+", help="of NTREX; default: all")
    parser.add_argument(
        "--rules", type=yaml.safe_load, default={}, help="of the cleaning, as YAML"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="cleaning.json")
    args = parser.parse_args()
    document = {"machine": machine(), "seed": args.seed, "rules": args.rules}
    for name, corpus in corpora(args).items():
        planted = {
            languages: plant(rows, languages, others, SHARE, args.seed)
            for languages, (rows, others) in corpus.items()
        }
        result = found(planted, args.rules)
        document[name] = {"tables": tables(result), "samples": samples(result)}
        print(f"\n## {name}\n")
        for table in document[name]["tables"]:
            print(markdown(table), "\n", flush=True)
    Path(args.output).write_text(
        json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(f"Written to {args.output}.")


def corpora(args):
    """What noise is planted in.

    Returns:
        dict from name to a dict from a tuple of languages to (rows, texts of all
        languages), see `plant`.
    """
    texts = {}
    if args.ntrex:
        texts["NTREX"] = {
            path.name.split(".")[1]: read(path)
            for path in sorted(args.ntrex.glob("ntrex.*.txt.gz"))
        }
        if args.languages:
            texts["NTREX"] = {x: texts["NTREX"][x] for x in args.languages}
    if args.multi30k:
        texts["Multi30k"] = {
            language: read(args.multi30k / f"train.{language}.gz")
            for language in ("en", "de", "fr")
        }
    found = {}
    for name, own in texts.items():
        found[f"{name}, lines"] = {
            (language,): ([(text,) for text in lines], own)
            for language, lines in own.items()
        }
        found[f"{name}, pairs"] = {
            ("en", language): (list(zip(own["en"], lines, strict=True)), own)
            for language, lines in own.items()
            if language != "en"
        }
    return found


def read(path):
    """The lines of a file."""
    return [
        " ".join(line.decode("utf-8").split("\t")).strip()
        for _, line in binary_lines(path)
    ]


def found(planted, rules):
    """What the command does with corpora.

    Args:
        planted: dict from a tuple of languages to a list of `Line`.
        rules: dict, of the cleaning.

    Returns:
        dict from languages, "en" or "en-de", to a list of dicts, one a line: `kind`,
        `variant`, `rule` (of a rejected line; "repaired"; None: it was kept), `texts`
        and, of a line that was kept, `kept`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clean(folder, planted, rules)
        return {
            "-".join(languages): list(judged(folder / "cleaned", languages, lines))
            for languages, lines in planted.items()
        }


def clean(folder, planted, rules):
    """Write corpora to a folder, and clean them to its folder `cleaned`."""
    data = {"monolingual": {}, "bitext": []}
    for languages, lines in planted.items():
        names = []
        for side, language in enumerate(languages):
            names.append(f"{'-'.join(languages)}.{language}.gz")
            text = "".join(f"{line.texts[side]}\n" for line in lines)
            (folder / names[side]).write_bytes(gzip.compress(text.encode()))
        if len(languages) == 1:
            data["monolingual"][languages[0]] = names
        else:
            data["bitext"].append(
                {
                    "source_language": languages[0],
                    "target_language": languages[1],
                    "source_file": names[0],
                    "target_file": names[1],
                }
            )
    recipe = {
        "output": str(folder / "cleaned"),
        "data": {key: value for key, value in data.items() if value},
        "rules": {"mask_personal_data": True, **rules},
    }
    (folder / "cleaning.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    command = ["clean", str(folder / "cleaning.yaml"), "--rejected"]
    subprocess.run([sys.executable, "-m", "xlm_tf.cli", *command], check=True)


def judged(output, languages, lines):
    """What became of every line, see `found`."""
    name = "-".join(languages)
    rejected = {
        item["line"]: item["rule"]
        for item in map(json.loads, _lines(output / "rejected" / f"{name}.jsonl.gz"))
    }
    ending = "txt" if len(languages) == 1 else "tsv"
    kept = list(_lines(output / f"{name}.{ending}.gz"))
    if len(rejected) + len(kept) != len(lines):
        raise RuntimeError(
            f"Of {len(lines)} lines of {name}, {len(rejected)} were rejected and "
            f"{len(kept)} kept: these should be all."
        )
    kept = iter(kept)
    for number, line in enumerate(lines, start=1):
        item = {"kind": line.kind, "variant": line.variant, "texts": line.texts}
        if number in rejected:
            item["rule"] = rejected[number]
        else:
            item["kept"] = next(kept).split("\t")
            item["rule"] = "repaired" if is_mended(line, item["kept"]) else None
        yield item


def _lines(path):
    for _, line in binary_lines(path):
        if line:
            yield line.decode("utf-8")


def is_mended(line, kept):
    """Whether what was kept of a line has no noise any more."""
    if line.datum:
        whole = letters_and_digits(line.datum)
        rest = letters_and_digits("\n".join(kept))
        half = len(whole) // 2
        return whole[:half] not in rest and whole[-half:] not in rest
    if line.kind is None or line.before is None:
        return False
    return all(
        re.fullmatch(
            # Data that the text itself had are masked too.
            ".+".join(map(re.escape, _MASK.split(in_plain_signs(text)))),
            in_plain_signs(html.unescape(before)),
        )
        for text, before in zip(kept, line.before, strict=True)
    )


def letters_and_digits(text):
    """A text without all signs, in lower case."""
    return "".join(filter(str.isalnum, text)).lower()


def in_plain_signs(text):
    """A text in which what looks alike is the same."""
    text = unicodedata.normalize("NFKC", text.translate(_SAME_SIGNS))
    text = "".join(x for x in text if unicodedata.category(x) not in ("Cf", "Cc"))
    return " ".join(text.translate(_SAME_SIGNS).split())


def tables(result):
    """Tables of a corpus: by kind, by language, of the clean lines by rule.

    Args:
        result: see `found`.

    Returns:
        list of tables, each a list of rows.
    """
    items = [item for own in result.values() for item in own]
    by_kind = defaultdict(list)
    for item in items:
        by_kind[item["kind"], ""].append(item)
        if item["variant"]:
            by_kind[item["kind"], item["variant"]].append(item)
    kinds = [kind for kind in KINDS if (kind, "") in by_kind]
    rows = [["kind", "lines", "found %", "by"]]
    for kind in kinds:
        for own, variant in sorted(x for x in by_kind if x[0] == kind):
            group = by_kind[own, variant]
            name = f"- {variant}" if variant else f"**{kind}**"
            rows.append([name, f"{len(group):,}", percent(group), by_rule(group)])
    clean = by_kind[None, ""]
    languages = [["", "clean lines", "removed %", *kinds]]
    for name, own in result.items():
        groups = defaultdict(list)
        for item in own:
            groups[item["kind"]].append(item)
        languages.append(
            [name, f"{len(groups[None]):,}", percent(groups[None])]
            + [percent(groups[kind]) for kind in kinds]
        )
    languages.append(
        ["all", f"{len(clean):,}", percent(clean)]
        + [percent(by_kind[kind, ""]) for kind in kinds]
    )
    rules = Counter(item["rule"] for item in clean if item["rule"])
    lost = [["rule", "clean lines", "%"]] + [
        [rule, f"{number:,}", f"{100 * number / len(clean):.2f}"]
        for rule, number in rules.most_common()
    ]
    return [rows, languages, lost]


def samples(result):
    """Ten lines of every kind that were not found, and of those that were lost.

    Args:
        result: see `found`.

    Returns:
        dict from kind to list of dicts.
    """
    wrong = defaultdict(list)
    for name, own in result.items():
        for item in own:
            if (item["rule"] is None) == (item["kind"] is not None):
                wrong[item["kind"] or "lost"].append({"name": name, **item})
    rng = random.Random(0)
    return {kind: rng.sample(own, min(10, len(own))) for kind, own in wrong.items()}


def percent(items):
    """The share of lines that were rejected or repaired."""
    if not items:
        return "-"
    return f"{100 * sum(item['rule'] is not None for item in items) / len(items):.1f}"


def by_rule(items):
    """What lines were found by, the commonest first."""
    rules = Counter(item["rule"] for item in items if item["rule"])
    return ", ".join(
        f"{rule} {100 * number / len(items):.0f}"
        for rule, number in rules.most_common(4)
    )


def markdown(rows):
    """A table of rows of str, of which the first is the head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


if __name__ == "__main__":
    main()
