"""Small tasks with random weights, and artefacts of them that many tests read."""

import copy
import dataclasses
import functools

import keras
import numpy as np
import pytest

import export
import xlm_tf
from export import fresh_process
from export.check_texts import CHECK_TEXTS
from tests.export import forked_process

PREPROCESSORS = {
    xlm_tf.XLMCausalLM: xlm_tf.XLMCausalLMPreprocessor,
    xlm_tf.XLMTextClassifier: xlm_tf.XLMTextClassifierPreprocessor,
    xlm_tf.XLMTextEmbedder: xlm_tf.XLMTextEmbedderPreprocessor,
    xlm_tf.XLMHybridEmbedder: xlm_tf.XLMTextEmbedderPreprocessor,
    xlm_tf.XLMMaskedLM: xlm_tf.XLMMaskedLMPreprocessor,
    xlm_tf.XLMTokenClassifier: xlm_tf.XLMTokenClassifierPreprocessor,
    xlm_tf.XLMQuestionAnswering: xlm_tf.XLMQuestionAnsweringPreprocessor,
}


@pytest.fixture(scope="session", autouse=True)
def forked_processes():
    """Artefacts are checked in forks; `test_fresh_process.py` has the real ones."""
    run = functools.partial(forked_process.run_program, forked_process.start())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fresh_process, "run_program", run)
        yield run


@pytest.fixture(scope="session")
def bpe_proto(train_proto):
    """A vocabulary of the kind that LiteRT's tokenizer gets wrong."""
    return train_proto(model_type="bpe", unk_id=0, bos_id=1, eos_id=2, pad_id=-1)


@pytest.fixture(scope="session")
def make_task(spm_proto):
    """Makes a task: `make_task(XLMTextClassifier, num_classes=3)`.

    `backbone` holds arguments of the backbone, `packing` of the preprocessor.
    """

    def make(
        task_class,
        backbone=None,
        packing=None,
        proto=spm_proto,
        has_preprocessor=True,
        **arguments,
    ):
        keras.utils.set_random_seed(3)
        tokenizer = xlm_tf.XLMSentencePieceTokenizer(proto)
        backbone = xlm_tf.XLMBackbone(
            **{
                "vocabulary_size": tokenizer.vocabulary_size(),
                "num_layers": 2,
                "num_heads": 2,
                "hidden_dim": 32,
                "intermediate_dim": 64,
                "max_sequence_length": 40,
                "position_offset": 2,
                "initializer_range": 0.3,
                "pad_token_id": tokenizer.pad_token_id,
                **(backbone or {}),
            }
        )
        preprocessor = None
        if has_preprocessor:
            preprocessor = PREPROCESSORS[task_class](
                tokenizer, **{"sequence_length": 40, **(packing or {})}
            )
        return task_class(backbone, preprocessor=preprocessor, **arguments)

    return make


@pytest.fixture(scope="session")
def classifier(make_task):
    """Three classes."""
    return make_task(xlm_tf.XLMTextClassifier, num_classes=3)


@pytest.fixture(scope="session")
def embedder(make_task):
    """Mean pooling, in the XLM configuration: language embeddings, zeroed padding.

    Its vectors are cut.
    """
    return make_task(
        xlm_tf.XLMTextEmbedder,
        truncate_dim=12,
        backbone={"num_languages": 2, "zero_padding_states": True},
        packing={"languages": ["en", "fr"], "language": "fr"},
    )


@pytest.fixture(scope="session")
def prompted_embedder(make_task):
    """Prompts that are not pooled, and a projection."""
    return make_task(
        xlm_tf.XLMTextEmbedder,
        projection_dim=6,
        packing={
            "prompts": {"query": "query: ", "passage": "the dog: "},
            "default_prompt_name": "passage",
            "include_prompt": False,
        },
    )


@pytest.fixture(scope="session")
def hybrid_embedder(make_task):
    """Dense, sparse and multi-vector embeddings, after prompts."""
    return make_task(
        xlm_tf.XLMHybridEmbedder,
        multi_vector_dim=8,
        packing={"prompts": {"query": "query: "}},
    )


@pytest.fixture(scope="session")
def reranker(make_task):
    """A number for a pair."""
    return make_task(xlm_tf.XLMTextClassifier, num_classes=1)


@pytest.fixture(scope="session")
def masked_lm(make_task):
    """XLM-R's head, pre-LN."""
    return make_task(
        xlm_tf.XLMMaskedLM, backbone={"norm_placement": "pre", "embedding_norm": False}
    )


@pytest.fixture(scope="session")
def make_translator(spm_proto):
    """Makes an encoder-decoder of three languages: `make_translator(num_heads=4)`.

    Arguments are the encoder's; `decoder` those of the backbone, `task` of the model.
    """

    def make(decoder=None, task=None, languages=True, **encoder):
        keras.utils.set_random_seed(5)
        tokenizer = xlm_tf.XLMSentencePieceTokenizer(spm_proto)
        encoder = xlm_tf.XLMBackbone(
            **{
                "vocabulary_size": tokenizer.vocabulary_size(),
                "num_layers": 2,
                "num_heads": 2,
                "hidden_dim": 32,
                "intermediate_dim": 64,
                "max_sequence_length": 40,
                "num_languages": 3 if languages else 0,
                "initializer_range": 0.4,
                "pad_token_id": tokenizer.pad_token_id,
                **encoder,
            }
        )
        preprocessor = xlm_tf.XLMSeq2SeqLMPreprocessor(
            tokenizer,
            sequence_length=40,
            languages=["de", "en", "fr"] if languages else None,
        )
        model = xlm_tf.XLMSeq2SeqLM(
            xlm_tf.XLMSeq2SeqBackbone(encoder, **(decoder or {})),
            preprocessor,
            **(task or {}),
        )
        model.compile(sampler=xlm_tf.BeamSearch(num_beams=2))
        return model

    return make


@pytest.fixture(scope="session")
def make_continuer(make_task):
    """Makes a causal language model: `make_continuer(languages=["en", "fr"])`.

    `task` are the arguments of the model, others those of the backbone.
    """

    def make(languages=None, task=None, **backbone):
        return make_task(
            xlm_tf.XLMCausalLM,
            backbone={
                "num_languages": len(languages or []),
                "position_offset": 0,
                "initializer_range": 0.4,
                "causal": True,
                **backbone,
            },
            packing={"sequence_length": 24, "languages": languages},
            **(task or {}),
        )

    return make


@pytest.fixture(scope="session")
def continuer(make_continuer):
    """Two languages; three beams."""
    model = make_continuer(languages=["en", "fr"])
    model.compile(sampler=xlm_tf.BeamSearch(num_beams=3))
    return model


@pytest.fixture(scope="session")
def translator(make_translator):
    """Pre-LN; two beams."""
    return make_translator(norm_placement="pre", embedding_norm=False)


@pytest.fixture(scope="session")
def pair_classifier(make_task):
    """Two classes; texts have languages."""
    return make_task(
        xlm_tf.XLMTextClassifier,
        num_classes=2,
        pooling="max",
        head_transform=False,
        backbone={"num_languages": 2},
        packing={"languages": ["en", "fr"]},
    )


@pytest.fixture(scope="session")
def regression(make_task):
    """One number a text."""
    return make_task(xlm_tf.XLMTextClassifier, num_classes=1, problem_type="regression")


@pytest.fixture(scope="session")
def masked_lm_of_ids(make_task):
    """Without a preprocessor, with languages."""
    return make_task(
        xlm_tf.XLMMaskedLM, has_preprocessor=False, backbone={"num_languages": 2}
    )


@pytest.fixture(scope="session")
def tagger(make_task):
    """Entities of one type; windows of few tokens."""
    return _spread(
        make_task(
            xlm_tf.XLMTokenClassifier,
            labels=["O", "B-A", "I-A"],
            packing={"sequence_length": 16},
        ),
        "logits_dense",
    )


@pytest.fixture(scope="session")
def answerer(make_task):
    """No answer to some; windows of few tokens."""
    task = make_task(
        xlm_tf.XLMQuestionAnswering,
        packing={"sequence_length": 24},
        no_answer_threshold=-3.0,
    )
    return _spread(task, "span_dense")


def _spread(task, name):
    """A head whose answers differ: tokens have other classes, texts other spans."""
    kernel = getattr(task, name).kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
    return task


@dataclasses.dataclass
class Exported:
    """An artefact, and what its export compared.

    Attributes:
        report: `export.ExportReport`.
        answers: dict from signature name (of a `.tflite`: number and name of a call) to
            the artefact's answers, dict of arrays.
        compare: function of such answers, raises `ParityError`.
    """

    report: object
    answers: dict
    compare: object


# Saved with another version or with arguments: name -> (fixture, version, arguments).
SAVED = {
    "topic": ("classifier", 7, {"labels": ["a", "b", "ζ"]}),
    "vectors": ("embedder", 1, {}),
    "cloze": ("masked_lm", 1, {"top_k": 3}),
    "pairs": ("pair_classifier", 1, {"pairs": True, "warmup_batch_sizes": ()}),
    "rating": ("regression", 1, {"warmup_batch_sizes": ()}),
    "ids": ("masked_lm_of_ids", 1, {"warmup_batch_sizes": (2,)}),
    "translator": ("translator", 1, {}),
    "tags": ("tagger", 1, {}),
    "answers": ("answerer", 1, {"warmup_batch_sizes": ()}),
    "prompts": ("prompted_embedder", 1, {"warmup_batch_sizes": ()}),
    "hybrid": ("hybrid_embedder", 1, {"warmup_batch_sizes": ()}),
    "reranker": ("reranker", 1, {"pairs": True, "warmup_batch_sizes": ()}),
}


@pytest.fixture(scope="session")
def saved(request, tmp_path_factory):
    """Exports a SavedModel when it is first asked for: `saved("topic")`.

    All are in one directory, `saved.folder`, each below its name.
    """
    folder = tmp_path_factory.mktemp("models")
    made = {}

    def get(name):
        if name not in made:
            fixture, version, arguments = SAVED[name]
            task = request.getfixturevalue(fixture)
            with pytest.MonkeyPatch.context() as patch:
                made[name] = _recorded(
                    patch,
                    "export.saved_model._compare",
                    lambda: export.to_saved_model(
                        task,
                        folder / name / str(version),
                        check_texts=CHECK_TEXTS[:8],
                        **arguments,
                    ),
                    lambda check, answers, *rest: (
                        answers,
                        lambda changed, compare: compare(check, changed, *rest),
                    ),
                )
        return made[name]

    get.folder = folder
    return get


TFLITE = {
    "topic": ("classifier", {"lengths": (8, 40), "labels": ["x", "y", "z"]}),
    "topic-int8": ("classifier", {"quantization": "int8"}),
    "topic-strings": (
        "classifier",
        {"string_input": True, "labels": ["x", "y", "z"]},
    ),
    "cloze": ("masked_lm", {"top_k": 4}),
    "cloze-strings": ("masked_lm", {"string_input": True}),
    "rating": ("regression", {}),
    "ids": ("masked_lm_of_ids", {}),
    "translator": ("translator", {"lengths": (12,)}),
    "continuer": ("continuer", {"lengths": (8,)}),
    "tags": ("tagger", {"lengths": (8,)}),
    "answers": ("answerer", {}),
    "hybrid": ("hybrid_embedder", {"lengths": (8,)}),
    "hybrid-int8": ("hybrid_embedder", {"quantization": "int8"}),
    "prompts": ("prompted_embedder", {}),
    "reranker-int8": ("reranker", {"quantization": "int8"}),
}


@pytest.fixture(scope="session")
def tflite(request, tmp_path_factory):
    """Exports a `.tflite` file when it is first asked for: `tflite("topic")`."""
    folder = tmp_path_factory.mktemp("tflite")
    made = {}

    def get(name):
        if name not in made:
            fixture, arguments = TFLITE[name]
            task = request.getfixturevalue(fixture)
            with pytest.MonkeyPatch.context() as patch:
                made[name] = _recorded(
                    patch,
                    "export.tflite._compare",
                    lambda: export.to_tflite(
                        task,
                        folder / f"{name}.tflite",
                        check_texts=CHECK_TEXTS[:8],
                        **arguments,
                    ),
                    lambda calls, answers, tolerance: (
                        {
                            (i, call[0]): answer
                            for i, (call, answer) in enumerate(
                                zip(calls, answers, strict=True)
                            )
                        },
                        lambda changed, compare: compare(
                            calls, list(changed.values()), tolerance
                        ),
                    ),
                )
        return made[name]

    return get


def _recorded(patch, name, make, read):
    """An `Exported`: runs `make`, and keeps what the function `name` was given."""
    module_name, _, function_name = name.rpartition(".")
    module = __import__(module_name, fromlist=[function_name])
    compare = getattr(module, function_name)
    kept = {}

    def recording(*arguments):
        kept["answers"], kept["again"] = read(*arguments)
        return compare(*arguments)

    patch.setattr(module, function_name, recording)
    report = make()
    return Exported(
        report,
        kept["answers"],
        lambda answers: kept["again"](answers, compare),
    )


@pytest.fixture
def planted():
    """Answers with a wrong one for one text: `planted(answers, signature, output)`.

    It is that of another text, the one that differs most.
    """

    def plant(answers, signature, output, row=1):
        answers = copy.deepcopy(answers)
        values = answers[signature][output]
        own = copy.copy(values[row])
        if values.dtype == object:
            others = [value for value in values if np.any(value != own)]
            values[row] = others[0] if others else own + b"!"
        else:
            distances = [np.abs(value - own).sum() for value in values]
            values[row] = values[int(np.argmax(distances))]
        assert np.any(values[row] != own)
        return answers

    return plant
