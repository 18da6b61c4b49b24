import pytest

from xlm_tf.quickstart.corpus import download_wheels


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """The real wheels, from pip's index or its cache."""
    try:
        return download_wheels(tmp_path_factory.mktemp("wheels"))
    except ValueError as error:
        pytest.skip(f"no package index: {error}")
