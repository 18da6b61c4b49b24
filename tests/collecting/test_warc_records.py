"""Pages of archives: of whole ones all, of damaged ones what is whole."""

import gzip

import pytest

from tests.collecting.web_files import Archive, page
from xlm_tf.collecting import pages
from xlm_tf.collecting.packed_files import PackedFile
from xlm_tf.collecting.pages import LeftOut, Page
from xlm_tf.collecting.warc_records import warc_pages

HTML = page("en").encode()
URLS = [f"http://a.example/{i}" for i in range(5)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.warc.gz"


def read(path):
    with PackedFile(path) as file:
        return list(warc_pages(file))


def sources(found):
    return [item.source for item in found if isinstance(item, Page)]


def reasons(found):
    return [item.reason for item in found if isinstance(item, LeftOut)]


def write(path, gzip=True):
    with Archive(path, gzip) as archive:
        for url in URLS:
            archive.response(url, HTML)


def lies(path, url, old, new):
    """Change a header of one record of a plain file."""
    content = path.read_bytes()
    at = content.index(url.encode())
    begin = content.rindex(b"WARC/1.0", 0, at)
    record = content[begin:].replace(old, new, 1)
    path.write_bytes(content[:begin] + record)


@pytest.mark.parametrize("packed", [True, False])
def test_pages_of_an_archive(path, packed):
    write(path, packed)
    found = read(path)
    assert sources(found) == URLS
    assert not reasons(found)
    assert found[0].content == HTML
    assert found[0].date == "2024-02-01"


def test_one_gzip_stream_over_all_records(path):
    write(path, gzip=False)
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert sources(read(path)) == URLS


def test_what_holds_no_page(path):
    with Archive(path) as archive:
        archive.response(URLS[0], HTML, "text/html; charset=koi8-r")
        archive.response(URLS[1], b"%PDF", "application/pdf")
        archive.response(URLS[2], HTML, status="404 Not Found")
        archive.response(URLS[3], HTML, content_type=None)
        archive.response(URLS[3], b"plain", content_type=None)
        archive.record("metadata", URLS[4], b"x: y")
        archive.text(URLS[4], "Some text.")
    found = read(path)
    assert sources(found) == [URLS[0], URLS[3], URLS[4]]
    assert found[0].charset == "koi8-r"
    assert found[-1].kind == "text"
    assert reasons(found) == [
        pages.NOT_HTML,
        pages.BAD_STATUS,
        pages.NOT_HTML,
        pages.NO_PAGE,
    ]


def test_packed_and_chunked_answers(path):
    packed = gzip.compress(HTML)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HTML), HTML)
    with Archive(path) as archive:
        archive.response(URLS[0], packed, Content_Encoding="gzip")
        archive.response(URLS[1], chunked, Transfer_Encoding="chunked")
    assert [item.content for item in read(path)] == [HTML, HTML]


def test_large_pages_are_no_pages(path):
    large = b"<p>" + bytes(pages.LARGEST_PAGE)
    with Archive(path) as archive:
        archive.response(URLS[0], large)
        archive.response(URLS[1], gzip.compress(large), Content_Encoding="gzip")
        archive.response(URLS[2], HTML)
    found = read(path)
    assert sources(found) == URLS[2:3]
    assert reasons(found) == [pages.TOO_LARGE] * 2


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_that_is_cut_keeps_what_was_whole(path, packed):
    write(path, packed)
    content = path.read_bytes()
    for share in (0.3, 0.5, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        found = read(path)
        whole = len(sources(found))
        assert sources(found) == URLS[:whole]
        assert whole in (int(5 * share), int(5 * share) - 1, int(5 * share) + 1)
        assert reasons(found) == [pages.UNREADABLE]
        assert f"{path}, before byte {int(share * len(content)):,}" in found[-1].note


def test_cut_in_the_headers_of_the_last_part(path):
    write(path)
    content = path.read_bytes()
    last = content.rindex(b"\x1f\x8b\x08")
    for extra in (1, 5, 60):
        path.write_bytes(content[: last + extra])
        found = read(path)
        assert sources(found) == URLS[:4]
        assert reasons(found) == [pages.UNREADABLE]


@pytest.mark.parametrize("number", ["10", "999999", "99999999999", "-5", "x", ""])
@pytest.mark.parametrize("packed", [True, False])
def test_wrong_lengths_lose_their_own_record(path, number, packed):
    write(path, gzip=False)
    length = f"Content-Length: {len(HTML) + 44}".encode()
    assert length in path.read_bytes()
    lies(path, URLS[1], length, f"Content-Length: {number}".encode())
    is_long = number.startswith("99")
    if packed:
        records = path.read_bytes().split(b"WARC/1.0\r\n")[1:]
        path.write_bytes(b"".join(gzip.compress(b"WARC/1.0\r\n" + x) for x in records))
    found = read(path)
    assert URLS[0] in sources(found)
    assert pages.UNREADABLE in reasons(found) or pages.TOO_LARGE in reasons(found)
    # In a plain file, who claims more has what follows.
    rest = [] if is_long and not packed else URLS[2:]
    assert sources(found) == [URLS[0], *rest]


def test_records_without_what_they_need(path):
    write(path, gzip=False)
    lies(path, URLS[1], b"WARC-Target-URI", b"X")
    lies(path, URLS[3], b"HTTP/1.1 200 OK", b"nothing at all!")
    found = read(path)
    assert sources(found) == [URLS[0], URLS[2], URLS[4]]
    assert len(reasons(found)) == 2


def test_lines_without_an_end_do_not_fill_the_memory(path):
    write(path, gzip=False)
    lies(path, URLS[1], b"WARC-Date: ", b"WARC-Date: " + b"x" * 3_000_000)
    lies(path, URLS[3], b"\r\n\r\nHTTP", b"\r\n" + b"x" * 3_000_000 + b"\r\n\r\nHTTP")
    found = read(path)
    assert URLS[0] in sources(found)
    assert URLS[2] in sources(found)
    assert URLS[4] in sources(found)
    assert URLS[1] not in sources(found)


def test_damaged_gzip_keeps_what_came_before(path):
    write(path)
    content = bytearray(path.read_bytes())
    begin = content.index(b"\x1f\x8b\x08", 3 * len(content) // 5 - 100)
    content[begin + 40 : begin + 200] = bytes(160)
    path.write_bytes(content)
    found = read(path)
    assert 2 <= len(sources(found)) < 5
    assert reasons(found)[-1] == pages.UNREADABLE
