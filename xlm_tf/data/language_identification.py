"""Which language a text is in, and whether it may be in the one that it should be.

By py3langid (naive Bayes over byte n-grams, 140 languages), which was measured against
others on 30 languages: see `docs/cleaning.md`.
"""

import functools
import math

from xlm_tf.optional_packages import import_optional
from xlm_tf.text.language_codes import parse_language_code

# How much likelier another language may be, in nats per square root of the bytes, by
# which py3langid's scores are comparable between short and long texts.
MARGIN = 1.0
# The same of any text, in nats: a few words say little.
_SHORT_MARGIN = 8.0
# Codes of today for labels of py3langid.
_LABELS = {"fil": "tl", "ckb": "sdh", "kmr": "ku", "prs": "fa"}


class LanguageIdentifier:
    """Identifies languages by py3langid, of the extra `clean`.

    Example:
    ```python
    identifier = LanguageIdentifier()
    identifier.identify("Habari ya asubuhi, rafiki yangu.")  # "sw"
    identifier.mistaken_for("Guten Morgen, mein Freund.", "en")  # "de"
    identifier.mistaken_for("Guten Morgen, mein Freund.", "de")  # None
    ```

    Raises:
        ModuleNotFoundError: py3langid is not installed.
    """

    def __init__(self):
        self._identifier = _py3langid()
        self.languages = sorted(self._identifier.labels)

    def label_of(self, language):
        """The name of a language here.

        Args:
            language: str, a code in any spelling, see `parse_language_code`.

        Returns:
            str, one of `languages`.

        Raises:
            ValueError: a language that is not known.
        """
        own = parse_language_code(language).language
        own = _LABELS.get(own, own)
        if own not in self.languages:
            raise ValueError(
                f"The language {language} is not one that py3langid can identify. "
                f"Known: {', '.join(self.languages)}."
            )
        return own

    def identify(self, text):
        """The likeliest language of a text, str; None for one without letters."""
        if not any(map(str.isalpha, text)):
            return None
        return self._identifier.classify(text)[0]

    def likeness(self, text):
        """How much a text is like one of some language: float.

        In nats, by which it is likelier in its likeliest language than in the mean of
        all. Of several readings of the same bytes, the right one has the most.
        """
        scores = [float(score) for _, score in self._identifier.rank(text)]
        return scores[0] - sum(scores) / len(scores)

    def mistaken_for(self, text, label, margin=MARGIN):
        """The language that a text is much likelier in than in its own.

        Args:
            text: str.
            label: str, see `label_of`.
            margin: float, how much likelier.

        Returns:
            str, or None: it may be in its own language, or has no letters.
        """
        if not any(map(str.isalpha, text)):
            return None
        best, best_score = self._identifier.classify(text)
        if best == label:
            return None
        excess = best_score - dict(self._identifier.rank(text))[label]
        allowed = max(margin * math.sqrt(len(text.encode())), _SHORT_MARGIN)
        return best if excess > allowed else None


@functools.cache
def _py3langid():
    """Its model, which takes a second to load, and which nothing changes."""
    langid = import_optional(
        "py3langid.langid", "Languages of texts", "pip install 'xlm-tf[clean]'"
    )
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
