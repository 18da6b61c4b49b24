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
# # Answer questions, in the words of a text
#
# A model learns from English and German questions to point at the answer in a text,
# says where there is none, and reads texts that are longer than its window. Runs in
# three minutes on two cores, without a network.
#
# `pip install 'xlm-tf[notebooks]'`

# %%
from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners

# %%
import random
import warnings

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Image, Markdown

import xlm_tf
from xlm_tf.evaluation.model_scores import score_languages
from xlm_tf.evaluation.score_report import score_columns, write_report

keras.utils.set_random_seed(0)

# %% [markdown]
# ## Questions, contexts and answers
#
# Made here, so that nothing is downloaded: who lives where, works as what and likes
# what. SQuAD's files are read by `xlm_tf.data.questions`.

# %%
PEOPLE = [
    *("Anna", "Omar", "Clara", "Jonas", "Mira", "Pablo", "Lena", "Karim", "Paul"),
    *("Maria", "Peter", "Laura", "Martin", "Eva", "David", "Sara", "Simon", "Julia"),
]
# A fact, two questions about it, and what it can be about.
FACTS = {
    "en": """
        {0} lives in {1}. | Where does {0} live? | Who lives in {1}? |
            Berlin, Paris, Rome, Vienna, Madrid, London, Oslo, Prague, Lisbon, Dublin
        {0} works as a {1}. | What does {0} work as? | Who works as a {1}? |
            teacher, doctor, writer, painter, baker, pilot, nurse, cook, driver, singer
        {0} likes {1}. | What does {0} like? | Who likes {1}? |
            green tea, old books, black coffee, long walks, good films, red wine""",
    "de": """
        {0} wohnt in {1}. | Wo wohnt {0}? | Wer wohnt in {1}? |
            Berlin, Paris, Rom, Wien, Madrid, London, Oslo, Prag, Lissabon, Dublin
        {0} arbeitet als {1}. | Als was arbeitet {0}? | Wer arbeitet als {1}? |
            Lehrer, Arzt, Autor, Maler, Bäcker, Pilot, Pfleger, Koch, Fahrer, Sänger
        {0} mag {1}. | Was mag {0}? | Wer mag {1}? |
            grünen Tee, alte Bücher, schwarzen Kaffee, lange Wege, gute Filme""",
    "es": """
        {0} vive en {1}. | ¿Dónde vive {0}? | ¿Quién vive en {1}? |
            Berlín, París, Roma, Viena, Madrid, Londres, Oslo, Praga, Lisboa, Dublín
        {0} trabaja de {1}. | ¿De qué trabaja {0}? | ¿Quién trabaja de {1}? |
            maestro, médico, autor, pintor, panadero, piloto, cocinero, cantante
        A {0} le gusta {1}. | ¿Qué le gusta a {0}? | ¿A quién le gusta {1}? |
            el té verde, el café negro, el vino tinto, la música, el pan""",
}
draw = random.Random(0)
rows = []
for part, language, count in (
    ("train", "en", 800),
    ("train", "de", 800),
    *(("test", language, 100) for language in FACTS),
):
    lines = FACTS[language].replace("|\n", "|").strip().split("\n")
    for _ in range(count):
        person = draw.choice(PEOPLE)
        facts = [[column.strip() for column in line.split("|")] for line in lines]
        draw.shuffle(facts)
        for fact in facts:
            fact[3] = draw.choice(fact[3].split(", "))
        sentence, about, who, thing = asked = draw.choice(facts)
        answer, question = (thing, about) if draw.random() < 0.7 else (person, who)
        if draw.random() < 1 / 7:  # a question that the context does not answer
            facts.remove(asked)
        context = " ".join(own[0].format(person, own[3]) for own in facts)
        row = {"part": part, "language": language, "context": context}
        row["question"] = question.format(person, thing)
        row["answers"], row["span"] = [], [-1, -1]
        if asked in facts:
            sentence = sentence.format(person, thing)
            start = context.index(sentence) + sentence.index(answer)
            row["answers"] = [(answer, start)]
            row["span"] = [start, start + len(answer)]
        rows.append(row)
rows = pd.DataFrame(rows)
train, test = (rows[rows.part == part] for part in ("train", "test"))
train.sample(5, random_state=0)

# %% [markdown]
# `span` is what is learnt: the first character of the answer in its context, and the
# one behind the last; -1, -1 where the context does not tell.
#
# ## A model
#
# `xlm_tiny`, two small layers in the package, pretrained on messages of programs in
# English, German, French and Spanish, runs anywhere.

# %%
PRESET = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead**, which is what you want for real
# questions (a GPU helps; learn from SQuAD's files, with a rate of 3e-5, as the recipe
# of `xlm-tf recipes copy xquad_en` does):

# %%
# PRESET = "hf://FacebookAI/xlm-roberta-base"

# %% [markdown]
# The preset has no head for questions: a new one begins, and a warning, silenced here,
# says so.

# %%
warnings.filterwarnings("ignore", message=".*no head for question answering")
answerer = xlm_tf.XLMQuestionAnswering.from_preset(PRESET, no_answer_threshold=0.0)

# %%
EPOCHS, BATCH_SIZE = 4, 32
steps = EPOCHS * len(train) // BATCH_SIZE
rate = keras.optimizers.schedules.CosineDecay(
    0.0, steps, warmup_target=2e-3, warmup_steps=steps // 10
)
answerer.compile(optimizer=keras.optimizers.AdamW(rate))
history = answerer.fit(
    train[["question", "context"]],
    train.span.tolist(),
    batch_size=BATCH_SIZE,
    epochs=EPOCHS,
    verbose=0,
)
pd.Series(history.history["loss"], name="loss").round(2).to_frame().T

# %% [markdown]
# ## Answers
#
# Each says which characters of the context it is, and how sure the model is.

# %%
context = "Clara works as a pilot. Clara lives in Vienna. Clara likes good films."
QUESTIONS = [
    "Where does Clara live?",
    "What does Clara like?",
    "Who works as a pilot?",
    "Wo wohnt Clara?",
]
answers = answerer.answer(QUESTIONS, [context] * len(QUESTIONS))
table = pd.DataFrame(answers, index=QUESTIONS).round(3)
table["cut"] = [context[answer["start"] : answer["end"]] for answer in answers]
table

# %% [markdown]
# The last question is German and the context English: nothing like it was trained.
#
# Every token of the context has a logit to be the first of the answer, and one to be
# the last. The answer is the span with the largest sum.

# %%
inputs, places = answerer.preprocessor.pack_windows(
    {"question": QUESTIONS[:1], "context": [context]}
)
logits = np.array(answerer(inputs))[0]
pieces = [
    answerer.preprocessor.tokenizer.id_to_token(piece)
    for piece in inputs["token_ids"][0].numpy()
]
size = int(inputs["padding_mask"][0].numpy().sum())  # without the padding
figure, axis = plt.subplots(figsize=(9, 3), layout="constrained")
axis.bar(np.arange(size) - 0.2, logits[:size, 0], 0.4, label="first of the answer")
axis.bar(np.arange(size) + 0.2, logits[:size, 1], 0.4, label="last of the answer")
axis.set_xticks(range(size), pieces[:size], rotation=90)
axis.set_ylabel("logit")
axis.legend()
plt.show()

# %% [markdown]
# The next best, and a question that the text does not answer: its `no_answer_score` is
# above the threshold of 0, so the answer is empty.

# %%
(best,) = answerer.answer(QUESTIONS[0], context, top_k=3)
pd.DataFrame(best).round(3)

# %%
other = "Clara works as a pilot. Clara likes red wine."
pd.DataFrame(answerer.answer(QUESTIONS[0], other)).round(3)

# %% [markdown]
# ## By language
#
# Exact match and F1 by SQuAD's rules, with those of MLQA for each language; one row per
# language, with the interval in which 95 % of resampled test sets score. Spanish was
# not trained.

# %%
scores, errors = score_languages(answerer, test.to_dict("records"))
names, rows = score_columns(scores, training_languages=["en", "de"])
pd.DataFrame(rows, columns=names).set_index("language")

# %% [markdown]
# Two small layers know which words of English and German questions go with which of the
# texts because they have seen hundreds of pairs; they do not know what a question is.
# A released model reads 100 languages, and what it learns from English questions it
# answers in others.

# %%
write_report("answers_report", scores, None, errors, ["en", "de"])
Image("answers_report/scores.png")

# %%
pd.DataFrame(errors).nsmallest(5, "f1")

# %% [markdown]
# ## A text longer than the model
#
# The model reads 128 tokens at once. Longer texts are cut into windows that share
# tokens, and the best span of all windows is the answer.

# %%
rain = "It rained all day. " * 40
text = f"{rain}Clara lives in Prague. {rain}"
(answer,) = answerer.answer("Where does Clara live?", text)
start, end = answer["start"], answer["end"]
Markdown(
    f"{len(text):,} characters, answer at {start:,}: "
    f"… {text[start - 60 : start]}**{text[start:end]}**{text[end : end + 60]} …"
)

# %% [markdown]
# ## Keep it, export it
#
# The folder is what `xlm-tf predict`, `evaluate` and `export` take. The exported model
# takes texts of any length as well: the windows are in its graph.

# %%
answerer.save_to_preset("answers")
Markdown(
    "`xlm-tf export saved-model answers models/answers/1`, then `xlm-tf serve models`; "
    "or `xlm-tf predict answers questions.json --output answers.json`"
)
