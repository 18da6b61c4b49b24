import math

import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from tests.cleaning.test_clean import lines_of, rejected_of, run, sentences, write
from xlm_tf.cleaning.model_rules import LinePerplexity, PairSimilarity


@pytest.fixture(scope="module")
def tokenizer():
    return xlm_tf.XLMMaskedLM.from_preset("xlm_tiny").preprocessor.tokenizer


def backbone_of(tokenizer, **kwargs):
    return xlm_tf.XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        num_layers=1,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=64,
        embedding_initializer_range=1.0,
        **kwargs,
    )


@pytest.fixture(scope="module")
def causal_model(tokenizer, tmp_path_factory):
    path = tmp_path_factory.mktemp("causal") / "model"
    preprocessor = xlm_tf.XLMCausalLMPreprocessor(tokenizer, sequence_length=48)
    backbone = backbone_of(tokenizer, causal=True)
    xlm_tf.XLMCausalLM(backbone, preprocessor).save_to_preset(path)
    return path


@pytest.fixture(scope="module")
def embedder(tokenizer, tmp_path_factory):
    path = tmp_path_factory.mktemp("embedder") / "model"
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, sequence_length=48)
    model = xlm_tf.XLMTextEmbedder(backbone_of(tokenizer), preprocessor)
    model.save_to_preset(path)
    return path


def test_perplexities_are_those_of_every_text_alone(causal_model):
    texts = [*sentences(40), "Kurz.", "Ein langer Satz ohne Ende, " * 8]
    found = LinePerplexity(causal_model)(texts, "en")
    model = xlm_tf.XLMCausalLM.from_preset(causal_model)
    for text, value in zip(texts, found, strict=True):
        ids = model.preprocessor([text])[0]["token_ids"][0].numpy()
        ids = ids[: int(np.sum(ids != model.preprocessor.tokenizer.pad_token_id))]
        logits = model({"token_ids": ids[None], "padding_mask": np.ones((1, len(ids)))})
        losses = -tf.nn.log_softmax(logits[0]).numpy()
        loss = np.mean([losses[at, ids[at + 1]] for at in range(len(ids) - 1)])
        assert value == pytest.approx(math.exp(loss), rel=1e-4)


def test_similarities_are_cosines(embedder):
    texts = sentences(5)
    found = PairSimilarity(embedder)(texts, texts[::-1], ("en", "de"))
    model = xlm_tf.XLMTextEmbedder.from_preset(embedder)
    expected = model.similarity(texts, texts[::-1])
    np.testing.assert_allclose(found, np.diag(expected), atol=1e-5)
    assert found[2] == pytest.approx(1.0, abs=1e-5)


def test_lines_that_a_model_finds_strange_go(tmp_path, causal_model):
    texts = sentences(30)
    values = LinePerplexity(causal_model)(texts, "en")
    most = float(np.median(values))
    write(tmp_path / "en.txt", [*texts[:10], "", *texts[10:]])
    near = {"duplicates": {"min_similarity": None}}
    for limit in (most, {"en": most}):
        folder, _ = run(
            tmp_path,
            data={"monolingual": {"en": ["en.txt"]}},
            output=f"out{type(limit).__name__}",
            rules={"perplexity": {"model": str(causal_model), "max": limit}, **near},
        )
        folder = tmp_path / f"out{type(limit).__name__}"
        kept = [x for x in lines_of(folder / "en.txt.gz") if x]
        assert kept == [x for x, y in zip(texts, values, strict=True) if y <= most]
        assert {x["rule"] for x in rejected_of(folder, "en")} == {"perplexity"}


def test_pairs_whose_meanings_differ_go(tmp_path, embedder):
    english = sentences(20)
    german = [f"{x[::-1]} ja" for x in english]
    values = PairSimilarity(embedder)(english, german, ("en", "de"))
    least = float(np.median(values))
    write(tmp_path / "a.tsv", map("\t".join, zip(english, german, strict=True)))
    pair = {"source_language": "en", "target_language": "de", "files": ["a.tsv"]}
    folder, _ = run(
        tmp_path,
        data={"bitext": [pair]},
        rules={
            "language": False,
            "duplicates": False,
            "pairs": {"similarity": {"model": str(embedder), "min": least}},
        },
    )
    kept = [x.split("\t")[0] for x in lines_of(folder / "en-de.tsv.gz")]
    assert kept == [x for x, y in zip(english, values, strict=True) if y >= least]


def test_a_model_of_another_kind_is_an_error(tmp_path, embedder, causal_model):
    write(tmp_path / "en.txt", sentences(3))
    with pytest.raises(ValueError, match="XLMCausalLM"):
        LinePerplexity(embedder)
    with pytest.raises(ValueError, match="Expected an XLMTextEmbedder"):
        PairSimilarity(causal_model)
