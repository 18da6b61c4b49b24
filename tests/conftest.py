"""Fixtures for the whole suite: quiet TensorFlow, seeds, real and small text."""

import gc
import io
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# What `import xlm_tf` does, where it comes before TensorFlow.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    # A worker has a core: threads of several would wait for each other.
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import pytest

# Graphs are traced in Python, objects by the million: a quarter of the suite's time
# went into looking through them for garbage.
gc.set_threshold(200_000, 20, 100)


def pytest_addoption(parser):
    parser.addoption(
        "--peers",
        action="store_true",
        help="a test that is skipped because a peer is not installed is a failure",
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """With `--peers`, no comparison is left out without a word."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not session.config.option.peers or reporter is None:
        return
    for report in reporter.stats.get("skipped", ()):
        # What `pytest.importorskip` says.
        if "could not import" in str(report.longrepr):
            reporter.write_line(f"ERROR {report.nodeid}: {report.longrepr[2]}")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


# The files that take longest: begun first, none of them is what all others wait for.
LONG_FILES = [
    "training/test_pretrain.py",
    "training/test_replicas.py",
    "training/test_finetune.py",
    "quickstart/test_run.py",
    "models/test_fitting_replicas.py",
    "docs/test_guides.py",
    "export/test_saved_model.py",
    "export/test_broken_requests.py",
    "models/test_seq2seq_lm.py",
    "models/test_causal_lm.py",
]


def pytest_collection_modifyitems(items):
    """Long files first; a file stays together, for its fixtures."""
    ranks = {name: rank for rank, name in enumerate(LONG_FILES)}
    items.sort(
        key=lambda item: ranks.get("/".join(item.path.parts[-2:]), len(LONG_FILES))
    )


SHARED_DATA = Path(
    os.environ.get(
        "XLM_TF_TEST_DATA",
        Path(__file__).resolve().parents[2] / "shared" / "data",
    )
)


@pytest.fixture(scope="session")
def shared_data():
    """Folder of real multilingual corpora, not part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip(
            f"No corpora at {SHARED_DATA}; set XLM_TF_TEST_DATA to their folder."
        )
    return SHARED_DATA


@pytest.fixture(autouse=True)
def fixed_seed():
    """Every test starts from the same random state."""
    import keras

    keras.utils.set_random_seed(1)


SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "A small model reads small texts, and it reads them fast.",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "Ein kleines Modell liest kleine Texte.",
    "Le renard brun saute par-dessus le chien paresseux.",
    "Быстрая лиса прыгает через ленивую собаку.",
    "敏捷的棕色狐狸跳过了懒狗。",
    "الثعلب البني السريع يقفز فوق الكلب الكسول.",
]


@pytest.fixture(scope="session")
def sentences():
    """Texts in six languages, which the models of `train_proto` know."""
    return SENTENCES


@pytest.fixture(scope="session")
def train_proto():
    """Function that trains a SentencePiece model and returns its bytes."""
    import sentencepiece

    def train(**arguments):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(SENTENCES * 3),
            model_writer=model,
            vocab_size=180,
            hard_vocab_limit=False,
            character_coverage=1.0,
            minloglevel=2,
            **arguments,
        )
        return model.getvalue()

    return train


@pytest.fixture(scope="session")
def spm_proto(train_proto):
    """Bytes of a model with the special pieces of XLM-R's."""
    return train_proto(unk_id=0, bos_id=1, eos_id=2, pad_id=-1)


@pytest.fixture(scope="session")
def tokenizer(spm_proto):
    """The tokenizer of that model."""
    from xlm_tf import XLMSentencePieceTokenizer

    return XLMSentencePieceTokenizer(spm_proto)


@pytest.fixture
def make_backbone(tokenizer):
    """Makes a small backbone for the small vocabulary."""
    import xlm_tf

    def make(**arguments):
        return xlm_tf.XLMBackbone(
            **{
                "vocabulary_size": tokenizer.vocabulary_size(),
                "num_layers": 2,
                "num_heads": 2,
                "hidden_dim": 16,
                "intermediate_dim": 32,
                "max_sequence_length": 48,
                "position_offset": 2,
                "initializer_range": 0.2,
                "dropout": 0.0,
                "attention_dropout": 0.0,
                **arguments,
            }
        )

    return make


@pytest.fixture
def lock_elsewhere():
    """Function by which another process locks a folder; it gives what ends that one."""
    program = (
        "import fcntl, sys; file = open(sys.argv[1], 'ab'); "
        "fcntl.lockf(file, fcntl.LOCK_EX); print('locked', flush=True); input()"
    )
    processes = []

    def lock(folder):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(folder / ".lock")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        processes.append(process)
        assert process.stdout.readline() == b"locked\n"
        return end

    def end():
        for process in processes:
            process.kill()
            process.communicate()
        processes.clear()

    yield lock
    end()


@pytest.fixture
def is_free_elsewhere():
    """Function that says whether another process could lock a folder."""
    program = (
        "import fcntl, sys; file = open(sys.argv[1], 'ab'); "
        "fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )

    def is_free(folder):
        command = [sys.executable, "-c", program, str(folder / ".lock")]
        process = subprocess.run(command, capture_output=True, check=False)
        return process.returncode == 0

    return is_free


@pytest.fixture
def full_disk():
    """No file of this process may grow above 100 kB, as if the disk were full.

    Yields:
        Function of another size, in bytes.
    """
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))

    limit(100_000)
    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
