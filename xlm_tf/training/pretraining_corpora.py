"""The texts that a recipe of pretraining names."""

import functools
from typing import Annotated

from pydantic import Field

from xlm_tf.training.prepared_corpora import PreparedCorpora
from xlm_tf.training.recipe_fields import (
    CatalogueSource,
    CorpusFile,
    CorpusFolder,
    Distinct,
    Language,
    RecipePart,
)
from xlm_tf.training.recipe_parts import Bitext, contradictions_of_texts


class Corpora(RecipePart):
    """Texts of several languages.

    A language without plain text of its own is learnt from its sides of the pairs.
    """

    monolingual: dict[Language, Annotated[list[CorpusFile], Distinct]] = Field(
        {},
        description="Plain text by language, one sentence per line, plain or `.gz`. "
        "Empty lines separate documents.",
    )
    bitext: Annotated[list[Bitext], Distinct] = Field([], description="Pairs of texts.")
    gettext: Annotated[list[CatalogueSource], Distinct] = Field(
        [],
        description="Message catalogues (`LANGUAGE/LC_MESSAGES/*.mo`) as pairs with "
        "English: folders, wheels, or names of installed packages.",
    )
    gettext_languages: Annotated[list[Language], Distinct] | None = Field(
        None, description="The languages to read from the catalogues."
    )

    @property
    def pairs(self):
        """The pairs of languages, in their order."""
        pairs = [entry.languages for entry in self.bitext]
        if self.gettext:
            pairs += [("en", language) for language in self.gettext_languages or ()]
        return list(dict.fromkeys(pairs))

    @property
    def languages(self):
        """The languages: those of plain text first, then those of pairs alone."""
        of_pairs = (language for pair in self.pairs for language in pair)
        return list(dict.fromkeys([*self.monolingual, *of_pairs]))

    def contradictions(self):
        """Yield what does not fit together."""
        if self.gettext and not self.gettext_languages:
            yield (
                "gettext_languages is missing: the languages to read from the "
                "catalogues."
            )
        if self.gettext_languages and not self.gettext:
            yield "gettext is missing: the catalogues to read."
        if "en" in (self.gettext_languages or ()):
            yield (
                "gettext_languages must not hold en, which the messages of the "
                "catalogues are translated from."
            )
        yield from contradictions_of_texts(self)

    def named_languages(self):
        """Yield the places that name a language, and the language."""
        yield from (("monolingual", language) for language in self.monolingual)
        for number, entry in enumerate(self.bitext):
            yield from ((f"bitext[{number}]", own) for own in entry.languages)
        if self.gettext:
            for language in ("en", *self.gettext_languages):
                yield "gettext_languages", language


class TrainingCorpora(Corpora):
    """Texts to train on: of several languages, or prepared."""

    prepared: CorpusFolder | None = Field(
        None,
        description="A folder that `xlm-tf prepare` wrote, instead of all others: its "
        "texts are tokenised already, and shuffled as a whole.",
    )

    @functools.cached_property
    def _index(self):
        return PreparedCorpora(self.prepared)

    @property
    def pairs(self):
        """The pairs of languages, in their order."""
        return super().pairs if self.prepared is None else self._index.pairs

    @property
    def languages(self):
        """The languages: those of plain text first, then those of pairs alone."""
        return super().languages if self.prepared is None else self._index.languages

    @property
    def has_held_out(self):
        """Whether they are prepared, with texts held out."""
        return self.prepared is not None and self._index.has_held_out

    def contradictions(self):
        """Yield what does not fit together."""
        others = sorted(self.model_fields_set - {"prepared"})
        if self.prepared is None:
            yield from super().contradictions()
        elif others:
            yield (
                f"expected either `prepared`, or texts. Received: {', '.join(others)} "
                "beside it."
            )
        else:
            self._index  # noqa: B018  raises where it is none

    def named_languages(self):
        """Yield the places that name a language, and the language."""
        if self.prepared is None:
            yield from super().named_languages()
        else:
            yield from (("prepared", language) for language in self.languages)
