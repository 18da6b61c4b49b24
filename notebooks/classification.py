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
# # Classify texts, and see what crosses languages
#
# Reviews in four languages: a classifier is trained on English alone, then on all, and
# scored language by language. Runs in a few minutes on two cores, without a network.
#
# `pip install 'xlm-tf[notebooks]'`

# %%
from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners

# %%
import itertools

import keras
import numpy as np
import pandas as pd
from IPython.display import Image, Markdown

import xlm_tf
from xlm_tf.evaluation.model_scores import score_languages
from xlm_tf.evaluation.score_report import score_columns, write_report

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Texts
#
# Made here, so that nothing is downloaded: every review is about a thing and finds it
# good or bad. Read your own with `xlm_tf.data.tables.read_table`, or from pandas.

# %%
WORDS = {
    "en": {
        "things": "film, book, hotel, phone, game, song, menu, train, app, concert",
        "positive": "wonderful, excellent, great, perfect, lovely, very good",
        "negative": "terrible, awful, boring, broken, ugly, very bad",
        "forms": "The {} is {}. / I think the {} was {}! / What a {}: simply {}.",
    },
    "de": {
        "things": "Film, Roman, Urlaub, Akku, Abend, Song, Koch, Zug, Service, Chor",
        "positive": "wunderbar, hervorragend, toll, perfekt, schön, sehr gut",
        "negative": "schrecklich, furchtbar, öde, kaputt, doof, sehr schlecht",
        "forms": "Der {} ist {}. / Ich fand, der {} war {}! / So ein {}: einfach {}.",
    },
    "fr": {
        "things": "film, livre, séjour, menu, jeu, disque, train, service, bal, site",
        "positive": "merveilleux, excellent, super, parfait, très beau, très bon",
        "negative": "terrible, affreux, ennuyeux, cassé, très laid, très mauvais",
        "forms": "Le {} est {}. / J'ai trouvé que le {} était {} ! / Ce {} : {}.",
    },
    "es": {
        "things": "libro, hotel, juego, disco, tren, servicio, bar, menú, móvil, cine",
        "positive": "maravilloso, excelente, genial, perfecto, precioso, muy bueno",
        "negative": "terrible, horrible, aburrido, roto, feo, muy malo",
        "forms": "El {} es {}. / Creo que el {} fue {}. / ¡Qué {}! Es {}.",
    },
}
rows = [
    {"language": language, "label": label, "text": form.strip().format(thing, word)}
    for language, words in WORDS.items()
    for label in ("negative", "positive")
    for form, thing, word in itertools.product(
        words["forms"].split("/"), words["things"].split(", "), words[label].split(", ")
    )
]
reviews = pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)
reviews.groupby("language").head(2).sort_values("language")

# %% [markdown]
# Half of each language is for training, half for the test. The same words occur in
# both: this shows how the parts work, not how hard sentiment is.

# %%
is_test = reviews.groupby("language").cumcount() % 2 == 1
train, test = reviews[~is_test], reviews[is_test]
pd.crosstab(reviews.language, [np.where(is_test, "test", "train"), reviews.label])

# %% [markdown]
# ## A model
#
# `xlm_tiny`, two small layers in the package, pretrained on messages of programs in
# these four languages, runs anywhere.

# %%
PRESET = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead**, which is what you want for real texts
# (a GPU helps; the learning rate below should then be 2e-5):

# %%
# PRESET = "hf://FacebookAI/xlm-roberta-base"

# %%
LABELS = ["negative", "positive"]
english = xlm_tf.XLMTextClassifier.from_preset(PRESET, labels=LABELS)
english.compile(optimizer=keras.optimizers.AdamW(1e-3))
own = train[train.language == "en"]
history = english.fit(
    own.text.tolist(), own.label.tolist(), batch_size=32, epochs=8, verbose=0
)
pd.Series(history.history["loss"], name="loss").round(3).to_frame().T

# %%
english.classify("What a song: simply great.")

# %% [markdown]
# ## Language by language
#
# One row per language, with the interval in which 95 % of resampled test sets score.

# %%
english_scores, english_errors = score_languages(english, test.to_dict("records"))
names, rows = score_columns(english_scores, training_languages=["en"])
pd.DataFrame(rows, columns=names).set_index("language")

# %% [markdown]
# What crosses without a single example of a language is what pretraining has put
# together: words that look alike first (*excellent*, *terrible*, *film*), and much more
# in a model that has read 2.5 TB of text. With examples of all languages:

# %%
multilingual = xlm_tf.XLMTextClassifier.from_preset(PRESET, labels=LABELS)
multilingual.compile(optimizer=keras.optimizers.AdamW(1e-3))
multilingual.fit(
    train.text.tolist(), train.label.tolist(), batch_size=32, epochs=4, verbose=0
)
scores, errors = score_languages(multilingual, test.to_dict("records"))
names, rows = score_columns(scores, training_languages=list(WORDS))
pd.DataFrame(rows, columns=names).set_index("language")

# %% [markdown]
# ## The report
#
# The same that `xlm-tf evaluate` writes: table, confusions, the surest errors, a
# picture.

# %%
write_report("classification_report", english_scores, LABELS, english_errors, ["en"])
Image("classification_report/scores.png")

# %%
pd.DataFrame(english_errors).nlargest(5, "probability")

# %% [markdown]
# ## Keep it, export it
#
# The folder is what `xlm-tf predict`, `evaluate` and `export` take.

# %%
multilingual.save_to_preset("sentiment")
Markdown(
    "`xlm-tf export saved-model sentiment models/sentiment/1`, then "
    "`xlm-tf serve models`; or `xlm-tf predict sentiment reviews.csv`"
)
