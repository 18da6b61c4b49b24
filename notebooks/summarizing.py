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
# # Summarise, without training
#
# An embedder finds the sentences of a text that say most, in whatever language it
# reads: how sentences are told apart, how they are chosen, what the two numbers do, and
# how good it is. Runs in half a minute on two cores, without a network.
#
# `pip install 'xlm-tf[notebooks,eval]'`

# %%
from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import xlm_tf
from xlm_tf.cli import main
from xlm_tf.evaluation.summary_scores import summary_scores
from xlm_tf.text.sentences import split_sentences

# %% [markdown]
# ## Sentences
#
# Punctuation tells where they end, in most scripts; not every full stop is an end.

# %%
TEXTS = {
    "English": "Dr. Li closed 3.5 million accounts (see Fig. 2). Why? Nobody knows.",
    "German": "Am 3. Oktober, z. B. nachts, war die Seite weg. Jetzt geht sie wieder!",
    "Urdu": "یہ صفحہ نہیں ملا۔ کیا پتا درست ہے؟ دوبارہ کوشش کریں۔",
    "Hindi": "पृष्ठ नहीं मिला। क्या पता सही है? फिर कोशिश करें।",
    "Japanese": "ページが見つかりません。「正しい。」と書いてある。もう一度どうぞ。",
}
for language, text in TEXTS.items():
    print(f"{language}: {' | '.join(x.strip() for x in split_sentences(text))}")

# %% [markdown]
# ## A model
#
# `xlm_tiny` comes with the package. It was pretrained on messages of programs in
# English, German, French and Spanish, so that is what the texts below are about.

# %%
PRESET = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead**, which was trained to give sentences
# of one meaning one vector, in 50 languages:

# %%
# PRESET = "hf://sentence-transformers/paraphrase-xlm-r-multilingual-v1"

# %%
embedder = xlm_tf.XLMTextEmbedder.from_preset(PRESET)

# %% [markdown]
# ## One sentence of many

# %%
REPORTS = {
    "en": "Good morning. The server was restarted at noon. The file of the backup "
    "could not be written: the disk is full. Lunch was good. All users can log in "
    "again. The backup of the files will be written again tonight.",
    "de": "Guten Morgen. Der Server wurde mittags neu gestartet. Die Datei der "
    "Sicherung konnte nicht geschrieben werden: die Platte ist voll. Das Essen war "
    "gut. Alle Benutzer können sich wieder anmelden. Die Sicherung der Dateien wird "
    "heute Nacht noch einmal geschrieben.",
    "fr": "Bonjour. Le serveur a été redémarré à midi. Le fichier de la sauvegarde "
    "n'a pas pu être écrit : le disque est plein. Le repas était bon. Tous les "
    "utilisateurs peuvent se connecter. La sauvegarde des fichiers sera écrite cette "
    "nuit.",
}
chosen = dict(zip(REPORTS, embedder.summarize(list(REPORTS.values())), strict=True))
pd.DataFrame([own[0] for own in chosen.values()], index=chosen).round(2)

# %% [markdown]
# A sentence comes word for word, with the characters where it stands. Several come in
# the order of the text:

# %%
for own in embedder.summarize(REPORTS["en"], num_sentences=3)[0]:
    print(f"{own['start']:3d}  {own['text']}")

# %% [markdown]
# ## How they are chosen
#
# Every sentence has a vector. The one nearest to the mean of all is what the text is
# about; and a second one should not say the same again (maximal marginal relevance).

# %%
sentences = [x.strip() for x in split_sentences(REPORTS["en"])]
relevance = [x["score"] for x in embedder.summarize(REPORTS["en"], len(sentences))[0]]
figure, (left, right) = plt.subplots(
    1, 2, figsize=(13, 4), sharey=True, layout="constrained"
)
left.barh(range(len(sentences)), relevance)
left.set_yticks(range(len(sentences)), [x[:45] for x in sentences])
left.set_xlabel("relevance")
left.invert_yaxis()
cosines = embedder.similarity(sentences, sentences)
image = right.imshow(cosines, vmin=0, vmax=1, aspect="auto")
for (row, column), cosine in np.ndenumerate(cosines):
    color = "black" if cosine > 0.6 else "white"
    right.text(column, row, f"{cosine:.2f}", ha="center", va="center", color=color)
right.set_xticks(range(len(sentences)), range(1, len(sentences) + 1))
figure.colorbar(image, ax=right, label="cosine")
plt.show()

# %% [markdown]
# ## Two numbers
#
# `diversity` is how much it counts that a sentence is unlike those that are chosen
# already. A text that says one thing three times:

# %%
text = (
    "The file was not found. The file could not be found. The file has not been found. "
    "Please enter your password."
)
for diversity in (0.0, 0.5):
    (own,) = embedder.summarize(text, num_sentences=2, diversity=diversity)
    print(f"{diversity}  {' '.join(x['text'] for x in own)}")

# %% [markdown]
# `position_weight` is how much it counts to stand early. News and abstracts begin with
# what matters; reports that begin with a greeting do better without. With 1, and no
# diversity, it is the beginning of the text, which a summary has to be better than:

# %%
for weight in (0.0, 0.1, 1.0):
    (own,) = embedder.summarize(REPORTS["en"], 2, diversity=0, position_weight=weight)
    print(f"{weight}  {' '.join(x['text'] for x in own)}")

# %% [markdown]
# ## How good is it?
#
# ROUGE counts the words in common with a summary that somebody wrote. Three texts say
# nothing about a method; they show how it is asked:

# %%
WRITTEN = {
    "en": "The backup could not be written, because the disk is full.",
    "de": "Die Sicherung wurde nicht geschrieben, weil die Platte voll ist.",
    "fr": "La sauvegarde n'a pas pu être écrite, le disque est plein.",
}
rows = {}
for name, weight in (("chosen", 0.0), ("the first sentence", 1.0)):
    found = embedder.summarize(list(REPORTS.values()), position_weight=weight)
    for language, own in zip(REPORTS, found, strict=True):
        scores = summary_scores([own[0]["text"]], [[WRITTEN[language]]], language)
        rows.setdefault(name, {})[language] = round(scores.rougeL, 1)
pd.DataFrame(rows).rename_axis("ROUGE-L")

# %% [markdown]
# On texts that begin with what matters, as news and abstracts do, `xlm_tiny` is as good
# as the first sentence and no better: [the guide](../docs/translation.md) has numbers
# of 618 abstracts, and of news in four languages.
#
# ## On the command line
#
# A text per line, a summary per line:

# %%
embedder.save_to_preset("summarizer")
Path("summaries").mkdir(exist_ok=True)
lines = "".join(f"{text}\n" for text in REPORTS.values())
Path("summaries/in.txt").write_text(lines, encoding="utf-8")
command = ["summarize", "--model", "summarizer", "summaries/in.txt", "--sentences", "2"]
command += ["--position-weight", "0", "--diversity", "0.2"]
main([*command, "--output", "summaries/out.txt"])
print(Path("summaries/out.txt").read_text(encoding="utf-8"))
