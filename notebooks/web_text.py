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
# # From web pages to a model
#
# An archive of web pages in three languages, with all that such archives are full of,
# becomes documents, then clean text, then a prepared corpus, then a model that fills
# masks; and another model is trained on what was not cleaned. Runs in three minutes or
# so on two cores, without a network.
#
# `pip install 'xlm-tf[notebooks,collect,clean]'`

# %%
from xlm_tf.quiet_start import start_tensorflow

start_tensorflow()  # without its banners

# %%
import gzip
import io
import itertools
import random
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import yaml
from IPython.display import Markdown
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

import xlm_tf
from xlm_tf.cleaning.clean import clean
from xlm_tf.cleaning.cleaning_recipe import load_cleaning_recipe
from xlm_tf.collecting.collect import collect
from xlm_tf.data.plain_text import iterate_plain_text
from xlm_tf.text.vocabulary import train_vocabulary
from xlm_tf.training.prepare import prepare
from xlm_tf.training.pretrain import pretrain
from xlm_tf.training.recipe_loader import load_recipe

LANGUAGES = ["en", "de", "fr"]
folder = Path("web")
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir()

# %% [markdown]
# ## Pages
#
# Yours would be files of [Common Crawl](https://commoncrawl.org), pages that you saved,
# or a dump of Wikipedia. Here they are made, in English, German and French: somebody,
# of whom something is told, does something, for a reason.

# %%
WHO = [
    "The baker/Der Bäcker/Le boulanger",
    "The old fisherman/Der alte Fischer/Le vieux pêcheur",
    "The new teacher/Der neue Lehrer/Le nouveau professeur",
    "My neighbour/Mein Nachbar/Mon voisin",
    "The doctor of the village/Der Arzt des Dorfes/Le médecin du village",
    "A young painter/Ein junger Maler/Un jeune peintre",
    "The mayor/Der Bürgermeister/Le maire",
    "Her youngest brother/Ihr jüngster Bruder/Son plus jeune frère",
    "The driver of the bus/Der Fahrer des Busses/Le conducteur du bus",
    "The tall gardener/Der große Gärtner/Le grand jardinier",
    "A famous musician/Ein berühmter Musiker/Un musicien célèbre",
    "The owner of the hotel/Der Besitzer des Hotels/Le propriétaire de l'hôtel",
]
WHOM = [
    "who has three cats/der drei Katzen hat/qui a trois chats",
    "who comes from Norway/der aus Norwegen kommt/qui vient de Norvège",
    "who never sleeps long/der nie lange schläft/qui ne dort jamais longtemps",
    "who speaks six languages/der sechs Sprachen spricht/qui parle six langues",
    "who lives beside the church/der neben der Kirche wohnt/"
    "qui habite près de l'église",
    "who likes strong coffee/der starken Kaffee mag/qui aime le café fort",
    "who was a soldier once/der einmal Soldat war/qui fut autrefois soldat",
    "who seldom laughs/der selten lacht/qui rit rarement",
    "who knows every street/der jede Straße kennt/qui connaît chaque rue",
    "who plays the violin/der Geige spielt/qui joue du violon",
]
DOES = [
    "sells flowers on the market/verkauft Blumen auf dem Markt/"
    "vend des fleurs au marché",
    "repairs old clocks/repariert alte Uhren/répare de vieilles horloges",
    "writes letters to the newspaper/schreibt Briefe an die Zeitung/"
    "écrit des lettres au journal",
    "swims across the river/schwimmt durch den Fluss/traverse la rivière à la nage",
    "paints the door of the school/malt die Tür der Schule an/"
    "peint la porte de l'école",
    "carries wood into the cellar/trägt Holz in den Keller/porte du bois à la cave",
    "builds a boat with his son/baut mit seinem Sohn ein Boot/"
    "construit un bateau avec son fils",
    "reads stories to the children/liest den Kindern Geschichten vor/"
    "lit des histoires aux enfants",
    "walks through the forest/geht durch den Wald/se promène dans la forêt",
    "plants trees behind the station/pflanzt Bäume hinter dem Bahnhof/"
    "plante des arbres derrière la gare",
    "closes the museum at noon/schließt mittags das Museum/ferme le musée à midi",
    "counts the birds on the roof/zählt die Vögel auf dem Dach/"
    "compte les oiseaux sur le toit",
]
WHY = [
    "because the winter was cold/weil der Winter kalt war/car l'hiver fut froid",
    "before the rain begins/bevor der Regen beginnt/avant que la pluie commence",
    "although nobody asked him/obwohl ihn niemand gefragt hat/"
    "bien que personne ne le lui ait demandé",
    "as his father did/wie es sein Vater tat/comme le faisait son père",
    "when the shops are closed/wenn die Läden geschlossen sind/"
    "quand les magasins sont fermés",
    "until the last train leaves/bis der letzte Zug abfährt/"
    "jusqu'au départ du dernier train",
    "while his wife is at work/während seine Frau arbeitet/"
    "pendant que sa femme travaille",
    "since he has a garden/seit er einen Garten hat/depuis qu'il a un jardin",
    "if the weather is good/wenn das Wetter gut ist/s'il fait beau",
    "so that everybody can see it/damit es alle sehen können/"
    "pour que tout le monde le voie",
]
random_numbers = random.Random(0)
sentences, paragraphs = {}, {}
for place, language in enumerate(LANGUAGES):
    rows = [
        [part.split("/")[place] for part in parts]
        for parts in itertools.product(WHO, WHOM, DOES, WHY)
    ]
    random_numbers.shuffle(rows)
    comma = "" if language == "en" else ","
    texts = [f"{who}, {whom}, {does}{comma} {why}." for who, whom, does, why in rows]
    # Each is there once.
    sentences[language] = iter(texts[:200])
    paragraphs[language] = map(" ".join, zip(texts[200::2], texts[201::2], strict=True))
next(paragraphs["en"]), next(paragraphs["de"]), next(paragraphs["fr"])

# %% [markdown]
# A page has menus, a notice about cookies and a footer. And what is within is not all
# what one would wish: paragraphs that all sites have from one agency, machines that
# stutter, addresses, letters that were decoded wrongly, another language, texts that
# were cut off, and pages that are copies of others.

# %%
MENUS = {
    "en": "Home/News/Sports/Contact/Log in/We use cookies. Accept all/Imprint",
    "de": "Start/Nachrichten/Sport/Kontakt/Anmelden/Wir nutzen Cookies. Alle annehmen/"
    "Impressum",
    "fr": "Accueil/Actualités/Sport/Contact/Connexion/Nous utilisons des cookies. "
    "Tout accepter/Mentions légales",
}
SPANISH = "Esta página todavía no ha sido traducida, y por eso la mostramos en español."
agency = {language: next(paragraphs[language]) for language in LANGUAGES}
pages = {}
for number, language in itertools.product(range(120), LANGUAGES):
    own = paragraphs[language]
    noise = [
        agency[language],
        "click here " * 8 + "!" * 15,
        f"{next(own)} anna@example.org, +33 1 42 68 53 00.",
        next(own).encode().decode("cp1252", errors="ignore"),
        SPANISH,
        next(own)[:-30],
    ]
    texts = [*itertools.islice(own, 4), *random_numbers.sample(noise, 4)]
    random_numbers.shuffle(texts)
    *menu, cookies, imprint = MENUS[language].split("/")
    links = "".join(f"<li><a href='/{place}'>{x}</a>" for place, x in enumerate(menu))
    pages[f"https://{language}.example/{number}"] = (
        f"<html lang={language}><head><title>{texts[0][:40]}</title></head><body>"
        f"<nav><ul>{links}</ul></nav><div class=banner>{cookies}</div>"
        f"<article>{''.join(f'<p>{text}</p>' for text in texts)}</article>"
        f"<footer><a href='/imprint'>{imprint}</a></footer></body></html>"
    )
# Mirrors.
pages |= {
    url.replace(".example", ".mirror.example"): html
    for url, html in list(pages.items())[::10]
}
len(pages)

# %% [markdown]
# They lie in a WARC file, as crawlers write it:

# %%
with gzip.open(folder / "crawl.warc.gz", "wb") as archive:
    writer = WARCWriter(archive, gzip=False)
    for url, html in pages.items():
        header = StatusAndHeaders(
            "200 OK", [("Content-Type", "text/html; charset=utf-8")], "HTTP/1.1"
        )
        writer.write_record(
            writer.create_warc_record(
                url, "response", payload=io.BytesIO(html.encode()), http_headers=header
            )
        )
print(pages["https://en.example/0"])

# %% [markdown]
# ## Collect
#
# Out of pages come documents: what they say, without menus and footers, by language.
# On the command line it is `xlm-tf collect web/crawl.warc.gz --languages en,de,fr
# --output web/collected`.

# %%
collect(
    [folder / "crawl.warc.gz"], folder / "collected", languages=LANGUAGES, quiet=True
)
Markdown((folder / "collected/report.md").read_text(encoding="utf-8"))

# %%
documents = {
    language: pd.read_json(folder / f"collected/{language}.jsonl.gz", lines=True)
    for language in LANGUAGES
}
print(documents["en"].text[0])
documents["en"].head(3)

# %% [markdown]
# ## Clean
#
# A cleaning is a file, too. All rules have defaults; here addresses are masked, and
# lines that do not end as sentences do go. `xlm-tf clean web/cleaning.yaml --rejected`
# is the same.

# %%
cleaning = {
    "output": "cleaned",
    "data": {
        "monolingual": {x: [f"collected/{x}.jsonl.gz"] for x in LANGUAGES},
    },
    "rules": {"mask_personal_data": True, "ending": True},
    "rejected": True,
}
cleaning_file = folder / "cleaning.yaml"
cleaning_file.write_text(yaml.safe_dump(cleaning), encoding="utf-8")
reports = clean(load_cleaning_recipe(cleaning_file), quiet=True)
pd.DataFrame({report.name: report.total.removed for report in reports}).fillna(
    0
).astype(int)

# %% [markdown]
# Nothing goes silently. `web/cleaned/report.html` has samples of every rule; `rejected`
# has every line, with what the rule saw:

# %%
rejected = pd.read_json(folder / "cleaned/rejected/de.jsonl.gz", lines=True)
pd.set_option("display.max_colwidth", 85)
# Without where the folder is.
rejected = rejected.replace(f"{folder.absolute()}/", "", regex=True)
rejected.groupby("rule").first()

# %% [markdown]
# And what was repaired is among what was kept:

# %%
with gzip.open(folder / "cleaned/fr.txt.gz", "rt", encoding="utf-8") as lines:
    kept = [line.strip() for line in lines]
next(line for line in kept if "[EMAIL]" in line)

# %% [markdown]
# ## A vocabulary, and prepared corpora
#
# A vocabulary of what was kept. `prepare` writes text as token ids once, which a
# training draws in random order, from the first step on: what gigabytes need, and
# kilobytes may have. All that was collected is prepared, too, to compare with:

# %%
collected = folder / "collected_text"
collected.mkdir()
for language, own in documents.items():
    (collected / f"{language}.txt").write_text("\n".join(own.text), encoding="utf-8")
texts = {
    "collected": {x: collected / f"{x}.txt" for x in LANGUAGES},
    "cleaned": {x: folder / f"cleaned/{x}.txt.gz" for x in LANGUAGES},
}
train_vocabulary(
    {
        language: lambda path=path: iterate_plain_text([path])
        for language, path in texts["cleaned"].items()
    },
    size=450,
    output_path=folder / "vocabulary.spm",
)
pd.DataFrame(
    {
        name: {
            language: sum(1 for _ in iterate_plain_text([path]))
            for language, path in own.items()
        }
        for name, own in texts.items()
    }
)

# %% [markdown]
# ## Training
#
# Two models, which differ in their text alone, are scored on 200 sentences of each
# language that are on no page:

# %%
held_out = {}
for language in LANGUAGES:
    held_out[language] = folder / f"held_out.{language}.txt"
    held_out[language].write_text("\n".join(sentences[language]), encoding="utf-8")
results = {}
for name, own in texts.items():
    recipe = {
        "output": f"{name}_model",
        "vocabulary": "vocabulary.spm",
        "model": {
            "num_layers": 2,
            "num_heads": 2,
            "hidden_dim": 96,
            "intermediate_dim": 192,
            "max_sequence_length": 64,
            "dropout": 0.0,
            "attention_dropout": 0.0,
            "norm_placement": "pre",
            "embedding_norm": False,
        },
        "data": {"monolingual": {x: [str(path.absolute())] for x, path in own.items()}},
        "held_out": {"monolingual": {x: [path.name] for x, path in held_out.items()}},
        "objectives": {"mlm": 1.0},
        "training": {
            "steps": 600,
            "batch_size": 32,
            "sequence_length": 64,
            "selection_rate": 0.25,
            "learning_rate": 5e-3,
            "schedule": "linear",
            "warmup_steps": 60,
            "evaluate_every": 100,
        },
    }
    recipe_file = folder / f"{name}.yaml"
    recipe_file.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    prepare(load_recipe(recipe_file), folder / f"{name}_prepared", quiet=True)
    recipe["data"] = {"prepared": f"{name}_prepared"}
    recipe_file.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    results[name] = pretrain(load_recipe(recipe_file), quiet=True)

# %%
metrics = {
    name: pd.read_json(result.metrics_file, lines=True).set_index("step")
    for name, result in results.items()
}
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, style in (("collected", "--"), ("cleaned", "-")):
    for number, language in enumerate(LANGUAGES):
        curve = metrics[name][f"perplexity/mlm/{language}"]
        axis.plot(curve, style, color=f"C{number}", label=f"{language}, {name}")
axis.set_yscale("log")
axis.set_xlabel("step")
axis.set_ylabel("perplexity")
axis.legend()
plt.show()
pd.DataFrame(
    {
        name: own.iloc[-1].filter(like="perplexity/mlm/").rename(lambda x: x[-2:])
        for name, own in metrics.items()
    }
).round(2)

# %% [markdown]
# ## What it learnt

# %%
QUESTIONS = [
    "The mayor, who seldom laughs, repairs old clocks until the last <mask> leaves.",
    "Der Bäcker, der selten lacht, trägt Holz herein, während <mask> Frau arbeitet.",
    "Le maire, qui rit rarement, ferme le musée à midi, <mask> le faisait son père.",
]
answers = {
    name: xlm_tf.XLMMaskedLM.from_preset(str(result.model)).fill_mask(
        QUESTIONS, top_k=3
    )
    for name, result in results.items()
}
pd.DataFrame(
    {
        name: [
            ", ".join(f"{token} {share:.0%}" for token, share in row) for row in rows
        ]
        for name, rows in answers.items()
    },
    index=QUESTIONS,
)

# %% [markdown]
# Both are asked about sentences that they have never read. Where the text was cleaned,
# the model is surer of what must stand there, or as sure. Of what was collected, four
# lines in ten are noise or copies, and so were as many of the steps.
#
# ## On with your own
#
# `collect` takes what you have on disk, gigabytes of it, in several processes;
# [Web text](../docs/web_text.md) says what, [Clean text](../docs/cleaning.md) by which
# rules, and [Large corpora](../docs/corpora.md) how trainings read it. A pretrained
# model, with its own vocabulary, learns from it too:

# %%
INITIAL_MODEL = "xlm_tiny"

# %% [markdown]
# **With a network and a released model instead** (a GPU, and a `learning_rate` of 1e-4
# or less):

# %%
# INITIAL_MODEL = "xlm_roberta_base"

# %%
continued = {"output": "continued", "initial_model": INITIAL_MODEL} | {
    part: recipe[part] for part in ("held_out", "objectives", "training")
}
continued["data"] = {
    "monolingual": {x: [f"cleaned/{x}.txt.gz"] for x in LANGUAGES},
}
continued_file = folder / "continued.yaml"
continued_file.write_text(yaml.safe_dump(continued, sort_keys=False), encoding="utf-8")
load_recipe(continued_file).initial_model

# %% [markdown]
# `xlm-tf prepare web/continued.yaml --output web/continued_prepared` makes its corpus,
# and `xlm-tf pretrain` trains.
