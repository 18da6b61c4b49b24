"""A pretraining run written down: one YAML file, read and checked as a whole."""

import dataclasses
import typing
from pathlib import Path

from xlm_tf.training.recipe_checks import check_pretraining_recipe
from xlm_tf.training.recipe_fields import (
    CatalogueSource,
    Language,
    ModelName,
    field,
    read_fields,
)

DTYPES = ("float32", "mixed_bfloat16", "mixed_float16")
SCHEDULES = ("inverse_square_root", "linear", "cosine", "constant")
# The share of the texts that is held out where a recipe names none.
HELD_OUT_SHARE = 0.01


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bitext:
    """Pairs of texts: `files` (TSV or JSONL), or two files whose lines belong together.

    A line of a `.tsv` file is `source<TAB>target`; of a `.jsonl` file an object with
    the keys `source` and `target`, or the two languages, or `source` and the target
    language. All may be `.gz`. A list of targets is several references of one source:
    as many pairs to train on, one example to score.
    """

    source_language: Language = field(help='Such as "en" or "pt-BR".')
    target_language: Language = field(help="As `source_language`.")
    files: list[Path] = field([], help="`.tsv` or `.jsonl` files, read in this order.")
    source_file: Path | None = field(
        None, help="Plain text, a text a line; instead of `files`."
    )
    target_file: Path | None = field(
        None, help="Plain text with as many lines as `source_file`."
    )

    @property
    def languages(self):
        """The pair of languages."""
        return self.source_language, self.target_language

    @property
    def paths(self):
        """All files, as lists of Path."""
        return [*self.files, *filter(None, (self.source_file, self.target_file))]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corpora:
    """Texts of several languages.

    A language without plain text of its own is learnt from its sides of the pairs.
    """

    monolingual: dict[Language, list[Path]] = field(
        {},
        help="Plain text by language, one sentence a line, plain or `.gz`. Empty lines "
        "separate documents.",
    )
    bitext: list[Bitext] = field([], help="Pairs of texts.")
    gettext: list[CatalogueSource] = field(
        [],
        help="Message catalogues (`LANGUAGE/LC_MESSAGES/*.mo`) as pairs with English: "
        "folders, wheels, or names of installed packages.",
    )
    gettext_languages: list[Language] | None = field(
        None, help="The languages to read from the catalogues."
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class BPEVocabulary:
    """A vocabulary of XLM's kind (2019): fastBPE's files, or transformers'."""

    vocabulary: Path = field(help="`token count` a line, or a `vocab.json`.")
    codes: Path = field(help="fastBPE's codes, `a b count` a line, or a `merges.txt`.")
    max_vocabulary: int | None = field(
        None,
        minimum=14,
        help="Tokens to keep, the 14 special ones included; null keeps all.",
    )
    lowercase: bool = field(
        True, help="Lower-case, and remove accents, as XLM-15 does; false keeps them."
    )
    words: str = field(
        "moses",
        choices=("moses", "whitespace"),
        help="moses for raw text, whitespace for text that is split into words.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackboneFields:
    """Arguments of `xlm_tf.XLMBackbone`.

    The first four are needed where a run begins from nothing. With an `initial_model`
    all are that model's, and only the rates of dropout can be others.
    """

    num_layers: int = field(minimum=1, help="Encoder blocks.")
    num_heads: int = field(minimum=1, help="Attention heads; divides `hidden_dim`.")
    hidden_dim: int = field(minimum=1, help="Width of the states (XLM's `emb_dim`).")
    intermediate_dim: int = field(
        minimum=1, help="Width inside the feed-forward networks."
    )
    dropout: float = field(
        0.1,
        minimum=0,
        below=1,
        help="Rate after the embeddings and every sub-layer.",
    )
    attention_dropout: float = field(
        0.1, minimum=0, below=1, help="Rate on the attention probabilities."
    )
    max_sequence_length: int = field(
        512, minimum=8, help="Positions of a text, special tokens included."
    )
    num_token_types: int = field(
        0, minimum=0, help="Rows of the token-type embedding; XLM-R has 1."
    )
    position_embedding: str = field(
        "learned", choices=("learned", "sinusoidal"), help="Kind of the positions."
    )
    position_offset: int = field(
        0, minimum=0, help="Row of the first position: 0 in XLM, 2 in XLM-R."
    )
    norm_placement: str = field(
        "post",
        choices=("post", "pre"),
        help="LayerNorm behind the residual sums, or before the sub-layers (with one "
        "more at the end), which trains more easily.",
    )
    embedding_norm: bool = field(True, help="LayerNorm after the embeddings.")
    layer_norm_epsilon: float = field(1e-5, above=0, help="1e-12 in XLM.")
    activation: str = field(
        "gelu", help="Of the feed-forward networks: gelu or relu, or another of Keras."
    )
    zero_padding_states: bool = field(
        False, help="Set the states of padding to zero after every block, as XLM does."
    )
    causal: bool = field(
        False,
        help="Every token sees the past only. The objectives here need both sides, so "
        "true is refused.",
    )
    initializer_range: float | None = field(
        None,
        above=0,
        help="Standard deviation of the dense kernels; null: by their width (Glorot).",
    )
    embedding_initializer_range: float | None = field(
        None, above=0, help="That of the tables; null: `hidden_dim ** -0.5`, as in XLM."
    )
    language_embeddings: bool = field(
        False, help="A learnt vector a language, added to its tokens, as in XLM."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskedLMFields(BackboneFields):
    """Arguments of `xlm_tf.XLMBackbone`, and of the head of `xlm_tf.XLMMaskedLM`.

    The first four are needed where a run begins from nothing. With an `initial_model`
    all are that model's, and only the rates of dropout can be others.
    """

    head_transform: bool = field(
        True, help="XLM-R's prediction head (a dense layer more); false for XLM's."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objectives:
    """How often a batch is of each objective, relative to each other; one at least."""

    mlm: float = field(above=0, help="Masked language modelling, on sentences.")
    tlm: float = field(above=0, help="Translation language modelling, on pairs.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """How to train. A step is one update of the weights on `rows_per_batch` rows."""

    steps: int = field(minimum=1, help="Updates of the weights.")
    rows_per_batch: int = field(
        32,
        minimum=1,
        help="Rows of an update, over all GPUs and accumulation steps.",
    )
    sequence_length: int = field(
        128, minimum=8, help="Tokens of a row; several sentences are packed into it."
    )
    learning_rate: float = field(5e-4, above=0, help="The highest rate.")
    schedule: str = field(
        "inverse_square_root",
        choices=SCHEDULES,
        help="How the rate falls after the warm-up; linear and cosine end at 0.",
    )
    warmup_steps: int = field(
        1000, minimum=1, help="Steps in which the rate rises from about 0."
    )
    weight_decay: float = field(
        0.01, minimum=0, help="Of AdamW; biases and LayerNorms do not decay."
    )
    beta_1: float = field(0.9, minimum=0, below=1, help="Of Adam.")
    beta_2: float = field(0.98, minimum=0, below=1, help="Of Adam.")
    epsilon: float = field(1e-6, above=0, help="Of Adam.")
    clip_norm: float | None = field(
        1.0, above=0, help="Largest global norm of a batch's gradient; null: no bound."
    )
    accumulation_steps: int = field(
        1,
        minimum=1,
        help="Parts of a batch, one after the other: memory for one part, the update "
        "of the whole.",
    )
    dtype: str = field("float32", choices=DTYPES, help="Policy of the computation.")
    language_alpha: float = field(
        0.7,
        minimum=0,
        help="Languages, and pairs, are drawn by (n / N) ** alpha: 1 by their size, 0 "
        "all alike.",
    )
    selection_rate: float = field(
        0.15, above=0, below=1, help="Share of the tokens to predict."
    )
    selection_alpha: float = field(
        0.0,
        minimum=0,
        help="Rare tokens are selected more often, by count ** -alpha (XLM's "
        "`sample_alpha`; 0.5 in its paper); 0 selects all alike.",
    )
    seed: int = field(
        0, minimum=0, maximum=2**32 - 1, help="Of weights, order, masks and dropout."
    )
    evaluate_every: int = field(
        1000, minimum=1, help="Steps between evaluations; there is one at the end."
    )
    checkpoint_every: int = field(
        200, minimum=1, help="Steps between saved states, to resume from."
    )
    early_stopping_metric: str = field(
        "perplexity",
        help="Tells the best model: perplexity or accuracy, the mean of all, or of one "
        "language or pair, such as perplexity/tlm/en-fr.",
    )
    early_stopping_patience: int | None = field(
        None,
        minimum=1,
        help="Evaluations without improvement that end the run; null: none do.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A pretraining run, `xlm-tf pretrain`: MLM and TLM."""

    output: Path = field(
        help="Folder of the results, or `--output`; a run that was stopped goes on "
        "from there.",
    )
    vocabulary: Path | None = field(
        None, help="SentencePiece model, as `xlm-tf vocabulary` writes."
    )
    bpe: BPEVocabulary | None = field(None, help="A vocabulary of XLM's kind instead.")
    initial_model: ModelName | None = field(
        None,
        help="A masked language model to go on with, instead of a vocabulary: a "
        "folder, `hf://OWNER/NAME`, or a name of `xlm_tf.PRESETS`. Its tokenizer and "
        "its languages are kept.",
    )
    model: dict[str, typing.Any] = field(
        {}, given=MaskedLMFields, help="The architecture."
    )
    data: Corpora = field(in_data_folder=True, help="Texts to train on.")
    held_out: Corpora | None = field(
        None,
        in_data_folder=True,
        help="Texts to score, apart by language and pair. Left out, a share of `data` "
        "is held out.",
    )
    held_out_share: float | None = field(
        None,
        above=0,
        below=0.5,
        help=f"That share, of the documents and pairs of `data`; default "
        f"{HELD_OUT_SHARE}, of a corpus 2,000 at most. What is held out, or says the "
        "same, is not trained on.",
    )
    objectives: dict[str, float] = field(
        {"mlm": 1.0}, given=Objectives, help="What to learn; default `{mlm: 1}`."
    )
    training: Training = field(help="How to train.")

    @property
    def languages(self):
        """Languages of the training texts, sorted: the order of the language ids."""
        return sorted(self.data.languages)


def load_recipe(path, data_folder=None, **overrides):
    """Read and check a recipe; its fields are explained in `docs/recipes.md`.

    Args:
        path: str or Path of a YAML file. Relative paths in it start at its folder.
        data_folder: str or Path where those of `data` and `held_out` start instead.
        **overrides: values for top-level fields, such as `output`; paths among them
            start at the working directory.

    Returns:
        `Recipe`.

    Raises:
        FileNotFoundError: the recipe, or a file that it names, does not exist.
        ValueError: a field that is unknown, missing, of another type or out of
            range, or fields that contradict each other; names them.
    """
    recipe = read_fields(Recipe, path, data_folder, overrides)
    check_pretraining_recipe(recipe)
    return recipe
