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
# # From an old TensorFlow checkpoint to a served model
#
# transformers 4 saved its TensorFlow classes as `config.json`, the tokenizer's files
# and `tf_model.h5`; transformers 5 has no such classes any more. Here such a folder is
# loaded, checked, exported as a SavedModel that takes text, and served. Runs in a
# minute on two cores, without a network.
#
# `pip install 'xlm-tf[notebooks,serving]'`

# %%
import logging

from xlm_tf.quiet_start import start_tensorflow, without_banners

start_tensorflow()  # without its banners
logging.getLogger("tensorflow").setLevel("ERROR")  # and its notes

# %%
import re
import shutil
from pathlib import Path

import h5py
import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from safetensors.numpy import load_file

import export
import xlm_tf
from export.serving import Client, LocalServer

keras.utils.set_random_seed(0)
folder = Path("migrated")
shutil.rmtree(folder, ignore_errors=True)

# %% [markdown]
# ## An old folder
#
# Yours is one that `TFXLMRobertaForSequenceClassification.save_pretrained` wrote, or
# another class of XLM-R or XLM. To have one without transformers 4, this cell trains a
# classifier for some seconds, and the next writes its weights as Keras 2 did.

# %%
texts = [
    f"{start} {end}."
    for start in ("The file", "The page", "The account", "The image", "The message")
    for end in ("was saved", "was added", "was not found", "is not valid")
]
labels = ["success", "success", "failure", "failure"] * 5
trained = xlm_tf.XLMTextClassifier.from_preset(
    "xlm_tiny", labels=["failure", "success"]
)
trained.compile(optimizer=keras.optimizers.AdamW(1e-3))
trained.fit(texts, labels, batch_size=10, epochs=6, verbose=0)
trained.save_to_huggingface(folder / "old")

# %% [markdown]
# In the HDF5 file, a group for every layer of the model holds its weights by the scopes
# that they were made in, kernels as (in, out):

# %%
weights = {}
path = folder / "old/model.safetensors"
for name, value in load_file(path).items():
    *layers, own = name.split(".")
    if layers[-1] == "LayerNorm":
        own = {"weight": "gamma", "bias": "beta"}[own]
    elif layers[-1] in ("position_embeddings", "token_type_embeddings"):
        own = "embeddings"
    elif own == "weight" and layers[-1] != "word_embeddings":
        own = "kernel"
    place = re.sub(r"/(\d+)", r"_._\1", "/".join([*layers, own])) + ":0"
    weights[place] = value.T if own == "kernel" else value
with h5py.File(folder / "old/tf_model.h5", "w") as file:
    file.attrs["layer_names"] = ["roberta", "classifier"]
    for place, value in weights.items():
        group = file.require_group(place.split("/")[0])
        group[f"tfxlm_roberta_for_sequence_classification/{place}"] = value
path.unlink()
pd.DataFrame(
    [(place, str(value.shape)) for place, value in weights.items()],
    columns=["weight", "shape"],
).set_index("weight").loc[lambda table: table.index.str.contains("layer_._1|class")]

# %% [markdown]
# ## Load it

# %%
MODEL = folder / "old"
sorted(path.name for path in MODEL.iterdir())

# %% [markdown]
# **With a network and a released model instead** (its classes are other ones: leave out
# the comparison below, and train on its own):

# %%
# MODEL = "hf://cardiffnlp/twitter-xlm-roberta-base-sentiment"

# %%
model = xlm_tf.load_task(MODEL)
type(model).__name__, model.labels

# %% [markdown]
# Nothing of the file was run: names are read and numbers are copied. A weight that is
# missing, unknown or of another shape is an error that names it. The answers are those
# of the model before it was written:

# %%
news = ["The folder was saved.", "The user was not found.", "Die Datei ist ungültig."]
before, after = (x.predict(news, verbose=0) for x in (trained, model))
print(f"largest difference of the logits: {np.abs(before - after).max():.0e}")

# %%
table = pd.DataFrame(model.probabilities(after), index=news, columns=model.labels)
axis = table.plot.barh(stacked=True, figsize=(8, 2.2), color=["#b3493e", "#1b5e9c"])
axis.set_xlabel("probability")
axis.invert_yaxis()
axis.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# ## Go on with it
#
# The model is one of Keras 3: `fit`, `predict` and `evaluate` take texts and names of
# classes. `save_to_preset` saves it in Keras' format, `save_to_huggingface` as
# safetensors, which transformers 5 reads.

# %%
model.compile(optimizer=keras.optimizers.AdamW(2e-4))
more = ["Die Datei wurde gespeichert.", "Die Datei ist ungültig."] * 5
history = model.fit(more, ["success", "failure"] * 5, epochs=3, verbose=0)
model.save_to_preset(folder / "new")
[round(loss, 3) for loss in history.history["loss"]]

# %% [markdown]
# ## Export and serve
#
# The SavedModel takes texts, with the tokenizer in its graph. `xlm-tf serve
# migrated/models` serves it on a command line, TF Serving takes the same folder; here
# a server runs in Python, on a free port.

# %%
with without_banners():
    saved = export.to_saved_model(model, folder / "models/messages/1")
server = LocalServer(folder / "models", rest_port=0, grpc_port=0).start()
client = Client("messages", protocol="rest", rest_port=server.rest_port)
client.wait_until_ready(timeout_s=60)
answers = client.classify(news)
pd.DataFrame(
    {
        "served": [answer.label for answer in answers],
        "probability": [round(float(x.probabilities.max()), 3) for x in answers],
        "model": [model.classify(text, top_k=1)[0][0][0] for text in news],
    },
    index=news,
)

# %%
client.close()
server.stop()
