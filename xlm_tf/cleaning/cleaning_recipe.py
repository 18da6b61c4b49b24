"""A cleaning written down, `xlm-tf clean`: the texts, and the rules that they keep."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationError

from xlm_tf.data.language_identification import LanguageIdentifier
from xlm_tf.text.language_codes import parse_language_code
from xlm_tf.text.scripts import script_pattern
from xlm_tf.training.recipe_fields import (
    CorpusFile,
    Distinct,
    Language,
    ModelName,
    OutputPath,
    RecipePart,
    Truth,
)
from xlm_tf.training.recipe_parts import Bitext, contradictions_of_texts
from xlm_tf.training.recipe_reading import (
    RecipeError,
    check_command,
    context_of,
    lines_of,
    read_fields,
)


class _Switch:
    """What JSON schemas say of `switchable`."""

    def __get_pydantic_json_schema__(self, core_schema, handler):
        schema = handler(core_schema)
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "boolean"}]}


def _switched(value):
    """`true` is a rule as it is, `false` none."""
    if value is True:
        return {}
    return None if value is False else value


def switchable(part):
    """The type of a rule that `false` switches off."""
    return Annotated[part | None, BeforeValidator(_switched), _Switch()]


class Repair(RecipePart):
    """What is undone of a line before the rules see it."""

    mojibake: Truth = Field(
        True, description="Wrong decodings, entities, control characters (ftfy)."
    )
    markup: Truth = Field(True, description="Remove tags of HTML, scripts, styles.")
    normalization: Literal["NFC", "NFKC"] | None = Field(
        "NFC", description="Of Unicode; null: none."
    )


class Length(RecipePart):
    """Words and characters of a line."""

    min_words: int = Field(
        3,
        ge=1,
        description="C4's three. Without spaces, two letters are a word. Of pairs, one "
        "is enough.",
    )
    max_characters: int = Field(5000, ge=10, description="More is no line of text.")


class WordLength(RecipePart):
    """Mean characters of a word, of languages with spaces."""

    min: float = Field(2, ge=0, description="Gopher: 3, of English.")
    max: float = Field(15, gt=0, description="Gopher: 10, of English.")


class Letters(RecipePart):
    """Text is made of letters."""

    min_share: float = Field(
        0.5, ge=0, le=1, description="Of a line's characters, without spaces."
    )
    min_share_of_words: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Words with a letter, of those with a letter or digit, in "
        "languages with spaces. Gopher: 0.8 of all words, of a document.",
    )


class Symbols(RecipePart):
    """Hash signs and ellipses."""

    max_share: float = Field(
        0.1, ge=0, description="Of the words (Gopher); one is always allowed."
    )


class Script(RecipePart):
    """Letters of the scripts that the language is written in."""

    min_share: float = Field(0.3, ge=0, le=1, description="Of all letters.")


class IdentifiedLanguage(RecipePart):
    """The language that a line seems to be in."""

    margin: float = Field(
        1.0,
        ge=0,
        description="How much likelier another one must be, in nats per square root of "
        "the bytes. Larger: fewer lines go, more of closely related languages stay.",
    )
    unknown: Annotated[list[Language], Distinct] = Field(
        [],
        description="Languages that cannot be identified, whose lines are not looked "
        "at by this rule.",
    )


class Duplicates(RecipePart):
    """Lines, or pairs, that stand there before; and those of `held_out`.

    Compared are letters alone, in lower case, with 0 for every digit, as by CCNet.
    """

    min_similarity: float | None = Field(
        0.7,
        ge=0.5,
        lt=1,
        description="Jaccard similarity of the sets of 5 characters (3 in languages "
        "without spaces) from which lines are near duplicates, found by MinHash; null: "
        "equal ones alone.",
    )


class Boilerplate(RecipePart):
    """Lines that are repeated so often that they are no text."""

    min_copies: int = Field(
        10, ge=2, description="All copies go, not only all but the first."
    )


class LengthRatio(RecipePart):
    """Characters of the two sides, against what is usual in these files."""

    max: float = Field(
        1.8, gt=1, description="How many times the usual ratio, either way."
    )


class Similarity(RecipePart):
    """How alike the meanings of the two sides are."""

    model: ModelName = Field(description="Of `xlm-tf finetune` with task embedding.")
    min: float = Field(ge=-1, le=1, description="Cosine; see docs/cleaning.md.")


class Perplexity(RecipePart):
    """How surprising a line is to a language model, as by CCNet."""

    model: ModelName = Field(description="An `XLMCausalLM`, of `xlm-tf pretrain`.")
    max: (
        Annotated[float, Field(gt=1)] | dict[Language, Annotated[float, Field(gt=1)]]
    ) = Field(
        description="By the model's tokens; of all languages, or by language, where "
        "others are not judged."
    )


class PairRules(RecipePart):
    """Rules for pairs of texts, beside those for both lines."""

    length_ratio: switchable(LengthRatio) = Field(
        LengthRatio(), description="Sides of very different lengths."
    )
    truncated: Truth = Field(
        True,
        description="One side alone ends as a sentence does, and the other is shorter "
        "than usual.",
    )
    copied: Truth = Field(True, description="The target is the source.")
    numbers: Truth = Field(
        True,
        description="Both sides have numbers of three digits, and not one in common.",
    )
    placeholders: Truth = Field(
        True,
        description="Placeholders such as {name} or %s that are not on both sides.",
    )
    similarity: Similarity | None = Field(
        None, description="Sides whose meanings differ, by a model of embeddings."
    )


class Rules(RecipePart):
    """What a line must be like; `false` switches a rule off."""

    repair: switchable(Repair) = Field(
        Repair(), description="Mend lines before they are judged."
    )
    length: switchable(Length) = Field(Length(), description="Too short, or too long.")
    encoding: Truth = Field(
        True,
        description="Signs of a wrong decoding that could not be repaired: lost "
        "characters, question marks and signs within words, letters of other code "
        "pages.",
    )
    word_length: switchable(WordLength) = Field(
        WordLength(), description="Words too short or too long on average (Gopher)."
    )
    letters: switchable(Letters) = Field(
        Letters(), description="Mostly digits and signs (Gopher)."
    )
    symbols: switchable(Symbols) = Field(
        Symbols(), description="Hash signs and ellipses (Gopher)."
    )
    markup: Truth = Field(True, description="What is left of HTML and scripts.")
    phrases: Truth = Field(
        True,
        description="C4's: javascript, lorem ipsum, {, terms of use, privacy policy, "
        "cookie policy, uses cookies, use of cookies, use cookies; and ©.",
    )
    ending: Truth = Field(
        False,
        description="Lines that do not end as sentences do (C4). Headlines go "
        "with lines that were cut off.",
    )
    repetition: Truth = Field(
        True,
        description="A character, word or group of them again and again (Gopher).",
    )
    script: switchable(Script) = Field(
        Script(), description="Letters of another script."
    )
    language: switchable(IdentifiedLanguage) = Field(
        IdentifiedLanguage(), description="In another language (CCNet, C4)."
    )
    word_lists: dict[Language, CorpusFile] = Field(
        {},
        description="Files of words, one per line, by language; a line with one of "
        "them goes.",
    )
    mask_personal_data: Truth = Field(
        False,
        description="Write [EMAIL], [PHONE], [CARD], [IBAN] and [IP] for them.",
    )
    perplexity: Perplexity | None = Field(
        None, description="Lines that a language model finds strange (CCNet)."
    )
    pairs: PairRules = Field(PairRules(), description="Of pairs.")
    duplicates: switchable(Duplicates) = Field(
        Duplicates(), description="Lines that stand there before."
    )
    boilerplate: switchable(Boilerplate) = Field(
        Boilerplate(), description="Lines that are repeated often."
    )

    @property
    def has_models(self):
        """Whether a model judges lines or pairs: bool."""
        return self.perplexity is not None or self.pairs.similarity is not None


class Texts(RecipePart):
    """Texts by language, and pairs of them."""

    monolingual: dict[Language, Annotated[list[CorpusFile], Distinct]] = Field(
        {},
        description="Plain text by language, one sentence or paragraph per line, or "
        "`.jsonl` documents with a `text`, as `xlm-tf collect` writes them; or .gz. "
        "Empty lines separate documents.",
    )
    bitext: Annotated[list[Bitext], Distinct] = Field([], description="Pairs of texts.")

    @property
    def languages(self):
        """All languages, each once."""
        pairs = (language for entry in self.bitext for language in entry.languages)
        return list(dict.fromkeys([*self.monolingual, *pairs]))

    @property
    def paths(self):
        """All files: list of Path."""
        paths = [path for own in self.monolingual.values() for path in own]
        return paths + [path for entry in self.bitext for path in entry.paths]

    def contradictions(self):
        """Yield what does not fit together."""
        yield from contradictions_of_texts(self)


class CleaningRecipe(RecipePart):
    """A cleaning, `xlm-tf clean`."""

    command: ClassVar[str] = "clean"
    output: OutputPath = Field(
        description="Folder of the results, or `--output`; a cleaning that was stopped "
        "goes on from there."
    )
    data: Texts = Field(description="The texts to clean.")
    held_out: Texts = Field(
        Texts(),
        description="Texts to evaluate with, which must not be in what is trained on: "
        "lines of `data` that are duplicates of theirs go.",
    )
    rules: Rules = Field(Rules(), description="What lines must be like.")
    rejected: Truth = Field(
        False, description="Keep the lines that go, with their reasons; `--rejected`."
    )

    def contradictions(self):
        """Yield what does not fit together."""
        if not self.data.languages:
            yield "recipe.data names no text: give it `monolingual` or `bitext`."
        if self.held_out.languages and self.rules.duplicates is None:
            yield (
                "recipe.held_out is compared by the rule duplicates, which is switched "
                "off."
            )
        yield from self._idle_held_out()
        for language in self.rules.word_lists:
            if language not in self.data.languages:
                yield (
                    f"recipe.rules.word_lists.{language}: recipe.data has no text of "
                    f"{language}."
                )
        yield from self._equal_names()
        yield from self._unknown_languages()

    def _idle_held_out(self):
        """Held-out texts that nothing of the data is compared with."""
        own = {parse_language_code(name).language for name in self.data.languages}
        groups = [(name,) for name in self.held_out.monolingual]
        groups += dict.fromkeys(entry.languages for entry in self.held_out.bitext)
        for languages in groups:
            if own.isdisjoint(parse_language_code(x).language for x in languages):
                yield (
                    f"recipe.held_out has texts of {' and '.join(languages)}, and "
                    "recipe.data none."
                )

    def _equal_names(self):
        """What would be written under one name: a language `en-de`, and pairs."""
        pairs = dict.fromkeys(entry.languages for entry in self.data.bitext)
        owners = {language: (language,) for language in self.data.monolingual}
        for languages in pairs:
            name = "-".join(languages)
            if owners.setdefault(name, languages) != languages:
                yield (
                    f"recipe.data: the results of {' and '.join(owners[name])} and of "
                    f"the pairs of {' and '.join(languages)} would have one name, "
                    f"{name}. Clean them by two recipes."
                )

    def notices(self):
        """What is worth saying before it runs: a list of str."""
        return []

    def _unknown_languages(self):
        if self.rules.language is not None:
            identifier = LanguageIdentifier()
            for language in self.data.languages:
                try:
                    identifier.label_of(language)
                except ValueError as error:
                    if language not in self.rules.language.unknown:
                        yield (
                            f"recipe.rules.language: {error} Name it under `unknown` "
                            "there, or switch the rule off."
                        )
            for language in self.rules.language.unknown:
                if language not in self.data.languages:
                    yield (
                        f"recipe.rules.language.unknown: recipe.data has no text of "
                        f"{language}."
                    )
        if self.rules.script is not None:
            for language in self.data.languages:
                try:
                    script_pattern([language])
                except ValueError:
                    yield (
                        f"recipe.rules.script: the script of {language} is not known. "
                        "Say it, as in sr-Latn, or switch the rule off."
                    )


def load_cleaning_recipe(path, data_folder=None, **overrides):
    """Read and check a recipe of a cleaning.

    Args:
        path: str or Path of a YAML file; relative paths in it start at its folder.
        data_folder: str or Path where the paths of texts start instead.
        **overrides: values for top-level fields, such as `output`.

    Returns:
        `CleaningRecipe`.

    Raises:
        FileNotFoundError: there is no such recipe or data folder.
        RecipeError: fields that are unknown, missing, of another type or out of range,
            files that do not exist.
        ValueError: the file is not YAML.
    """
    path = Path(path)
    content = read_fields(path, data_folder, overrides)
    check_command(path, content, "rules")
    context = context_of(path.parent, data_folder)
    try:
        return CleaningRecipe.model_validate(content, context=context)
    except ValidationError as error:
        lines = [
            line
            for own in error.errors(include_url=False)
            for line in lines_of(CleaningRecipe, own)
        ]
        raise RecipeError([f"{path}: {line}" for line in lines]) from None
