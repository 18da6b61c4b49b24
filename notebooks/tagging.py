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
# # Find names, and where they stand
#
# A tagger learns people, places and firms from English sentences and is tried on
# German, Spanish and Chinese ones; then it reads raw text and says which characters a
# name has. Runs in a minute or two on two cores, without a network.
#
# `pip install 'xlm-tf[notebooks]'`

# %%
from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners

# %%
import random

import keras
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image, Markdown

import xlm_tf
from xlm_tf.evaluation.model_scores import score_languages
from xlm_tf.evaluation.score_report import score_columns, write_report

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Words and tags
#
# Made here, so that nothing is downloaded: sentences with places for names. Files of
# your own (CoNLL, Universal Dependencies) are read by `xlm_tf.data.tagged_words`.

# %%
FORMS = {
    "en": """PER lives in LOC . / PER works for ORG in LOC . / PER flew to LOC .
        ORG opens an office in LOC . / Yesterday PER left ORG . / Nobody was there .
        The trains to LOC are late , says PER . / PER and PER met in LOC .
        LOC is far from LOC . / The head of ORG is PER . / It rained in LOC all day .
        ORG pays well , but PER is tired . / The film was long and loud .""",
    "de": """PER wohnt in LOC . / PER arbeitet bei ORG in LOC . / PER flog nach LOC .
        ORG eröffnet ein Büro in LOC . / Gestern hat PER die Firma ORG verlassen .
        Die Züge nach LOC sind zu spät , sagt PER . / PER und PER waren in LOC .
        In LOC regnete es den ganzen Tag . / Der Film war lang und laut .""",
    "es": """PER vive en LOC . / PER trabaja para ORG en LOC . / PER voló a LOC .
        ORG abre una oficina en LOC . / Ayer PER dejó ORG . / PER y PER están en LOC .
        Los trenes a LOC llegan tarde , dice PER . / En LOC llovió todo el día .
        La película era larga .""",
    "zh": """PER 住 在 LOC 。 / PER 在 LOC 的 ORG 工 作 。 / PER 和 PER 在 LOC 见 面 。
        ORG 在 LOC 开 了 办 公 室 。 / LOC 下 了 一 天 雨 。""",
}
NAMES = {
    "PER": """Anna, Omar Garcia, Clara Stone, Jonas, Mira Rossi, Pablo, Lena Novak,
        Karim, Jordan, Virginia, Peter London, Alice Berger, Bruno, Carla Paris, Diego,
        Elena Klein, Felix, Greta Fischer, Hugo, Irene Walker, Martin, Laura Romero,
        Simon Brandt, Julia, Paul Hughes, Maria Lopez, David, Sara Miller, Eva""",
    "LOC": """London, Paris, Jordan, Virginia, Berlin, New York, San Diego, Rome, Oslo,
        Vienna, Lisbon, Madrid, Hamburg, Buenos Aires, Costa Rica, Bonn, Dublin, Prague,
        Los Angeles, Cologne, San Marino, New Delhi, Lima, Athens""",
    "ORG": """Nordic Bank, Blue Media, Sun Air, Delta Foods, Alpha Motors, Green Power,
        Royal Hotels, North Steel, Global Trains, Star Films, Ocean Lines, City Press,
        Sun Hotels, Blue Air, Royal Bank, City Motors, Alpha Media, Delta Power""",
}
CHINESE_NAMES = {
    "PER": "王 芳, 李 伟, 张 敏, 刘 洋",
    "LOC": "北 京, 上 海, 广 州, 南 京",
    "ORG": "中 国 银 行, 华 为, 东 方 航 空",
}

# %% [markdown]
# Every third name is kept from training. The test comes in two kinds: with the names
# of the training, and with the others.

# %%
draw = random.Random(0)
rows = []
for kind, language, count in (
    ("train", "en", 480),
    ("a few more", "de", 40),
    ("a few more", "es", 40),
    ("test, known names", "en", 60),
    *(("test, new names", language, 60) for language in FORMS),
):
    forms = FORMS[language].replace("\n", "/").split("/")
    for _ in range(count):
        words, tags = [], []
        for word in draw.choice(forms).split():
            name = [word]
            if word in NAMES:
                every = (CHINESE_NAMES if language == "zh" else NAMES)[word].split(",")
                is_new = kind == "test, new names"
                own = [x for i, x in enumerate(every) if (i % 3 == 2) == is_new]
                name = draw.choice(own).split()
                tags += [f"B-{word}"] + [f"I-{word}"] * (len(name) - 1)
            else:
                tags.append("O")
            words += name
        rows.append({"kind": kind, "language": language, "words": words, "tags": tags})
sentences = pd.DataFrame(rows)
pd.crosstab(sentences.language, sentences.kind)

# %%
train = sentences[sentences.kind == "train"]
pd.DataFrame([train.words[0], train.tags[0]], ["words", "tags"])

# %% [markdown]
# `B-` begins a name, `I-` goes on, `O` is none. *Virginia* is a person here and a
# place there, as *London* and *Paris* are: a list of names would not do.
#
# ## A model
#
# `xlm_tiny`, two small layers in the package, pretrained on messages of programs in
# English, German, French and Spanish, runs anywhere.

# %%
PRESET = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead**, which is what you want for real texts
# (a GPU helps; the learning rate below should then be 2e-5):

# %%
# PRESET = "hf://FacebookAI/xlm-roberta-base"

# %%
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
english = xlm_tf.XLMTokenClassifier.from_preset(PRESET, labels=LABELS)
english.compile(optimizer=keras.optimizers.AdamW(1e-3))
history = english.fit(
    train.words.tolist(), train.tags.tolist(), batch_size=32, epochs=3, verbose=0
)
pd.Series(history.history["loss"], name="loss").round(3).to_frame().T

# %% [markdown]
# A tag is learnt at the first piece of its word, whatever pieces the word has.

# %%
words = ["Clara", "Stone", "works", "for", "Blue", "Media", "in", "Oslo", "."]
pd.DataFrame([words, english.tag_words([words])[0]], ["words", "tags"])

# %% [markdown]
# The same word twice, and what the tagger thinks of every word:

# %%
words = ["Virginia", "flew", "to", "Virginia", "."]
(shares,) = english.word_probabilities([words])
figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
image = axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
axis.set_xticks(range(len(LABELS)), LABELS)
axis.set_yticks(range(len(words)), words)
figure.colorbar(image, ax=axis, label="probability")
plt.show()

# %% [markdown]
# ## Known names and new ones
#
# What counts is a whole name with its type. One row per language, with the interval in
# which 95 % of resampled test sets score.

# %%
known = sentences[sentences.kind == "test, known names"].to_dict("records")
scores, _ = score_languages(english, known)
names, rows = score_columns(scores)
pd.DataFrame(rows, columns=names).set_index("language")

# %%
new = sentences[sentences.kind == "test, new names"].to_dict("records")
english_scores, english_errors = score_languages(english, new)
names, rows = score_columns(english_scores, training_languages=["en"])
pd.DataFrame(rows, columns=names).set_index("language")

# %% [markdown]
# The gap between the two English rows is what was learnt by heart: always test on names
# that the training lacks. Two small layers that have read messages of programs know
# little of names, and less of them between words of German and Spanish, which the
# tagger has not been trained on. And Chinese:

# %%
tokenizer = english.preprocessor.tokenizer
pieces = {
    language: [
        piece
        for words in own.words
        for piece in tokenizer.encode(" ".join(words))
        if tokenizer.id_to_token(piece) != "▁"
    ]
    for language, own in sentences.groupby("language")
}
unknown = tokenizer.token_to_id("<unk>")
pd.DataFrame(
    {"unknown pieces": [own.count(unknown) / len(own) for own in pieces.values()]},
    index=list(pieces),
).map("{:.0%}".format)

# %% [markdown]
# The vocabulary of `xlm_tiny` has no Chinese: where every character looks alike,
# nothing can be found. XLM-R has read 100 languages.
#
# ## Forty sentences more
#
# of German and of Spanish, beside the English ones:

# %%
more = sentences[sentences.kind.isin(["train", "a few more"])]
several = xlm_tf.XLMTokenClassifier.from_preset(PRESET, labels=LABELS)
several.compile(optimizer=keras.optimizers.AdamW(1e-3))
several.fit(more.words.tolist(), more.tags.tolist(), batch_size=32, epochs=3, verbose=0)
scores, errors = score_languages(several, new)
names, rows = score_columns(scores, training_languages=["en", "de", "es"])
pd.DataFrame(rows, columns=names).set_index("language")

# %% [markdown]
# The report is what `xlm-tf evaluate` writes: table, types, worst errors, a picture.

# %%
write_report("tagging_report", scores, LABELS, errors, ["en", "de", "es"])
Image("tagging_report/scores.png")

# %%
pd.DataFrame(errors).nlargest(4, "wrong")

# %% [markdown]
# ## Raw text
#
# `tag` cuts texts into words itself and says which characters a name has.

# %%
TEXTS = [
    "Clara Stone works for Blue Media in Oslo.",
    "¿Omar Garcia? Vive en San Diego.",
]
tagged = several.tag(TEXTS)
pd.DataFrame(
    [
        {
            "text": number,
            **entity,
            "cut": TEXTS[number][entity["start"] : entity["end"]],
        }
        for number, entities in enumerate(tagged)
        for entity in entities
    ]
).round(2)

# %% [markdown]
# ## Keep it, export it
#
# The folder is what `xlm-tf predict`, `evaluate` and `export` take.

# %%
several.save_to_preset("names")
Markdown(
    "`xlm-tf export saved-model names models/names/1`, then `xlm-tf serve models`; "
    "or `xlm-tf predict names articles.csv --text body`"
)
