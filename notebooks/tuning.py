# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Choose hyper-parameters, by folds that do not flatter
#
# A study tries values of a recipe's fields and scores each by cross-validation. What is
# held out together decides what the score means: here rows, then words that are new in
# one language, then words that are new in all. Runs in a few minutes on two cores,
# without a network.
#
# `pip install 'xlm-tf[notebooks,tune]'`

# %%
import logging

from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners
logging.getLogger("tensorflow").setLevel("ERROR")  # and its notes

# %%
import shutil
from pathlib import Path

import pandas as pd
import yaml
from IPython.display import Image

from xlm_tf.training.recipe_loader import load_recipe
from xlm_tf.training.task_finetuning import finetune_task
from xlm_tf.tuning.study_file import load_study
from xlm_tf.tuning.tune import tune

# %% [markdown]
# ## Reviews
#
# Made here, so that nothing is downloaded: a thing, and what somebody thinks of it.
# Every word of praise or blame stands in four languages, and often looks alike in them.

# %%
THINGS = {
    "en": "film, book, hotel, phone, game, song, menu, train, app, concert",
    "de": "Film, Roman, Urlaub, Akku, Abend, Song, Koch, Zug, Service, Chor",
    "fr": "film, livre, séjour, menu, jeu, disque, train, service, bal, site",
    "es": "libro, hotel, juego, disco, tren, servicio, bar, menú, móvil, cine",
}
FORMS = {"en": "The {} is {}.", "de": "Der {} ist {}.", "fr": "Le {} est {}."}
FORMS["es"] = "El {} es {}."
WORDS = {
    "positive": [
        "wonderful/wunderbar/merveilleux/maravilloso",
        "excellent/exzellent/excellent/excelente",
        "fantastic/fantastisch/fantastique/fantástico",
        "perfect/perfekt/parfait/perfecto",
        "interesting/interessant/intéressant/interesante",
        "very good/sehr gut/très bon/muy bueno",
        "useful/nützlich/utile/útil",
        "modern/modern/moderne/moderno",
        "elegant/elegant/élégant/elegante",
    ],
    "negative": [
        "terrible/schrecklich/terrible/terrible",
        "horrible/furchtbar/horrible/horrible",
        "boring/langweilig/ennuyeux/aburrido",
        "broken/kaputt/cassé/roto",
        "ugly/hässlich/laid/feo",
        "very bad/sehr schlecht/très mauvais/muy malo",
        "useless/nutzlos/inutile/inútil",
        "absurd/absurd/absurde/absurdo",
        "problematic/problematisch/problématique/problemático",
    ],
}
rows = [
    {
        "text": FORMS[language].format(thing, word),
        "label": label,
        "language": language,
        "word": word,
        "meaning": meaning.split("/")[0],
    }
    for label, meanings in WORDS.items()
    for meaning in meanings
    for language, word in zip(THINGS, meaning.split("/"), strict=True)
    for thing in THINGS[language].split(", ")
]
reviews = pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)
reviews["word"] = reviews["language"] + " " + reviews["word"]
folder = Path("tuning_text")
folder.mkdir(exist_ok=True)
reviews.to_csv(folder / "reviews.tsv", sep="\t", index=False)
reviews.head()

# %% [markdown]
# ## A recipe
#
# [docs/recipes.md](../docs/recipes.md) explains every field; `group` names the column
# of what belongs together. `xlm_tiny`, two small layers in the package, runs anywhere.

# %%
INITIAL_MODEL = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead** (a GPU, and rates a hundredth of those
# below):

# %%
# INITIAL_MODEL = "hf://FacebookAI/xlm-roberta-base"

# %%
recipe = {
    "task": "classification",
    "output": "../tuned",
    "initial_model": INITIAL_MODEL,
    "labels": ["negative", "positive"],
    "group": "word",
    "data": [{"language_column": "language", "files": ["reviews.tsv"]}],
    "held_out_share": 0.3,
    "training": {
        "steps": 40,
        "batch_size": 32,
        "sequence_length": 16,
        "learning_rate": 5e-4,
        "schedule": "linear",
        "warmup_steps": 4,
        "evaluate_every": 20,
        "checkpoint_every": 40,
    },
}
print(yaml.safe_dump(recipe, sort_keys=False))

# %% [markdown]
# ## What is held out together
#
# The same model, three times three folds: macro-F1, the mean over languages and folds.

# %%
for name in ("rows", "words", "meanings", "tuning_study"):
    shutil.rmtree(name, ignore_errors=True)
held_out_together = {"rows": None, "words": "word", "meanings": "meaning"}
scores = {}
for name, group in held_out_together.items():
    recipe_file = folder / f"{name}.yaml"
    recipe_file.write_text(yaml.safe_dump(recipe | {"group": group}), encoding="utf-8")
    study = {
        "recipe": recipe_file.name,
        "output": f"../{name}",
        "search": {"training.learning_rate": {"choices": [1e-3]}},
        "sampler": "grid",
        "cross_validation": {"folds": 3},
    }
    study_file = folder / f"{name}-study.yaml"
    study_file.write_text(yaml.safe_dump(study), encoding="utf-8")
    scores[name] = tune(load_study(study_file), quiet=True).score
pd.Series(scores, name="macro-F1").round(3).to_frame()

# %% [markdown]
# Rows at random say that the task is solved: every word of the third that is held out
# was trained on, in other sentences. A word that is new in one language is known from
# others where it looks alike, and of words that are new in all, this model knows
# nothing. Which of them your users will bring decides which folds to believe.
#
# ## A study
#
# The folds of words, so: which rate carries most across languages, and should lower
# layers learn slower? Every trial trains three models. A trial that is worse than half
# of the others at a step ends there. `xlm-tf tune tuning_text/study.yaml` is the same,
# shows how far it is, and goes on where it was stopped.

# %%
study = {
    "recipe": "words.yaml",
    "output": "../tuning_study",
    "search": {
        "training.learning_rate": {"low": 3e-4, "high": 1e-2, "log": True},
        "training.layer_decay": {"low": 0.25, "high": 1.0, "step": 0.25},
    },
    "sampler": "tpe",
    "pruner": "median",
    "cross_validation": {"folds": 3},
    "trials": 6,
}
study_file = folder / "study.yaml"
study_file.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
result = tune(load_study(study_file), quiet=True)
trials = pd.read_csv("tuning_study/trials.csv")
trials[["trial", "state", "score", "deviation", "last_step", *study["search"]]].round(4)

# %%
Image("tuning_study/parallel.png")

# %% [markdown]
# `deviation` is that of the folds: how much a score depends on which words were held
# out. The highest rate is worse; between the others, what they gain is less than what
# words differ by, and the best of six is always a little lucky. More texts, more folds
# or `seeds` would tell them apart. `tuning_study/report.html` has it all in one file.
#
# ## The best recipe
#
# It holds out what the recipe did, a share of the words, another draw than the folds,
# and is ready to run: `xlm-tf finetune tuning_study/best.yaml`, or

# %%
best = load_recipe("tuning_study/best.yaml")
trained = finetune_task(best, quiet=True)
metrics = pd.read_json(trained.metrics_file, lines=True).set_index("step")
metrics.filter(like="macro_f1").round(3)
