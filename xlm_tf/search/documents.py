"""What is looked for, what is found, and what an index has taken in."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Document:
    """What is looked for.

    Attributes:
        id: str, its name in the index.
        text: str, of any length.
        fields: dict that JSON can hold, given back with the document.
        source: str, the file of which this is a part, or None. When a source is added
            again, its documents that it no longer has are removed.
    """

    id: str
    text: str
    fields: dict = dataclasses.field(default_factory=dict)
    source: str | None = None


@dataclasses.dataclass(frozen=True)
class Hit:
    """A document that was found.

    Attributes:
        id: str.
        score: float, the cosine of the query and the passage; of `rerank`, the model's.
        text: str, the passage of the document that fits best: all of a short one.
        start, end: int, where the passage begins and ends, in characters.
        fields: dict, as in `Document`.
    """

    id: str
    score: float
    text: str
    start: int
    end: int
    fields: dict


@dataclasses.dataclass
class Changes:
    """What `Index.add` did, in documents."""

    added: int = 0
    replaced: int = 0
    unchanged: int = 0
    removed: int = 0
    empty: int = 0
