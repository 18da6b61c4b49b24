"""Released embedders and rerankers give what sentence-transformers and PyTorch give."""

import importlib

import numpy as np
import pytest

import xlm_tf
from tests.checkpoints.json_files import write_json
from tests.checkpoints.released_layouts import (
    DIM,
    LAYOUTS,
    LENGTH,
    TEXTS,
    XLMR_CONFIG,
    backbone_of,
    write_embedder,
)
from xlm_tf.models.loading import load_task

torch = pytest.importorskip("torch")
sentence_transformers = pytest.importorskip("sentence_transformers")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.parity

PROMPTS = {"query": "query: ", "passage": "passage: "}
TEXTS = [*TEXTS, "  two  spaces", "QUERY: The LAZY dog\n", "ﬁne ½ ☃"]


def add_tokenizer_json(folder, tmp_path_factory):
    """What released folders have beside the SentencePiece model."""
    written = tmp_path_factory.mktemp("tokenizer")
    model = str(folder / "sentencepiece.bpe.model")
    transformers.XLMRobertaTokenizer.from_pretrained(
        str(folder), vocab_file=model
    ).save_pretrained(str(written))
    (folder / "tokenizer.json").write_bytes((written / "tokenizer.json").read_bytes())


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_released_layout(tmp_path, tmp_path_factory, spm_proto, name):
    write_embedder(tmp_path, name, spm_proto)
    add_tokenizer_json(tmp_path, tmp_path_factory)
    model = sentence_transformers.SentenceTransformer(str(tmp_path), device="cpu")
    assert model.max_seq_length == LENGTH
    embedder = load_task(tmp_path)
    np.testing.assert_allclose(embedder.embed(TEXTS), model.encode(TEXTS), atol=2e-5)
    # And what is saved here, there.
    embedder.preprocessor.prompts = PROMPTS
    embedder.save_to_huggingface(tmp_path / "again")
    path = str(tmp_path / "again")
    again = sentence_transformers.SentenceTransformer(path, device="cpu")
    for ours, expected in (
        (embedder.embed(TEXTS), again.encode(TEXTS)),
        (embedder.encode_query(TEXTS), again.encode_query(TEXTS)),
        # Its `encode_document` adds an empty prompt "document", and prefers that.
        (embedder.encode_documents(TEXTS), again.encode(TEXTS, prompt_name="passage")),
    ):
        np.testing.assert_allclose(ours, expected, atol=2e-5)


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("default", [None, "passage"])
def test_saved_prompts(tmp_path, spm_proto, pooling, include_prompt, default):
    source, saved = tmp_path / "source", tmp_path / "saved"
    source.mkdir()
    write_embedder(source, "multilingual-e5-base", spm_proto)
    modules = importlib.import_module("sentence_transformers.models")
    model = sentence_transformers.SentenceTransformer(
        modules=[
            modules.Transformer(str(source), max_seq_length=LENGTH),
            modules.Pooling(DIM, pooling_mode=pooling, include_prompt=include_prompt),
        ],
        prompts=PROMPTS,
        default_prompt_name=default,
        device="cpu",
    )
    model.save(str(saved))
    embedder = load_task(saved)
    assert {**PROMPTS, **embedder.preprocessor.prompts} == embedder.preprocessor.prompts
    embedder.save_to_huggingface(tmp_path / "again")
    path = str(tmp_path / "again")
    again = sentence_transformers.SentenceTransformer(path, device="cpu")
    for theirs in (model, again):
        for ours, expected in (
            (embedder.embed(TEXTS), theirs.encode(TEXTS)),
            (embedder.predict(TEXTS, verbose=0), theirs.encode(TEXTS)),
            (embedder.encode_query(TEXTS), theirs.encode_query(TEXTS)),
            (
                embedder.encode_documents(TEXTS),
                theirs.encode(TEXTS, prompt_name="passage"),
            ),
            (embedder.embed(TEXTS, prompt="x: "), theirs.encode(TEXTS, prompt="x: ")),
        ):
            np.testing.assert_allclose(ours, expected, atol=2e-5)


def test_three_embeddings(tmp_path, spm_proto):
    write_embedder(tmp_path, "bge-m3", spm_proto)
    sparse, colbert = torch.nn.Linear(DIM, 1), torch.nn.Linear(DIM, DIM)
    heads = {"sparse_linear": sparse, "colbert_linear": colbert}
    for name, linear in heads.items():
        torch.save(linear.state_dict(), tmp_path / f"{name}.pt")
    # As released, pickled: no safetensors.
    model = transformers.XLMRobertaModel.from_pretrained(
        str(tmp_path), add_pooling_layer=False
    ).eval()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    batch = tokenizer(
        TEXTS, padding=True, truncation=True, max_length=LENGTH, return_tensors="pt"
    )
    with torch.no_grad():
        states = model(**batch).last_hidden_state
        # Section 3.2 of the paper.
        dense = torch.nn.functional.normalize(states[:, 0], dim=-1)
        weights = torch.relu(sparse(states)).squeeze(-1)
        vectors = torch.nn.functional.normalize(colbert(states[:, 1:]), dim=-1)
    embedder = load_task(tmp_path)
    assert type(embedder) is xlm_tf.XLMHybridEmbedder
    found = embedder.embed(TEXTS, batch_size=3)
    np.testing.assert_allclose(found["dense"], dense, atol=2e-5)
    for row, ids in enumerate(batch["input_ids"].tolist()):
        length = int(batch["attention_mask"][row].sum())
        own = {}
        for token_id, weight in zip(ids, weights[row].tolist(), strict=True):
            if token_id not in (0, 1, 2, 3) and weight > 0:
                own[token_id] = max(own.get(token_id, 0.0), weight)
        assert found["sparse"][row].keys() == own.keys()
        for token_id, weight in own.items():
            assert abs(found["sparse"][row][token_id] - weight) < 2e-5
        np.testing.assert_allclose(
            found["multi_vector"][row], vectors[row, : length - 1], atol=2e-5
        )
    # Our files there.
    embedder.save_to_huggingface(tmp_path / "again")
    for name, linear in heads.items():
        state = torch.load(tmp_path / "again" / f"{name}.pt", weights_only=True)
        assert state.keys() == linear.state_dict().keys()
        for key, value in linear.state_dict().items():
            assert torch.equal(state[key], value)
    path = str(tmp_path / "again")
    dense = sentence_transformers.SentenceTransformer(path, device="cpu")
    np.testing.assert_allclose(found["dense"], dense.encode(TEXTS), atol=2e-5)


@pytest.mark.parametrize("activation", [None, "Sigmoid", "Identity"])
def test_a_reranker(tmp_path, spm_proto, activation):
    config = {
        **XLMR_CONFIG,
        "architectures": ["XLMRobertaForSequenceClassification"],
        "id2label": {"0": "LABEL_0"},
        "label2id": {"LABEL_0": 0},
    }
    if activation is not None:
        module = {"Sigmoid": "activation", "Identity": "linear"}[activation]
        path = f"torch.nn.modules.{module}.{activation}"
        config["sentence_transformers"] = {"activation_fn": path, "version": "4.1.0"}
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(spm_proto)
    preprocessor = xlm_tf.XLMTextClassifierPreprocessor(tokenizer, LENGTH)
    backbone = backbone_of(config, tokenizer.vocabulary_size())
    xlm_tf.XLMTextClassifier(backbone, 1, preprocessor).save_to_huggingface(tmp_path)
    write_json(
        tmp_path / "config.json",
        {**config, "vocab_size": tokenizer.vocabulary_size()},
    )
    theirs = sentence_transformers.CrossEncoder(
        str(tmp_path), device="cpu", max_length=LENGTH
    )
    ours = load_task(tmp_path)
    query, documents = "What does the fox do? " * 3, TEXTS
    pairs = [(query, document) for document in documents]
    np.testing.assert_allclose(ours.score(pairs), theirs.predict(pairs), atol=2e-5)
    ranked = theirs.rank(query, documents)
    found = ours.rank(query, documents)
    assert [index for index, _ in found] == [row["corpus_id"] for row in ranked]
    np.testing.assert_allclose(
        [score for _, score in found], [row["score"] for row in ranked], atol=2e-5
    )


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_projection(tmp_path, spm_proto, use_bias):
    source, saved = tmp_path / "source", tmp_path / "saved"
    source.mkdir()
    write_embedder(source, "multilingual-e5-base", spm_proto)
    modules = importlib.import_module("sentence_transformers.models")
    model = sentence_transformers.SentenceTransformer(
        modules=[
            modules.Transformer(str(source), max_seq_length=LENGTH),
            modules.Pooling(DIM),
            modules.Dense(DIM, 5, bias=use_bias),
            modules.Normalize(),
        ],
        device="cpu",
    )
    model.save(str(saved))
    embedder = load_task(saved)
    vectors = embedder.embed(TEXTS)
    np.testing.assert_allclose(vectors, model.encode(TEXTS), atol=2e-5)
    embedder.save_to_huggingface(tmp_path / "again")
    path = str(tmp_path / "again")
    again = sentence_transformers.SentenceTransformer(path, device="cpu")
    np.testing.assert_allclose(again.encode(TEXTS), vectors, atol=2e-5)


@pytest.mark.parametrize(
    "head", ["SequenceClassification", "TokenClassification", "QuestionAnswering"]
)
def test_tasks_on_bert(tmp_path, spm_proto, head):
    encoder, folder = tmp_path / "encoder", tmp_path / "task"
    encoder.mkdir()
    write_embedder(encoder, "multilingual-e5-small", spm_proto)
    arguments = {} if head == "QuestionAnswering" else {"num_labels": 3}
    their_class = getattr(transformers, f"BertFor{head}")
    theirs = their_class.from_pretrained(str(encoder), **arguments).eval()
    theirs.save_pretrained(str(folder))
    for name in ("sentencepiece.bpe.model", "tokenizer_config.json"):
        (folder / name).write_bytes((encoder / name).read_bytes())
    task = load_task(folder)
    packed = task.preprocessor.tokenizer(TEXTS[:2]).to_tensor(1).numpy()[:, :20]
    mask = packed != 1
    with torch.no_grad():
        outputs = theirs(
            input_ids=torch.tensor(packed), attention_mask=torch.tensor(mask).long()
        )
    expected = (
        torch.stack([outputs.start_logits, outputs.end_logits], dim=-1)
        if head == "QuestionAnswering"
        else outputs.logits
    )
    found = np.asarray(task({"token_ids": packed, "padding_mask": mask}))
    is_real = mask if found.ndim == 3 else slice(None)
    np.testing.assert_allclose(found[is_real], expected.numpy()[is_real], atol=2e-5)
    task.save_to_huggingface(tmp_path / "again")
    again = their_class.from_pretrained(str(tmp_path / "again")).eval()
    for key, value in theirs.state_dict().items():
        if "position_ids" not in key:
            assert torch.equal(again.state_dict()[key], value)
