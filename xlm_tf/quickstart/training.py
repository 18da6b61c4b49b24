"""The quickstart's trainings, each through what a user would call."""

import dataclasses
import json
import sys

import keras
import numpy as np
import tensorflow as tf
import yaml
from rich.console import Console

from xlm_tf.data.sampling import sample_datasets
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_classifier_preprocessor import XLMTextClassifierPreprocessor
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.models.text_embedder_preprocessor import XLMTextEmbedderPreprocessor
from xlm_tf.quickstart.corpus import EVERY_LANGUAGE, LANGUAGES
from xlm_tf.text.languages import language_probabilities
from xlm_tf.text.sentencepiece_tokenizer import XLMSentencePieceTokenizer
from xlm_tf.text.vocabulary import train_vocabulary
from xlm_tf.training.contrastive import ContrastiveTrainer, bitext_batches
from xlm_tf.training.pretrain import build_masked_lm, pretrain
from xlm_tf.training.recipe_loader import load_recipe
from xlm_tf.training.schedules import CosineDecay

VOCABULARY_SIZE = 8000
SEQUENCE_LENGTH = 64


@dataclasses.dataclass(frozen=True)
class Scale:
    """How long the quickstart trains: `FULL`, or `TINY` to see that it all works.

    Attributes:
        pretraining_steps: int, of 1,024 tokens.
        contrastive_steps: int, of 128 pairs; made twice, once from random weights.
        classifier_epochs: int.
        num_layers: int.
        hidden_dim: int.
    """

    pretraining_steps: int
    contrastive_steps: int
    classifier_epochs: int
    num_layers: int
    hidden_dim: int


FULL = Scale(1500, 1000, 12, 1, 128)
TINY = Scale(20, 30, 2, 1, 64)


def write_corpus(corpus, directory):
    """Write the corpus as the files a user would have: plain text and TSV.

    Every pair, and every language's text, once for training and once held out.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for part, held_out in (("train", False), ("held_out", True)):
        for language in EVERY_LANGUAGE:
            texts = corpus.texts(language, held_out)
            path = directory / f"{part}.{language}.txt"
            path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        for language in LANGUAGES:
            pairs = corpus.pairs(language, held_out)
            path = directory / f"{part}.en-{language}.tsv"
            lines = (f"{source}\t{target}\n" for source, target in pairs)
            path.write_text("".join(lines), encoding="utf-8")


def make_vocabulary(corpus, path):
    """One vocabulary from the training texts of the 15 languages; prints its table."""
    corpora = {
        language: (lambda language=language: iter(corpus.texts(language, False)))
        for language in EVERY_LANGUAGE
    }
    report = train_vocabulary(
        corpora,
        VOCABULARY_SIZE,
        path,
        alpha=0.5,
        character_coverage=0.9998,
        normalization="nmt_nfkc",  # XLM-R's: messages hold few joiners
    )
    Console().print(report.table())
    report.save_json(path.with_name(path.name + ".json"))


def write_recipe(directory, scale):
    """The pretraining recipe, `pretraining.yaml`, beside the corpus it names."""

    def bitext(part):
        return [
            {
                "source_language": "en",
                "target_language": language,
                "files": [f"corpus/{part}.en-{language}.tsv"],
            }
            for language in LANGUAGES
        ]

    def monolingual(part):
        return {x: [f"corpus/{part}.{x}.txt"] for x in EVERY_LANGUAGE}

    recipe = {
        "output": "pretraining",
        "vocabulary": "vocabulary.model",
        "model": {
            "num_layers": scale.num_layers,
            "num_heads": scale.hidden_dim // 64,
            "hidden_dim": scale.hidden_dim,
            "intermediate_dim": 2 * scale.hidden_dim,
            "max_sequence_length": 128,
            "position_offset": 2,
            # The pretraining passes over the text about once.
            "dropout": 0.0,
            "attention_dropout": 0.0,
        },
        "data": {"monolingual": monolingual("train"), "bitext": bitext("train")},
        "held_out": {
            "monolingual": monolingual("held_out"),
            "bitext": bitext("held_out"),
        },
        "objectives": {"mlm": 1.0, "tlm": 3.0},
        "training": {
            "steps": scale.pretraining_steps,
            "batch_size": 8,
            "sequence_length": 128,
            # Twice the usual: a short training sees few targets.
            "selection_rate": 0.3,
            "learning_rate": 2e-3,
            "schedule": "linear",
            "warmup_steps": max(scale.pretraining_steps // 10, 1),
            "evaluate_every": -(-scale.pretraining_steps // 3),
            "checkpoint_every": 100,
        },
    }
    path = directory / "pretraining.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return load_recipe(path)


def random_embedder(recipe):
    """An embedder with random weights: what the numbers are without training."""
    keras.utils.set_random_seed(recipe.training.seed)
    tokenizer = XLMSentencePieceTokenizer(recipe.vocabulary.read_bytes())
    return _embedder(build_masked_lm(recipe, tokenizer).backbone, tokenizer)


def pretrained_embedder(recipe):
    """Pretrain (or continue), and pool the best model's states."""
    result = pretrain(recipe)
    if not result.finished:
        raise KeyboardInterrupt
    embedder = XLMTextEmbedder.from_preset(str(result.model), preprocessor=None)
    tokenizer = XLMSentencePieceTokenizer(recipe.vocabulary.read_bytes())
    return _embedder(embedder.backbone, tokenizer)


def _embedder(backbone, tokenizer):
    preprocessor = XLMTextEmbedderPreprocessor(tokenizer, SEQUENCE_LENGTH)
    return XLMTextEmbedder(backbone, preprocessor, pooling="mean")


class _Curve(keras.callbacks.Callback):
    """Appends loss and accuracy to a JSON-lines file, means of 25 steps.

    Where the output is no terminal, which Keras's progress bar needs, it says every 250
    steps where the training is.
    """

    EVERY = 25
    SAY_EVERY = 250

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.steps = 0
        self.sums = {}
        path.write_text("", encoding="utf-8")

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if self.steps % self.EVERY:
            return
        # Keras reports means since the start of the epoch, which is the training.
        sums = {name: float(mean) * self.steps for name, mean in logs.items()}
        line = {"step": self.steps}
        for name, total in sums.items():
            line[name] = (total - self.sums.get(name, 0.0)) / self.EVERY
        self.sums = sums
        if self.steps % self.SAY_EVERY == 0 and not sys.stdout.isatty():
            print(f"step {self.steps}: accuracy {line['accuracy']:.1%} within a batch")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def finetune_embedder(embedder, corpus, scale, curve_path):
    """Contrastive training on the pairs of the 14 languages.

    Args:
        embedder: `XLMTextEmbedder`, with random or pretrained weights.
        corpus: `MessageCorpus`.
        scale: `Scale`.
        curve_path: Path of the JSON lines to write, loss and accuracy of every 25
            steps.
    """
    datasets = {}
    for language in LANGUAGES:
        sources, targets = zip(*corpus.pairs(language, False), strict=True)
        datasets[language] = tf.data.Dataset.from_tensor_slices(
            {
                "source": list(sources),
                "target": list(targets),
                "source_language": ["en"] * len(sources),
                "target_language": [language] * len(sources),
            }
        )
    counts = {language: len(dataset) for language, dataset in datasets.items()}
    examples = sample_datasets(datasets, language_probabilities(counts, 0.7), seed=0)
    batches = bitext_batches(
        embedder.preprocessor, examples, batch_size=128, mask_rate=0.1
    )
    trainer = ContrastiveTrainer(embedder, temperature=0.07)
    steps = scale.contrastive_steps
    schedule = CosineDecay(3e-3, steps // 20, steps)
    trainer.compile(optimizer=keras.optimizers.AdamW(schedule, weight_decay=0.01))
    trainer.fit(
        batches,
        steps_per_epoch=steps,
        callbacks=[_Curve(curve_path)],
        shuffle=False,
        verbose=1 if sys.stdout.isatty() else 0,
    )


def train_classifier(embedder, corpus, scale):
    """Which package is a message from? Trained on English messages only.

    The encoder stays as the embedder left it, so that what the head learns in English
    holds in the other languages.

    Returns:
        `XLMTextClassifier`, its labels the names of packages.
    """
    examples = [
        (message, corpus.packages[message])
        for message in corpus.texts("en", False)
        if message in corpus.packages
    ]
    labels = sorted({package for _, package in examples})
    preprocessor = XLMTextClassifierPreprocessor(
        embedder.preprocessor.tokenizer, SEQUENCE_LENGTH
    )
    embedder.backbone.trainable = False
    classifier = XLMTextClassifier(
        embedder.backbone,
        preprocessor=preprocessor,
        pooling="mean",
        dropout=0.2,
        labels=labels,
    )
    batch_size = 64
    steps = scale.classifier_epochs * -(-len(examples) // batch_size)
    classifier.compile(
        optimizer=keras.optimizers.AdamW(CosineDecay(4e-3, steps // 20, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    texts, packages = zip(*examples, strict=True)
    classifier.fit(
        list(texts),
        np.array([labels.index(package) for package in packages]),
        batch_size=batch_size,
        epochs=scale.classifier_epochs,
        verbose=2,
    )
    embedder.backbone.trainable = True
    return classifier
