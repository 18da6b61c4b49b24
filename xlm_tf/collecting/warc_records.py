"""The pages of WARC and WET files (ISO 28500), by warcio, as far as a file is whole.

HTML of responses, and of WET's conversions the text.
"""

import re
import zlib

from warcio.bufferedreaders import BufferedReader
from warcio.recordloader import ArcWarcRecordLoader

from xlm_tf.collecting.packed_files import CutOffError
from xlm_tf.collecting.pages import (
    BAD_STATUS,
    LARGEST_PAGE,
    NO_PAGE,
    NOT_HTML,
    TOO_LARGE,
    UNREADABLE,
    LeftOut,
    Page,
    day_of,
)

_BEGINNING = re.compile(rb"WARC/\d")
_HTML_TYPE = re.compile(r"\s*(text/html|application/xhtml\+xml)\b", re.I)
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I)
_HTML = re.compile(rb"\s*<(!doctype\s+html|html|head|body)\b", re.I)
# Bytes of the headers of a record, and of a line.
_LONGEST_HEADERS = 1 << 20
_LONGEST_LINE = 1 << 16
_BLOCK = 1 << 16
_DAMAGED = (CutOffError, zlib.error, OSError)


def warc_pages(file):
    """Iterate over `Page` and `LeftOut`, one for every record of a file.

    Args:
        file: `PackedFile`.
    """
    try:
        for member in file.members():
            yield from _Records(member, file)
    except _DAMAGED as error:
        yield LeftOut(UNREADABLE, note_of(file, f"nothing more can be read: {error}"))


def note_of(file, what):
    """What is said of a place in a `PackedFile`: str."""
    return f"{file.path}, before byte {file.tell():,}: {what}"


class _Records:
    """The records of a stream: of a whole file, or one part of a gzip file."""

    def __init__(self, stream, file):
        self._reader = _Reader(stream)
        self._file = file
        self._loader = ArcWarcRecordLoader(verify_http=False)
        self._line = b""

    def __iter__(self):
        while self._next_line():
            yield self._record()

    def _next_line(self):
        """Move to the next line with something in it; whether there is one."""
        self._reader.allow(_LONGEST_HEADERS)
        while not self._line.strip():
            self._line = self._reader.readline()
            if not self._line:
                return False
            self._reader.allow(_LONGEST_HEADERS)
        return True

    def _record(self):
        """What the record at this line is; moves behind it."""
        if not _BEGINNING.match(self._line):
            return self._lost("no record where one should begin")
        first, self._line = self._line, b""
        try:
            record = self._loader.parse_record_stream(
                self._reader, first, known_format="warc"
            )
            if record.length is None:
                return self._lost("a record without a length")
            self._reader.allow(None)
            found = self._page(record)
            while record.raw_stream.read(_BLOCK):
                pass
        except _DAMAGED:
            raise
        except Exception as error:  # of warcio, whatever it meets
            return self._lost(f"a record that cannot be read ({error})")
        missing = getattr(record.raw_stream, "limit", 0)
        if missing:
            what = f"a record that lacks {missing:,} of its bytes"
            return LeftOut(UNREADABLE, note_of(self._file, what))
        self._line = self._reader.readline()
        if self._line.strip() and not _BEGINNING.match(self._line):
            return self._lost("a record that does not end where its length says")
        return found

    def _lost(self, what):
        """Say what is wrong, and move to where the next record begins."""
        found = LeftOut(UNREADABLE, note_of(self._file, what))
        while not _BEGINNING.match(self._line):
            self._reader.allow(_LONGEST_HEADERS)
            self._line = self._reader.readline()
            if not self._line:
                break
        return found

    def _page(self, record):
        if record.rec_type == "conversion":
            kind, charset = "text", "utf-8"
        elif record.rec_type in ("response", "resource"):
            kind, charset = "html", None
        else:
            return LeftOut(NO_PAGE)
        if record.length > LARGEST_PAGE:
            return LeftOut(TOO_LARGE)
        headers = record.rec_headers
        content_type = record.content_type or ""
        if record.http_headers is not None:
            if not record.http_headers.get_statuscode().startswith("2"):
                return LeftOut(BAD_STATUS)
            content_type = record.http_headers.get_header("Content-Type") or ""
        content = record.content_stream().read(LARGEST_PAGE + 1)
        if len(content) > LARGEST_PAGE:
            return LeftOut(TOO_LARGE)
        if kind == "html":
            if not (_HTML_TYPE if content_type.strip() else _HTML).match(
                content_type if content_type.strip() else content
            ):
                return LeftOut(NOT_HTML)
            named = _CHARSET.search(content_type)
            charset = named and named[1]
        return Page(
            kind,
            content,
            source=headers.get_header("WARC-Target-URI") or str(self._file.path),
            date=day_of(headers.get_header("WARC-Date") or ""),
            charset=charset,
        )


class _Reader(BufferedReader):
    """warcio's reader, with an end to what lines without an end take."""

    def __init__(self, stream):
        super().__init__(stream, block_size=_BLOCK)
        self._allowed = None

    def allow(self, size):
        """Let lines have so many bytes together, until the next call; None: any."""
        self._allowed = size

    def readline(self, length=None):
        """A line, or so much of it."""
        line = super().readline(min(length or _LONGEST_LINE, _LONGEST_LINE))
        if self._allowed is not None:
            self._allowed -= len(line)
            if self._allowed < 0:
                raise ValueError("headers of more than 1 MiB")
        return line
