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
# # Take a model to a server and to a phone
#
# A classifier as SavedModel, served here by TF Serving's interfaces and asked by REST
# and gRPC; and as TFLite, in float32 and int8. Sizes, times, and whether the answers
# are still the model's. Runs in a minute or two on two cores, without a network.
#
# `pip install 'xlm-tf[notebooks,mobile,serving]'`

# %%
import logging

from xlm_tf.quiet_start import start_tensorflow, without_banners

start_tensorflow()  # without its banners
logging.getLogger("tensorflow").setLevel("ERROR")  # and its notes

# %%
import itertools
import json
import shutil
import time
import urllib.request
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from ai_edge_litert.interpreter import Interpreter

import export
import xlm_tf
from export.serving import Client, LocalServer
from export.tflite_file import read_description

keras.utils.set_random_seed(0)
folder = Path("exported")
shutil.rmtree(folder, ignore_errors=True)

# %% [markdown]
# ## A classifier
#
# Any that was trained will do, such as that of [classification](classification.ipynb).
# This one learns in seconds whether a program reports success or failure.

# %%
WORDS = {
    "en": {
        "thing": "file, page, account, image, message, password",
        "success": "The {} was saved. / The {} has been changed. / The {} was added.",
        "failure": "The {} was not found. / The {} is not valid. / The {} is missing.",
    },
    "de": {
        "thing": "Datei, Seite, Adresse, Nachricht, Gruppe, Liste",
        "success": "Die {} wurde gespeichert. / Die {} wurde geändert.",
        "failure": "Die {} wurde nicht gefunden. / Die {} ist ungültig.",
    },
    "fr": {
        "thing": "page, date, image, commande, liste, adresse",
        "success": "La {} a été enregistrée. / La {} a été modifiée.",
        "failure": "La {} est introuvable. / La {} n'est pas valide.",
    },
}
LABELS = ["success", "failure"]
rows = [
    [language, form.strip().format(thing), label]
    for language, words in WORDS.items()
    for label in LABELS
    for form, thing in itertools.product(
        words[label].split("/"), words["thing"].split(", ")
    )
]
messages = pd.DataFrame(rows, columns=["language", "text", "label"])
messages = messages.sample(frac=1, random_state=0, ignore_index=True)
train, test = messages[:60], messages[60:]
test.head()

# %%
PRESET = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead** (1.1 GB; the learning rate below
# should then be 2e-5, and sizes and times are hundreds of times these):

# %%
# PRESET = "hf://FacebookAI/xlm-roberta-base"

# %%
classifier = xlm_tf.XLMTextClassifier.from_preset(PRESET, labels=LABELS)
classifier.compile(optimizer=keras.optimizers.AdamW(1e-3))
classifier.fit(
    train.text.tolist(), train.label.tolist(), batch_size=16, epochs=2, verbose=0
)
expected = classifier.probabilities(classifier.predict(test.text.tolist(), verbose=0))
chosen = np.array(LABELS)[expected.argmax(axis=1)]
print(
    f"{(chosen == test.label).sum()} of {len(test)} test messages are classified right"
)

# %% [markdown]
# ## A SavedModel
#
# Text goes in, the label comes out: the tokenizer is part of the graph. Before the
# function returns, what it wrote is loaded in a fresh process and compared with the
# model, text by text; an export that answers something else is an error, and leaves
# nothing.

# %%
with without_banners():
    saved = export.to_saved_model(classifier, folder / "models/messages/1")
files = [path for path in saved.path.rglob("*") if path.is_file()]
pd.DataFrame(
    {
        "file": [path.relative_to(folder).as_posix() for path in sorted(files)],
        "kB": [round(path.stat().st_size / 1000, 1) for path in sorted(files)],
    }
).set_index("file")

# %% [markdown]
# The official server takes this folder as it is
# ([docs/serving.md](../docs/serving.md#serve-with-tf-serving)), with warm-up requests
# and batching parameters beside the model.
#
# ## Serve it here
#
# `xlm-tf serve exported/models` serves on a command line; in Python it is an object.
# Port 0 is any that is free.

# %%
server = LocalServer(folder / "models", rest_port=0, grpc_port=0).start()
ports = {"rest_port": server.rest_port, "grpc_port": server.grpc_port}

# %% [markdown]
# REST needs no library, only JSON:

# %%
request = {"instances": ["The folder was not found.", "Die Datei wurde gespeichert."]}
answer = urllib.request.urlopen(
    f"{server.rest_url}/v1/models/messages:predict", json.dumps(request).encode()
)
print(json.dumps(json.load(answer), indent=1))

# %% [markdown]
# The client asks either protocol, of this server or of the official one, and gives the
# same types for both:

# %%
clients = {
    protocol: Client("messages", protocol=protocol, **ports)
    for protocol in ("rest", "grpc")
}
for protocol, client in clients.items():
    client.wait_until_ready(timeout_s=60)
    (answer,) = client.classify(["La page est introuvable."])
    print(protocol, answer.label, f"{answer.probabilities.max():.6f}")

# %%
metadata = clients["grpc"].metadata()
pd.DataFrame(
    [
        {
            "signature": name,
            "takes": ", ".join(signature.inputs),
            "answers": ", ".join(signature.outputs),
        }
        for name, signature in metadata.signatures.items()
    ]
).set_index("signature")

# %% [markdown]
# ## TFLite, for phones
#
# Token ids go in, and the tokenizer lies beside the file for the app
# ([docs/phones.md](../docs/phones.md)). int8 keeps the matrices in 8 bits.

# %%
reports = {}
for name, quantization in (("float32", None), ("int8", "int8")):
    with without_banners():
        reports[name] = export.to_tflite(
            classifier, folder / f"messages.{name}.tflite", quantization=quantization
        )
description = read_description(reports["int8"].path)
{name: description[name] for name in ("labels", "maximum_length", "special_ids")}

# %% [markdown]
# LiteRT runs them, here as on a phone, one text at a time:

# %%
tokenizer = classifier.preprocessor.tokenizer
start, end = description["special_ids"]["start"], description["special_ids"]["end"]
ids = [np.array([[start, *tokenizer.encode(text), end]], "int32") for text in test.text]
answers, times = {}, {}
for name, report in reports.items():
    with without_banners():
        interpreter = Interpreter(str(report.path), num_threads=1)
        run = interpreter.get_signature_runner("serving_default")
        run(token_ids=ids[0])
    answers[name], times[name] = [], []
    for row in ids:
        begun = time.perf_counter()
        answers[name].append(run(token_ids=row)["probabilities"][0])
        times[name].append(time.perf_counter() - begun)

# %% [markdown]
# ## Everything side by side
#
# The served model is asked for one text at a time, too. The difference is that of the
# check at the export, the largest of its texts, relative to the model's answer.

# %%
for protocol, client in clients.items():
    client.classify([test.text.iloc[0]])
    answers[protocol], times[protocol] = [], []
    for text in test.text:
        begun = time.perf_counter()
        (answer,) = client.classify([text])
        answers[protocol].append(answer.probabilities)
        times[protocol].append(time.perf_counter() - begun)
exports = reports | dict.fromkeys(clients, saved)
table = pd.DataFrame(
    {
        "MB": {name: report.num_bytes / 1e6 for name, report in exports.items()},
        "median ms": {name: 1000 * np.median(own) for name, own in times.items()},
        "same label": {
            name: f"{(np.argmax(own, axis=1) == expected.argmax(axis=1)).mean():.0%}"
            for name, own in answers.items()
        },
        "difference in the check": {
            name: f"{report.difference:.0e}" for name, report in exports.items()
        },
    }
).rename(
    index={name: f"TFLite {name}" for name in reports}
    | {"rest": "SavedModel, REST", "grpc": "SavedModel, gRPC"}
)
table.round(2)

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 2.8), sharey=True, layout="constrained")
colors = ["#1b5e9c"] * len(reports) + ["#9b9b9b"] * len(clients)
for axis, column in zip(axes, ("MB", "median ms"), strict=True):
    bars = axis.barh(table.index, table[column], color=colors)
    axis.bar_label(bars, fmt="%.2f", padding=3)
    axis.set_xlabel(column)
    axis.margins(x=0.15)
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# In 8 bits the file is less than a third as large, the labels are the same, and the
# numbers differ by a few percent at most. In the process that asks, an answer takes a
# fraction of a millisecond; from a server several. `client.classify(many)` sends many
# texts at once.
#
# ## Shut down
#
# `stop` answers what was sent, and frees both ports.

# %%
for client in clients.values():
    client.close()
server.stop()
