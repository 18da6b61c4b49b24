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
# # Pretrain on your own text
#
# From raw text in three languages to a model that fills masks: a vocabulary, a recipe,
# masked and translation language modelling in one run, which is stopped on the way and
# goes on. Runs in a minute or two on two cores, without a network.
#
# `pip install 'xlm-tf[notebooks]'`

# %%
from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners

# %%
import itertools
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import pandas as pd
import yaml

import xlm_tf
from xlm_tf.data.plain_text import iterate_plain_text
from xlm_tf.text.vocabulary import train_vocabulary
from xlm_tf.training.pretrain import build_masked_lm, pretrain
from xlm_tf.training.recipe_loader import load_recipe

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Text
#
# Yours would be files with a sentence a line. Here they are made: one or several people
# do something with one thing or several, in English, German and French. Who reads,
# reads books and letters, and who eats, apples: that is what there is to learn, beside
# the three grammars.

# %%
# Of one and of several, in each language.
LANGUAGES = ["en", "de", "fr"]
WHO = [
    "the teacher, the teachers/der Lehrer, die Lehrer/le professeur, les professeurs",
    "my sister, my sisters/meine Schwester, meine Schwestern/ma sœur, mes sœurs",
    "her brother, her brothers/ihr Bruder, ihre Brüder/son frère, ses frères",
    "the boy, the boys/der Junge, die Jungen/le garçon, les garçons",
    "the cook, the cooks/der Koch, die Köche/le cuisinier, les cuisiniers",
    "the farmer, the farmers/der Bauer, die Bauern/le fermier, les fermiers",
    "their son, their sons/ihr Sohn, ihre Söhne/leur fils, leurs fils",
    "a friend, two friends/ein Freund, zwei Freunde/un ami, deux amis",
    "the woman, the women/die Frau, die Frauen/la femme, les femmes",
    "the doctor, the doctors/der Arzt, die Ärzte/le médecin, les médecins",
]
WHAT = {
    "reads, read/liest, lesen/lit, lisent": [
        "a book, books/ein Buch, Bücher/un livre, des livres",
        "a letter, letters/einen Brief, Briefe/une lettre, des lettres",
        "a newspaper, newspapers/eine Zeitung, Zeitungen/un journal, des journaux",
        "a story, stories/eine Geschichte, Geschichten/une histoire, des histoires",
    ],
    "eats, eat/isst, essen/mange, mangent": [
        "an apple, apples/einen Apfel, Äpfel/une pomme, des pommes",
        "a cake, cakes/einen Kuchen, Kuchen/un gâteau, des gâteaux",
        "an egg, eggs/ein Ei, Eier/un œuf, des œufs",
        "a carrot, carrots/eine Karotte, Karotten/une carotte, des carottes",
    ],
    "carries, carry/trägt, tragen/porte, portent": [
        "a bag, bags/eine Tasche, Taschen/un sac, des sacs",
        "a basket, baskets/einen Korb, Körbe/un panier, des paniers",
        "a ladder, ladders/eine Leiter, Leitern/une échelle, des échelles",
        "a box, boxes/eine Kiste, Kisten/une caisse, des caisses",
    ],
    "repairs, repair/repariert, reparieren/répare, réparent": [
        "a roof, roofs/ein Dach, Dächer/un toit, des toits",
        "a clock, clocks/eine Uhr, Uhren/une horloge, des horloges",
        "a bicycle, bicycles/ein Fahrrad, Fahrräder/un vélo, des vélos",
        "a chair, chairs/einen Stuhl, Stühle/une chaise, des chaises",
    ],
    "sells, sell/verkauft, verkaufen/vend, vendent": [
        "a flower, flowers/eine Blume, Blumen/une fleur, des fleurs",
        "a horse, horses/ein Pferd, Pferde/un cheval, des chevaux",
        "a coat, coats/einen Mantel, Mäntel/un manteau, des manteaux",
        "a lamp, lamps/eine Lampe, Lampen/une lampe, des lampes",
    ],
    "paints, paint/malt, malen/peint, peignent": [
        "a picture, pictures/ein Bild, Bilder/un tableau, des tableaux",
        "a door, doors/eine Tür, Türen/une porte, des portes",
        "a wall, walls/eine Wand, Wände/un mur, des murs",
        "a ship, ships/ein Schiff, Schiffe/un bateau, des bateaux",
    ],
}
rows = []
for who, (does, things) in itertools.product(WHO, WHAT.items()):
    for thing, one, other in itertools.product(things, (0, 1), (0, 1)):
        row = []
        for place in range(len(LANGUAGES)):
            subject, verb, what = (
                part.split("/")[place].split(", ") for part in (who, does, thing)
            )
            text = f"{subject[one]} {verb[one]} {what[other]}."
            row.append(text[0].upper() + text[1:])
        rows.append(row)
random.Random(0).shuffle(rows)
sentences = pd.DataFrame(rows, columns=LANGUAGES)
sentences.head()

# %% [markdown]
# A sixth is held out, half of the rest are pairs with English, and the languages' own
# texts are the other half, which nobody has translated:

# %%
held_out, pairs, alone = sentences[:160], sentences[160:560], sentences[560:]
folder = Path("pretraining_text")
folder.mkdir(exist_ok=True)
for name, table in (("train", alone), ("held_out", held_out)):
    for language in LANGUAGES:
        text = "\n".join(table[language])
        (folder / f"{name}.{language}.txt").write_text(text, encoding="utf-8")
for name, table in (("train", pairs), ("held_out", held_out)):
    for other in ("de", "fr"):
        lines = "\n".join(table.en + "\t" + table[other])
        (folder / f"{name}.en-{other}.tsv").write_text(lines, encoding="utf-8")
sorted(path.name for path in folder.iterdir())

# %% [markdown]
# ## A vocabulary
#
# One for all languages, made from raw text; `xlm-tf vocabulary` does the same. The
# report says how well it serves each:

# %%
report = train_vocabulary(
    {
        language: lambda name=f"train.{language}.txt": iterate_plain_text(
            [folder / name]
        )
        for language in LANGUAGES
    },
    size=220,
    output_path=folder / "vocabulary.spm",
    overwrite=True,
)
pd.DataFrame(report.languages).set_index("language")[
    ["sentences", "coverage", "known_tokens", "tokens_per_word"]
].round(2)

# %% [markdown]
# ## A recipe
#
# A training is a file; [docs/recipes.md](../docs/recipes.md) explains every field, and
# `xlm-tf recipes copy pretrain_mlm_tlm my.yaml` copies one to edit. This one is small:

# %%
recipe_file = Path("pretraining_text/pretraining.yaml")
recipe = {
    "output": "../pretraining_run",
    "vocabulary": "vocabulary.spm",
    "model": {
        "num_layers": 2,
        "num_heads": 2,
        "hidden_dim": 96,
        "intermediate_dim": 192,
        "max_sequence_length": 64,
        "dropout": 0.0,
        "attention_dropout": 0.0,
    },
    **{
        part: {
            "monolingual": {
                language: [f"{name}.{language}.txt"] for language in LANGUAGES
            },
            "bitext": [
                {
                    "source_language": "en",
                    "target_language": other,
                    "files": [f"{name}.en-{other}.tsv"],
                }
                for other in ("de", "fr")
            ],
        }
        for part, name in (("data", "train"), ("held_out", "held_out"))
    },
    "objectives": {"mlm": 1.0, "tlm": 1.0},
    "training": {
        "steps": 600,
        "batch_size": 16,
        "sequence_length": 32,
        "selection_rate": 0.25,
        "learning_rate": 2e-3,
        "schedule": "linear",
        "warmup_steps": 60,
        "evaluate_every": 100,
        "checkpoint_every": 50,
    },
}
text = yaml.safe_dump(recipe, sort_keys=False)
recipe_file.write_text(text, encoding="utf-8")
print(text[text.index("objectives") :])

# %% [markdown]
# ## Before
#
# The model as the training begins, with random weights:

# %%
QUESTIONS = [
    "The <mask> eats an apple.",
    "Der <mask> malt ein Bild.",
    "Les <mask> lisent des livres.",
    "The boy <mask> a letter.",
    "The teacher reads a <mask>.",
    "Le garçon mange une <mask>.",
]
before = build_masked_lm(load_recipe(recipe_file)).fill_mask(QUESTIONS, top_k=3)

# %% [markdown]
# ## Training, stopped on the way
#
# `pretrain` is what `xlm-tf pretrain pretraining_text/pretraining.yaml` runs. Ctrl-C,
# or the button that interrupts the kernel, ends it after the step, saved. Here another
# process does that, once the first state is saved:

# %%
output = Path("pretraining_run")
shutil.rmtree(output, ignore_errors=True)
impatient = f"""
import os, pathlib, signal, time
while not list(pathlib.Path("{output}/checkpoints").glob("*")):
    time.sleep(0.1)
os.kill({os.getpid()}, signal.SIGINT)
"""
process = subprocess.Popen([sys.executable, "-c", impatient])
result = pretrain(load_recipe(recipe_file), quiet=True)
process.wait()
print(f"finished: {result.finished}, after {result.step} of 600 steps")

# %% [markdown]
# The same call goes on where it was, and ends with the weights of a run that was never
# stopped:

# %%
result = pretrain(load_recipe(recipe_file), quiet=True)
print(f"finished: {result.finished}, after {result.step} steps")
sorted(path.name for path in output.iterdir())

# %% [markdown]
# ## Curves
#
# `metrics.jsonl` has a line an evaluation: perplexity and accuracy on the held-out
# text, by language and by pair.

# %%
metrics = pd.read_json(result.metrics_file, lines=True).set_index("step")
figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
for axis, measure in zip(axes, ("perplexity", "accuracy"), strict=True):
    for name in [column for column in metrics if column.startswith(f"{measure}/")]:
        _, objective, group = name.split("/")
        style = "-" if objective == "mlm" else "--"
        axis.plot(metrics.index, metrics[name], style, label=f"{objective} {group}")
    axis.set_xlabel("step")
    axis.set_ylabel(measure)
axes[0].set_ylim(bottom=0)
axes[1].set_ylim(0, 1)
axes[1].legend()
plt.show()

# %%
last = metrics.iloc[-1]
groups = [
    name.removeprefix("perplexity/") for name in metrics if name.startswith("perp")
]
pd.DataFrame(
    {
        measure: [last[f"{measure}/{group}"] for group in groups]
        for measure in ("perplexity", "accuracy")
    },
    index=groups,
).round(2)

# %% [markdown]
# Perplexity is how many tokens the model hesitates between. At random it would be the
# 220 of the vocabulary; now it is a few. With a translation beside a text, guessing
# should be easier, and is not yet: to look across takes more steps than fit here.
#
# ## After

# %%
masked_lm = xlm_tf.XLMMaskedLM.from_preset(str(result.model))
after = masked_lm.fill_mask(QUESTIONS, top_k=3)
pd.DataFrame(
    {
        name: [
            ", ".join(f"{token} {share:.0%}" for token, share in row) for row in rows
        ]
        for name, rows in (("before", before), ("after", after))
    },
    index=QUESTIONS,
)

# %% [markdown]
# People now stand where people stand, in the right language. That a letter is read and
# an apple eaten, it has hardly noticed. This is how small it is: 800 sentences of a toy
# language, two layers 96 wide, a minute. `xlm_tiny` saw 8 times as many tokens a step,
# for 4,000 steps, and knows how programs talk; XLM-R read 2.5 TB. The way is the same.
#
# ## On with a pretrained model
#
# More text of yours makes a pretrained model better at it. In the recipe,
# `initial_model: xlm_tiny` takes the place of `vocabulary` and `model`.

# %%
INITIAL_MODEL = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead** (a GPU, and a `learning_rate` of 1e-4
# or less):

# %%
# INITIAL_MODEL = "xlm_roberta_base"

# %%
continued = {"output": "../continued", "initial_model": INITIAL_MODEL} | {
    part: recipe[part] for part in ("data", "held_out", "objectives", "training")
}
continued_file = folder / "continued.yaml"
continued_file.write_text(yaml.safe_dump(continued, sort_keys=False), encoding="utf-8")
load_recipe(continued_file).initial_model

# %% [markdown]
# `xlm-tf pretrain pretraining_text/continued.yaml` runs it;
# [docs/training.md](../docs/training.md#pretraining) has the rest.
