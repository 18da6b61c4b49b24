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
# # Does it follow? Pairs of sentences, and labels that nobody trained
#
# A classifier of pairs says whether a sentence follows from another (entailment),
# contradicts it, or neither (neutral). With it, `zero_shot` asks whether a label
# follows from a text, any label from any text. Runs in a minute or two on two cores,
# without a network.
#
# `pip install 'xlm-tf[notebooks]'`

# %%
from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners

# %%
import random

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import xlm_tf

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Pairs
#
# People write about things, and things belong to a topic. A premise says who writes
# about what; a hypothesis names a topic, or says something else of the person.

# %%
LANGUAGES = ["en", "de", "fr", "es"]
NAMES = ["Anna", "Omar", "Clara", "Jonas", "Mira", "Pablo", "Lena", "Karim"]
PREMISES = ["writes about", "schreibt über", "écrit sur", "escribe sobre"]
HYPOTHESES = ["This is about", "Hier geht es um", "Il s'agit de", "Se trata de"]
TOPICS = {
    "files/Dateien/fichiers/archivos": [
        "the file/die Datei/le fichier/el archivo",
        "the folder/den Ordner/le dossier/la carpeta",
        "the document/das Dokument/le document/el documento",
        "the page/die Seite/la page/la página",
    ],
    "time/Zeit/temps/tiempo": [
        "the date/das Datum/la date/la fecha",
        "the day/den Tag/le jour/el día",
        "the month/den Monat/le mois/el mes",
        "the year/das Jahr/l'année/el año",
    ],
    "people/Personen/personnes/personas": [
        "the user/den Benutzer/l'utilisateur/el usuario",
        "the customer/den Kunden/le client/el cliente",
        "the author/den Autor/l'auteur/el autor",
        "the group/die Gruppe/le groupe/el grupo",
    ],
    "shopping/Einkaufen/achats/compras": [
        "the price/den Preis/le prix/el precio",
        "the order/die Bestellung/la commande/el pedido",
        "the product/das Produkt/le produit/el producto",
        "the basket/den Warenkorb/le panier/la cesta",
    ],
}
OTHERS = [
    "has a brother/hat einen Bruder/a un frère/tiene un hermano",
    "lives in Oslo/wohnt in Oslo/habite à Oslo/vive en Oslo",
    "drinks tea/trinkt Tee/boit du thé/toma té",
    "is at home/ist zu Hause/est à la maison/está en casa",
]
LABELS = ["entailment", "neutral", "contradiction"]

# %%
draw = random.Random(0)
rows = []
for number in range(3200):
    # The first 1,600 stay within a language.
    source = draw.choice(LANGUAGES)
    target = source if number < 1600 else draw.choice(LANGUAGES)
    a, b = LANGUAGES.index(source), LANGUAGES.index(target)
    name, label, topic = draw.choice(NAMES), draw.choice(LABELS), draw.choice([*TOPICS])
    thing = draw.choice(TOPICS[topic])
    if label == "contradiction":
        topic = draw.choice([other for other in TOPICS if other != topic])
    hypothesis = f"{HYPOTHESES[b]} {topic.split('/')[b]}."
    if label == "neutral":
        hypothesis = f"{name} {draw.choice(OTHERS).split('/')[b]}."
    rows.append(
        {
            "premise": f"{name} {PREMISES[a]} {thing.split('/')[a]}.",
            "hypothesis": hypothesis,
            "label": label,
            "languages": f"{source}-{target}",
        }
    )
pairs = pd.DataFrame(rows)
train, test = pairs[:1600], pairs[1600:]
train.groupby("languages").head(2).sort_values("languages")

# %% [markdown]
# Premise and hypothesis of a training pair are in one language, those of the test in
# any two.
#
# ## Training
#
# Pairs are a tuple of two lists. `xlm_tiny`, in the package, has read messages of
# programs in these four languages.

# %%
classifier = xlm_tf.XLMTextClassifier.from_preset(
    "xlm_tiny", labels=LABELS, pooling="mean", dropout=0.0
)
classifier.compile(optimizer=keras.optimizers.AdamW(1e-3))
history = classifier.fit(
    (train.premise.tolist(), train.hypothesis.tolist()),
    train.label.tolist(),
    batch_size=32,
    epochs=8,
    verbose=0,
)
accuracy = history.history["sparse_categorical_accuracy"]
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(range(1, 9), accuracy, marker="o")
axis.axhline(2 / 3, color="grey", linestyle="--")
axis.text(
    8, 0.64, "neutral or not, the rest guessed", ha="right", va="top", color="grey"
)
axis.set_xlabel("epoch")
axis.set_ylabel("accuracy in training")
axis.set_ylim(0, 1)
plt.show()

# %% [markdown]
# The curve rests on a step. Which pairs are neutral can be seen from the hypothesis
# alone, and two thirds are right if the others are guessed. To tell whether a topic is
# the right one, premise and hypothesis must be compared, and that comes later.
#
# ## From one language to another
#
# The languages of the premise are the rows, those of the hypothesis the columns.
# Trained was the diagonal alone.

# %%
answers = classifier.classify(
    {"text": test.premise.tolist(), "text_pair": test.hypothesis.tolist()}, top_k=1
)
test = test.assign(answer=[label for [(label, _)] in answers])
test = test.assign(right=test.answer == test.label)
source, target = test.languages.str.split("-", expand=True).T.to_numpy()
table = test.right.groupby([source, target]).mean().unstack().loc[LANGUAGES, LANGUAGES]
figure, axis = plt.subplots(figsize=(4.6, 3.8), layout="constrained")
image = axis.imshow(table, vmin=1 / 3, vmax=1)
for (row, column), share in np.ndenumerate(table.to_numpy()):
    color = "black" if share > 0.7 else "white"
    axis.text(column, row, f"{share:.0%}", ha="center", va="center", color=color)
axis.set_xticks(range(4), LANGUAGES)
axis.set_yticks(range(4), LANGUAGES)
axis.set_xlabel("hypothesis")
axis.set_ylabel("premise")
figure.colorbar(image, ax=axis, label="accuracy")
plt.show()

# %%
within = source == target
pd.DataFrame(
    {
        "within a language": test[within].groupby("label").right.mean().round(2),
        "across languages": test[~within].groupby("label").right.mean().round(2),
    }
)

# %% [markdown]
# Neutral is known in any pair of languages. Entailment and contradiction cross in
# part: *date* and *fecha* have come near each other in pretraining.
#
# ## Labels that nobody trained
#
# `zero_shot` puts every label into a template, and asks whether that follows. Texts and
# template may be of different languages.
#
# **With a network and a released model instead**, large, and trained on hundreds of
# thousands of pairs of real sentences (2.2 GB); the cell below stays as it is:

# %%
# classifier = xlm_tf.XLMTextClassifier.from_preset("hf://joeddav/xlm-roberta-large-xnli")

# %%
TEXTS = {
    "like those of the training": {
        "Bruno writes about the month.": "time",
        "Bruno schreibt über den Preis.": "shopping",
        "Bruno écrit sur le dossier.": "files",
        "Bruno escribe sobre el usuario.": "people",
    },
    "of another kind": {
        "Please choose a month.": "time",
        "Der Preis hat sich geändert.": "shopping",
        "Le dossier est vide.": "files",
        "El usuario no existe.": "people",
        "Nobody came to my birthday.": "people",
        "Gestern regnete es den ganzen Tag.": "time",
    },
}
TEMPLATES = {
    "This is about {}.": ["files", "time", "people", "shopping"],
    "Hier geht es um {}.": ["Dateien", "Zeit", "Personen", "Einkaufen"],
}
rows = []
for kind, texts in TEXTS.items():
    answers = [
        classifier.zero_shot(list(texts), labels, template=template)
        for template, labels in TEMPLATES.items()
    ]
    for (text, topic), *ranked in zip(texts.items(), *answers, strict=True):
        best = [f"{label} ({share:.0%})" for (label, share), *_ in ranked]
        rows.append([kind, text, topic, *best])
pd.DataFrame(rows, columns=["texts", "text", "topic", *TEMPLATES]).set_index(
    ["texts", "text"]
)

# %% [markdown]
# Most are right in the form that it was trained on, with either template, of a person
# that it has not met. In other sentences it knows a word now and then (*month*,
# *dossier*), and the rest is guessed: two small layers have learnt a form of sentence
# and sixteen words. To know what sentences are about takes a larger model, and real
# pairs.
#
# [docs/classification.md](../docs/classification.md#labels-that-nobody-trained) has
# `multi_label=True` for labels that do not exclude each other;
# [export](exporting.ipynb) takes a classifier to a server.
