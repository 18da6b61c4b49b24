"""A small embedder, saved once, and messages to look for."""

import pytest

import xlm_tf

MESSAGES = [
    "The file was not found.",
    "Die Datei wurde nicht gefunden.",
    "Enter a valid URL.",
    "Le mot de passe est trop court.",
    "Unknown command",
    "No se puede abrir el archivo",
    "Choose another folder.",
    "A value is required",
]


@pytest.fixture(scope="session")
def embedder():
    embedder = xlm_tf.XLMTextEmbedder.from_preset("xlm_tiny")
    embedder.preprocessor.sequence_length = 32
    return embedder


@pytest.fixture(scope="session")
def embedder_folder(embedder, tmp_path_factory):
    path = tmp_path_factory.mktemp("embedder") / "model"
    embedder.save_to_preset(path)
    return path


@pytest.fixture(scope="session")
def messages():
    return MESSAGES
