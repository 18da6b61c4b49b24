"""The pages of a file of any kind, as a stream."""

import zlib

from xlm_tf.collecting.packed_files import PackedFile
from xlm_tf.collecting.pages import LARGEST_PAGE, TOO_LARGE, UNREADABLE, LeftOut, Page
from xlm_tf.collecting.warc_records import note_of, warc_pages
from xlm_tf.collecting.wiki_pages import wiki_pages


def read_pages(file):
    """Iterate over what a file holds.

    Args:
        file: `InputFile`.

    Yields:
        (`Page` or `LeftOut`, int: bytes of the file that are read, about).

    Raises:
        OSError: the file cannot be read any more.
    """
    readers = {"warc": warc_pages, "wiki": wiki_pages}
    with PackedFile(file.path) as packed:
        if file.kind in readers:
            for item in readers[file.kind](packed):
                yield item, packed.tell()
        else:
            yield _whole(packed, file.kind), file.size


def _whole(packed, kind):
    """A file that is one page."""
    parts, size = [], 0
    stream = packed.content()
    try:
        while size <= LARGEST_PAGE and (part := stream.read(1 << 16)):
            parts.append(part)
            size += len(part)
    except (EOFError, zlib.error, OSError) as error:
        if getattr(error, "errno", None) is not None:  # not of bz2
            raise
        return LeftOut(UNREADABLE, note_of(packed, str(error)))
    if size > LARGEST_PAGE:
        return LeftOut(TOO_LARGE)
    return Page(kind, b"".join(parts), str(packed.path))
