"""The pieces of a stream, on tokens that are bytes."""

import types

import pytest
import tensorflow as tf

from xlm_tf.models.generation_mixin import GenerationMixin


def _as_text(token_ids, copies):
    return [[bytes(token_ids[0, 0].numpy().tolist()).decode(errors="replace")]]


class Bytes(GenerationMixin):
    """Writes the bytes of a text, one after another."""

    preprocessor = types.SimpleNamespace(
        settled=lambda token_ids: token_ids, detokenize=_as_text
    )

    def __init__(self, text):
        self.text = text

    def written(self, fields, inputs, token_ids):
        return token_ids, None

    def _functions(self, strategy, inputs, make):
        return (lambda inputs, limits: 0), lambda state: state + 1

    def pieces(self):
        strategy = types.SimpleNamespace(
            is_over=lambda state: state == len(self.text),
            first_text=lambda state: tf.constant([*self.text[:state]], "int32"),
        )
        return list(self._pieces(strategy, None, None, None))


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        ("a é狐".encode(), ["a", " é", "狐"]),
        (b"a\xff b  ", ["a", "\ufffd b", "  "]),
        (b"", []),
        (b"\xf0\x9f", ["\ufffd"]),
    ],
)
def test_characters_come_whole(written, pieces):
    assert Bytes(written).pieces() == pieces
    assert "".join(pieces) == written.decode(errors="replace")
