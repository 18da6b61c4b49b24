"""What a collection read, kept and left out."""

import collections
import dataclasses

from xlm_tf.collecting.pages import NO_PAGE

# Notes of an input that a report has; all are counted.
_NOTES = 20


@dataclasses.dataclass
class InputCounts:
    """Counts of an input.

    Attributes:
        documents: int.
        characters: int, of them.
        left_out: Counter of reasons.
        notes: list of str, the first of those that single pages have.
        num_notes: int, all of them.
    """

    documents: int = 0
    characters: int = 0
    left_out: collections.Counter = dataclasses.field(
        default_factory=collections.Counter
    )
    notes: list[str] = dataclasses.field(default_factory=list)
    num_notes: int = 0

    def __post_init__(self):
        self.left_out = collections.Counter(self.left_out)  # JSON has dicts

    @property
    def pages(self):
        """Of the input, int: documents and what was left out."""
        return self.documents + self.left_out.total() - self.left_out[NO_PAGE]

    def add(self, outcome):
        """Count an `Outcome`."""
        self.documents += len(outcome.documents)
        self.characters += sum(len(document.text) for document in outcome.documents)
        self.left_out += outcome.left_out
        if outcome.note is not None:
            self.num_notes += 1
            if len(self.notes) < _NOTES:
                self.notes.append(outcome.note)


def report(inputs, counts, languages):
    """The report of a collection.

    Args:
        inputs: list of str, their names.
        counts: list of `InputCounts`.
        languages: dict from language, or None, to [documents, characters].

    Returns:
        str, Markdown.
    """
    lines = ["# Collected documents", ""]
    lines += _table(
        ["input", "pages", "documents", "characters"],
        [
            [name, own.pages, own.documents, own.characters]
            for name, own in zip(inputs, counts, strict=True)
        ],
    )
    left_out = [
        [name, reason, number]
        for name, own in zip(inputs, counts, strict=True)
        for reason, number in sorted(own.left_out.items())
    ]
    if left_out:
        lines += ["", "## Left out", ""]
        lines += _table(["input", "reason", "number"], left_out)
    if set(languages) - {None}:
        ordered = sorted(languages.items(), key=lambda x: (-x[1][1], str(x[0])))
        lines += ["", "## Languages", ""]
        lines += _table(
            ["language", "documents", "characters"],
            [[language or "none", *own] for language, own in ordered],
        )
    notes = [f"- {note}" for own in counts for note in own.notes]
    more = sum(own.num_notes for own in counts) - len(notes)
    if notes:
        lines += ["", "## Damaged files", "", *notes]
        lines += [f"- ... and {more:,} more"] if more else []
    return "\n".join(lines) + "\n"


def _table(columns, rows):
    yield f"| {' | '.join(columns)} |"
    yield f"|{'|'.join('---' for _ in columns)}|"
    for row in rows:
        cells = (f"{x:,}" if isinstance(x, int) else str(x) for x in row)
        yield f"| {' | '.join(x.replace('|', chr(92) + '|') for x in cells)} |"
