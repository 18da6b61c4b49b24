"""Fixtures for the whole suite: quiet TensorFlow, seeds, and real multilingual text."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pytest

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
