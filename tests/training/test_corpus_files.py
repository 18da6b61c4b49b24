"""Files that several processes read: some of which end, and how they are dealt out."""

import functools
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xlm_tf.training import corpus_files, held_out
from xlm_tf.training.corpus_files import Texts, map_texts
from xlm_tf.training.held_out import Selection


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Items of `Texts`, which several processes read though it is little."""
    monkeypatch.setattr(corpus_files, "WORTH", 1)
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("One line.\n" * 200)
    return [(Texts(("en",), (tmp_path / f"{number}.txt",)),) for number in range(5)]


def end_once(marker, texts):
    if not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return corpus_files.scan(texts)


def end_always(texts):
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return corpus_files.scan(texts)


def test_a_process_that_is_killed(files, tmp_path):
    for function in (functools.partial(end_once, str(tmp_path / "ended")), end_always):
        reports = [report for report, _ in map_texts(function, files[:2], 2)]
        assert [report.sentences for report in reports] == [200] * 2
    assert (tmp_path / "ended").exists()


def interrupt_and_go_on(texts):
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(600)


def test_ctrl_c_ends_all_processes(files):
    # In the background of a shell it would be ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(map_texts(interrupt_and_go_on, files, 2))
    finally:
        signal.signal(signal.SIGINT, before)
    assert not multiprocessing.active_children()


def test_files_are_read_in_parts_of_about_one_size(files):
    texts = Texts(("en",), tuple(own.paths[0] for (own,) in files))
    assert [len(part.paths) for part in texts.parts(3000)] == [2, 2, 1]
    assert texts.parts(0)[0].paths == texts.paths[:1]
    assert [part.paths for part in texts.parts(1 << 30)] == [texts.paths]
    two = Texts(("en", "fr"), texts.paths[:2], are_aligned=True)
    assert two.parts(0) == [two]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 60))),
    st.lists(st.integers(0, 40), max_size=3),
)
def test_selections_of_parts_are_that_of_the_whole(stream, cuts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "MAX_HELD_OUT", 6)
        whole, merged = Selection(1), Selection(1)
        for key, example in stream:
            whole.add(key, [example])
        places = sorted(min(place, len(stream)) for place in cuts)
        for start, end in itertools.pairwise([0, *places, len(stream)]):
            part = Selection(1)
            for key, example in stream[start:end]:
                part.add(key, [example])
            merged.merge(part)
        # As it is defined: whole units of the smallest keys, until there are enough.
        units, expected = {}, []
        for key, example in stream:
            units.setdefault(key, {})[example] = None
        for key in sorted(units):
            if len(expected) < min(len(stream), 6):
                expected += units[key]
        assert whole.examples() == merged.examples() == expected
        assert whole.count == merged.count == len(stream)


def test_processes_that_read_start_without_tensorflow():
    program = (
        "import sys, xlm_tf.training.corpus_files; "
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
