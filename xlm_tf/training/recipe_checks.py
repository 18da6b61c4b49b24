"""What must hold between the fields of a recipe, all that is known before a step.

The limits of single fields stand with the fields; what needs the texts themselves is
checked when they are read, also before the first step.
"""

from xlm_tf.text.language_codes import match_language, parse_language_code
from xlm_tf.training import initial_model

# The metrics of each task, the one that chooses the best model first.
METRICS = {
    "translation": ("bleu", "chrf"),
    "summarization": ("rougeL", "rouge1", "rouge2"),
}
REQUIRED = ("num_layers", "num_heads", "hidden_dim", "intermediate_dim")
# What an initial model does not fix.
FREE_WITH_INITIAL_MODEL = {
    "dropout",
    "attention_dropout",
    "num_decoder_layers",
    "share_embeddings",
}


def check_pretraining_recipe(recipe):
    """Raise for the first thing that is wrong in a `Recipe`, see `load_recipe`."""
    _check_vocabulary(recipe, ("vocabulary", "bpe", "initial_model"))
    _check_model(recipe, ("sequence_length",))
    _check_training(recipe.training)
    rows, parts = recipe.training.rows_per_batch, recipe.training.accumulation_steps
    if rows % parts:
        raise ValueError(
            "recipe.training.rows_per_batch must be divisible by "
            f"recipe.training.accumulation_steps. Received: {rows} and {parts}."
        )
    if not recipe.objectives:
        raise ValueError("recipe.objectives must name one of mlm, tlm.")
    corpora = {"data": recipe.data}
    if recipe.held_out is not None:
        corpora["held_out"] = recipe.held_out
    for part, own in corpora.items():
        _check_corpora(own, f"recipe.{part}", recipe.objectives)
    _check_held_out(recipe)
    _check_languages(
        (f"recipe.{part}.{where}", language)
        for part, own in corpora.items()
        for where, language in _languages_of_corpora(own)
    )
    if recipe.model.get("language_embeddings"):
        for language in (recipe.held_out or recipe.data).languages:
            if language not in recipe.languages:
                raise ValueError(
                    f"recipe.held_out has {language}, for which recipe.data holds no "
                    "text: the model would have no embedding of that language."
                )
    _check_metric(recipe)
    if recipe.initial_model is not None:
        facts = initial_model.describe(recipe.initial_model)
        if facts is not None:
            check_initial_model(recipe, facts)


def check_finetuning_recipe(recipe):
    """Raise for the first thing wrong in a `FinetuningRecipe`, see its loader."""
    for part in ("data", "held_out"):
        if getattr(recipe, part) == []:
            raise ValueError(f"recipe.{part} names no pairs of texts.")
    parts = {part: getattr(recipe, part) or [] for part in ("data", "held_out", "test")}
    for part, entries in parts.items():
        for number, entry in enumerate(entries):
            _check_bitext(entry, f"recipe.{part}[{number}]")
    _check_repeated_files(recipe.data, "recipe.data")
    _check_languages(
        (f"recipe.{part}[{number}]", language)
        for part, entries in parts.items()
        for number, entry in enumerate(entries)
        for language in entry.languages
    )
    directions = {entry.languages for entry in recipe.data}
    for entry in (*parts["held_out"], *parts["test"]):
        if entry.languages not in directions:
            raise ValueError(
                f"recipe.data does not train {'-'.join(entry.languages)}, which is "
                "evaluated. Trained: "
                f"{', '.join('-'.join(x) for x in sorted(directions))}."
            )
    for part in ("held_out", "test"):
        evaluation_names(parts[part], f"recipe.{part}")
    _check_held_out(recipe)
    if recipe.metric not in METRICS[recipe.task]:
        raise ValueError(
            "recipe.training.early_stopping_metric must be one of "
            f"{', '.join(METRICS[recipe.task])}. Received: {recipe.metric}."
        )
    _check_vocabulary(recipe, ("initial_model", "vocabulary_size", "vocabulary", "bpe"))
    if recipe.vocabulary_normalization and recipe.vocabulary_size is None:
        raise ValueError(
            "recipe.vocabulary_normalization is of a vocabulary that is trained here: "
            "it needs recipe.vocabulary_size. "
            f"Received: {recipe.vocabulary_normalization}."
        )
    _check_model(recipe, ("source_length", "target_length"))
    _check_training(recipe.training)
    _check_tokens_per_batch(recipe.training)
    if recipe.initial_model is None:
        check_target_languages(recipe, recipe.model.get("language_embeddings"))
        return
    facts = initial_model.describe(recipe.initial_model)
    if facts is not None:
        check_initial_model(recipe, facts)
        check_target_languages(recipe, facts.languages)


def notices(recipe):
    """What is allowed, and hardly what was meant.

    Args:
        recipe: `Recipe` or `FinetuningRecipe`.

    Returns:
        List of str.
    """
    training, said = recipe.training, []
    if training.warmup_steps >= training.steps:
        said.append(
            f"The warm-up of {training.warmup_steps} steps is not over in a training "
            f"of {training.steps}: the learning rate stays below its highest. Lower "
            "recipe.training.warmup_steps."
        )
    patience = training.early_stopping_patience
    if patience is not None and patience * training.evaluate_every >= training.steps:
        said.append(
            f"Early stopping after {patience} evaluations, one in "
            f"{training.evaluate_every} steps, ends no training of {training.steps}."
        )
    return said


def evaluation_names(entries, where):
    """The name of every entry that is scored, of its own.

    Args:
        entries: list of `EvaluationPairs`.
        where: str, of the error.

    Returns:
        List of str: "SOURCE-TARGET", or "SOURCE-TARGET/NAME" where the entry has a
        name, or its direction has several entries.

    Raises:
        ValueError: two have the same name.
    """
    directions = ["-".join(entry.languages) for entry in entries]
    names = []
    for number, (entry, direction) in enumerate(zip(entries, directions, strict=True)):
        own = entry.name
        if own is None and directions.count(direction) > 1:
            own = entry.paths[0].name.removesuffix(".gz").rpartition(".")[0]
            own = own or entry.paths[0].name
        name = f"{direction}/{own}" if own else direction
        if name in names:
            raise ValueError(
                f"{where}[{number}] and {where}[{names.index(name)}] would both be "
                f"scored as {name}: give each a `name`."
            )
        names.append(name)
    return names


def check_initial_model(recipe, facts):
    """That a recipe fits the model that it begins with.

    Args:
        recipe: `Recipe` or `FinetuningRecipe`.
        facts: `InitialModelFacts`.

    Raises:
        ValueError: a length beyond the model's positions, a language that it does not
            have, or another architecture.
    """
    name, training = recipe.initial_model, recipe.training
    for length in ("sequence_length", "source_length", "target_length"):
        value = getattr(training, length, 0)
        if value > facts.max_sequence_length:
            raise ValueError(
                f"recipe.training.{length} must not exceed the positions of the "
                f"initial model {name}. Received: {value} and "
                f"{facts.max_sequence_length}."
            )
    if facts.causal and hasattr(training, "sequence_length"):
        raise ValueError(
            f"recipe.initial_model {name} is causal: its tokens see the past only, and "
            "the objectives here need both sides."
        )
    has_languages = facts.languages is not None
    wanted = recipe.model.get("language_embeddings", has_languages)
    if wanted != has_languages:
        raise ValueError(
            f"recipe.model.language_embeddings is that of the initial model {name}. "
            f"Expected: {str(has_languages).lower()}, or to leave it out. Received: "
            f"{str(wanted).lower()}."
        )
    if not has_languages:
        return
    languages = list(recipe.languages)
    if getattr(recipe, "held_out", None) and hasattr(recipe.held_out, "languages"):
        languages += recipe.held_out.languages
    for language in languages:
        try:
            match_language(language, facts.languages, f"those of {name}")
        except ValueError as error:
            raise ValueError(
                f"{error} A model does not learn a language that it has no embedding "
                "of: begin with another one, or without one."
            ) from error


def check_target_languages(recipe, model_has_languages):
    """That a model of several target languages can be told which to write."""
    targets = sorted({entry.target_language for entry in recipe.data})
    if len(targets) > 1 and not model_has_languages:
        raise ValueError(
            "A model of several target languages must be told which to write: set "
            "recipe.model.language_embeddings, or begin with a model that has "
            f"languages. Received: {', '.join(targets)}."
        )


def _check_vocabulary(recipe, sources):
    given = [name for name in sources if getattr(recipe, name) is not None]
    if len(given) != 1:
        raise ValueError(
            "recipe must have one of these, for its vocabulary: "
            f"{', '.join(sources)}; an initial model has its own. Received: "
            f"{' and '.join(given) or 'none'}."
        )
    if recipe.vocabulary is not None:
        _check_file(
            recipe.vocabulary,
            "recipe.vocabulary",
            " `xlm-tf vocabulary` makes one.",
        )
    if recipe.bpe is not None:
        for name in ("vocabulary", "codes"):
            _check_file(getattr(recipe.bpe, name), f"recipe.bpe.{name}")


def _check_model(recipe, lengths):
    model = recipe.model
    if model.get("causal"):
        raise ValueError(
            "recipe.model.causal must be false: the tokens of a causal model see the "
            "past only, and a masked token, or a source, is read with both sides."
        )
    if recipe.initial_model is not None:
        fixed = sorted(set(model) - FREE_WITH_INITIAL_MODEL - {"language_embeddings"})
        if fixed:
            raise ValueError(
                f"recipe.model.{fixed[0]} is that of the initial model. With one, "
                f"recipe.model may have {', '.join(sorted(FREE_WITH_INITIAL_MODEL))}."
            )
        return
    for name in REQUIRED:
        if name not in model:
            raise ValueError(f"recipe.model.{name} is missing.")
    if model["hidden_dim"] % model["num_heads"]:
        raise ValueError(
            "recipe.model.hidden_dim must be divisible by recipe.model.num_heads. "
            f"Received: {model['hidden_dim']} and {model['num_heads']}."
        )
    _check_activation(model.get("activation", "gelu"))
    positions = model.get("max_sequence_length", 512)
    for name in lengths:
        length = getattr(recipe.training, name)
        if length > positions:
            raise ValueError(
                f"recipe.training.{name} must not exceed the model's positions "
                f"(recipe.model.max_sequence_length). Received: {length} and "
                f"{positions}."
            )


def _check_activation(name):
    import keras

    try:
        keras.activations.get(name)
    except ValueError as error:
        raise ValueError(
            "recipe.model.activation must be gelu, relu, or another of "
            f"keras.activations. Received: {name!r}."
        ) from error


def _check_training(training):
    decay = training.learning_rate * training.weight_decay
    if decay >= 1:
        raise ValueError(
            "recipe.training.learning_rate times recipe.training.weight_decay must be "
            "less than 1: a step would take all of the weights. Received: "
            f"{training.learning_rate} and {training.weight_decay}."
        )


def _check_tokens_per_batch(training):
    from xlm_tf.data.bucketing import length_boundaries

    longest = length_boundaries(max(training.source_length, training.target_length))[-1]
    if training.tokens_per_batch < longest * training.accumulation_steps:
        raise ValueError(
            "recipe.training.tokens_per_batch must have room for the longest example, "
            f"{longest} tokens with its padding, in each of accumulation_steps parts: "
            "raise it, or lower source_length and target_length. Received: "
            f"{training.tokens_per_batch} and {training.accumulation_steps}."
        )


def _check_held_out(recipe):
    if recipe.held_out is not None and recipe.held_out_share is not None:
        raise ValueError(
            "recipe must have either held_out, or held_out_share, a share of data."
        )


def _check_corpora(corpora, where, objectives):
    has_pairs = bool(corpora.bitext or corpora.gettext)
    if "mlm" in objectives and not corpora.monolingual and not has_pairs:
        raise ValueError(f"{where} holds no text, which mlm needs.")
    if "tlm" in objectives and not has_pairs:
        raise ValueError(f"{where} holds neither bitext nor gettext, which tlm needs.")
    if corpora.gettext and not corpora.gettext_languages:
        raise ValueError(
            f"{where}.gettext_languages is missing: the languages to read from the "
            "catalogues."
        )
    if corpora.gettext_languages and not corpora.gettext:
        raise ValueError(f"{where}.gettext is missing: the catalogues to read.")
    if "en" in (corpora.gettext_languages or ()):
        raise ValueError(
            f"{where}.gettext_languages must not hold en, which the messages of the "
            "catalogues are translated from."
        )
    owners = {}
    for language, paths in corpora.monolingual.items():
        own = f"{where}.monolingual.{language}"
        if not paths:
            raise ValueError(f"{own} names no file.")
        for path in paths:
            _check_file(path, own)
            if path in owners:
                raise ValueError(
                    f"{own} has the same file as {owners[path]}: {path}. A text has "
                    "one language."
                )
            owners[path] = own
    for number, entry in enumerate(corpora.bitext):
        _check_bitext(entry, f"{where}.bitext[{number}]")
    _check_repeated_files(corpora.bitext, f"{where}.bitext")


def _check_bitext(entry, where):
    """That an entry names files in one of the two ways, and that they exist."""
    both = bool(entry.source_file) and bool(entry.target_file)
    one = bool(entry.source_file) or bool(entry.target_file)
    if bool(entry.files) == both or (entry.files and one):
        raise ValueError(
            f"{where} must have either `files` (TSV or JSONL), or both "
            "`source_file` and `target_file`."
        )
    for path in entry.paths:
        _check_file(path, where)
    for path in entry.files:
        name = path.name.removesuffix(".gz")
        if not name.endswith((".tsv", ".jsonl", ".json")):
            raise ValueError(
                f"{where}.files must be .tsv or .jsonl (or .gz of them); two plain "
                f"files are source_file and target_file. Received: {path}."
            )
    if both and entry.source_file == entry.target_file:
        raise ValueError(
            f"{where}: source_file and target_file are the same file, "
            f"{entry.source_file}."
        )


def _check_repeated_files(entries, where):
    """That no pair of texts is read twice for one direction."""
    read = {}
    for number, entry in enumerate(entries):
        own = entry.files or [(entry.source_file, entry.target_file)]
        for paths in own:
            first = read.setdefault((entry.languages, paths), number)
            if first != number:
                raise ValueError(
                    f"{where}[{number}] repeats a file of {where}[{first}]: it would "
                    f"count twice. Received: {paths}."
                )


def _check_file(path, where, hint=""):
    if path.is_dir():
        raise ValueError(f"{where}: {path} is a folder; name the files in it.")
    if not path.is_file():
        raise FileNotFoundError(f"{where}: there is no file {path}.{hint}")
    if not path.stat().st_size:
        raise ValueError(f"{where}: the file {path} is empty.")


def _languages_of_corpora(corpora):
    yield from (("monolingual", language) for language in corpora.monolingual)
    for number, entry in enumerate(corpora.bitext):
        for language in entry.languages:
            yield f"bitext[{number}]", language
    if corpora.gettext:
        for language in ("en", *corpora.gettext_languages):
            yield "gettext_languages", language


def _check_languages(languages):
    """That a language is spelled one way: two spellings would be two languages."""
    spelled = {}
    for where, language in languages:
        first_where, first = spelled.setdefault(
            parse_language_code(language), (where, language)
        )
        if first != language:
            raise ValueError(
                f"{first} ({first_where}) and {language} ({where}) are one language: "
                "spell it one way."
            )


def _check_metric(recipe):
    held_out = recipe.data if recipe.held_out is None else recipe.held_out
    groups = []
    if "mlm" in recipe.objectives:
        groups += [f"mlm/{language}" for language in held_out.languages]
    if "tlm" in recipe.objectives:
        groups += [f"tlm/{'-'.join(pair)}" for pair in held_out.pairs]
    metric = recipe.training.early_stopping_metric
    known = ["perplexity", "accuracy"]
    known += [f"mean/{name}" for name in known]
    known += [f"{name}/{group}" for name in known[:2] for group in groups]
    if metric not in known:
        raise ValueError(
            "recipe.training.early_stopping_metric must be one of "
            f"{', '.join(known)}. Received: {metric}."
        )
