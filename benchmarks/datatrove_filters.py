"""Seconds of datatrove's filters: `cleaning_speed.py` runs this by another Python.

Answers every line of the standard input by a round over all documents, and the seconds
of every step as an object of JSON.

python datatrove_filters.py documents.jsonl lid.176.ftz
"""

import collections
import json
import os
import sys
import tempfile
import time

# The answers have the standard output for themselves; all else goes to the errors.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from datatrove.data import Document  # noqa: E402
from datatrove.pipeline.dedup.minhash import (  # noqa: E402
    MinhashConfig,
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.filters import (  # noqa: E402
    C4QualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter  # noqa: E402
from fasttext.FastText import _FastText  # noqa: E402
from loguru import logger  # noqa: E402

MINHASH = "MinhashDedup"
# datatrove's names of languages whose words it tells by spaCy alone.
CODES = {
    "bg": "bul",
    "cs": "ces",
    "de": "deu",
    "el": "ell",
    "en": "eng",
    "es": "spa",
    "fi": "fin",
    "fr": "fra",
    "he": "heb",
    "id": "ind",
    "it": "ita",
    "nl": "nld",
    "pl": "pol",
    "pt": "por",
    "ru": "rus",
    "tr": "tur",
    "uk": "ukr",
}


def main():
    """Answer every line of the standard input."""
    path, model_path = sys.argv[1:]
    logger.remove()
    groups = collections.defaultdict(list)
    with open(path, encoding="utf-8") as file:
        for item in map(json.loads, file):
            groups[item["language"]].append(item["text"])
    model = _FastText(model_path)
    steps = {language: filters(language, model) for language in groups}
    for _ in sys.stdin:
        seconds = collections.Counter()
        for language, texts in groups.items():
            seconds.update(one_round(steps[language], texts, CODES[language]))
        print(json.dumps(seconds), file=ANSWERS, flush=True)


def filters(language, model):
    """dict from the name of a step to a function of a document."""
    code = CODES[language]
    identification = LanguageFilter([language])
    identification.model._model = model
    return {
        "FTFYFormatter": formatting(FTFYFormatter()),
        "LanguageFilter": identification.filter,
        "GopherRepetitionFilter": GopherRepetitionFilter(language=code).filter,
        "GopherQualityFilter": GopherQualityFilter(
            language=code, min_stop_words=None
        ).filter,
        "C4QualityFilter": C4QualityFilter(language=code).filter,
        "PIIFormatter": formatting(PIIFormatter()),
    }


def formatting(formatter):
    """A function that formats a document in place."""

    def run(document):
        document.text = formatter.format(document.text)

    return run


def one_round(steps, texts, code):
    """dict from step to its seconds of processor time."""
    seconds = dict.fromkeys([*steps, MINHASH], 0.0)
    for number, text in enumerate(texts):
        # One after the other: what a step has split into words, the next one has too.
        document = Document(text, str(number))
        for name, step in steps.items():
            begun = time.process_time()
            step(document)
            seconds[name] += time.process_time() - begun
    documents = [Document(text, str(number)) for number, text in enumerate(texts)]
    begun = time.process_time()
    minhash(documents, code)
    seconds[MINHASH] = time.process_time() - begun
    return seconds


def minhash(documents, code):
    """The documents without near duplicates."""
    config = MinhashConfig()
    with tempfile.TemporaryDirectory() as folder:
        parts = [f"{folder}/{name}" for name in ("signatures", "buckets", "remove")]
        MinhashDedupSignature(parts[0], config, code).run(iter(documents))
        for bucket in range(config.num_buckets):
            MinhashDedupBuckets(parts[0], parts[1], config=config).run(
                rank=bucket, world_size=config.num_buckets
            )
        MinhashDedupCluster(parts[1], parts[2], config).run()
        return list(MinhashDedupFilter(parts[2]).run(iter(documents)))


if __name__ == "__main__":
    main()
