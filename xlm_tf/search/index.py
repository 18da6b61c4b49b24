"""Documents that are found by their meaning: an index in a folder."""

import contextlib
import hashlib
import json
import os
import secrets
import sqlite3
from pathlib import Path

import numpy as np

from xlm_tf.data.json_objects import text_problem
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.models.cosines import nearest
from xlm_tf.models.hybrid_embedder import XLMHybridEmbedder
from xlm_tf.models.loading import find_task, load_task
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.models.text_reading import read_column
from xlm_tf.search.documents import Changes, Hit
from xlm_tf.search.fingerprint import fingerprint
from xlm_tf.search.graph import GRAPH_FROM, MOST_REMOVED, Graph, check_installed
from xlm_tf.search.passages import cut_passages
from xlm_tf.search.prompted_embedding import (
    document_prompt,
    embed_documents,
    embed_queries,
)
from xlm_tf.text.byte_offsets import as_strings

VERSION = 1
DATABASE = "documents.sqlite"
GRAPH = "passages.graph"
# SQLite's place for what a file is: "xlms".
_APPLICATION = 0x786C6D73
# Batches that are embedded before they are written down.
_BATCHES = 16
# Characters of a long document.
_LONG = 1000
# Rows that one statement names: SQLite's limit is in the thousands.
_ROWS = 500
# Vectors that are put into the graph at a time.
_AT_ONCE = 1 << 16
_TABLES = """
CREATE TABLE description (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE documents (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, source TEXT,
    digest BLOB NOT NULL, fields TEXT, text TEXT NOT NULL
);
CREATE INDEX documents_of_source ON documents (source);
CREATE TABLE passages (
    key INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL
);
CREATE INDEX passages_of_document ON passages (document);
CREATE TABLE vectors (key INTEGER PRIMARY KEY, vector BLOB NOT NULL);
"""


class Index:
    """An index over documents, with the vectors of a model.

    Opened, it reads little: a search reads the vectors of a small index, and of a large
    one what it needs (see `xlm_tf.search.graph`). What was written while another
    process reads is not half there.

    Args: see `Index.open` and `Index.create`.

    Attributes:
        path: Path of the folder.
        model: str, by which name the model is found.

    Example:
    ```python
    from xlm_tf.search.documents import Document
    from xlm_tf.search.index import Index

    index = Index.create("messages", "embedder")  # of `save_to_preset`
    index.add([Document("1", "The file was not found."), Document("2", "Good day")])
    index.search(["Datei nicht gefunden"], k=1)[0][0].id  # '1'
    ```
    """

    def __init__(self, path, database, model=None):
        self.path = Path(path)
        self._database = database
        with _clear_errors(self.path):
            self._described = dict(database.execute("SELECT * FROM description"))
        self.model = self._described["model"]
        self._embedder = None
        if model is not None:
            self._set_embedder(model)
        self._is_exact = self._vectors = self._graph = None

    @classmethod
    def create(cls, path, model):
        """Make an index without documents.

        Args:
            path: str or Path of its folder, which must be new or empty.
            model: str or Path, an embedder as `xlm_tf.load_task` takes it.

        Raises:
            FileExistsError: there is something in the folder.
            ValueError, OSError: the model is no embedder, or cannot be read.
        """
        path = Path(path)
        _check_room(path)
        embedder = load_embedder(model)
        path.mkdir(parents=True, exist_ok=True)
        partial = path / f".{DATABASE}.{os.getpid()}.partial"
        description = [
            ("model", _place(model)),
            ("fingerprint", fingerprint(embedder)),
            ("dimension", str(embedder.embedding_dim)),
            ("state", "whole"),
        ]
        try:
            with (
                _clear_errors(path),
                contextlib.closing(sqlite3.connect(partial)) as database,
            ):
                database.execute("PRAGMA page_size = 16384")
                database.executescript(_TABLES)
                database.execute(f"PRAGMA application_id = {_APPLICATION}")
                database.execute(f"PRAGMA user_version = {VERSION}")
                with database:
                    insert = "INSERT INTO description VALUES (?, ?)"
                    database.executemany(insert, description)
            os.replace(partial, path / DATABASE)
        finally:
            partial.unlink(missing_ok=True)
        index = cls.open(path)
        index._embedder = embedder
        return index

    @classmethod
    def open(cls, path, model=None):
        """Open an index that there is.

        Args:
            path: str or Path of its folder.
            model: str or Path of the model that made it, if it has moved; by default,
                that which the index was made with is loaded for the first texts.

        Raises:
            FileNotFoundError: there is no index.
            ValueError: another version's index, another model.
        """
        return cls(path, _open_database(Path(path)), model)

    def close(self):
        """Let go of the files."""
        self._database.close()
        self._vectors = self._graph = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __len__(self):
        """How many documents there are."""
        return self._one("SELECT count(*) FROM documents")

    def __contains__(self, id):
        return self._one("SELECT count(*) FROM documents WHERE id = ?", id) > 0

    @property
    def num_passages(self):
        """How many passages the documents have."""
        return self._one("SELECT count(*) FROM passages")

    @property
    def dimension(self):
        """Numbers of a vector."""
        return int(self._described["dimension"])

    @property
    def is_whole(self):
        """Whether nothing is missing since an `add` that did not end."""
        state = "SELECT value FROM description WHERE name = 'state'"
        return self._one(state) == "whole"

    def size(self):
        """Bytes on disk."""
        return sum(
            (self.path / name).stat().st_size
            for name in (DATABASE, GRAPH)
            if (self.path / name).exists()
        )

    def add(self, documents, language=None, batch_size=32):
        """Add documents, and replace those whose text has changed.

        Text that is in the index under the same id is not embedded again. What was
        embedded is kept if this is interrupted; the same `add` then goes on.

        Args:
            documents: iterable of `Document`; each id once.
            language: str, of the texts, where the model or its tokenizer has any.
            batch_size: int, texts that are embedded at a time.

        Returns:
            `Changes`. Documents without text are counted as empty and left out; one
            that had text before is removed.

        Raises:
            ValueError: an id that stands twice, a text or fields that cannot be kept,
                a language that the model does not read, another process that writes.
        """
        batch_size = whole_number("batch_size", batch_size)
        preprocessor = self.embedder.text_preprocessor("add")
        preprocessor.check_texts(
            {"text": [], **({} if language is None else {"language": [language]})}
        )
        changes = Changes()
        with self._writing():
            seen, of_sources = set(), {}
            for block in _blocks(documents, _BATCHES * batch_size):
                if self.num_passages >= GRAPH_FROM:
                    check_installed()
                for document in block:
                    _check_document(document, seen)
                    of_sources.setdefault(document.source, set())
                kept = self._add_block(block, language, batch_size, changes)
                for source, number in kept:
                    of_sources[source].add(number)
            for source, numbers in of_sources.items():
                self._remove_others(source, numbers, changes)
        return changes

    def remove(self, ids):
        """Remove documents.

        Args:
            ids: list of str.

        Returns:
            int, how many were removed.

        Raises:
            ValueError: an id that the index does not have; nothing is removed.
        """
        ids = list(dict.fromkeys(ids))
        unknown = [id for id in ids if id not in self]
        if unknown:
            raise ValueError(
                f"{self.path} has no document {unknown[0]!r}. Nothing was removed."
            )
        with self._writing():
            numbers = [
                self._one("SELECT number FROM documents WHERE id = ?", id) for id in ids
            ]
            self._write([], numbers)
        return len(numbers)

    def finish(self):
        """Bring the graph up to the passages, as `add` does at its end."""
        with self._writing():
            pass

    def check_whole(self):
        """See that the index can be searched.

        Looked at once: another process may write later, and this one goes on reading.

        Raises:
            ValueError: it is half-written; says how to go on.
        """
        if self._is_exact is not None:
            return
        if not self.is_whole:
            raise ValueError(
                f"The index {self.path} is half-written ({len(self):,} documents are "
                "in it), or being written. Run `xlm-tf index` with the same files "
                f"again to go on, or `xlm-tf index --index {self.path}` to finish with "
                "what it has."
            )
        self._is_exact = self.num_passages < GRAPH_FROM

    def search(self, queries, k=10, language=None, batch_size=32):
        """The documents that are nearest to some queries.

        Args:
            queries: str or list of str.
            k: int, documents per query; all, if there are not so many.
            language: str, of the queries, where the model or its tokenizer has any.
            batch_size: int.

        Returns:
            List, one entry per query, of lists of `Hit`, the best first. A document of
            several passages has the score of its best one.

        Raises:
            ValueError: a query without text, a `k` below 1, another model than the
                index's, an index that is half-written.
        """
        k = whole_number("k", k)
        queries = as_strings(read_column(queries, "queries"))
        for number, query in enumerate(queries):
            if not query.strip():
                raise ValueError(
                    f"A query must not be empty. Received: query {number}."
                )
        self.check_whole()
        if not queries:
            return []
        vectors = embed_queries(self.embedder, queries, language, batch_size)
        return self.search_vectors(vectors, k)

    def search_vectors(self, vectors, k=10, is_exact=None):
        """As `search`, of vectors of length 1.

        Args:
            vectors: float32 array (Q, D).
            k: int.
            is_exact: bool, look at every vector; by default where they are few.
        """
        self.check_whole()
        count = self.num_passages
        if is_exact is None:
            is_exact = self._is_exact
        hits = [[] for _ in vectors]
        rest, wanted = np.arange(len(vectors)), min(k + k // 2 + 8, count)
        while wanted and len(rest):
            find = self._nearest if is_exact else self._nearest_in_graph
            for number, keys in zip(rest, find(vectors[rest], wanted), strict=True):
                hits[number] = self._hits(vectors[number], keys, k)
            is_short = np.array([len(hits[number]) < k for number in rest], bool)
            if wanted >= count:
                break
            # Of documents of many passages, some are taken up by few.
            rest, wanted = rest[is_short], min(4 * wanted, count)
        return hits

    @property
    def embedder(self):
        """The model, loaded when it is first needed."""
        if self._embedder is None:
            try:
                self._set_embedder(self.model)
            except FileNotFoundError as error:
                raise FileNotFoundError(
                    f"The index {self.path} was made with {self.model}, which is not "
                    f"there ({error}) Name where it is now by --model."
                ) from error
        return self._embedder

    def _set_embedder(self, model):
        embedder = load_embedder(model)
        own = self._described["fingerprint"]
        if fingerprint(embedder) != own:
            raise ValueError(
                f"The index {self.path} was made with {self.model}, and {model} is "
                "another model (or has changed since): their vectors cannot be "
                "compared. Name the model that made it, or make the index anew."
            )
        self._embedder, self.model = embedder, str(model)

    # What is read.

    def _one(self, statement, *values):
        with _clear_errors(self.path):
            row = self._database.execute(statement, values).fetchone()
        return row and row[0]

    def _keys(self):
        """The keys of all passages, int64 (N,), in their order."""
        with _clear_errors(self.path):
            rows = self._database.execute("SELECT key FROM passages ORDER BY key")
            return np.fromiter((key for (key,) in rows), "int64")

    def _vectors_of(self, keys):
        """The vectors of passages by their keys, which are in order: (N, D)."""
        parts = []
        for begin in range(0, len(keys), _ROWS):
            own = keys[begin : begin + _ROWS].tolist()
            places = ", ".join("?" * len(own))
            with _clear_errors(self.path):
                rows = self._database.execute(
                    f"SELECT vector FROM vectors WHERE key IN ({places}) ORDER BY key",
                    own,
                ).fetchall()
            parts += [vector for (vector,) in rows]
        return np.frombuffer(b"".join(parts), "<f4").reshape(-1, self.dimension)

    def _nearest(self, queries, count):
        if self._vectors is None:
            keys = self._keys()
            self._vectors = keys, self._vectors_of(keys)
        keys, vectors = self._vectors
        _, places = nearest(queries, vectors, min(count, len(keys)))
        return keys[places]

    def _nearest_in_graph(self, queries, count):
        if self._graph is None:
            self._graph = Graph.open(self._checked_graph())
        # Some are passages of documents that were removed.
        return self._graph.search(queries, round(count / (1 - MOST_REMOVED)))

    def _checked_graph(self):
        path = self.path / GRAPH
        expected = self._one("SELECT value FROM description WHERE name = 'graph'")
        found = path.stat().st_size if path.exists() else 0
        if expected is None or found != int(expected):
            raise ValueError(
                f"{path} is not the file that was written for this index (expected "
                f"{int(expected or 0):,} bytes, found {found:,}). Run `xlm-tf index "
                f"--index {self.path}` to make it anew."
            )
        return path

    def _hits(self, query, keys, k):
        """The best hits of a query among passages, one per document."""
        rows = self._passages(keys)
        if not rows:
            return []
        vectors = np.frombuffer(b"".join(row[-1] for row in rows), "<f4")
        scores = vectors.reshape(len(rows), -1) @ query
        best = {}
        for place in np.argsort(-scores, kind="stable"):
            document, start, end, _ = rows[place]
            best.setdefault(document, (float(scores[place]), start, end))
            if len(best) == k:
                break
        hits = (self._hit(document, *found) for document, found in best.items())
        return [hit for hit in hits if hit is not None]

    def _passages(self, keys):
        rows = []
        for begin in range(0, len(keys), _ROWS):
            own = [int(key) for key in keys[begin : begin + _ROWS] if key >= 0]
            places = ", ".join("?" * len(own))
            with _clear_errors(self.path):
                rows += self._database.execute(
                    "SELECT document, first, last, vector FROM passages JOIN vectors "
                    f"USING (key) WHERE key IN ({places}) ORDER BY key",
                    own,
                ).fetchall()
        return rows

    def _hit(self, number, score, start, end):
        with _clear_errors(self.path):
            row = self._database.execute(
                "SELECT id, fields, substr(text, ?, ?) FROM documents WHERE number = ?",
                (start + 1, end - start, number),
            ).fetchone()
        if row is None:  # another process has removed it
            return None
        id, fields, text = row
        return Hit(id, score, text.strip(), start, end, json.loads(fields or "{}"))

    # What is written.

    @contextlib.contextmanager
    def _writing(self):
        """Within it the index is half-written; at its end, the graph is made."""
        self._writer = secrets.token_hex(8)
        self._is_exact = self._vectors = self._graph = None
        with self._transaction(is_first=True):
            self._describe("state", f"written by {self._writer}")
        yield
        graph = self._update_graph()
        with self._transaction():
            self._describe("graph", graph)
            self._describe("state", "whole")

    @contextlib.contextmanager
    def _transaction(self, is_first=False):
        with _clear_errors(self.path), self._database:
            self._database.execute("BEGIN IMMEDIATE")
            state = self._one("SELECT value FROM description WHERE name = 'state'")
            if not is_first and state != f"written by {self._writer}":
                raise ValueError(
                    f"Another process writes to the index {self.path}. What this one "
                    "embedded so far is kept: run it again when the other is done."
                )
            yield

    def _describe(self, name, value):
        self._database.execute(
            "INSERT OR REPLACE INTO description VALUES (?, ?)", (name, value)
        )

    def _add_block(self, documents, language, batch_size, changes):
        """Write documents down; returns `(source, number)` of those that are there."""
        kept, new, old = [], [], []
        for document in documents:
            digest = _digest(document, language)
            with _clear_errors(self.path):
                number, known = self._database.execute(
                    "SELECT number, digest FROM documents WHERE id = ?", (document.id,)
                ).fetchone() or (None, None)
            has_text = bool(document.text.strip())
            if known == digest:
                changes.unchanged += 1
                kept.append((document.source, number))
                continue
            if number is not None:
                old.append(number)
            if has_text:
                new.append((document, digest))
                changes.replaced += number is not None
                changes.added += number is None
            else:
                changes.empty += 1
                changes.removed += number is not None
        if new or old:
            kept += self._write(self._embedded(new, language, batch_size), old)
        return kept

    def _embedded(self, documents, language, batch_size):
        """Documents and digests, with the places and vectors of their passages."""
        texts = [document.text for document, _ in documents]
        prompt = document_prompt(self.embedder)
        cut = cut_passages(texts, self.embedder.preprocessor, language, prompt)
        passages = [
            text[start:end]
            for text, places in zip(texts, cut, strict=True)
            for start, end in places
        ]
        if not passages:
            return []
        vectors = iter(embed_documents(self.embedder, passages, language, batch_size))
        return [
            (document, digest, [(*place, next(vectors)) for place in places])
            for (document, digest), places in zip(documents, cut, strict=True)
        ]

    def _write(self, rows, old):
        """Put documents in the place of old ones; their `(source, number)`."""
        written = []
        with self._transaction():
            run = self._database.execute
            for number in old:
                run(
                    "DELETE FROM vectors WHERE key IN "
                    "(SELECT key FROM passages WHERE document = ?)",
                    (number,),
                )
                run("DELETE FROM passages WHERE document = ?", (number,))
                run("DELETE FROM documents WHERE number = ?", (number,))
            for document, digest, passages in rows:
                number = run(
                    "INSERT INTO documents (id, source, digest, fields, text) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (
                        document.id,
                        document.source,
                        digest,
                        _as_json(document),
                        document.text,
                    ),
                ).lastrowid
                written.append((document.source, number))
                for start, end, vector in passages:
                    key = run(
                        "INSERT INTO passages (document, first, last) VALUES (?, ?, ?)",
                        (number, start, end),
                    ).lastrowid
                    data = vector.astype("<f4").tobytes()
                    run("INSERT INTO vectors VALUES (?, ?)", (key, data))
        return written

    def _remove_others(self, source, kept, changes):
        """Remove the documents of a source that it no longer has."""
        if source is None:
            return
        with _clear_errors(self.path):
            rows = self._database.execute(
                "SELECT number FROM documents WHERE source = ?", (source,)
            ).fetchall()
        old = [number for (number,) in rows if number not in kept]
        if old:
            self._write([], old)
            changes.removed += len(old)

    def _update_graph(self):
        """Make the graph one of all passages; returns the size of its file, or None."""
        path = self.path / GRAPH
        keys = self._keys()
        if len(keys) < GRAPH_FROM:
            path.unlink(missing_ok=True)
            return None
        graph = None
        with contextlib.suppress(ValueError):  # none yet, or not the one it should be
            graph = Graph.open(self._checked_graph(), is_changed=True)
        if graph is None or np.isin(graph.keys, keys).mean() < 1 - MOST_REMOVED:
            graph = Graph(self.dimension)
        missing = np.setdiff1d(keys, graph.keys)
        for begin in range(0, len(missing), _AT_ONCE):
            own = missing[begin : begin + _AT_ONCE]
            graph.add(own, self._vectors_of(own))
        graph.save(path)
        return path.stat().st_size


def is_index(path):
    """Whether there is an index in a folder, of any version."""
    return (Path(path) / DATABASE).is_file()


def load_embedder(model):
    """Load an embedder, and refuse what is none.

    Args:
        model: str or Path, as `xlm_tf.load_task` takes it.

    Raises:
        ValueError: another task, or an embedder without a preprocessor.
    """
    is_hybrid = issubclass(find_task(model)[0], XLMHybridEmbedder)
    embedder = XLMTextEmbedder.from_preset(model) if is_hybrid else load_task(model)
    if not isinstance(embedder, XLMTextEmbedder):
        raise ValueError(
            f"{model} holds an {type(embedder).__name__}. Expected an XLMTextEmbedder, "
            "which gives texts vectors."
        )
    embedder.text_preprocessor("Index")
    return embedder


def _place(model):
    """By which name a model is found from any folder."""
    return str(Path(model).resolve()) if Path(model).is_dir() else str(model)


def _check_room(path):
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"{path} is a file. Name a folder for the index.")
    if is_index(path):
        raise FileExistsError(
            f"{path} is an index already. Open it with Index.open, or name another "
            "folder."
        )
    if path.is_dir() and any(not x.name.startswith(".") for x in path.iterdir()):
        raise FileExistsError(
            f"{path} holds something else than an index. Name a new or an empty folder."
        )


def _open_database(path):
    file = path / DATABASE
    if not file.is_file():
        raise FileNotFoundError(
            f"{path} is not an index: it holds no {DATABASE}. Make one with "
            "`xlm-tf index`."
        )
    with _clear_errors(path):
        # Not `ro`: what was interrupted while it was written is mended when it is read.
        database = sqlite3.connect(
            f"{file.resolve().as_uri()}?mode=rw", uri=True, check_same_thread=False
        )
        database.isolation_level = None  # transactions begin where they are written
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION:
        raise ValueError(f"{file} is not the database of an index of xlm-tf.")
    if version != VERSION:
        raise ValueError(
            f"The index {path} has the format {version}, and this version of xlm-tf "
            f"reads the format {VERSION}. Make it anew with `xlm-tf index`."
        )
    return database


@contextlib.contextmanager
def _clear_errors(path):
    """What SQLite cannot do, as an error that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise ValueError(
                f"Another process writes to the index {path}. Try again when it is "
                "done."
            ) from error
        raise OSError(f"The index {path} cannot be used: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise ValueError(f"The index {path} is damaged: {error}.") from error


def _blocks(documents, size):
    """Lists of documents: `size` of them, or fewer long ones."""
    block, characters = [], 0
    for document in documents:
        block.append(document)
        characters += len(document.text) if isinstance(document.text, str) else 0
        if len(block) >= size or characters >= _LONG * size:
            yield block
            block, characters = [], 0
    if block:
        yield block


def _check_document(document, seen):
    if not isinstance(document.id, str) or not document.id:
        raise ValueError(
            f"The id of a document must be a text. Received: {document.id!r}."
        )
    if document.id in seen:
        raise ValueError(f"The id {document.id!r} stands twice.")
    seen.add(document.id)
    for name, value in (("id", document.id), ("text", document.text)):
        problem = text_problem(value)
        if problem:
            raise ValueError(f"The {name} of the document {document.id!r}: {problem}.")


def _as_json(document):
    if not document.fields:
        return None
    try:
        return json.dumps(document.fields, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The fields of the document {document.id!r} cannot be kept as JSON: "
            f"{error}."
        ) from error


def _digest(document, language):
    """What a document is embedded and kept as: another one is another document."""
    parts = [document.text, _as_json(document) or "", language or ""]
    parts.append(document.source or "")
    content = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).digest()
