import numpy as np
import pytest
import tensorflow as tf

from xlm_tf.objectives.mixing import mix
from xlm_tf.objectives.piecewise_linear import PiecewiseLinear


def weights(**by_name):
    return {name: PiecewiseLinear.parse(own) for name, own in by_name.items()}


def labelled(name):
    """A stream of its name, its own count and the step of the mix."""

    def stream(steps):
        return steps.enumerate().map(lambda count, step: (name, count, step))

    return stream


def drawn(by_name, seed=2, skip=0, take=4000):
    streams = {name: labelled(name) for name in ("mlm", "tlm", "pc")[: len(by_name)]}
    mixed = mix(streams, weights(**by_name), seed).skip(skip).take(take)
    return list(mixed.as_numpy_iterator())


def test_constant_weights_draw_as_tensorflow_does():
    tf.keras.utils.set_random_seed(7)
    found = [name for name, _, _ in drawn({"tlm": 3, "mlm": 1})]
    names = [tf.data.Dataset.from_tensors(x).repeat() for x in ("mlm", "tlm")]
    expected = tf.data.Dataset.sample_from_datasets(names, [0.25, 0.75], seed=2)
    assert found == list(expected.take(4000).as_numpy_iterator())
    assert found.count(b"tlm") / 4000 == pytest.approx(0.75, abs=0.035)


@pytest.mark.parametrize(
    "by_name",
    [
        {"mlm": 1, "tlm": 3},
        {"mlm": "0:1,1500:0", "tlm": 0.5},
        {"mlm": 2, "tlm": "0:0,500:0,600:1", "pc": 0.1},
    ],
)
def test_a_mix_goes_on_where_it_stopped_and_knows_its_steps(by_name):
    whole = drawn(by_name, take=2000)
    assert drawn(by_name, skip=700, take=50) == whole[700:750]
    assert [step for _, _, step in whole] == list(range(2000))
    for name in by_name:
        counts = [count for own, count, _ in whole if own == name.encode()]
        assert counts == list(range(len(counts)))


def test_what_is_drawn_follows_the_weights():
    whole = drawn({"mlm": "0:1,1000:1,3000:0", "tlm": "0:0,1000:0,3000:1"}, take=3500)
    is_mlm = np.array([name == b"mlm" for name, _, _ in whole])
    assert is_mlm[:1000].all()
    assert not is_mlm[3000:].any()
    assert is_mlm[1500:2500].mean() == pytest.approx(0.5, abs=0.06)
    assert is_mlm[1000:2000].mean() == pytest.approx(0.75, abs=0.06)


def batches_of(value):
    def stream(steps):
        inputs = {"token_ids": tf.fill((4, 3), value)}
        batch = (inputs, tf.zeros((4, 2), "int32"), tf.ones((4, 2)))
        return steps.map(lambda step: batch)

    return stream


def test_in_turns_the_weights_are_those_of_the_losses():
    own = weights(mlm="0:1,8:0", tlm=0.25, pc="0:0,3:0,4:2")
    streams = {name: batches_of(number) for number, name in enumerate(own)}

    def turns(skip=0):
        mixed = mix(streams, own, seed=0, taking_turns=True).skip(skip).take(12 - skip)
        assert mixed.element_spec[0]["loss_weights"].shape == (4,)
        return [
            (
                int(inputs["token_ids"][0, 0]),
                inputs["loss_weights"].tolist(),
                ones.sum(),
            )
            for inputs, _, ones in mixed.as_numpy_iterator()
        ]

    chosen, losses, targets = zip(*turns(), strict=True)
    # Two take turns, then all three, and two at the end.
    for step, (number, own_losses) in enumerate(zip(chosen, losses, strict=True)):
        expected = list(own.values())[number].value(step)
        assert own_losses == [pytest.approx(expected)] * 4
        assert expected > 0
    assert chosen[:4] == (0, 1, 0, 1)
    assert sorted(chosen[4:7]) == [0, 1, 2]
    assert sorted(chosen[8:10]) == [1, 2] == sorted(chosen[10:])
    assert set(targets) == {8}
    assert turns(5) == turns()[5:]


@pytest.mark.parametrize(
    "own", [{"tlm": 1}, {"mlm": 1, "tlm": 0}, {"mlm": 1, "tlm": "0:1,5:-1"}]
)
def test_weights_that_are_none(own):
    streams = {name: labelled(name) for name in ("mlm", "tlm")}
    with pytest.raises(ValueError, match="weight above 0"):
        mix(streams, weights(**own), 2)
