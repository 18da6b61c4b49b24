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
# # Search in any language, and mine translations
#
# Documents are found by what they mean, whatever language the question is in; and two
# texts that nobody aligned give their translations. Runs in a minute on two cores,
# without a network.
#
# `pip install 'xlm-tf[notebooks]'`

# %%
from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners

# %%
import itertools
import random
import shutil

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tensorflow as tf

import xlm_tf
from xlm_tf.evaluation.bitext_scores import score_bitext
from xlm_tf.evaluation.retrieval import retrieval_accuracy
from xlm_tf.search.documents import Document
from xlm_tf.search.index import Index
from xlm_tf.search.mining import mine_pairs
from xlm_tf.training.contrastive import ContrastiveTrainer, bitext_batches

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Documents
#
# Messages of programs in four languages, made here so that nothing is downloaded: what
# happened, and what it happened to. Two thirds of them are for training; the others are
# our documents, which the model has not seen.

# %%
LANGUAGES = ["en", "de", "fr", "es"]
EVENTS = [
    "{} was not found. | {} wurde nicht gefunden. | {} est introuvable. "
    "| No se ha encontrado: {}.",
    "{} was saved. | {} wurde gespeichert. | {} : enregistrement terminé. "
    "| Se ha guardado: {}.",
    "Do you want to delete this: {}? | Möchten Sie das löschen: {}? "
    "| Voulez-vous supprimer ceci : {} ? | ¿Desea eliminar esto: {}?",
    "Choose: {} | Bitte wählen: {} | Choisissez : {} | Elija: {}",
    "You may not change this: {}. | Sie dürfen das nicht ändern: {}. "
    "| Vous ne pouvez pas modifier ceci : {}. | No puede cambiar esto: {}.",
    "{} is empty. | {} ist leer. | {} : aucun contenu. | Está vacío: {}.",
    "{} exists already. | {} existiert bereits. | {} : existe déjà. | Ya existe: {}.",
    "{} cannot be read. | {} kann nicht gelesen werden. | {} : lecture impossible. "
    "| No se puede leer: {}.",
]
THINGS = [
    "the file/die Datei/le fichier/el archivo",
    "the folder/der Ordner/le dossier/la carpeta",
    "the page/die Seite/la page/la página",
    "the user/der Benutzer/l'utilisateur/el usuario",
    "the group/die Gruppe/le groupe/el grupo",
    "the image/das Bild/l'image/la imagen",
    "the password/das Passwort/le mot de passe/la contraseña",
    "the order/die Bestellung/la commande/el pedido",
    "the price/der Preis/le prix/el precio",
    "the language/die Sprache/la langue/el idioma",
    "the date/das Datum/la date/la fecha",
    "the comment/der Kommentar/le commentaire/el comentario",
]
rows = []
for event, thing in itertools.product(EVENTS, THINGS):
    texts = [
        form.strip().format(name)
        for form, name in zip(event.split("|"), thing.split("/"), strict=True)
    ]
    rows.append([text[0].upper() + text[1:] for text in texts])
random.Random(0).shuffle(rows)
train = pd.DataFrame(rows[:64], columns=LANGUAGES)
test = pd.DataFrame(rows[64:], columns=LANGUAGES)
test.head(4)

# %% [markdown]
# ## A model
#
# `xlm_tiny` comes with the package: two small layers that know how programs talk, in
# these four languages. Its vectors of translations lie near each other after some
# training on pairs.

# %%
PRESET = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead**, which is trained for this in 50
# languages, so that nothing remains to be trained (leave the next cell out):

# %%
# PRESET = "hf://sentence-transformers/paraphrase-xlm-r-multilingual-v1"

# %%
embedder = xlm_tf.XLMTextEmbedder.from_preset(PRESET)
pairs = [
    pair for row in train.to_numpy().tolist() for pair in itertools.permutations(row, 2)
]
random.Random(0).shuffle(pairs)
sources, targets = map(list, zip(*pairs, strict=True))
dataset = tf.data.Dataset.from_tensor_slices(
    {"source": sources, "target": targets}
).repeat()
batches = bitext_batches(embedder.preprocessor, dataset, batch_size=64)
trainer = ContrastiveTrainer(embedder)
trainer.compile(optimizer=keras.optimizers.AdamW(5e-4))
trainer.fit(batches, steps_per_epoch=40, shuffle=False, verbose=0)
embedder.save_to_preset("searching/model")

# %% [markdown]
# How often the nearest message of another language is the translation, among the
# messages that were not trained on:

# %%
vectors = {language: embedder.embed(test[language]) for language in LANGUAGES}
right = [{row} for row in range(len(test))]
found = pd.DataFrame(
    {
        b: {a: retrieval_accuracy(vectors[a], vectors[b], right) for a in LANGUAGES}
        for b in LANGUAGES
    }
)
figure, axes = plt.subplots(figsize=(4, 3.2))
image = axes.imshow(found, vmin=0, vmax=1, cmap="Blues")
axes.set_xticks(range(4), LANGUAGES)
axes.set_yticks(range(4), LANGUAGES)
axes.set_xlabel("found in")
axes.set_ylabel("from")
for (row, column), value in np.ndenumerate(found.to_numpy()):
    axes.text(column, row, f"{value:.0%}", ha="center", va="center", color="w")
figure.tight_layout()

# %% [markdown]
# ## An index of your documents
#
# A folder with the documents and their vectors. Documents have an id, a text of any
# length, and what else you want to know of them; here a third of the messages is kept
# in each of German, French and Spanish.

# %%
shutil.rmtree("searching/messages", ignore_errors=True)
index = Index.create("searching/messages", "searching/model")
documents = [
    Document(f"{language}-{row}", test[language][row], {"language": language})
    for row in range(len(test))
    for language in [LANGUAGES[1 + row % 3]]
]
index.add(documents)

# %% [markdown]
# Search in English, or in any other of the languages:

# %%
queries = ["The image cannot be read.", "¿Dónde está la contraseña?"]
pd.DataFrame(
    [
        {"query": query, "score": round(hit.score, 3), "id": hit.id, "text": hit.text}
        for query, hits in zip(queries, index.search(queries, k=3), strict=True)
        for hit in hits
    ]
)

# %% [markdown]
# A document that changes is embedded anew, the others are not; what is interrupted goes
# on where it was.

# %%
documents[0] = Document(documents[0].id, "Das Bild ist zu groß.")
index.add(documents)

# %% [markdown]
# On a command line ([guide](../docs/search.md)), where every line of a text file is a
# document:
#
# ```
# xlm-tf index notes.txt --model searching/model --index notes
# xlm-tf search "the folder is empty" --index notes --top 3
# xlm-tf mine en.txt fr.txt --model searching/model --output pairs.tsv
# ```
#
# ## Mine translations
#
# Two lists of messages, English and French, in no order; half of each has no
# translation in the other. The score of a pair is its cosine over those of their
# neighbours: what is near to everything does not count.

# %%
half = len(test) // 3
shuffled = random.Random(1)
english = shuffled.sample(test["en"][: 2 * half].tolist(), 2 * half)
french = test["fr"][:half].tolist() + test["fr"][2 * half :].tolist()
french = shuffled.sample(french, len(french))
scores, rows_a, rows_b = mine_pairs(embedder.embed(english), embedder.embed(french))
mined = pd.DataFrame(
    {
        "score": scores.round(3),
        "English": [english[row] for row in rows_a],
        "French": [french[row] for row in rows_b],
    }
)
mined.head(5)

# %%
gold = set(zip(test["en"][:half], test["fr"][:half], strict=True))
print(score_bitext(list(mined.itertuples(index=False, name=None)), gold))

# %% [markdown]
# These messages are made of the same words as those that the model was trained on: what
# an embedder finds in texts of its own is measured in the [guide](../docs/search.md).
# Next: [train embeddings](../docs/training.md#sentence-embeddings) of your own.
