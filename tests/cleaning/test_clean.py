import functools
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import yaml

from xlm_tf.cleaning import clean as clean_module
from xlm_tf.cleaning import row_shards, text_blocks
from xlm_tf.cleaning.clean import clean
from xlm_tf.cleaning.cleaning_recipe import load_cleaning_recipe
from xlm_tf.cli import main
from xlm_tf.training.recipe_reading import RecipeError

SUBJECTS = ["The old baker", "My younger sister", "A tired driver", "The new teacher"]
VERBS = ["painted", "repaired", "sold", "forgot", "photographed", "admired"]
OBJECTS = ["a wooden boat", "the broken clock", "three red chairs", "his grey bicycle"]
PLACES = ["near the harbour", "behind the station", "in a small village", "at school"]
TIMES = ["before breakfast", "on a rainy Sunday", "last winter", "without any help"]


def sentences(number, seed=0):
    """Different English sentences."""
    parts = (SUBJECTS, VERBS, OBJECTS, PLACES, TIMES)
    drawn = random.Random(seed)
    found = {}
    while len(found) < number:
        found[" ".join(drawn.choice(own) for own in parts) + "."] = None
    return list(found)


def write(path, lines):
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def recipe_of(folder, **fields):
    path = folder / "cleaning.yaml"
    fields = {"output": "cleaned", "rejected": True, **fields}
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")
    return path


def run(folder, processes=1, **fields):
    recipe = load_cleaning_recipe(recipe_of(folder, **fields))
    reports = clean(recipe, processes, quiet=True)
    return folder / "cleaned", {report.name: report.total for report in reports}


def lines_of(path):
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def rejected_of(folder, name):
    path = folder / "rejected" / f"{name}.jsonl.gz"
    return [json.loads(line) for line in lines_of(path)]


def without_near(**rules):
    return {"duplicates": {"min_similarity": None}, **rules}


def test_every_line_is_kept_or_rejected_with_its_reason(tmp_path):
    good = sentences(50)
    planted = {
        5: ("Das ist ein ganz normaler deutscher Satz aus der Zeitung.", "language"),
        11: (good[0].upper(), "duplicates"),
        20: ("Привет, как у вас сегодня дела?", "script"),
        31: ("x", "length"),
    }
    lines = list(good)
    for at, (text, _) in planted.items():
        lines.insert(at, text)
    write(tmp_path / "a.txt.gz", ["", *lines[:30], "", ""])
    write(tmp_path / "b.txt", lines[30:])
    folder, totals = run(
        tmp_path,
        data={"monolingual": {"en": ["a.txt.gz", "b.txt"]}},
        rules=without_near(),
    )
    # The first and the last empty line are no boundaries.
    assert [x for x in lines_of(folder / "en.txt.gz") if x] == good
    assert lines_of(folder / "en.txt.gz").count("") == 1
    rejected = rejected_of(folder, "en")
    assert [(x["text"], x["rule"]) for x in rejected] == list(planted.values())
    places = [(x["file"].rpartition("/")[2], x["line"]) for x in rejected]
    assert places == [("a.txt.gz", 7), ("a.txt.gz", 13), ("a.txt.gz", 22), ("b.txt", 2)]
    assert rejected[0]["detail"] == "de"
    assert rejected[1]["detail"].endswith("a.txt.gz:2")
    total = totals["en"]
    assert total.counts["lines"] == 57
    assert total.counts["empty"] == 3
    assert total.counts["kept"] == 50
    assert set(total.removed.values()) == {1}
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "| en | 54 | 50 (92.6%) |" in report
    assert "Das ist ein ganz normaler" in report
    assert "Das ist ein ganz normaler" in (folder / "report.html").read_text("utf-8")
    assert not (folder / "unfinished").exists()


def test_near_duplicates_boilerplate_and_held_out_texts(tmp_path):
    good = sentences(40)
    held_out = good.pop()
    near = good[3].replace(".", " indeed!")
    footer = "Copyright 2019 by the authors of this page, all rights reserved"
    lines = [*good, near]
    for number in range(10):
        lines.insert(3 * number, footer.replace("2019", str(2010 + number)))
    lines += [held_out, held_out.replace(".", " there.")]
    write(tmp_path / "en.txt", lines)
    write(tmp_path / "test.txt", [held_out])
    folder, totals = run(
        tmp_path,
        data={"monolingual": {"en": ["en.txt"]}},
        held_out={"monolingual": {"en": ["test.txt"]}},
        rules={"duplicates": {"min_similarity": 0.85}},
    )
    assert lines_of(folder / "en.txt.gz") == good
    assert totals["en"].removed == {
        "boilerplate": 10,
        "near_duplicates": 1,
        "held_out": 2,
    }


def test_pairs_from_all_kinds_of_files(tmp_path):
    english = sentences(30)
    german = [f"{number} {text} ja" for number, text in enumerate(english)]
    pairs = list(zip(english, german, strict=True))
    write(tmp_path / "a.tsv", map("\t".join, pairs[:10]))
    lines = [json.dumps({"en": x, "de": y}) for x, y in pairs[10:20]]
    write(tmp_path / "b.jsonl.gz", [*lines, "{broken", json.dumps({"en": "x"})])
    write(tmp_path / "c.en", [*english[20:], "", "only here"])
    write(tmp_path / "c.de", [*german[20:], "nur hier", ""])
    rules = without_near(language=False, pairs={"copied": False, "numbers": False})
    bitext = {"source_language": "en", "target_language": "de"}
    data = [
        {**bitext, "files": ["a.tsv", "b.jsonl.gz"]},
        {**bitext, "source_file": "c.en", "target_file": "c.de"},
    ]
    folder, totals = run(tmp_path, data={"bitext": data}, rules=rules)
    kept = [tuple(x.split("\t")) for x in lines_of(folder / "en-de.tsv.gz")]
    assert kept == pairs
    assert totals["en-de"].removed == {"unreadable": 2}
    assert totals["en-de"].counts["empty"] == 2
    assert [x["line"] for x in rejected_of(folder, "en-de")] == [11, 12]
    assert rejected_of(folder, "en-de")[0]["source"] == "{broken"


def test_documents_keep_their_boundaries_and_their_lines(tmp_path):
    good = sentences(6)
    documents = [
        {"text": f"{good[0]}\n\nHome\n{good[1]}", "source": "https://a.example/1"},
        {"text": "Menu\nLogin"},
        {"text": "\n".join(good[2:])},
    ]
    write(tmp_path / "en.jsonl", [json.dumps(x) for x in documents])
    folder, _ = run(
        tmp_path,
        data={"monolingual": {"en": ["en.jsonl"]}},
        rules=without_near(),
    )
    assert lines_of(folder / "en.txt.gz") == [*good[:2], "", *good[2:]]
    assert [x["line"] for x in rejected_of(folder, "en")] == [1, 2, 2]


def test_repaired_and_masked_lines_are_counted_and_kept(tmp_path):
    lines = [
        "The cafÃ© at the corner is closed for the whole month.",
        "<p>Write to jane@example.org if you have found the key.</p>",
        "Nothing has to be done about this very ordinary line.",
    ]
    write(tmp_path / "en.txt", lines)
    folder, totals = run(
        tmp_path,
        data={"monolingual": {"en": ["en.txt"]}},
        rules={"mask_personal_data": True},
    )
    assert lines_of(folder / "en.txt.gz") == [
        "The café at the corner is closed for the whole month.",
        "Write to [EMAIL] if you have found the key.",
        lines[2],
    ]
    assert totals["en"].counts["repaired"] == 2
    assert totals["en"].counts["masked"] == 1


def test_unreadable_and_endless_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(text_blocks, "LONGEST", 500)
    good = sentences(2)
    lines = [
        good[0].encode(),
        b"caf\xe9 is not UTF-8 at all",
        b"word " * 10_000,
        good[1].encode(),
        b"a NUL \x00 is in here",
    ]
    (tmp_path / "en.txt").write_bytes(b"\n".join(lines))
    folder, totals = run(tmp_path, data={"monolingual": {"en": ["en.txt"]}})
    assert lines_of(folder / "en.txt.gz") == good
    assert totals["en"].removed == {"unreadable": 3}
    details = [x["detail"] for x in rejected_of(folder, "en")]
    assert details[0].startswith("not UTF-8")
    assert details[1] == "longer than 500 bytes"


def test_long_documents_and_half_characters(tmp_path, monkeypatch):
    monkeypatch.setattr(text_blocks, "LONGEST", 300)
    monkeypatch.setattr(text_blocks, "LONGEST_DOCUMENT", 2000)
    good = sentences(12)
    half = '"Half of a character \\ud83d is in this line."'
    documents = [
        json.dumps({"text": "\n".join(good)}),
        f'{{"text": {half}}}',
        json.dumps({"text": good[0] * 100}),
    ]
    write(tmp_path / "en.jsonl", documents)
    folder, _ = run(
        tmp_path, data={"monolingual": {"en": ["en.jsonl"]}}, rules=without_near()
    )
    assert lines_of(folder / "en.txt.gz") == good
    found = [(x["line"], x["rule"], x["detail"]) for x in rejected_of(folder, "en")]
    assert found == [
        (2, "encoding", "characters that were lost before"),
        (3, "unreadable", "longer than 2,000 bytes"),
    ]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A corpus with everything, and what one process makes of it."""
    folder = tmp_path_factory.mktemp("noisy")
    drawn = random.Random(1)
    lines = []
    for number, text in enumerate(sentences(900)):
        lines.append(text)
        if number % 7 == 0:
            lines.append(drawn.choice(lines))
        if number % 31 == 0:
            lines += [
                "",
                "<div>12 | 13 | 14</div>",
                "Ein Satz in einer anderen Sprache.",
            ]
    write(folder / "en.txt.gz", lines)
    write(folder / "de.txt.gz", [f"x {line}" for line in lines])
    return folder


FIELDS = {
    "data": {
        "monolingual": {"en": ["en.txt.gz"]},
        "bitext": [
            {
                "source_language": "en",
                "target_language": "de",
                "source_file": "en.txt.gz",
                "target_file": "de.txt.gz",
            }
        ],
    },
    "rules": {"language": {"unknown": []}, "pairs": {"copied": False}},
}


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def copied(noisy, folder):
    for path in noisy.glob("*.gz"):
        (folder / path.name).write_bytes(path.read_bytes())


def small(monkeypatch, block=50, shard=200, partition=300):
    monkeypatch.setattr(text_blocks, "LINES", block)
    monkeypatch.setattr(row_shards, "SHARD_ROWS", shard)
    monkeypatch.setattr("xlm_tf.cleaning.duplicates.PARTITION", partition)


@pytest.fixture(scope="module")
def expected(noisy):
    folder, _ = run(noisy, **FIELDS)
    return files_of(folder)


def without_paths(files, folder):
    return {
        name: (gzip.decompress(content) if name.endswith(".gz") else content).replace(
            str(folder).encode(), b""
        )
        for name, content in files.items()
    }


def test_small_blocks_shards_and_partitions_change_nothing(
    noisy, expected, tmp_path, monkeypatch
):
    copied(noisy, tmp_path)
    small(monkeypatch)
    folder, _ = run(tmp_path, **FIELDS)
    found = without_paths(files_of(folder), tmp_path)
    assert found == without_paths(expected, noisy)
    assert len(found) == 7


def test_several_processes_change_nothing(noisy, expected, tmp_path, monkeypatch):
    copied(noisy, tmp_path)
    small(monkeypatch)
    folder, _ = run(tmp_path, processes=2, **FIELDS)
    assert without_paths(files_of(folder), tmp_path) == without_paths(expected, noisy)


class Deadly:
    """Cleans blocks; one of them ends the process."""

    def __init__(self, make_cleaner):
        self.clean_block = make_cleaner()

    def __call__(self, block):
        if any(b"deadly" in line for line in block.lines):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.clean_block(block)


def test_lines_that_end_processes_are_named(tmp_path, monkeypatch):
    small(monkeypatch, block=4, shard=4)
    lines = sentences(20)
    write(tmp_path / "a.txt", lines[:6])
    write(tmp_path / "b.txt", [*lines[6:13], "This is a deadly line.", *lines[13:]])
    data = {"monolingual": {"en": ["a.txt", "b.txt"]}}
    make_cleaner = clean_module._Cleaning.make_cleaner
    with monkeypatch.context() as patched:
        patched.setattr(
            clean_module._Cleaning,
            "make_cleaner",
            lambda self: functools.partial(Deadly, make_cleaner(self)),
        )
        with pytest.raises(ValueError, match=r"b\.txt, lines from 5 on: .* was ended"):
            run(tmp_path, processes=2, data=data)
    folder, _ = run(tmp_path, data=data)
    run(tmp_path, data=data, output="whole")
    assert files_of(folder) == files_of(tmp_path / "whole")


def test_what_was_stopped_goes_on(noisy, expected, tmp_path, monkeypatch):
    copied(noisy, tmp_path)
    small(monkeypatch)
    recipe = load_cleaning_recipe(recipe_of(tmp_path, **FIELDS))
    real = row_shards.RowShards.write
    written = []

    def interrupted(self, source, number, *args):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append((source, number))
        return real(self, source, number, *args)

    monkeypatch.setattr(row_shards.RowShards, "write", interrupted)
    stops = 0
    for _ in range(10):
        written.clear()
        try:
            clean(recipe, quiet=True)
        except KeyboardInterrupt:
            stops += 1
        else:
            break
    assert stops == 2
    assert without_paths(files_of(tmp_path / "cleaned"), tmp_path) == without_paths(
        expected, noisy
    )


@pytest.mark.slow
def test_a_killed_command_goes_on(noisy, expected, tmp_path):
    copied(noisy, tmp_path)
    path = recipe_of(tmp_path, **FIELDS)
    script = (
        "from xlm_tf.cleaning import row_shards, text_blocks\n"
        "import sys\n"
        "text_blocks.LINES, row_shards.SHARD_ROWS = 20, 60\n"
        "from xlm_tf.cli import main\n"
        "if __name__ == '__main__':\n"
        f"    sys.exit(main(['clean', {str(path)!r}, '--processes', '2']))\n"
    )
    (tmp_path / "run.py").write_text(script)
    command = [sys.executable, str(tmp_path / "run.py")]
    progress = tmp_path / "cleaned" / "unfinished" / "progress.jsonl"
    for shards in (2, 6):
        process = subprocess.Popen(command, start_new_session=True)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if progress.exists() and len(progress.read_text().splitlines()) > shards:
                break
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, check=True)
    assert without_paths(files_of(tmp_path / "cleaned"), tmp_path) == without_paths(
        expected, noisy
    )


def test_other_texts_or_rules_need_another_folder(tmp_path, monkeypatch):
    write(tmp_path / "en.txt", sentences(5))
    fields = {"data": {"monolingual": {"en": ["en.txt"]}}}
    run(tmp_path, **fields)
    with pytest.raises(FileExistsError, match="holds cleaned texts already"):
        run(tmp_path, **fields)

    def stop(*args):
        raise KeyboardInterrupt

    other = {**fields, "output": "other"}
    with monkeypatch.context() as patched:
        patched.setattr("xlm_tf.cleaning.clean.write_report", stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, **other)
    with pytest.raises(FileExistsError, match=r"since: recipe\.rules\.symbols\. "):
        run(tmp_path, **other, rules={"symbols": False})
    run(tmp_path, **other)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="no beginning of a cleaning"):
        run(tmp_path, **{**fields, "output": "full"})


def test_what_a_killed_process_leaves(tmp_path):
    write(tmp_path / "en.txt", sentences(5))
    fields = {"data": {"monolingual": {"en": ["en.txt"]}}}
    folder = tmp_path / "cleaned"
    (folder / "unfinished").mkdir(parents=True)  # killed before its plan was written
    (folder / ".en.txt.gz.77.partial").write_text("half")
    run(tmp_path, **fields)
    assert not list(folder.rglob(".*.partial"))
    (folder / "unfinished").mkdir()  # killed behind its last file
    (folder / "unfinished" / "0.00000.txt").write_text("text")
    with pytest.raises(FileExistsError, match="holds cleaned texts already"):
        run(tmp_path, **fields)
    assert not (folder / "unfinished").exists()


def stopped(folder, **fields):
    """A cleaning that stops before its end, of whose lines all are judged."""

    def stop(*args):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("xlm_tf.cleaning.clean.write_report", stop)
        with pytest.raises(KeyboardInterrupt):
            run(folder, **fields)


def test_what_was_moved_or_copied_goes_on(noisy, expected, tmp_path, monkeypatch):
    began = tmp_path / "before"
    began.mkdir()
    copied(noisy, began)
    stopped(began, **FIELDS)
    moved = tmp_path / "after"
    began.rename(moved)
    for path in moved.glob("*.gz"):
        os.utime(path, (1, 1))
    # Nothing is judged again.
    monkeypatch.setattr(row_shards.RowShards, "write", None)
    folder, _ = run(moved, **FIELDS)
    assert without_paths(files_of(folder), moved) == without_paths(expected, noisy)


@pytest.mark.parametrize("name", ["en.txt", "test.txt", "words.txt"])
def test_other_content_of_the_same_size_is_refused(tmp_path, name):
    write(tmp_path / "en.txt", sentences(5))
    write(tmp_path / "test.txt", sentences(2, seed=1))
    write(tmp_path / "words.txt", ["unheard-of"])
    fields = {
        "data": {"monolingual": {"en": ["en.txt"]}},
        "held_out": {"monolingual": {"en": ["test.txt"]}},
        "rules": {"word_lists": {"en": "words.txt"}},
    }
    stopped(tmp_path, **fields)
    path = tmp_path / name
    before = path.read_bytes()
    path.write_bytes(before.swapcase())
    with pytest.raises(FileExistsError, match=rf"content of recipe.*{name}\)\. Choose"):
        run(tmp_path, **fields)
    path.write_bytes(before)
    run(tmp_path, **fields)


def test_what_is_changed_before_it_ends_is_refused(tmp_path, monkeypatch):
    write(tmp_path / "en.txt", sentences(5))
    fields = {"data": {"monolingual": {"en": ["en.txt"]}}}
    read = clean_module.read_blocks

    def changed(*args):
        yield from read(*args)
        write(tmp_path / "en.txt", sentences(6))

    with monkeypatch.context() as patched:
        patched.setattr(clean_module, "read_blocks", changed)
        with pytest.raises(
            ValueError, match=r"while it was read: recipe\.data\..*en\.txt\)\. Delete"
        ):
            run(tmp_path, **fields)
    with pytest.raises(FileExistsError, match=r"content of recipe\.data.*en\[0\]"):
        run(tmp_path, **fields)
    progress = tmp_path / "cleaned" / "unfinished" / "progress.jsonl"
    for content in (progress.read_bytes()[:-30], b"", b"\xff\xfe\n"):
        progress.write_bytes(content)
        with pytest.raises(ValueError, match=r"progress.jsonl is damaged: .* Delete"):
            run(tmp_path, **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"data": {}}, "recipe.data names no text"),
        (
            {"rules": {"symbol": False}},
            r"rules.symbol is unknown. Did you mean symbols",
        ),
        ({"rules": {"symbols": {"share": 1}}}, r"symbols.share is unknown"),
        ({"rules": {"length": {"min_words": 0}}}, r"length.min_words must be greater"),
        ({"rules": {"script": "yes"}}, r"rules.script must"),
        (
            {"data": {"monolingual": {"tlh": ["en.txt"]}}},
            r"language tlh is not one that",
        ),
        (
            {
                "data": {"monolingual": {"tlh": ["en.txt"]}},
                "rules": {"language": False},
            },
            r"rules.script: the script of tlh is not known. Say it, as in",
        ),
        ({"rules": {"language": {"unknown": ["sw"]}}}, "recipe.data has no text of sw"),
        ({"rules": {"word_lists": {"de": "en.txt"}}}, "recipe.data has no text of de"),
        ({"data": {"monolingual": {"en": ["none.txt"]}}}, "there is no file"),
        ({"data": {"monolingual": {"en": ["pipe"]}}}, "pipe is a pipe or a device"),
        (
            {"held_out": {"monolingual": {"de": ["de.txt"]}}},
            "recipe.held_out has texts of de, and recipe.data none",
        ),
        (
            {
                "held_out": {
                    "bitext": [
                        {
                            "source_language": "fr",
                            "target_language": "de",
                            "source_file": "en.txt",
                            "target_file": "de.txt",
                        }
                    ]
                }
            },
            "recipe.held_out has texts of fr and de, and recipe.data none",
        ),
        (
            {
                "held_out": {"monolingual": {"en": ["en.txt"]}},
                "rules": {"duplicates": False},
            },
            "recipe.held_out is compared by the rule duplicates",
        ),
        (
            {"data": {"monolingual": {"en": ["en.txt"], "de": ["en.txt"]}}},
            "A text has one language",
        ),
        (
            {
                "data": {
                    "monolingual": {"en-de": ["en.txt"]},
                    "bitext": [
                        {
                            "source_language": "en",
                            "target_language": "de",
                            "source_file": "en.txt",
                            "target_file": "de.txt",
                        }
                    ],
                },
            },
            "results of en-de and of the pairs of en and de would have one name, en-de",
        ),
    ],
)
def test_bad_recipes(tmp_path, fields, message):
    write(tmp_path / "en.txt", sentences(3))
    write(tmp_path / "de.txt", sentences(3))
    os.mkfifo(tmp_path / "pipe")
    fields = {"data": {"monolingual": {"en": ["en.txt"]}}, **fields}
    with pytest.raises(RecipeError, match=message):
        load_cleaning_recipe(recipe_of(tmp_path, **fields))


def test_bad_files_leave_nothing_half(tmp_path):
    write(tmp_path / "en.txt", sentences(3))
    write(tmp_path / "de.txt", sentences(2))
    (tmp_path / "cut.txt.gz").write_bytes(
        gzip.compress("\n".join(sentences(500)).encode())[:-40]
    )
    (tmp_path / "utf16.txt").write_bytes("Hallo Welt".encode("utf-16"))
    pair = {"source_language": "en", "target_language": "de"}
    pair |= {"source_file": "en.txt", "target_file": "de.txt"}
    for data, message in (
        ({"bitext": [pair]}, r"en.txt with more than .*de.txt, which has 2"),
        ({"monolingual": {"en": ["cut.txt.gz"]}}, "not a whole gzip file"),
        ({"monolingual": {"en": ["utf16.txt"]}}, "is UTF-16 text"),
    ):
        for _ in range(2):
            with pytest.raises(ValueError, match=message):
                run(tmp_path, data=data, output=f"out{message[:3]}")
        assert not list(tmp_path.glob("out*/en*"))


def test_lists_of_words_that_are_none(tmp_path):
    write(tmp_path / "en.txt", sentences(3))
    for content, message in ((b"sch\xf6n\n", "not UTF-8"), (b"\n \r\n", "has no word")):
        (tmp_path / "words.txt").write_bytes(content)
        with pytest.raises(ValueError, match=f"words.txt.*{message}"):
            run(
                tmp_path,
                data={"monolingual": {"en": ["en.txt"]}},
                rules={"word_lists": {"en": "words.txt"}},
            )
        assert not (tmp_path / "cleaned").exists()


def test_held_out_texts_of_a_language_spelled_otherwise(tmp_path):
    line = "我们昨天下午在公园里看到了一只很大的白色的狗和两只小猫。"
    write(tmp_path / "zh.txt", [line, line.replace("公园", "花园")])
    write(tmp_path / "test.txt", [line])
    _, totals = run(
        tmp_path,
        data={"monolingual": {"zh-CN": ["zh.txt"]}},
        held_out={"monolingual": {"zh": ["test.txt"]}},
    )
    assert totals["zh-CN"].removed == {"held_out": 2}


def test_a_text_without_one_good_line(tmp_path):
    write(tmp_path / "en.txt", ["x", "y"])
    folder, totals = run(tmp_path, data={"monolingual": {"en": ["en.txt"]}})
    assert lines_of(folder / "en.txt.gz") == []
    assert totals["en"].removed == {"length": 2}


@pytest.mark.parametrize("languages", [("en", "de"), ("de", "en")])
def test_held_out_pairs_the_other_way_round(tmp_path, languages):
    pairs = [
        ("The old harbour was built by fishermen.", "Den alten Hafen bauten Fischer."),
        ("Today people walk there at night.", "Heute gehen dort abends Leute."),
    ]
    near = (pairs[0][0].replace("old", "very old"), pairs[0][1] + " So war es.")
    lines = [pairs[1], near, ("He buys bread and milk.", "Er kauft Brot und Milch.")]
    write(tmp_path / "train.tsv", ["\t".join(pair) for pair in lines])
    turn = 1 if languages == ("en", "de") else -1
    write(tmp_path / "test.tsv", ["\t".join(pair[::turn]) for pair in pairs])
    names = dict(zip(("source_language", "target_language"), languages, strict=True))
    _, totals = run(
        tmp_path,
        data={
            "bitext": [
                {
                    "source_language": "en",
                    "target_language": "de",
                    "files": ["train.tsv"],
                }
            ]
        },
        held_out={"bitext": [{**names, "files": ["test.tsv"]}]},
        rules={"language": False, "pairs": {"length_ratio": False, "truncated": False}},
    )
    assert totals["en-de"].removed == {"held_out": 2}


def test_files_of_another_kind_are_named(tmp_path, capsys):
    lines = sentences(20)
    documents = [json.dumps({"content": line}) for line in lines[:8]]
    write(tmp_path / "web.jsonl", documents)
    write(tmp_path / "en.txt", lines)
    write(tmp_path / "web.sw.txt", lines)
    write(tmp_path / "empty.txt.gz", [])
    write(tmp_path / "none.txt.gz", [])
    german = ["Der Mann geht heute mit seinem alten Hund in den Wald."]
    write(tmp_path / "german.txt", german)
    write(tmp_path / "copy.txt", lines[:7])
    names = ["en.txt", "web.jsonl", "german.txt", "copy.txt", "empty.txt.gz"]
    recipe = recipe_of(
        tmp_path,
        data={
            "monolingual": {
                "en": names,
                "sw": ["web.sw.txt"],
                "de": ["none.txt.gz"],
            }
        },
        rules=without_near(),
    )
    assert main(["clean", str(recipe), "--processes", "1"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "warning: nothing was kept of de, it is empty",
        f"warning: {tmp_path / 'web.jsonl'}: 8 of 8 lines cannot be read, so this is "
        "not the expected kind of file. Such as line 1: no document: an object "
        "with a text",
        f"warning: {tmp_path / 'german.txt'}: nothing was kept of it: 1 of 1 went by "
        "the rule language",
        f"warning: {tmp_path / 'copy.txt'}: nothing was kept of it: 7 of 7 went by "
        "the rule duplicates",
        "warning: nothing was kept of sw: 20 of 20 went by the rule language",
    ]


def test_files_that_do_not_fit_are_named_before_the_work(tmp_path, monkeypatch):
    lines = sentences(50)
    write(tmp_path / "en.txt", lines)
    write(tmp_path / "de.txt", lines[:-1])
    write(tmp_path / "cut.txt.gz", lines)
    path = tmp_path / "cut.txt.gz"
    path.write_bytes(path.read_bytes()[:-9])
    monkeypatch.setattr("xlm_tf.cleaning.clean.BlockCleaner", None)
    pair = {
        "source_language": "en",
        "target_language": "de",
        "source_file": "en.txt",
        "target_file": "de.txt",
    }
    for data, said in (
        ({"bitext": [pair]}, "as many lines"),
        ({"monolingual": {"en": ["cut.txt.gz"]}}, "not a whole gzip file"),
    ):
        with pytest.raises(ValueError, match=said):
            run(tmp_path, data=data)
        assert not (tmp_path / "cleaned").exists()


def test_the_command_starts_without_tensorflow(tmp_path):
    write(tmp_path / "en.txt", sentences(3))
    recipe = recipe_of(tmp_path, data={"monolingual": {"en": ["en.txt"]}})
    program = (
        "import sys; from xlm_tf.cli import main; code = main(sys.argv[1:]); "
        "assert 'tensorflow' not in sys.modules; sys.exit(code)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "clean", recipe, "--processes", "1"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert "en: 3 of 3 kept" in ended.stdout


def test_a_beginning_without_a_line_is_none(tmp_path, monkeypatch):
    write(tmp_path / "en.txt", sentences(20))
    data = {"monolingual": {"en": ["en.txt"]}}

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("xlm_tf.cleaning.row_shards.RowShards.write", stop)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, data=data)
    # Nothing was done by the rules of before.
    folder, _ = run(tmp_path, data=data, rules=without_near(language=False))
    assert len(lines_of(folder / "en.txt.gz")) == 20
