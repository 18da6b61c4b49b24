"""Whole collections: what they write, on how many processes, stopped and gone on."""

import bz2
import gzip
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from tests.collecting.test_feed_entries import ATOM
from tests.collecting.test_wiki_pages import DUMP
from tests.collecting.web_files import ARTICLES, Archive, page, text_of
from xlm_tf.collecting import collect as module
from xlm_tf.collecting.collect import collect


def write_inputs(folder, copies=1):
    """A folder with pages of all kinds: list of paths, in the order of the inputs."""
    folder.mkdir()
    with Archive(folder / "a.warc.gz") as archive:
        for copy in range(copies):
            for language in ARTICLES:
                url = f"http://a.example/{language}/{copy}"
                content = page(language, "utf-8", date="2021-03-04").encode()
                archive.record("request", url, b"GET / HTTP/1.1\r\n\r\n")
                archive.response(url, content, "text/html; charset=utf-8")
        archive.response("http://a.example/gone", b"gone", status="404 Not Found")
        archive.response("http://a.example/menu", b"<html><body></body></html>")
    with Archive(folder / "b.warc.wet.gz") as archive:
        archive.text("http://b.example/", f"Menu\r\n\r\n  {text_of('sw')}\0\n\n")
    pages = folder / "pages"
    (pages / "sub").mkdir(parents=True)
    (pages / "z.html").write_bytes(page("ru", "iso-8859-1").encode("cp1251"))
    (pages / "sub" / "a.html").write_bytes(page("pl").encode("iso-8859-2"))
    (pages / "logo.png").write_bytes(b"\x89PNG")
    (folder / "dump.xml").write_text(DUMP, encoding="utf-8")
    (folder / "feed.xml").write_text(ATOM, encoding="utf-8")
    names = ("a.warc.gz", "b.warc.wet.gz", "pages", "dump.xml", "feed.xml")
    return [folder / name for name in names]


def documents(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


def contents(folder):
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."
    }


def run(inputs, folder, **arguments):
    arguments = {"quiet": True, "processes": 1, "min_characters": 5, **arguments}
    return collect(inputs, folder, **arguments)


def test_documents_of_all_kinds_in_their_order(tmp_path):
    inputs = write_inputs(tmp_path / "in")
    counts = run(inputs, tmp_path / "out")
    found = documents(tmp_path / "out" / "documents.jsonl.gz")
    assert all(list(x) == ["text", "source", "date", "language"] for x in found)
    assert all(x["language"] is None for x in found)
    *of_archive, wet, russian, pole, port, oil, first, second = found
    for language, document in zip(ARTICLES, of_archive, strict=True):
        text = document["text"].removeprefix("x\n")
        assert text == text_of(language)
        assert document["source"] == f"http://a.example/{language}/0"
        assert document["date"] == "2021-03-04"
    assert wet["text"] == "Menu\n" + text_of("sw")
    assert wet["date"] == "2024-02-01"
    assert pole["text"].removeprefix("x\n") == text_of("pl")
    assert pole["source"] == str(tmp_path / "in/pages/sub/a.html")
    assert pole["date"] is None
    assert russian["text"].removeprefix("x\n") == text_of("ru")
    assert port["source"] == "https://de.wikipedia.org/wiki/Hafen_(Stadt)"
    assert oil["text"] == "Text & more."
    assert (first["source"], second["source"]) == (
        "http://b.example/1",
        str(tmp_path / "in/feed.xml"),
    )
    assert [own.documents for own in counts] == [7, 1, 2, 2, 2]
    assert counts[0].pages == 9
    assert counts[0].left_out == {
        "no page (request, metadata)": 7,
        "an HTTP status of an error or redirect": 1,
        "no main text": 1,
    }
    assert counts[2].left_out == {"another kind of file": 1}
    assert counts[3].left_out == {
        "another namespace": 1,
        "not wikitext": 1,
        "redirect": 1,
    }
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    characters = sum(len(x["text"]) for x in of_archive)
    assert f"| {inputs[0]} | 9 | 7 | {characters:,} |" in report
    assert f"| {inputs[3]} | redirect | 1 |" in report


def test_a_file_for_every_language(tmp_path):
    inputs = write_inputs(tmp_path / "in")[:3]
    run(inputs, tmp_path / "out", languages=["en", "zh_CN", "swa"], min_characters=50)
    out = tmp_path / "out"
    assert set(contents(out)) == {
        "en.jsonl.gz",
        "zh_CN.jsonl.gz",
        "swa.jsonl.gz",
        "other.jsonl.gz",
        "report.md",
    }
    assert [x["language"] for x in documents(out / "zh_CN.jsonl.gz")] == ["zh_CN"]
    assert len(documents(out / "swa.jsonl.gz")) == 2
    others = [x["language"] for x in documents(out / "other.jsonl.gz")]
    assert others == ["de", "ru", "ja", "pl", "ru", "pl"]
    report = (out / "report.md").read_text(encoding="utf-8")
    total = sum(len(x["text"]) for x in documents(out / "swa.jsonl.gz"))
    assert f"| swa | 2 | {total:,} |" in report


def test_cut_pages_of_a_folder_are_named(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    noise = random.Random(1).randbytes(3000).hex()
    content = (page("en") + noise).encode()
    for name, packed in (
        ("half.html.gz", gzip.compress(content)[:-2000]),
        ("begun.html.gz", gzip.compress(content)[:15]),
        ("page.html.bz2", bz2.compress(content)[:-2000]),
        ("broken.html.bz2", bz2.compress(content)[:50] + bytes(500)),
        ("whole.html.gz", gzip.compress(content)),
    ):
        (folder / name).write_bytes(packed)
    (counts,) = run([folder], tmp_path / "out")
    assert counts.documents == 1
    assert counts.left_out == {"unreadable record": 4}
    assert len(counts.notes) == 4
    assert "half.html.gz, before byte" in "".join(counts.notes)


def test_short_documents_are_counted(tmp_path):
    inputs = write_inputs(tmp_path / "in")
    counts = run(inputs, tmp_path / "out", min_characters=200)
    assert counts[4].left_out == {"too short": 2}
    assert counts[4].documents == 0


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_bytes(tmp_path):
    inputs = write_inputs(tmp_path / "in", copies=30)
    for processes in (1, 3):
        out = tmp_path / str(processes)
        run(inputs, out, languages=["en", "de"], processes=processes, part=100_000)
    assert contents(tmp_path / "1") == contents(tmp_path / "3")


COMMAND = """
import sys
from xlm_tf.collecting.collect import collect
if __name__ == "__main__":
    *inputs, folder = sys.argv[1:]
    collect(inputs, folder, ["en"], 2, 5, quiet=True, part=50_000)
"""


def begin(tmp_path, inputs):
    program = tmp_path / "program.py"
    program.write_text(COMMAND)
    return subprocess.Popen(
        [sys.executable, program, *inputs, tmp_path / "out"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_what_is_stopped_goes_on_and_ends_the_same(tmp_path, how):
    inputs = write_inputs(tmp_path / "in", copies=150)
    progress_file = tmp_path / "out" / module.PROGRESS_FILE
    stops = []
    for _ in range(2):
        process = begin(tmp_path, inputs)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if progress_file.exists():
                done = json.loads(progress_file.read_text())["records"]
                if done > (stops[-1] if stops else 0):
                    break
            time.sleep(0.01)
        process.send_signal(how)
        process.wait()
        stops.append(json.loads(progress_file.read_text())["records"])
    assert 0 < stops[0] < stops[1]
    assert not (tmp_path / "out" / "report.md").exists()
    arguments = {"languages": ["en"], "part": 50_000}
    run(inputs, tmp_path / "out", **arguments)
    run(inputs, tmp_path / "whole", **arguments)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_whole_files_are_not_read_again(tmp_path, monkeypatch):
    inputs = write_inputs(tmp_path / "in")
    read, items, begun = module.read_pages, module._items, []

    def noted(file):
        begun.append(file.path.name)
        return read(file)

    def interrupted(files, first, done):
        for tag, item, _ in items(files, first, done):
            if files[tag[0]].path.name == "dump.xml":
                raise KeyboardInterrupt
            yield tag, item, 1 << 20  # every one is sent alone

    monkeypatch.setattr(module, "read_pages", noted)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_items", interrupted)
        patch.setattr("xlm_tf.worker_processes._BATCHES", 1)
        with pytest.raises(KeyboardInterrupt):
            run(inputs, tmp_path / "out", part=4)
    assert begun[0] == "a.warc.gz"
    begun.clear()
    run(inputs, tmp_path / "out", part=4)
    assert begun[-3:] == ["a.html", "dump.xml", "feed.xml"]
    assert "a.warc.gz" not in begun
    run(inputs, tmp_path / "whole", part=4)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_other_arguments_do_not_go_on(tmp_path, monkeypatch):
    inputs = write_inputs(tmp_path / "in")
    monkeypatch.setattr(module, "_finish", lambda *_: pytest.fail("stopped"))
    with pytest.raises(pytest.fail.Exception):
        run(inputs, tmp_path / "out")
    monkeypatch.undo()
    for changed in ({"min_characters": 6}, {"languages": ["en"]}):
        with pytest.raises(FileExistsError, match="another collection"):
            run(inputs, tmp_path / "out", **changed)
    with pytest.raises(FileExistsError, match="another collection"):
        run(inputs[:2], tmp_path / "out")
    content = inputs[3].read_text(encoding="utf-8")
    inputs[3].write_text(content.replace("Hafen", "hafen"), encoding="utf-8")
    with pytest.raises(FileExistsError, match=r"since: the content of .*dump\.xml\. "):
        run(inputs, tmp_path / "out")
    inputs[3].write_text(content, encoding="utf-8")  # at another time
    run(inputs, tmp_path / "out")


def test_files_go_on_wherever_they_are(tmp_path, monkeypatch):
    inputs = write_inputs(tmp_path / "in")[:2]
    with monkeypatch.context() as patch:
        patch.setattr(module, "_finish", lambda *_: pytest.fail("stopped"))
        with pytest.raises(pytest.fail.Exception):
            run(inputs, tmp_path / "out")
    run(inputs, tmp_path / "whole")
    (tmp_path / "out").rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    copies = [tmp_path / "elsewhere" / path.name for path in inputs]
    for path, copy in zip(inputs, copies, strict=True):
        copy.write_bytes(path.read_bytes())
        path.unlink()
    with pytest.raises(FileExistsError, match=r"content of .*, the content of "):
        run(copies[::-1], tmp_path / "moved")
    monkeypatch.setattr(module, "read_pages", None)  # nothing is read again
    run(copies, tmp_path / "moved")
    found, expected = contents(tmp_path / "moved"), contents(tmp_path / "whole")
    assert set(found) == set(expected)
    assert found["documents.jsonl.gz"] == expected["documents.jsonl.gz"]


def test_outputs_that_hold_something_else(tmp_path, lock_elsewhere):
    inputs = write_inputs(tmp_path / "in")[3:]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").touch()
    with pytest.raises(FileExistsError, match="no beginning of a collection"):
        run(inputs, tmp_path / "other")
    run(inputs, tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(FileExistsError, match="holds collected documents already"):
        run(inputs, tmp_path / "out")
    assert contents(tmp_path / "out") == before
    (tmp_path / "locked").mkdir()
    end = lock_elsewhere(tmp_path / "locked")
    with pytest.raises(ValueError, match="Another process writes"):
        run(inputs, tmp_path / "locked")
    end()


def test_languages_that_cannot_be_told(tmp_path):
    inputs = write_inputs(tmp_path / "in")
    for languages, message in (
        (["en", "tlh"], "tlh is not one"),
        (["pt", "pt-BR"], "pt and pt-BR are one language"),
        ([""], "code of a language"),
    ):
        with pytest.raises(ValueError, match=message):
            run(inputs, tmp_path / "out", languages=languages)
    assert not (tmp_path / "out").exists()


def test_a_full_disk_loses_nothing(tmp_path, full_disk):
    draws = random.Random(1)
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(8):
        with Archive(folder / f"{number}.wet.gz") as archive:
            words = (f"{draws.getrandbits(64):x}" for _ in range(5000))
            archive.text(f"http://n.example/{number}", " ".join(words))
    with pytest.raises(OSError, match="File too large") as caught:
        run([folder], tmp_path / "out", part=100_000)
    assert str(tmp_path / "out") in str(caught.value)
    assert not (tmp_path / "out" / "report.md").exists()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    run([folder], tmp_path / "out", part=100_000)
    found = documents(tmp_path / "out" / "documents.jsonl.gz")
    assert [x["source"][-1] for x in found] == list("01234567")


def test_names_that_are_no_utf8(tmp_path):
    folder = os.fsencode(tmp_path / "in") + b"\xff"
    os.mkdir(folder)
    with open(folder + b"/\xe4.html", "w") as file:
        file.write(page("en"))
    run([os.fsdecode(folder)], tmp_path / "out")
    (found,) = documents(tmp_path / "out" / "documents.jsonl.gz")
    assert found["source"] == f"{tmp_path}/in?/?.html"


def test_pages_that_break_extractors_do_not_end_the_run(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    para = "<p>" + " ".join(ARTICLES["en"]) + "</p>"
    (folder / "a.html").write_text("<html><body>" + "<div>" * 100_000 + para)
    (folder / "b.html").write_text("<html><body>" + "<font>" * 100_000 + para)
    (folder / "c.html").write_text("<html>" + "<table><tr><td>" * 20_000 + para)
    (folder / "d.html").write_text(page("en"))
    (counts,) = run([folder], tmp_path / "out")
    assert counts.pages == 4
    found = documents(tmp_path / "out" / "documents.jsonl.gz")
    assert found[-1]["source"] == str(folder / "d.html")
