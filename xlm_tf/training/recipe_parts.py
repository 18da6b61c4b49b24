"""Parts that recipes of several kinds have: pairs of texts, vocabularies, encoders."""

from typing import Literal

from pydantic import Field, field_validator

from xlm_tf.training.recipe_fields import (
    CorpusFile,
    File,
    Language,
    RecipePart,
    Truth,
    identity_of,
)

# Fields that a model needs where no initial model has them; the editor's schema shows
# no default for them.
_FROM_SCRATCH = {"default": None, "json_schema_extra": lambda own: own.pop("default")}
_PAIR_FILES = (".tsv", ".jsonl", ".json")


class Bitext(RecipePart):
    """Pairs of texts: `files` (TSV or JSONL), or two files whose lines belong together.

    A line of a `.tsv` file is `source<TAB>target`; of a `.jsonl` file an object with
    the keys `source` and `target`, or the two languages, or `source` and the target
    language. All may be `.gz`. A list of targets is several references of one source:
    as many pairs to train on, one example to score.
    """

    source_language: Language = Field(description='Such as "en" or "pt-BR".')
    target_language: Language = Field(description="As `source_language`.")
    files: list[CorpusFile] = Field(
        [], description="`.tsv` or `.jsonl` files, read in this order."
    )
    source_file: CorpusFile | None = Field(
        None, description="Plain text, one text per line; instead of `files`."
    )
    target_file: CorpusFile | None = Field(
        None, description="Plain text with as many lines as `source_file`."
    )

    @property
    def languages(self):
        """The pair of languages."""
        return self.source_language, self.target_language

    @property
    def paths(self):
        """All files, as lists of Path."""
        return [*self.files, *filter(None, (self.source_file, self.target_file))]

    @field_validator("files")
    @classmethod
    def _check_files(cls, paths):
        for path in paths:
            check_pair_file(path)
        return paths

    def contradictions(self):
        """Yield what does not fit together."""
        two = (self.source_file is not None) + (self.target_file is not None)
        if two == 1 or bool(self.files) == bool(two):
            yield (
                "expected either `files` (TSV or JSONL), or both `source_file` and "
                "`target_file`."
            )
        elif two and identity_of(self.source_file) == identity_of(self.target_file):
            yield f"source_file and target_file are the same file, {self.source_file}."


def contradictions_of_texts(texts):
    """Yield what does not fit together in texts by language, and pairs.

    Args:
        texts: a part with `monolingual`, a dict from language to list of Path, and
            `bitext`, a list of `Bitext`.
    """
    owners = {}
    for language, paths in texts.monolingual.items():
        if not paths:
            yield f"monolingual.{language} names no file."
        for path in paths:
            owner = owners.setdefault(identity_of(path), language)
            if owner != language:
                yield (
                    f"monolingual.{language} has the same file as "
                    f"monolingual.{owner}: {path}. A text has one language."
                )
    for repeated in repeated_files(texts.bitext):
        yield f"bitext{repeated}"


def contradictions_of_initial_decoder(recipe):
    """Yield what does not fit together with the `initial_decoder` of a recipe."""
    if recipe.initial_decoder is None:
        return
    if recipe.initial_model is None:
        yield (
            "recipe.initial_decoder needs recipe.initial_model, whose encoder it "
            f"writes for. Received: {recipe.initial_decoder}."
        )
    if recipe.model.given().get("share_embeddings"):
        yield (
            "recipe.model.share_embeddings must be false, or left out: the embeddings "
            "of recipe.initial_decoder are its own."
        )


def check_pair_file(path):
    """Raise ValueError where a file's name is not one of pairs of texts."""
    if not path.name.removesuffix(".gz").endswith(_PAIR_FILES):
        raise ValueError(
            "files must be .tsv or .jsonl (or .gz of them); two plain files are "
            f"source_file and target_file. Received: {path}."
        )


def repeated_files(entries):
    """Yield what would be read twice for one direction.

    Args:
        entries: list of `Bitext`.

    Yields:
        str, that goes on after the name of the entries.
    """
    return _repeated(
        (number, paths, (entry.languages, paths))
        for number, entry in enumerate(entries)
        for paths in entry.files or [(entry.source_file, entry.target_file)]
    )


def repeated_tables(entries):
    """Yield the files and datasets that stand in several places.

    Args:
        entries: list of `TaskFiles`.

    Yields:
        str, that goes on after the name of the entries.
    """
    return _repeated(
        (number, table, table)
        for number, entry in enumerate(entries)
        for table in entry.files or [entry.dataset]
    )


def repeated_pairs(entries):
    """Yield what would be read twice as the same pairs.

    Args:
        entries: list of `TextPairs`.

    Yields:
        str, that goes on after the name of the entries.
    """
    return _repeated(
        (number, paths, (entry.languages, entry.source, entry.target, paths))
        for number, entry in enumerate(entries)
        for paths in [*entry.files, *entry.bitext]
        or [entry.dataset or (entry.source_file, entry.target_file)]
    )


def _repeated(numbered):
    read = {}
    for number, paths, key in numbered:
        own = identity_of(key)
        if own in read:
            yield (
                f"[{number}] repeats a file of [{read[own]}]: it would count twice. "
                f"Received: {paths}."
            )
        read.setdefault(own, number)


class BPEVocabulary(RecipePart):
    """A vocabulary of XLM's kind (2019): fastBPE's files, or transformers'."""

    vocabulary: File = Field(
        description="`token count` on every line, or a `vocab.json`."
    )
    codes: File = Field(
        description="fastBPE's codes, `a b count` on every line, or a `merges.txt`."
    )
    max_vocabulary: int | None = Field(
        None,
        ge=14,
        description="Tokens to keep, the 14 special ones included; null keeps all.",
    )
    lowercase: Truth = Field(
        True,
        description="Lower-case, and remove accents, as XLM-15 does; false keeps them.",
    )
    words: Literal["moses", "whitespace"] = Field(
        "moses", description="moses for raw text, whitespace for pre-tokenised text."
    )


class BackboneArguments(RecipePart):
    """Arguments of `xlm_tf.XLMBackbone`.

    The first four are needed where a run begins from scratch. With an `initial_model`
    all are that model's, and only the rates of dropout can be others.
    """

    num_layers: int = Field(ge=1, description="Encoder blocks.", **_FROM_SCRATCH)
    num_heads: int = Field(
        ge=1, description="Attention heads; divides `hidden_dim`.", **_FROM_SCRATCH
    )
    hidden_dim: int = Field(
        ge=1, description="Width of the states (XLM's `emb_dim`).", **_FROM_SCRATCH
    )
    intermediate_dim: int = Field(
        ge=1, description="Width inside the feed-forward networks.", **_FROM_SCRATCH
    )
    dropout: float = Field(
        0.1, ge=0, lt=1, description="Rate after the embeddings and every sub-layer."
    )
    attention_dropout: float = Field(
        0.1, ge=0, lt=1, description="Rate on the attention probabilities."
    )
    max_sequence_length: int = Field(
        512, ge=8, description="Positions of a text, special tokens included."
    )
    num_token_types: int = Field(
        0, ge=0, description="Rows of the token-type embedding; XLM-R has 1."
    )
    position_embedding: Literal["learned", "sinusoidal"] = Field(
        "learned", description="Kind of the positions."
    )
    position_offset: int = Field(
        0, ge=0, description="Row of the first position: 0 in XLM, 2 in XLM-R."
    )
    norm_placement: Literal["post", "pre"] = Field(
        "post",
        description="LayerNorm behind the residual sums, or before the sub-layers "
        "(with one more at the end), which trains more easily.",
    )
    embedding_norm: Truth = Field(True, description="LayerNorm after the embeddings.")
    layer_norm_epsilon: float = Field(1e-5, gt=0, description="1e-12 in XLM.")
    activation: str = Field(
        "gelu",
        description="Of the feed-forward networks: gelu or relu, or another of Keras.",
    )
    zero_padding_states: Truth = Field(
        False,
        description="Set the states of padding to zero after every block, as XLM does.",
    )
    causal: Truth = Field(
        False,
        description="Every token sees the past only. The objectives here need both "
        "sides, so true is refused.",
    )
    initializer_range: float | None = Field(
        None,
        gt=0,
        description="Standard deviation of the dense kernels; null: by their width "
        "(Glorot).",
    )
    embedding_initializer_range: float | None = Field(
        None,
        gt=0,
        description="That of the tables; null: `hidden_dim ** -0.5`, as in XLM.",
    )
    language_embeddings: Truth = Field(
        False,
        description="A learnt vector per language, added to its tokens, as in XLM.",
    )

    @field_validator("causal")
    @classmethod
    def _check_causal(cls, causal):
        if causal:
            raise ValueError(
                "must be false: the tokens of a causal model see the past only, and a "
                "masked token, or a source, is read with both sides."
            )
        return causal

    @field_validator("activation")
    @classmethod
    def _check_activation(cls, name):
        import keras

        try:
            keras.activations.get(name)
        except ValueError as error:
            raise ValueError(
                "must be gelu, relu, or another of keras.activations. Received: "
                f"{name!r}."
            ) from error
        return name

    def contradictions(self):
        """Yield what does not fit together."""
        if self.hidden_dim and self.num_heads and self.hidden_dim % self.num_heads:
            yield (
                "hidden_dim must be divisible by num_heads. Received: "
                f"{self.hidden_dim} and {self.num_heads}."
            )
