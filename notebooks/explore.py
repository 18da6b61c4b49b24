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
# # Look into a cross-lingual model
#
# One vocabulary and one encoder for all languages: what its pieces are, what it
# guesses, what it computes, and where translations lie in it. Runs in half a minute on
# two cores, without a network.
#
# `pip install 'xlm-tf[notebooks]'`

# %%
from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners

# %%
import itertools
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import xlm_tf

keras.utils.set_random_seed(0)

# %% [markdown]
# ## A model
#
# `xlm_tiny` comes with the package: two small layers, pretrained on messages of
# programs in English, German, French and Spanish. It knows how programs talk, and
# nothing else.

# %%
PRESET = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead**, which has read 100 languages (1.1
# GB):

# %%
# PRESET = "hf://FacebookAI/xlm-roberta-base"

# %%
masked_lm = xlm_tf.XLMMaskedLM.from_preset(PRESET)
backbone, tokenizer = masked_lm.backbone, masked_lm.preprocessor.tokenizer
facts = backbone.get_config()
pd.Series(
    {
        name: facts[name]
        for name in (
            "vocabulary_size",
            "num_layers",
            "num_heads",
            "hidden_dim",
            "intermediate_dim",
            "max_sequence_length",
            "norm_placement",
            "num_languages",
        )
    },
    name="backbone",
).to_frame()

# %% [markdown]
# `num_languages` is 0: the model is not told which language it reads, as XLM-R is not.
# (XLM of 2019 has an embedding of languages; there, `language=` says it.)
#
# Where the parameters are:

# %%
sizes = pd.DataFrame(
    {
        "part": [weight.path.split("/")[0] for weight in masked_lm.weights],
        "parameters": [int(np.prod(weight.shape)) for weight in masked_lm.weights],
    }
)
parts = sizes.groupby("part").sum()
parts["share"] = (parts.parameters / parts.parameters.sum()).map("{:.0%}".format)
parts

# %% [markdown]
# More than half is the table of embeddings, a row for every piece of the vocabulary.
# `xlm-tf trim` cuts it to the languages that are wanted. The prediction head is small
# because it uses the same table once more.
#
# ## One vocabulary
#
# The same pieces serve every language. `▁` marks the beginning of a word:

# %%
SENTENCES = {
    "English": "The page was not found.",
    "German": "Die Seite wurde nicht gefunden.",
    "French": "La page n'a pas été trouvée.",
    "Spanish": "No se ha encontrado la página.",
    "Portuguese": "A página não foi encontrada.",
    "Finnish": "Sivua ei löytynyt.",
    "Swahili": "Ukurasa haukupatikana.",
    "Russian": "Страница не найдена.",
}
pieces = {
    language: [tokenizer.id_to_token(i) for i in tokenizer.encode(text)]
    for language, text in SENTENCES.items()
}
pd.DataFrame(
    {
        "pieces": [" ".join(own) for own in pieces.values()],
        "pieces per word": [
            round(len(pieces[language]) / len(text.split()), 1)
            for language, text in SENTENCES.items()
        ],
        "unknown": [own.count("<unk>") for own in pieces.values()],
    },
    index=SENTENCES,
)

# %% [markdown]
# The first four are the languages that the vocabulary was made from: nearly a piece a
# word. Portuguese borrows from Spanish; Finnish and Swahili fall to letters, and of
# Russian nothing is left: this vocabulary has no Cyrillic at all. That is what to look
# at first when a model is to read another language.
#
# `page`, `la` or `.` are one piece, whichever language they stand in, and that is where
# crossing languages begins. How many pieces do the four sentences share?

# %%
four = list(SENTENCES)[:4]
shared = pd.DataFrame(
    [[len(set(pieces[a]) & set(pieces[b])) for b in four] for a in four],
    index=four,
    columns=four,
)
shared

# %% [markdown]
# Text becomes ids and comes back:

# %%
ids = tokenizer.encode("La page n'a pas été trouvée.")
print(ids)
print(tokenizer.decode(ids))

# %% [markdown]
# ## Fill in the mask
#
# What it was trained for: to guess a hidden token from both sides.

# %%
QUESTIONS = [
    "Cette page n'existe <mask>.",
    "The page was not <mask>.",
    "Die Seite wurde nicht <mask>.",
    "No se ha <mask> la página.",
    "Este campo es <mask>.",
    "The capital of France is <mask>.",
]
answers = masked_lm.fill_mask(QUESTIONS, top_k=3)
pd.DataFrame(
    [[f"{token} ({share:.0%})" for token, share in row] for row in answers],
    index=QUESTIONS,
    columns=["first", "second", "third"],
)

# %% [markdown]
# The grammar of four languages, one set of weights. And no idea of the world: the last
# answer is what a program would say.
#
# ## Hidden states
#
# A vector a token, after the embeddings and after every block. `pack` makes the inputs:
# `<s>` and `</s>` around the text, padding behind it.

# %%
inputs = masked_lm.preprocessor.pack(["The page was not found."])
states = backbone.hidden_states(inputs)
print(f"{len(states)} times (texts, tokens, width) = {tuple(states[0].shape)}")

# %% [markdown]
# The vector of a word depends on its sentence. Here is that of *name*, always the
# second word, compared with the one in the first sentence by the cosine:

# %%
CONTEXTS = [
    "The name is not valid.",
    "The name is already in use.",
    "The name of the file.",
    "The name and the password.",
]
inputs = masked_lm.preprocessor.pack(CONTEXTS)
place = 2  # behind <s> and the first word
assert all(inputs["token_ids"][:, place] == tokenizer.token_to_id("▁name"))
vectors = np.stack([layer[:, place] for layer in backbone.hidden_states(inputs)])
vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
pd.DataFrame(
    (vectors * vectors[:, :1]).sum(axis=-1).T.round(2),
    index=CONTEXTS,
    columns=["embeddings", *(f"block {i + 1}" for i in range(backbone.num_layers))],
)

# %% [markdown]
# The embeddings know the token and its place alone: there it is the same vector. Then
# it takes in what stands around it.
#
# ## What attends to what
#
# `self_attention` gives it for every block and head: of token ids, and a task's of raw
# texts. A row is a token, bright is what it looks at.

# %%
inputs = masked_lm.preprocessor.pack(["La page n'existe pas."])
tokens = [
    tokenizer.id_to_token(int(i))
    for i in inputs["token_ids"][0]
    if i != tokenizer.pad_token_id
]
inputs = {name: values[:, : len(tokens)] for name, values in inputs.items()}
figure, axes = plt.subplots(1, 4, figsize=(13, 3.8), sharey=True, layout="constrained")
panels = iter(axes)
for number, maps in enumerate(backbone.self_attention(inputs)[:2]):
    attention = maps[0]  # (heads, tokens, tokens)
    for head in range(2):
        axis = next(panels)
        image = axis.imshow(attention[head], vmin=0, vmax=1)
        axis.set_title(f"block {number + 1}, head {head + 1}")
        axis.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right")
        axis.set_yticks(range(len(tokens)), tokens)
figure.colorbar(image, ax=axes, label="attention")
plt.show()

# %% [markdown]
# The first block looks at the neighbours, one head at the token before and one at the
# token behind; the second gathers from further away. Of an encoder-decoder,
# `draw_attention` draws what each word of a
# translation looked at: see [translation](translation.ipynb).
#
# ## Where translations lie
#
# The mean of a text's states is its vector. The model has read translations side by
# side, to guess hidden tokens of one from the other, and was never asked for vectors.
# Are those of translations near each other all the same?

# %%
MESSAGES = {
    "en": [
        "Your password was changed.",
        "The file could not be opened.",
        "Please select a date.",
        "Delete this image?",
        "The user is not active.",
        "Enter a valid e-mail address.",
    ],
    "de": [
        "Ihr Passwort wurde geändert.",
        "Die Datei konnte nicht geöffnet werden.",
        "Bitte wählen Sie ein Datum aus.",
        "Dieses Bild löschen?",
        "Der Benutzer ist nicht aktiv.",
        "Geben Sie eine gültige E-Mail-Adresse ein.",
    ],
    "fr": [
        "Votre mot de passe a été modifié.",
        "Le fichier n'a pas pu être ouvert.",
        "Veuillez sélectionner une date.",
        "Supprimer cette image ?",
        "L'utilisateur n'est pas actif.",
        "Saisissez une adresse e-mail valide.",
    ],
}
embedder = xlm_tf.XLMTextEmbedder.from_preset(PRESET)
vectors = {language: embedder.embed(texts) for language, texts in MESSAGES.items()}
vectors["en"].shape

# %%
figure, axes = plt.subplots(1, 2, figsize=(13, 4.6), layout="constrained")
for axis, language in zip(axes, ("de", "fr"), strict=True):
    cosines = embedder.similarity(vectors["en"], vectors[language])
    image = axis.imshow(cosines, vmin=0, vmax=1)
    axis.set_yticks(range(6), MESSAGES["en"])
    axis.set_xticks(range(6), MESSAGES[language], rotation=25, ha="right")
    for (row, column), cosine in np.ndenumerate(cosines):
        color = "black" if cosine > 0.6 else "white"
        axis.text(column, row, f"{cosine:.2f}", ha="center", va="center", color=color)
figure.colorbar(image, ax=axes, label="cosine")
plt.show()

# %% [markdown]
# The diagonal are the translations. How often is a text's nearest neighbour its
# translation, here, and among sentences of another kind?

# %%
EVERYDAY = {
    "en": [
        "My brother plays the piano.",
        "It rained all night.",
        "We eat soup with bread.",
        "The children sleep already.",
        "Her train leaves at noon.",
        "I have lost my keys.",
    ],
    "de": [
        "Mein Bruder spielt Klavier.",
        "Es hat die ganze Nacht geregnet.",
        "Wir essen Suppe mit Brot.",
        "Die Kinder schlafen schon.",
        "Ihr Zug fährt mittags ab.",
        "Ich habe meine Schlüssel verloren.",
    ],
    "fr": [
        "Mon frère joue du piano.",
        "Il a plu toute la nuit.",
        "Nous mangeons de la soupe avec du pain.",
        "Les enfants dorment déjà.",
        "Son train part à midi.",
        "J'ai perdu mes clés.",
    ],
}
found = {
    name: {
        f"{a} to {b}": int(
            (embedder.similarity(texts[a], texts[b]).argmax(axis=1) == range(6)).sum()
        )
        for a, b in itertools.permutations(texts, 2)
    }
    for name, texts in {"messages": MESSAGES, "everyday": EVERYDAY}.items()
}
pd.DataFrame(found).T.rename_axis("found, of 6")

# %% [markdown]
# Nearly all messages, which are what the model has read, and a third of the others,
# where chance finds a sixth. Vectors that are to be compared are
# [trained on translations](../docs/training.md#sentence-embeddings).
#
# ## Keep it
#
# `save_to_preset` writes a folder that `from_preset`, recipes and every command of
# `xlm-tf` take; `save_to_huggingface` one for transformers.

# %%
masked_lm.save_to_preset("explored/model")
masked_lm.save_to_huggingface("explored/for_transformers")
files = [path for path in Path("explored").rglob("*") if path.is_file()]
pd.DataFrame(
    {
        "file": [path.as_posix() for path in sorted(files)],
        "kB": [round(path.stat().st_size / 1000, 1) for path in sorted(files)],
    }
).set_index("file")

# %%
again = xlm_tf.XLMMaskedLM.from_preset("explored/model")
converted = xlm_tf.XLMMaskedLM.from_preset("explored/for_transformers")
expected = masked_lm.last_hidden_states(SENTENCES["French"])
[
    bool(np.array_equal(expected, model.last_hidden_states(SENTENCES["French"])))
    for model in (again, converted)
]

# %% [markdown]
# Bit for bit the same from both. Next: [pretrain on your own text](pretraining.ipynb),
# or [classify](classification.ipynb).
