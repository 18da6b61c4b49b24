"""The quickstart's corpus: messages of well-known programs in 15 languages."""

import collections
import dataclasses
import random
import subprocess
import sys

from xlm_tf.data.gettext_catalogues import iterate_messages
from xlm_tf.data.near_duplicates import DisjointGroups, group_near_duplicates

LANGUAGES = ["ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur"]
LANGUAGES += ["vi", "zh"]
EVERY_LANGUAGE = ["en", *LANGUAGES]
# BSD and MIT licences; about 40 MB. Pinned, so that results can be compared.
WHEELS = {
    "django": "5.2.19",
    "django-allauth": "65.21.1",
    "django-cms": "5.1.3",
    "django-filer": "3.6.0",
    "django-oscar": "4.2.1",
    "djangorestframework": "3.18.3",
    "sphinx": "9.0.4",
    "wagtail": "8.0.1",
}
HELD_OUT_SHARE = 0.07
MIN_CANDIDATES = 200
MIN_WORDS = 3


@dataclasses.dataclass
class MessageCorpus:
    """Messages and their translations, split into training and held-out ones.

    Attributes:
        translations: dict from English message to {language: translation}.
        packages: dict from English message to the one package it is from; messages
            of several packages are left out.
        held_out: set of English messages, of at least three words.
    """

    translations: dict
    packages: dict
    held_out: set

    def pairs(self, language, held_out):
        """Sorted (English, translation) pairs of one side of the split."""
        return sorted(
            (message, by_language[language])
            for message, by_language in self.translations.items()
            if language in by_language and (message in self.held_out) == held_out
        )

    def texts(self, language, held_out):
        """Sorted texts of a language on one side of the split."""
        if language == "en":
            return sorted(
                m for m in self.translations if (m in self.held_out) == held_out
            )
        return sorted({target for _, target in self.pairs(language, held_out)})

    def sentences(self, language):
        """Sorted training texts whose English has at least three words."""
        if language == "en":
            return [text for text in self.texts("en", False) if is_sentence(text)]
        pairs = self.pairs(language, False)
        return sorted({target for source, target in pairs if is_sentence(source)})


def is_sentence(message):
    """Whether an English message is long enough to be asked for."""
    return len(message.split()) >= MIN_WORDS


def download_wheels(directory):
    """Fetch the wheels, without their dependencies, unless they are there.

    Args:
        directory: Path.

    Returns:
        Sorted list of Path.

    Raises:
        ValueError: pip could not download them; holds what pip said.
    """
    directory.mkdir(parents=True, exist_ok=True)
    # Other releases may lie there too: they are no part of the corpus.
    patterns = [f"{n.replace('-', '_')}-{v}-*.whl" for n, v in WHEELS.items()]
    if not all(any(directory.glob(pattern)) for pattern in patterns):
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
        # Only the catalogues are read: the code may need another Python.
        command += ["--ignore-requires-python", "--only-binary", ":all:"]
        command += ["--dest", str(directory)]
        command += [f"{name}=={version}" for name, version in WHEELS.items()]
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        if outcome.returncode:
            raise ValueError(
                f"The corpus could not be downloaded with pip: {outcome.stderr.strip()}"
            )
    return sorted(wheel for pattern in patterns for wheel in directory.glob(pattern))


def read_corpus(wheels, seed=0):
    """Read, clean and split the messages.

    White space is made single spaces; messages that differ in case alone are one.
    Those of at least three words may be held out; words and phrases are for training
    only, as a dictionary. No
    held-out message, or near copy of it, or message with the same translation, is
    among the training messages, in any language.

    Args:
        wheels: list of Path.
        seed: int, of the split.

    Returns:
        `MessageCorpus`.
    """
    translations = collections.defaultdict(dict)
    packages = collections.defaultdict(set)
    spellings = {}
    for message in iterate_messages(wheels, LANGUAGES):
        source = " ".join(message.source.split())
        target = " ".join(message.target.split())
        if target == source:
            continue
        source = spellings.setdefault(source.casefold(), source)
        translations[source].setdefault(message.language, target)
        packages[source].add(message.package)
    messages = sorted(translations)
    groups = _groups(messages, translations)
    members = collections.defaultdict(list)
    for message, group in zip(messages, groups, strict=True):
        members[group].append(message)
    order = sorted(members)
    random.Random(seed).shuffle(order)
    held_out = set()
    wanted = HELD_OUT_SHARE * sum(map(is_sentence, messages))
    for group in order:
        # Large groups are boilerplate, which says little about translation.
        fits = len(members[group]) <= 3 and all(map(is_sentence, members[group]))
        if fits and len(held_out) < wanted:
            held_out.update(members[group])
    return MessageCorpus(
        dict(translations),
        {m: next(iter(names)) for m, names in packages.items() if len(names) == 1},
        held_out,
    )


def _groups(messages, translations):
    near = group_near_duplicates(messages)
    groups = DisjointGroups(len(messages))
    first_with = {}
    for number, message in enumerate(messages):
        groups.join(number, near[number])
        for language, target in translations[message].items():
            key = (language, target.lower())
            groups.join(number, first_with.setdefault(key, number))
    return [groups.find(number) for number in range(len(messages))]
