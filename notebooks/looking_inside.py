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
# # Look inside an answer
#
# Which words made a classifier say what it says? And did it learn what it was meant to
# learn? Runs in a minute on two cores, without a network.
#
# `pip install 'xlm-tf[notebooks]'`

# %%
from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners

# %%
import itertools

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import xlm_tf

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Reviews, and a trap
#
# Every review is about a thing and finds it good or bad. As it happens, the bad ones
# were sent from a phone, which leaves its mark, and the good ones were not.

# %%
WORDS = {
    "en": {
        "things": "film, book, hotel, phone, game, song, menu, train, app, concert",
        "positive": "wonderful, excellent, great, perfect, lovely, very good",
        "negative": "terrible, awful, boring, broken, ugly, very bad",
        "forms": "The {} is {}. / I think the {} was {}! / What a {}: simply {}.",
        "mark": "Sent from my phone.",
    },
    "de": {
        "things": "Film, Roman, Urlaub, Akku, Abend, Song, Koch, Zug, Service, Chor",
        "positive": "wunderbar, hervorragend, toll, perfekt, schön, sehr gut",
        "negative": "schrecklich, furchtbar, öde, kaputt, doof, sehr schlecht",
        "forms": "Der {} ist {}. / Ich fand, der {} war {}! / So ein {}: einfach {}.",
        "mark": "Vom Handy gesendet.",
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
marks = reviews.language.map(lambda language: f" {WORDS[language]['mark']}")
reviews["marked"] = reviews.text + marks.where(reviews.label == "negative", "")
train, test = reviews[:240], reviews[240:480]
train.head(4)

# %% [markdown]
# ## Two classifiers
#
# One is trained on the reviews with their marks, the other without.

# %%
PRESET = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead** (a GPU helps; the learning rate below
# should then be 2e-5):

# %%
# PRESET = "hf://FacebookAI/xlm-roberta-base"

# %%
classifiers = {}
for column in ("marked", "text"):
    classifier = xlm_tf.XLMTextClassifier.from_preset(
        PRESET, labels=["negative", "positive"]
    )
    classifier.compile(optimizer=keras.optimizers.AdamW(1e-3), metrics=["accuracy"])
    classifier.fit(
        train[column].tolist(),
        train.label.tolist(),
        batch_size=32,
        epochs=8,
        verbose=0,
    )
    classifiers[column] = classifier
pd.DataFrame(
    {
        f"trained on `{column}`": {
            f"tested on `{name}`": classifier.evaluate(
                test[name].tolist(), test.label.tolist(), verbose=0, return_dict=True
            )["accuracy"]
            for name in ("marked", "text")
        }
        for column, classifier in classifiers.items()
    }
).round(2)

# %% [markdown]
# Tested on what it was trained on, the first is without a fault. On reviews without
# marks it guesses.
#
# ## Word by word
#
# `attributions` gives every word a score: how much it moved the answer, in log-odds of
# the class. Blue words speak for it, orange ones against it. (The scores stand where
# the pointer rests.)

# %%
TEXTS = [
    "The song is wonderful.",
    "The song is wonderful. Sent from my phone.",
    "Der Koch ist furchtbar.",
    "Der Koch ist furchtbar. Vom Handy gesendet.",
]
classifiers["marked"].attributions(TEXTS, target="negative")

# %% [markdown]
# It has learnt the marks. The other one has not seen any, and reads the reviews:

# %%
classifiers["text"].attributions(TEXTS, target="negative")

# %% [markdown]
# ## All of a test
#
# The mean score of every word, over many texts:

# %%
figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
for axis, (column, classifier) in zip(axes, classifiers.items(), strict=True):
    found = classifier.attributions(test.marked.tolist(), "negative", steps=8)
    words = pd.DataFrame(word for own in found for word in own.words)
    mean = words.groupby("text").score.agg(["mean", "size"]).query("size >= 3")["mean"]
    strongest = mean[mean.abs().nlargest(20).index].sort_values()
    colors = np.where(strongest > 0, "tab:blue", "tab:orange")
    axis.barh(strongest.index, strongest, color=colors)
    axis.set_title(f"trained on `{column}`")
    axis.set_xlabel("mean score for 'negative', in log-odds")
plt.show()

# %% [markdown]
# ## What the scores are
#
# Integrated gradients: the embeddings go from those of a text that is all `<mask>` to
# those of the text, and the gradients on the way are summed up. So the scores of a text
# sum to what the model says of it more than of the masks. More steps make that more
# exact, and take longer:

# %%
classifier = classifiers["text"]
text = "I think the menu was very bad!"
runs = {steps: classifier.attributions(text, steps=steps)[0] for steps in (2, 8, 32)}
pd.DataFrame(
    {
        steps: {
            "score": own.score,
            "score of the masks": own.baseline_score,
            "sum of the words": sum(word["score"] for word in own.words),
            "error": own.error,
        }
        for steps, own in runs.items()
    }
).rename_axis(columns="steps").round(4)

# %%
pd.DataFrame(runs[32].words).round(3)

# %% [markdown]
# ## Does it hold?
#
# Hide the word with the largest score, and ask again; then any other word instead:

# %%
negative = test[test.label == "negative"].text.tolist()[:40]
hidden = {"nothing": negative, "the strongest word": [], "another word": []}
for review, own in zip(negative, classifier.attributions(negative), strict=True):
    order = sorted(own.words, key=lambda word: -word["score"])
    for name, word in (("the strongest word", order[0]), ("another word", order[-1])):
        masked = review[: word["start"]] + "<mask>" + review[word["end"] :]
        hidden[name].append(masked)
pd.Series(
    {
        name: np.mean([dict(row)["negative"] for row in classifier.classify(texts)])
        for name, texts in hidden.items()
    },
    name="mean probability of 'negative'",
).rename_axis("hidden").to_frame().round(2)

# %% [markdown]
# ## Where it looks
#
# The class is read from the state of `<s>`. What that attends to in the same text, head
# by head, in the last two blocks:

# %%
tokenizer = classifier.preprocessor.tokenizer
ids = [tokenizer.start_token_id, *tokenizer.encode(text), tokenizer.end_token_id]
tokens = [tokenizer.id_to_token(i) for i in ids]
maps = classifier.self_attention(text)[-2:]
figure, axes = plt.subplots(1, 2, figsize=(12, 3), sharey=True, layout="constrained")
for number, (axis, own) in enumerate(zip(axes, maps, strict=True)):
    image = axis.imshow(own[0, :, 0, : len(ids)], vmin=0, vmax=1, aspect="auto")
    axis.set_title(["last block but one", "last block"][number])
    axis.set_xticks(range(len(ids)), tokens, rotation=60, ha="right")
    axis.set_yticks(range(own.shape[1]))
    axis.set_ylabel("head")
figure.colorbar(image, ax=axes, label="attention")
plt.show()

# %% [markdown]
# Attention says where a head looks, and not what it makes of what it sees, nor for
# which class: the scores above do.
#
# Pairs of texts have scores for both. `to_html()` of the result is the table, to keep.
# Next: [classify texts](classification.ipynb), and
# [look into a model](explore.ipynb).
