"""Pretraining an encoder-decoder: the model, and how its translations are scored."""

import numpy as np

from xlm_tf.evaluation.round_trip_scores import round_trip_scores
from xlm_tf.evaluation.translation_scores import translation_scores
from xlm_tf.generation.beam_search import BeamSearch
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.generation_in_order import generate_in_order
from xlm_tf.models.seq2seq_backbone import XLMSeq2SeqBackbone
from xlm_tf.models.seq2seq_lm import XLMSeq2SeqLM
from xlm_tf.models.seq2seq_lm_preprocessor import XLMSeq2SeqLMPreprocessor
from xlm_tf.training.initial_model import facts_of
from xlm_tf.training.initial_model_checks import check_initial_model
from xlm_tf.training.initial_seq2seq import load_initial_seq2seq
from xlm_tf.training.recipe_tokenizer import read_tokenizer


def build_pretraining_seq2seq(recipe):
    """The `XLMSeq2SeqLM` of a recipe as its training begins, with its preprocessor.

    Args:
        recipe: `PretrainingRecipe` with an objective that has a decoder.
    """
    training = recipe.training
    arguments = recipe.model.given()
    arguments.pop("language_embeddings", None)
    decoder = {
        name: arguments.pop(name)
        for name in ("num_decoder_layers", "share_embeddings")
        if name in arguments
    }
    if recipe.initial_model is not None:
        model = load_initial_seq2seq(
            recipe.initial_model,
            training.dtype,
            recipe.initial_decoder,
            **decoder,
            **arguments,
        )
        check_initial_model(recipe, facts_of(model))
        tokenizer = model.preprocessor.tokenizer
        languages = model.preprocessor.languages
    else:
        head_transform = arguments.pop("head_transform", True)
        tokenizer, languages = read_tokenizer(recipe), recipe.languages
        encoder = XLMBackbone(
            vocabulary_size=tokenizer.vocabulary_size(),
            pad_token_id=tokenizer.pad_token_id,
            num_languages=len(languages),
            dtype=training.dtype,
            **arguments,
        )
        backbone = XLMSeq2SeqBackbone(encoder, **decoder)
        model = XLMSeq2SeqLM(backbone, head_transform=head_transform)
    model.preprocessor = XLMSeq2SeqLMPreprocessor(
        tokenizer, sequence_length=training.sequence_length, languages=languages
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
