"""What README and the guides in docs/ show runs as it stands there.

Blocks of one page share their names, as they do for a reader. Blocks after a comment in
the Markdown (`<!-- download -->`) need what a test has not, and are compiled only.
"""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import xlm_tf
from tests.checkpoints.tensorflow_files import write_tensorflow
from tests.checkpoints.test_adapters import PREFIX, QUERY, factors, write_adapter
from xlm_tf.cli import make_parser

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *GUIDES]
SLOW = {"models.md", "phones.md", "serving.md", "translation.md", "README.md"}
SLOW |= {"migrating.md"}
_BLOCK = re.compile(r"(<!-- [^>]* -->\n)?```(\w*)\n(.*?)```", re.DOTALL)


def blocks(page, language):
    """(whether it runs, its text) of every block of a page in a language."""
    return [
        (not comment, text)
        for comment, kind, text in _BLOCK.findall(page.read_text(encoding="utf-8"))
        if kind == language
    ]


def commands(page):
    """The command lines of `xlm-tf` on a page, as lists of arguments."""
    for _, text in blocks(page, ""):
        for line in text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["xlm-tf"]:
                ends = [i for i, word in enumerate(words) if word in "<>|"]
                yield words[1 : min(ends, default=None)]


def runs(page):
    return any(block_runs for block_runs, _ in blocks(page, "python"))


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A folder of a reader, with a file that the guides name."""
    monkeypatch.chdir(tmp_path)
    pairs = [("The file was not found.", "Le fichier est introuvable.")] * 200
    lines = (
        f"{english} {i}\t{french} {i}\n" for i, (english, french) in enumerate(pairs)
    )
    Path("train.en-fr.tsv").write_text("".join(lines), encoding="utf-8")


def write_files_of_others():
    """The folders that a reader of docs/migrating.md comes with."""
    classifier = xlm_tf.XLMTextClassifier.from_preset(
        "xlm_tiny", labels=["negative", "positive"]
    )
    classifier.save_to_huggingface("for-pytorch")
    write_tensorflow("for-pytorch", "my-old-model")
    xlm_tf.XLMMaskedLM.from_preset("xlm_tiny").save_to_huggingface("my-base")
    tensors = {
        **factors(QUERY, inner=128, outer=128),
        f"{PREFIX}classifier.weight": np.ones((3, 128), "float32"),
        f"{PREFIX}classifier.bias": np.zeros(3, "float32"),
    }
    write_adapter(
        Path("my-adapter"),
        tensors,
        base_model_name_or_path="my-base",
        task_type="TOKEN_CLS",
        modules_to_save=["classifier", "score"],
    )


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow if page.name in SLOW else ())
        for page in PAGES
        if runs(page)
    ],
    ids=lambda page: page.name,
)
def test_the_examples_of_a_page_run(page, reader):
    if page.name == "migrating.md":
        write_files_of_others()
    names = {}
    for number, (block_runs, text) in enumerate(blocks(page, "python")):
        code = compile(shortened(text), f"{page.name}, block {number + 1}", "exec")
        if block_runs:
            exec(code, names)  # the repository's own text


def shortened(text):
    """A training of the guide with fewer steps."""
    return re.sub(r"steps_per_epoch=\d+", "steps_per_epoch=2", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_are_those_of_the_program(page):
    parser = make_parser()
    for arguments in commands(page):
        parser.parse_args(arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), f"{page.name} links to {target}"
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            anchors = [
                re.sub(r"[^\w\- ]", "", x).lower().replace(" ", "-") for x in headings
            ]
            assert heading in anchors, f"{page.name} links to {target}"


def test_the_first_example_of_the_readme():
    (_, text), *_ = blocks(ROOT / "README.md", "python")
    names = {}
    exec(text, names)  # the repository's own text
    assert names["states"].shape[2] == 128
    assert names["tokenizer"].decode(names["ids"]) == "Hello, world!"
    assert (
        names["masked_lm"].fill_mask("Cette page n'existe <mask>.")[0][0][0] == "▁pas"
    )
