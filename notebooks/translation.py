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
# # Train a translator, and look at what it does
#
# An encoder-decoder from English to German, begun with a pretrained encoder and trained
# on a few hundred pairs that are made here: greedy search and beams, the n best,
# attention, BLEU on pairs that it has not seen. Runs in a minute or two on two cores,
# without a network.
#
# `pip install 'xlm-tf[notebooks,eval]'`

# %%
import logging

from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners
logging.getLogger("tensorflow").setLevel("ERROR")  # and its notes

# %%
import itertools
import random
import time
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image

import xlm_tf
from xlm_tf.evaluation.attention_picture import draw_attention
from xlm_tf.evaluation.translation_scores import translation_scores

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Pairs
#
# Two systematic grammars. German says things in another order: what is done stands at
# the end, what it is done to comes before, and the article depends on the noun.

# %%
WHO = {
    "The user": "Der Benutzer",
    "The system": "Das System",
    "The author": "Der Autor",
    "The owner": "Der Besitzer",
    "Everybody": "Jeder",
    "Nobody": "Niemand",
}
CAN = {"can": "kann", "must": "muss", "wants to": "will", "should": "sollte"}
WHAT = {
    "file": "die Datei",
    "page": "die Seite",
    "image": "das Bild",
    "text": "den Text",
    "account": "das Konto",
    "password": "das Passwort",
    "link": "den Link",
    "list": "die Liste",
    "date": "das Datum",
    "message": "die Nachricht",
    "group": "die Gruppe",
    "name": "den Namen",
    "address": "die Adresse",
    "title": "den Titel",
    "comment": "den Kommentar",
    "category": "die Kategorie",
}
KIND = {
    "new": "neue",
    "old": "alte",
    "first": "erste",
    "last": "letzte",
    "next": "nächste",
    "current": "aktuelle",
}
DO = {
    "open": "öffnen",
    "delete": "löschen",
    "change": "ändern",
    "save": "speichern",
    "send": "senden",
    "create": "erstellen",
    "select": "auswählen",
    "add": "hinzufügen",
    "copy": "kopieren",
    "move": "verschieben",
}
rows = []
for who, can, kind, what, do in itertools.product(WHO, CAN, KIND, WHAT, DO):
    article, noun = WHAT[what].split()
    adjective = KIND[kind] + ("n" if article == "den" else "")
    rows.append(
        {
            "en": f"{who} {can} {do} the {kind} {what}.",
            "de": f"{WHO[who]} {CAN[can]} {article} {adjective} {noun} {DO[do]}.",
        }
    )
random.Random(0).shuffle(rows)
pairs = pd.DataFrame(rows)
train, test = pairs[:400], pairs[400:500]
print(f"{len(pairs)} sentences can be said; {len(train)} are for training")
train.head()

# %% [markdown]
# ## A model
#
# `from_masked_lm` makes encoder, decoder and output layer of one pretrained model; the
# decoder's attention to the source alone begins at random. `xlm_tiny` lies in the
# package.

# %%
PRESET = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead** (a GPU, some hours and a corpus; the
# learning rate below should then be 3e-5):

# %%
# PRESET = "xlm_roberta_base"

# %%
translator = xlm_tf.XLMSeq2SeqLM.from_masked_lm(PRESET)
translator.compile(optimizer=keras.optimizers.Adam(2e-3), label_smoothing=0.1)
history = translator.fit(
    train.en.tolist(), train.de.tolist(), batch_size=32, epochs=6, verbose=0
)
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
axis.plot(range(1, 7), history.history["loss"])
axis.set_xlabel("epoch")
axis.set_ylabel("loss")
axis.set_ylim(bottom=0)
plt.show()

# %% [markdown]
# ## Greedy, or with beams
#
# Greedy search takes the likeliest token each time; a beam search keeps several
# beginnings, and can still change its mind.

# %%
translations, rows = {}, []
for name, sampler in (
    ("greedy", "greedy"),
    ("5 beams", xlm_tf.BeamSearch(num_beams=5, num_return=4)),
):
    translator.compile(sampler=sampler)
    translator.generate(test.en.tolist())  # builds the graph
    begun = time.perf_counter()
    written = translator.generate(test.en.tolist())
    seconds = time.perf_counter() - begun
    if name != "greedy":
        written = [best for best, *_ in written]
    scores = translation_scores(written, [[text] for text in test.de], "de")
    translations[name] = written
    rows.append(
        {
            "search": name,
            "BLEU": round(scores.bleu, 1),
            "chrF": round(scores.chrf, 1),
            "right": sum(a == b for a, b in zip(written, test.de, strict=True)),
            "ms a sentence": round(1000 * seconds / len(test), 1),
        }
    )
pd.DataFrame(rows).set_index("search")

# %% [markdown]
# Beams change little: they find a text that the model holds for likelier, and where it
# is wrong, the model itself does not know better.
#
# ## What it gets wrong

# %%
compared = pd.DataFrame(
    {"source": test.en, "reference": test.de, "translation": translations["5 beams"]}
)
wrong = compared[compared.reference != compared.translation]
wrong.head(6)

# %% [markdown]
# The grammar is there: articles and endings fit the nouns that it writes, and the verb
# stands at the end. Wrong are single words, which it has seen a few times each.
#
# ## The n best
#
# A beam search knows several answers, with their scores: log-probabilities, divided by
# the length.

# %%
SENTENCE = compared.source[compared.reference == compared.translation].iloc[0]
texts, scores = translator.generate([SENTENCE], with_scores=True)
print(SENTENCE)
pd.DataFrame({"translation": texts[0], "score": scores[0]}).round(2)

# %% [markdown]
# ## What it looks at
#
# A row is a piece of the translation as it is written, bright is what of the source it
# looked at meanwhile.

# %%
folder = Path("translation_pictures")
folder.mkdir(exist_ok=True)
picture = folder / "attention.png"
Image(draw_attention(translator, SENTENCE, picture, target=texts[0][0]))

# %% [markdown]
# The order is the German one: the verb, last, looks back to the middle of the source.
#
# ## What it has not learnt
#
# Nothing else than its grammar. Words that are not in it become some that are:

# %%
OTHERS = [
    "The owner wants to open the new window.",
    "The author must not delete the old list.",
    "Good morning!",
]
pd.DataFrame(
    {
        "source": OTHERS,
        "translation": [best for best, *_ in translator.generate(OTHERS)],
    }
)

# %% [markdown]
# ## On
#
# The folder is what `xlm-tf translate --model translator` and `xlm-tf export` take. A
# real translator is a recipe: `xlm-tf finetune multi30k_en_de` trains one from 29,000
# pairs in 70 minutes on one core, with 35.8 BLEU on the test set
# ([docs/translation.md](../docs/translation.md#by-a-recipe)).

# %%
translator.save_to_preset("translator")
