"""`xlm-tf recipes list|copy|validate|schema`: the recipes of the package, and yours."""

import json
from pathlib import Path

from xlm_tf.output_files import whole_file

KINDS = (
    "pretrain",
    "finetune",
    "classification",
    "tagging",
    "question_answering",
    "embedding",
    "clean",
    "tune",
)


def add_arguments(parser):
    """Add the subcommands of `recipes` and their arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="the recipes of the package").set_defaults(
        act=_list
    )
    copy = actions.add_parser("copy", help="copy a recipe of the package, to edit it")
    copy.add_argument("name", metavar="NAME", help="a name of `xlm-tf recipes list`")
    copy.add_argument(
        "path",
        metavar="PATH",
        nargs="?",
        type=Path,
        help="the new file, or its folder (default: NAME.yaml here)",
    )
    copy.set_defaults(act=_copy)
    validate = actions.add_parser(
        "validate", help="say all that is wrong in a recipe, or a study"
    )
    validate.add_argument("recipe", metavar="FILE", help="YAML file, or a name")
    validate.add_argument("--data", type=Path, help="folder of the corpora")
    validate.add_argument(
        "--output", type=Path, help="folder of the results, instead of the recipe's"
    )
    validate.set_defaults(act=_validate)
    schema = actions.add_parser(
        "schema", help="print the JSON schema of recipes, for completion in an editor"
    )
    schema.add_argument(
        "kind",
        nargs="?",
        choices=KINDS,
        help="the command, or the task of finetune (default: every training's)",
    )
    schema.set_defaults(act=_schema)


def run(args):
    """List, copy or check recipes, or print their schema."""
    return args.act(args)


def _list(args):
    from rich.console import Console
    from rich.table import Table

    from xlm_tf.training.recipe_loader import kind_of
    from xlm_tf.training.recipe_yaml import read_yaml
    from xlm_tf.training.shipped_recipes import shipped_recipes

    table = Table(box=None, pad_edge=False)
    for column in ("name", "command", ""):
        table.add_column(column, no_wrap=column != "")
    for name, path in shipped_recipes().items():
        first_line = path.read_text(encoding="utf-8").partition("\n")[0]
        table.add_row(name, kind_of(read_yaml(path)).command, first_line.strip("# :"))
    Console().print(table)
    return 0


def _copy(args):
    from xlm_tf.training.shipped_recipes import shipped_recipe

    source = shipped_recipe(args.name)
    path = args.path or Path(source.name)
    path = path / source.name if path.is_dir() else path
    if path.exists():
        raise ValueError(
            f"{path} exists and is left as it is: name another file, or delete it."
        )
    with whole_file(path) as partial:
        partial.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{path}: edit it, then run `xlm-tf recipes validate {path}`.")
    return 0


def _validate(args):
    from xlm_tf.training.recipe_loader import RecipeError, load_recipe
    from xlm_tf.training.recipe_yaml import read_yaml

    overrides = {"output": args.output} if args.output else {}
    content = read_yaml(Path(args.recipe)) if Path(args.recipe).is_file() else {}
    what = "a recipe"
    try:
        if _is_of_clean(content):
            from xlm_tf.cleaning.cleaning_recipe import load_cleaning_recipe

            recipe = load_cleaning_recipe(args.recipe, args.data, **overrides)
            command = recipe.command
        elif "search" in content:
            from xlm_tf.tuning.study_file import load_study

            recipe = load_study(args.recipe, args.data, **overrides).recipe
            what, command = "a study", "tune"
            _read_vocabulary(args.recipe, recipe)
        else:
            recipe = load_recipe(args.recipe, args.data, **overrides)
            command = recipe.command
            _read_vocabulary(args.recipe, recipe)
    except RecipeError as error:
        print("\n".join(error.lines))
        return 1
    for notice in recipe.notices():
        print(notice)
    print(f"{args.recipe}: {what} that `xlm-tf {command}` can run.")
    return 0


def _read_vocabulary(name, recipe):
    """Raise a RecipeError where the files of a vocabulary are none."""
    from xlm_tf.training.recipe_loader import RecipeError
    from xlm_tf.training.recipe_tokenizer import read_tokenizer

    if recipe.vocabulary is None and recipe.bpe is None:
        return
    try:
        read_tokenizer(recipe)
    except ValueError as error:
        raise RecipeError([f"{name}: {error}"]) from error


def _is_of_clean(content):
    """Whether the fields of a file are nothing but those of a cleaning."""
    from xlm_tf.cleaning.cleaning_recipe import CleaningRecipe

    own = set(CleaningRecipe.model_fields)
    return bool(content) and ("rules" in content or set(content) <= own)


def _schema(args):
    if args.kind == "clean":
        from xlm_tf.cleaning.cleaning_recipe import CleaningRecipe

        schema = CleaningRecipe.model_json_schema()
    elif args.kind == "tune":
        from xlm_tf.tuning.study_file import StudyFile

        schema = StudyFile.model_json_schema()
    else:
        from xlm_tf.training import recipe_loader

        schema = recipe_loader.schema(args.kind)
    print(json.dumps(schema, indent=2, ensure_ascii=False))
    return 0
