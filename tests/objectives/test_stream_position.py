import itertools

import numpy as np
import tensorflow as tf

from xlm_tf.objectives.stream_position import MixPosition, StreamPosition


def test_where_batches_begin():
    rows = [5, 3, 4, 12, 1, 7]  # of windows
    places = [(window, row) for window, n in enumerate(rows) for row in range(n)]
    position = StreamPosition(3)
    for window in (2, 0, 1, 4, 3, 5):  # they are packed in any order
        position.note(window, rows[window])
    for batches in (0, 1, 1, 2, 5, 8, 10):
        position.advance(batches)
        window, row = places[3 * batches]
        assert position.state() == {"batches": batches, "window": window, "row": row}


def test_it_goes_on_from_a_state():
    rows = [4, 4, 4, 4]
    position = StreamPosition(3, batches=1, window=0, row=3)
    position.advance(1)  # nothing has been read yet
    for window, own in enumerate(rows):
        position.note(window, own)
    position.advance(3)
    assert position.state() == {"batches": 3, "window": 2, "row": 1}
    position.note(0, 4)  # a window that is read again is no news
    position.advance(4)
    assert position.state() == {"batches": 4, "window": 3, "row": 0}


def test_batches_of_tokens_are_counted():
    position = StreamPosition(None, batches=2)
    position.advance(7)
    assert position.state() == {"batches": 7, "window": 0, "row": 0}


def test_batches_of_several_objectives():
    numbers = [0, 1, 1, 0, 1, 1, 1, 0]

    def choices(step):
        endless = tf.data.Dataset.from_tensor_slices(np.int64(numbers)).repeat()
        return endless.skip(step)

    def mix(step=0, states=None):
        position = MixPosition({"mlm": 2, "tlm": 2}, choices, step, states)
        for stream, window in itertools.product(position.streams.values(), range(20)):
            stream.note(window, 3)
        return position

    position = mix()
    position.go_to(5)
    assert position.states() == {
        "mlm": {"batches": 2, "window": 1, "row": 1},
        "tlm": {"batches": 3, "window": 2, "row": 0},
    }
    again = mix(5, position.states())
    for own in (position, again):
        own.go_to(8)
    assert again.states() == position.states()
    assert again.states()["tlm"] == {"batches": 5, "window": 3, "row": 1}


def test_each_process_knows_its_own_streams_and_learns_the_others():
    rows = [5, 3, 4, 12, 1, 7, 4, 9]  # of windows
    by_stream = [
        [(window, row) for window in range(stream, 8, 2) for row in range(rows[window])]
        for stream in (0, 1)
    ]

    def choices(step):
        return tf.data.Dataset.counter().map(lambda step: step * 0)

    def mix(own, step=0, states=None):
        position = MixPosition({"mlm": 6}, choices, step, states, 2, own)
        for window, count in enumerate(rows):
            if window % 2 in (own or (0, 1)):
                position.streams["mlm"].note(window, count)
        return position

    alone, *others = mix(None), mix([0]), mix([1])
    for step in (1, 3):
        for position in (alone, *others):
            position.go_to(step)
        parts = []
        for position in others:
            position.share(lambda own: own)
            parts.append(position.streams["mlm"].places)
        whole = sum(parts)
        for position in others:
            position.share(lambda own, whole=whole: whole.copy())
        window, row = zip(*(places[3 * step] for places in by_stream), strict=True)
        expected = {"batches": step, "window": list(window), "row": list(row)}
        for position in (alone, *others):
            assert position.states() == {"mlm": expected}
    # Whoever goes on reads other streams than before.
    position = mix([0], 3, alone.states())
    for other in (alone, position):
        other.go_to(4)
    assert position.streams["mlm"].places[:, 0].tolist() == list(by_stream[0][12])
    assert alone.streams["mlm"].places[:, 0].tolist() == list(by_stream[0][12])
