"""Pretraining an encoder-decoder: the model, and how its translations are scored."""

import numpy as np

from xlm_tf.evaluation.round_trip_scores import round_trip_scores
from xlm_tf.evaluation.translation_scores import translation_scores
from xlm_tf.generation.beam_search import BeamSearch
from xlm_tf.models.generation_in_order import generate_in_order
from xlm_tf.models.seq2seq_lm_preprocessor import XLMSeq2SeqLMPreprocessor
from xlm_tf.training.initial_seq2seq import begin_seq2seq
from xlm_tf.training.recipe_tokenizer import read_tokenizer


def build_pretraining_seq2seq(recipe):
    """The `XLMSeq2SeqLM` of a recipe as its training begins, with its preprocessor.

    Args:
        recipe: `PretrainingRecipe` with an objective that has a decoder.
    """
    model = begin_seq2seq(recipe, lambda: read_tokenizer(recipe), head_transform=True)
    begun = model.preprocessor
    model.preprocessor = XLMSeq2SeqLMPreprocessor(
        begun.tokenizer,
        sequence_length=recipe.training.sequence_length,
        languages=begun.languages,
        target_languages=recipe.written_languages,
    )
    # What it translates with during the training; a beam search is saved.
    model.compile(sampler=BeamSearch(num_beams=1, early_stopping=True))
    model.decoding = "beam"
    return model


class TranslationEvaluator:
    """Scores the held-out texts that a model translates, there, and there and back.

    Args:
        model: compiled `XLMSeq2SeqLM`.
        recipe: `PretrainingRecipe`.
        data: `PretrainingData`.

    Attributes:
        pairs: dict from (source language, target language) to (sources, references), of
            the directions that are learnt and that there are pairs for.
        round_trips: dict from (source language, target language) to texts, of what
            back-translation learns both ways.
    """

    def __init__(self, model, recipe, data):
        self.model = model
        most = recipe.training.translated_texts
        self.pairs, self.round_trips = {}, {}
        for direction in recipe.directions:
            sides = ("source", "target")
            source = data.held_out_pairs.get(direction)
            if source is None:
                sides, source = sides[::-1], data.held_out_pairs.get(direction[::-1])
            if source is not None:
                self.pairs[direction] = [_texts(source, side, most) for side in sides]
        for direction in recipe.round_trips:
            source = data.held_out_sources["bt"].get(direction[0])
            if source is not None:
                self.round_trips[direction] = _texts(source, "text", most)

    def evaluate(self, reporter, step):
        """Translate, score, and show the scores.

        Returns:
            dict of float: "bleu/en-fr", "chrf/en-fr", "round_trip_bleu/en-fr" (of
            English, there and back), and the means of each, such as "mean/bleu".
        """
        metrics = {}
        for direction, (sources, references) in self.pairs.items():
            names = dict(
                zip(("source_language", "target_language"), direction, strict=True)
            )
            targets = [
                candidates[0][0]
                for candidates in generate_in_order(self.model, sources, **names)
            ]
            scores = translation_scores(
                targets, [[text] for text in references], direction[1]
            )
            name = "-".join(direction)
            metrics |= {f"bleu/{name}": scores.bleu, f"chrf/{name}": scores.chrf}
        for direction, texts in self.round_trips.items():
            scores = round_trip_scores(self.model, texts, *direction)
            metrics[f"round_trip_bleu/{'-'.join(direction)}"] = scores.bleu
        if metrics:
            reporter.table(
                f"Held-out texts, translated after {step} steps",
                ["score"],
                {name: [f"{value:.2f}"] for name, value in metrics.items()},
            )
        kinds = dict.fromkeys(name.split("/")[0] for name in metrics)
        for kind in kinds:
            own = [x for name, x in metrics.items() if name.startswith(f"{kind}/")]
            metrics[f"mean/{kind}"] = float(np.mean(own))
        return metrics


def _texts(source, field, most):
    """The first texts of a `Source`, a list of str."""
    examples = source.examples.take(most).as_numpy_iterator()
    return [example[field].decode("utf-8") for example in examples]
