"""An index in a folder: added to, searched, interrupted, damaged."""

import sqlite3
import subprocess
import sys

import numpy as np
import pytest

import xlm_tf
from xlm_tf.search import index as index_module
from xlm_tf.search.documents import Changes, Document, Hit
from xlm_tf.search.graph import Graph
from xlm_tf.search.index import DATABASE, GRAPH, Index
from xlm_tf.search.passages import cut_passages
from xlm_tf.search.prompted_embedding import embed_documents, embed_queries


def documents_of(texts, **fields):
    return [Document(str(i), text, **fields) for i, text in enumerate(texts)]


@pytest.fixture
def index(tmp_path, embedder_folder, messages):
    index = Index.create(tmp_path / "index", embedder_folder)
    assert index.add(documents_of(messages)) == Changes(added=len(messages))
    return index


@pytest.fixture
def counted(monkeypatch):
    """The texts that are embedded as documents."""
    texts = []

    def embed(embedder, own, *arguments):
        texts.extend(own)
        return embed_documents(embedder, own, *arguments)

    monkeypatch.setattr(index_module, "embed_documents", embed)
    return texts


@pytest.fixture
def small_graph(monkeypatch):
    monkeypatch.setattr(index_module, "GRAPH_FROM", 6)


def test_documents_are_found_as_by_their_cosines(index, embedder, messages):
    queries = ["file not found", messages[3]]
    expected = embedder.similarity(queries, messages)
    for hits, cosines in zip(index.search(queries, 3), expected, strict=True):
        order = np.argsort(-cosines)[:3]
        assert [hit.id for hit in hits] == [str(i) for i in order]
        np.testing.assert_allclose(
            [hit.score for hit in hits], cosines[order], atol=1e-5
        )
    ((best, *_),) = index.search(messages[3])
    assert best == Hit("3", best.score, messages[3], 0, len(messages[3]), {})
    assert best.score == pytest.approx(1, abs=1e-5)


def test_it_is_the_same_in_another_process(index, messages):
    program = (
        "import sys; from xlm_tf.search.index import Index\n"
        "print(Index.open(sys.argv[1]).search(sys.argv[2], 1)[0][0].id)\n"
        "print('faiss' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, str(index.path), messages[4]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.split() == ["4", "False"], process.stderr


def test_what_has_not_changed_is_not_embedded_again(index, counted, messages):
    texts = [*messages, "One more"]
    texts[2] = "Enter a valid number."
    changes = index.add(documents_of(texts))
    assert changes == Changes(added=1, replaced=1, unchanged=len(messages) - 1)
    assert sorted(counted) == ["Enter a valid number.", "One more"]
    assert len(index) == index.num_passages == len(texts)
    found = index.search("Enter a valid number.", 20)[0]
    assert sorted(hit.id for hit in found) == sorted(str(i) for i in range(9))
    assert found[0].text == "Enter a valid number."


def test_other_fields_are_kept(index):
    fields = {"year": 2019, "tags": ["é", None], "deep": {"a": 1.5}}
    index.add([Document("x", "Something else", fields)])
    assert index.search("Something else", 1)[0][0].fields == fields
    with pytest.raises(ValueError, match="'y' cannot be kept as JSON"):
        index.add([Document("y", "Nothing", {"x": float("nan")})])


def test_documents_are_removed(index):
    assert index.remove(["3", "4"]) == 2
    assert len(index) == index.num_passages == 6
    assert {"3", "4"}.isdisjoint(hit.id for hit in index.search("x", 99)[0])
    with pytest.raises(ValueError, match=r"no document '3'\. Nothing was removed"):
        index.remove(["1", "3"])
    assert "1" in index
    assert "3" not in index


def test_an_empty_document_is_left_out_and_takes_the_old_one_away(index):
    changes = index.add([Document("0", " \n"), Document("new", "")])
    assert changes == Changes(empty=2, removed=1)
    assert "0" not in index
    assert "new" not in index


def test_a_source_that_shrank_loses_its_documents(index):
    def lines(*texts):
        return [Document(f"a:{i}", x, source="a") for i, x in enumerate(texts)]

    others = [Document("b:0", "Another", source="b")]
    index.add([*lines("one", "two", "three"), *others])
    # A file's documents may come with others between them.
    first, second = lines("one", "TWO")
    assert index.add([first, *others, second]) == Changes(
        replaced=1, unchanged=2, removed=1
    )
    assert "a:2" not in index
    assert len(index) == 8 + 3


def test_a_long_document_is_found_by_any_of_its_passages(index, embedder):
    parts = [f"Sentence number {i} speaks of nothing." for i in range(400)]
    parts[300] = "Le renard brun saute par-dessus le chien paresseux."
    text = " ".join(parts)
    index.add([Document("long", text)])
    assert index.num_passages > 100
    found = index.search(parts[300], 3)[0]
    assert [hit.id for hit in found].count("long") == 1
    assert len(found) == 3
    (hit,) = (hit for hit in found if hit.id == "long")
    assert hit.start < text.index("par-dessus") < hit.end
    assert hit.text == text[hit.start : hit.end].strip()
    # All of its passages go with it.
    index.remove(["long"])
    assert index.num_passages == 8


def test_more_than_there_are_and_none(index, tmp_path, embedder_folder):
    assert len(index.search("x", 1000)[0]) == 8
    assert index.search([]) == []
    empty = Index.create(tmp_path / "empty", embedder_folder)
    assert empty.search(["x", "y"]) == [[], []]
    with pytest.raises(ValueError, match="k must be a whole number, 1 at least"):
        index.search("x", 0)
    with pytest.raises(ValueError, match="must not be empty"):
        index.search(["x", " "])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (Document("1", "a\0b"), "The text of the document .*: it holds a NUL"),
        (Document("1", "\ud800"), "is not UTF-8"),
        (Document("1", None), "null is not a text"),
        (Document("", "x"), "must be a text"),
        (Document(7, "x"), "must be a text. Received: 7"),
    ],
)
def test_a_document_that_cannot_be_kept(index, document, message):
    with pytest.raises(ValueError, match=message):
        index.add([document])


def test_an_id_that_stands_twice(index):
    with pytest.raises(ValueError, match="'a' stands twice"):
        index.add([Document("a", "x"), Document("a", "y")])


def test_what_was_embedded_before_an_interruption_is_kept(
    index, counted, monkeypatch, messages
):
    def interrupted():
        yield from documents_of(f"{text} again" for text in messages)
        yield from [Document(f"b{i}", f"Number {i}") for i in range(32)]
        raise KeyboardInterrupt

    monkeypatch.setattr(index_module, "_BATCHES", 1)
    with pytest.raises(KeyboardInterrupt):
        index.add(interrupted(), batch_size=8)
    embedded = len(counted)
    assert embedded == 40
    again = Index.open(index.path)
    assert not again.is_whole
    with pytest.raises(ValueError, match=r"half-written \(40 documents are in it\)"):
        again.search("x")
    counted.clear()
    documents = documents_of(f"{text} again" for text in messages)
    documents += [Document(f"b{i}", f"Number {i}") for i in range(40)]
    assert again.add(documents) == Changes(added=8, unchanged=40)
    assert len(counted) == 8
    assert again.search(f"{messages[3]} again", 1)[0][0].id == "3"


def test_an_interrupted_index_can_be_finished_as_it_is(index):
    with pytest.raises(ValueError, match="stands twice"):
        index.add([Document("a", "x"), Document("a", "y")])
    with pytest.raises(ValueError, match="half-written"):
        index.search("x")
    index.finish()
    assert index.search("x", 1)[0]


def test_two_processes_that_write(index, embedder_folder):
    other = Index.open(index.path)

    def documents():
        yield Document("a", "one")
        other.add([Document("b", "two")])

    with pytest.raises(ValueError, match="Another process writes to the index"):
        index.add(documents(), batch_size=1)
    assert "b" in index


def test_one_process_reads_while_another_writes(index):
    other = Index.open(index.path)
    assert other.search("x", 99)
    index.remove(["0"])
    found = other.search("x", 99)[0]
    assert sorted(hit.id for hit in found) == [str(i) for i in range(1, 8)]


def test_another_model_is_refused(index, tmp_path, embedder):
    other = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny", pooling="max")
    other.save_to_preset(tmp_path / "other")
    with pytest.raises(ValueError, match=r"made with .* and .*other is another model"):
        Index.open(index.path, tmp_path / "other")
    with pytest.raises(ValueError, match="holds an XLMMaskedLM"):
        Index.open(index.path, "xlm_tiny")
    # The same model, elsewhere and saved in another form.
    embedder.save_to_preset(tmp_path / "moved")
    assert Index.open(index.path, tmp_path / "moved").search("x")


def test_a_model_that_has_gone(tmp_path, embedder, messages):
    embedder.save_to_preset(tmp_path / "model")
    Index.create(tmp_path / "index", tmp_path / "model").close()
    (tmp_path / "model").rename(tmp_path / "elsewhere")
    index = Index.open(tmp_path / "index")
    with pytest.raises(OSError, match=r"made with .*Name where it is now"):
        index.add(documents_of(messages))
    Index.open(tmp_path / "index", tmp_path / "elsewhere").add(documents_of(messages))


def test_an_index_is_not_made_twice(index, embedder_folder):
    with pytest.raises(FileExistsError, match="is an index already"):
        Index.create(index.path, embedder_folder)
    assert index.search("x")


def test_what_is_no_index(tmp_path, embedder_folder):
    with pytest.raises(FileNotFoundError, match="is not an index: it holds no"):
        Index.open(tmp_path)
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds something else than an index"):
        Index.create(tmp_path, embedder_folder)
    with pytest.raises(FileExistsError, match="is a file"):
        Index.create(tmp_path / "note.txt", embedder_folder)
    (tmp_path / DATABASE).write_bytes(b"no database" * 100)
    with pytest.raises(ValueError, match="is damaged: file is not a database"):
        Index.open(tmp_path)
    (tmp_path / DATABASE).unlink()
    sqlite3.connect(tmp_path / DATABASE).execute("CREATE TABLE x (y)").close()
    with pytest.raises(ValueError, match="not the database of an index of xlm-tf"):
        Index.open(tmp_path)


def test_another_version(index):
    index.close()
    database = sqlite3.connect(index.path / DATABASE)
    database.execute("PRAGMA user_version = 7")
    database.close()
    with pytest.raises(ValueError, match="has the format 7, and this version"):
        Index.open(index.path)


def test_a_database_that_is_cut_off(index):
    index.close()
    path = index.path / DATABASE
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises((ValueError, OSError), match=r"The index .* (damaged|used)"):
        Index.open(index.path).search("x")


def test_a_full_disk_is_said_of_the_index(
    tmp_path, embedder_folder, embedder, messages, small_graph, full_disk, monkeypatch
):
    path = tmp_path / "index"
    with (
        monkeypatch.context() as patch,
        pytest.raises(OSError, match=f"The index {path} cannot be used"),
    ):
        patch.setattr(index_module, "fingerprint", str)  # writes temporary files
        Index.create(path, embedder_folder)
    assert list(path.iterdir()) == []
    full_disk(10**7)
    index = Index.create(path, embedder_folder)
    index.add(documents_of(messages))
    graph = (path / GRAPH).read_bytes()
    full_disk(len(graph) // 2)
    vectors = embed_documents(embedder, messages)
    larger = Graph(vectors.shape[1])
    larger.add(np.arange(len(vectors)), vectors)
    with pytest.raises(OSError, match=f"{path / GRAPH} cannot be written"):
        larger.save(path / GRAPH)
    assert (path / GRAPH).read_bytes() == graph
    assert index.search(messages[0], 1)[0][0].id == "0"


def test_a_graph_finds_the_same_and_follows_the_documents(
    small_graph, tmp_path, embedder_folder
):
    index = Index.create(tmp_path / "index", embedder_folder)
    words = ["file", "folder", "page", "user", "group", "image", "order", "price"]
    words += ["date", "value"]
    texts = [
        f"The {a} of the {b} was not found in the {c}."
        for a in words[:6]
        for b in words
        for c in words[5:]
    ]
    index.add(documents_of(texts))
    assert (index.path / GRAPH).exists()
    vectors = embed_queries(index.embedder, texts[:20])

    def check(index):
        search = index.search_vectors
        found = [
            [[hit.score for hit in hits] for hits in search(vectors, 5, x)]
            for x in (True, False)
        ]
        np.testing.assert_allclose(*found, atol=1e-3)

    check(index)
    # Some are replaced, some removed; then so many that it is made anew.
    index.add(documents_of(f"{text}!" for text in texts[:10]))
    index.remove([str(i) for i in range(20, 40)])
    for begin in (40, 200):
        check(Index.open(index.path))
        index.remove([str(i) for i in range(begin, begin + 90)])
    everything = Index.open(index.path).search_vectors(vectors[:1], 500)[0]
    assert len({hit.id for hit in everything}) == len(index) == 100
    # Few are left: no graph is needed.
    index.remove([str(i) for i in range(2, 20)] + [str(i) for i in range(130, 200)])
    index.remove([str(i) for i in range(290, 298)])
    assert len(index) == 4
    assert not (index.path / GRAPH).exists()
    assert len(index.search("x")[0]) == 4


def test_a_graph_that_is_not_the_indexs(small_graph, index, messages):
    index.finish()
    path = index.path / GRAPH
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="is not the file that was written for"):
        index.search("x")
    index.finish()
    assert index.search(messages[0], 1)[0][0].id == "0"
    path.unlink()
    with pytest.raises(ValueError, match="found 0"):
        Index.open(index.path).search("x")


def test_queries_and_documents_get_the_prompts_of_the_model(tmp_path, messages):
    model = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny")
    model.preprocessor.sequence_length = 32
    model.preprocessor.prompts = {"query": "Enter: ", "passage": "The file: "}
    model.save_to_preset(tmp_path / "model")
    index = Index.create(tmp_path / "index", tmp_path / "model")
    long = " ".join(messages * 4)
    index.add(documents_of([*messages, long]))
    (hits,) = index.search(["Choose a folder"], 8)
    (query,) = model.encode_query(["Choose a folder"])
    for hit in hits:
        (vector,) = model.encode_documents([hit.text])
        assert hit.score == pytest.approx(float(query @ vector), abs=1e-5)
    # The prompt takes its tokens of every window.
    plain = len(cut_passages([long], model.preprocessor)[0])
    assert index.num_passages - len(messages) > plain
    model.preprocessor.prompts = {}
    model.save_to_preset(tmp_path / "other")
    with pytest.raises(ValueError, match="is another model"):
        Index.open(index.path, tmp_path / "other")


def test_many_texts_have_the_vectors_of_few(embedder, messages):
    texts = [f"{a} {b}" for a in messages for b in messages]
    many = embed_documents(embedder, texts, batch_size=8)
    few = embed_documents(embedder, texts, batch_size=64)
    np.testing.assert_allclose(many, few, atol=1e-5)
