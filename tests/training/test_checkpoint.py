import keras
import numpy as np
import pytest

from xlm_tf.training.checkpoint import TrainingCheckpoint


def variables(*values):
    return [keras.Variable(np.array(value, "float32")) for value in values]


def test_round_trip_restores_variables_and_state(tmp_path):
    saved = variables([1.0, 2.0], 3.0)
    TrainingCheckpoint(tmp_path, saved).save({"step": 7, "best": None})
    fresh = variables([0.0, 0.0], 0.0)
    checkpoint = TrainingCheckpoint(tmp_path, fresh)
    checkpoint._key = lambda number, variable: TrainingCheckpoint._key(
        number, saved[number]
    )
    assert checkpoint.restore() == {"step": 7, "best": None}
    for one, other in zip(saved, fresh, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_to_restore(tmp_path):
    assert TrainingCheckpoint(tmp_path / "none", variables(1.0)).restore() is None


@pytest.mark.parametrize("keep", [0, 10, 0.5])
def test_half_written_checkpoint_falls_back_to_the_one_before(tmp_path, keep, capsys):
    weights = variables([1.0, 2.0])
    checkpoint = TrainingCheckpoint(tmp_path, weights)
    checkpoint.save({"step": 1})
    weights[0].assign([3.0, 4.0])
    checkpoint.save({"step": 2})
    content = checkpoint.last.read_bytes()
    length = int(len(content) * keep) if isinstance(keep, float) else keep
    checkpoint.last.write_bytes(content[:length])
    assert checkpoint.restore() == {"step": 1}
    np.testing.assert_array_equal(weights[0], [1.0, 2.0])
    assert "last.safetensors is damaged" in capsys.readouterr().out


def test_crash_between_the_renames_loses_nothing(tmp_path):
    weights = variables([1.0])
    checkpoint = TrainingCheckpoint(tmp_path, weights)
    checkpoint.save({"step": 1})
    checkpoint.last.rename(checkpoint.previous)
    assert checkpoint.restore() == {"step": 1}


def test_only_damaged_checkpoints_are_an_error(tmp_path):
    checkpoint = TrainingCheckpoint(tmp_path, variables([1.0]))
    checkpoint.save({"step": 1})
    checkpoint.last.write_bytes(b"half")
    with pytest.raises(ValueError, match="No checkpoint can be read"):
        checkpoint.restore()


def test_checkpoint_of_another_model_is_an_error(tmp_path):
    TrainingCheckpoint(tmp_path, variables([1.0])).save({"step": 1})
    with pytest.raises(ValueError, match="another model"):
        TrainingCheckpoint(tmp_path, variables([1.0, 2.0])).restore()


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, full_disk):
    TrainingCheckpoint(tmp_path, variables([1.0, 2.0])).save({"step": 1})
    large = TrainingCheckpoint(tmp_path, variables([0.0] * 50_000))
    with pytest.raises(OSError, match=r"unfinished\.safetensors cannot be written"):
        large.save({"step": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]
    assert TrainingCheckpoint(tmp_path, variables([0.0, 0.0]))._read(large.last)
