"""Packed tokens give the states and gradients of padded ones, and compute fewer."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.layers.packed_layout import PackedLayout
from xlm_tf.layers.token_layout import PADDED, choose_layout

FAMILIES = {
    "xlm": {"num_languages": 3, "zero_padding_states": True, "pad_token_id": 2},
    "xlm-r": {"position_offset": 2, "num_token_types": 1},
    "xlm-r xl": {"position_offset": 2, "norm_placement": "pre"},
    "clm": {"num_languages": 3, "causal": True},
}
# Real tokens of four texts in seven places.
MASKS = {
    "mixed": [[1, 1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0]] * 2,
    "full": [[1, 1, 1]],
    "left": [[0, 0, 1, 1], [1, 1, 1, 1]],
    "holes": [[1, 0, 1, 1, 0], [1, 1, 0, 0, 1]],
    "none": [[1, 1, 0], [0, 0, 0]],
}
MASKS = {name: np.array(mask, bool) for name, mask in MASKS.items()}


@functools.cache
def backbone_of(family):
    return make_backbone(**FAMILIES[family])


def make_backbone(**arguments):
    return xlm_tf.XLMBackbone(
        vocabulary_size=40,
        num_layers=2,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=9,
        dropout=0.0,
        **arguments,
    )


def batch(mask, num_languages=0):
    mask = np.array(mask, bool)
    draws = np.random.default_rng(0)
    inputs = {"token_ids": draws.integers(5, 40, mask.shape), "padding_mask": mask}
    if num_languages:
        inputs["language_ids"] = draws.integers(0, num_languages, mask.shape)
    return inputs


def states_and_gradients(model, encoder, layout, inputs, factors):
    encoder.token_layout = layout
    with tf.GradientTape() as tape:
        outputs = model(inputs)
        total = tf.add_n(
            [
                tf.reduce_sum(x * tf.cast(factor, x.dtype))
                for x, factor in zip(tf.nest.flatten(outputs), factors, strict=True)
            ]
        )
    gradients = tape.gradient(total, model.trainable_variables)
    return outputs, [tf.convert_to_tensor(x) for x in gradients]


def compare(run, factors):
    """Outputs where the factors are, and all gradients, of both layouts."""
    padded, packed = run("padded"), run("packed")
    outputs = map(tf.nest.flatten, (padded[0], packed[0]))
    for x, y, factor in zip(*outputs, factors, strict=True):
        np.testing.assert_allclose(x * (factor != 0), y * (factor != 0), atol=2e-6)
    for x, y in zip(padded[1], packed[1], strict=True):
        np.testing.assert_allclose(x, y, atol=1e-5)
    return packed[0]


@pytest.mark.parametrize(
    ("mask", "in_graph"), [*((mask, False) for mask in MASKS), ("mixed", True)]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_states_and_gradients_of_encoders(family, mask, in_graph):
    backbone = backbone_of(family)
    inputs = batch(MASKS[mask], backbone.num_languages)
    is_real = inputs["padding_mask"][..., None]
    factors = [np.random.default_rng(1).normal(size=(*is_real.shape[:2], 8)) * is_real]

    def run(layout):
        function = states_and_gradients
        function = tf.function(function) if in_graph else function
        return function(backbone, backbone, layout, inputs, factors)

    packed = compare(run, factors)
    is_row = inputs["padding_mask"] | (np.arange(is_real.shape[1]) == 0)
    assert not np.any(packed.numpy()[~is_row])
    assert np.isfinite(packed).all()


def test_hidden_states_of_every_block():
    backbone = backbone_of("xlm-r xl")
    inputs = batch(MASKS["mixed"])
    found = {}
    for layout in ("padded", "packed"):
        backbone.token_layout = layout
        found[layout] = backbone.hidden_states(inputs)
    assert len(found["packed"]) == 3
    for x, y in zip(found["padded"], found["packed"], strict=True):
        mask = inputs["padding_mask"]
        np.testing.assert_allclose(x.numpy()[mask], y.numpy()[mask], atol=2e-6)


@pytest.mark.parametrize("norm_placement", ["post", "pre"])
def test_states_and_gradients_of_an_encoder_and_decoder(norm_placement):
    encoder = make_backbone(norm_placement=norm_placement, num_languages=2)
    model = xlm_tf.XLMSeq2SeqBackbone(encoder)
    inputs, factors = {}, []
    for side, mask in (
        ("encoder", [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]]),
        ("decoder", [[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]]),
    ):
        part = batch(mask, 2)
        inputs |= {f"{side}_{name}": value for name, value in part.items()}
        is_real = part["padding_mask"][..., None]
        draws = np.random.default_rng(len(side))
        # In the order of the outputs' names: encoder, decoder.
        factors.insert(0, draws.normal(size=(*is_real.shape[:2], 8)) * is_real)
    compare(
        lambda layout: states_and_gradients(model, encoder, layout, inputs, factors),
        factors,
    )
    attended = {}
    for layout in ("padded", "packed"):
        encoder.token_layout = layout
        attended[layout] = model.cross_attention(inputs)
    for x, y in zip(attended["padded"], attended["packed"], strict=True):
        mask = inputs["decoder_padding_mask"]
        of_tokens = [np.moveaxis(z.numpy(), 2, 1)[mask] for z in (x, y)]
        np.testing.assert_allclose(*of_tokens, atol=1e-6)


def test_only_real_tokens_are_rows():
    layout = PackedLayout(tf.constant(MASKS["mixed"]))
    ids = np.arange(42).reshape(6, 7)
    mask = MASKS["mixed"]
    np.testing.assert_array_equal(layout.pack(tf.constant(ids)), ids[mask])
    x = np.random.default_rng(0).normal(size=(mask.sum(), 3 * 8)).astype("float32")
    for part, heads in enumerate(layout.split_heads(tf.constant(x), 2, parts=3)):
        assert heads.shape == (6, 2, 7, 4)
        rows = np.moveaxis(heads.numpy(), 1, 2)[mask].reshape(-1, 8)  # (N, H * K)
        np.testing.assert_array_equal(rows, x[:, part * 8 : part * 8 + 8])
    merged = layout.merge_heads(layout.split_heads(tf.constant(x), 6)[0])
    np.testing.assert_array_equal(merged, x)


@pytest.mark.parametrize("family", ["xlm", "xlm-r", "clm"])
def test_a_text_without_tokens_attends_to_its_first_position(family):
    backbone = backbone_of(family)
    inputs = batch(MASKS["none"], backbone.num_languages)
    factors = [np.random.default_rng(1).normal(size=(2, 3, 8))]
    factors[0][:, 1:] = 0

    def run(layout):
        return states_and_gradients(backbone, backbone, layout, inputs, factors)

    compare(run, factors)


def test_padding_within_a_segment_is_not_seen():
    backbone = backbone_of("xlm-r")
    inputs = batch(MASKS["mixed"])
    inputs["segment_ids"] = np.ones_like(inputs["token_ids"])
    factors = [np.ones((6, 7, 8)) * inputs["padding_mask"][..., None]]

    def run(layout):
        return states_and_gradients(backbone, backbone, layout, inputs, factors)

    compare(run, factors)


@pytest.mark.parametrize(
    "other",
    [
        {"position_ids": np.arange(7)},
        {"position_ids": np.arange(7)[None]},
        {"token_type_ids": np.zeros((6, 1), "int32")},
        {"padding_mask": np.arange(7)[None] < 5},
        {"padding_mask": np.ones((6, 1), "int32")},
    ],
)
def test_what_broadcasts_is_for_every_token(other):
    backbone = backbone_of("xlm-r")
    inputs = {**batch(MASKS["mixed"]), **other}
    whole = {name: np.broadcast_to(value, (6, 7)) for name, value in inputs.items()}
    for layout in ("padded", "packed"):
        backbone.token_layout = layout
        expected = np.asarray(backbone(whole))
        np.testing.assert_allclose(backbone(inputs), expected, atol=1e-6)


@pytest.mark.parametrize("layout", ["auto", "padded", "packed"])
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("padding_mask", (6, 5)),
        ("padding_mask", (2, 7)),
        ("position_ids", (6, 9)),
        ("token_type_ids", (3, 7)),
        ("segment_ids", (6, 7, 1)),
    ],
)
def test_shapes_that_are_not_those_of_the_ids(layout, name, shape):
    backbone = backbone_of("xlm-r")
    backbone.token_layout = layout
    inputs = {**batch(MASKS["mixed"]), name: np.ones(shape, "int32")}
    with pytest.raises(ValueError, match=f"{name} must have the shape of token_ids"):
        backbone(inputs)
    with pytest.raises(ValueError, match="must be \\(batch, length\\)"):
        backbone(inputs["token_ids"][0])


def test_a_text_without_tokens_learns_nothing_of_its_neighbours():
    backbone = backbone_of("xlm-r")
    backbone.token_layout = "packed"
    inputs = batch(MASKS["none"])
    alone = {name: value[1:] for name, value in inputs.items()}
    np.testing.assert_allclose(backbone(inputs)[1:], backbone(alone), atol=1e-6)


def test_where_shapes_must_be_known_tokens_are_padded():
    mask = tf.constant(MASKS["mixed"])
    chosen = []

    @tf.function(jit_compile=True)
    def compiled(mask):
        chosen.append(choose_layout(mask))
        with pytest.raises(ValueError, match="jit_compile=False"):
            choose_layout(mask, "packed")
        return tf.size(mask)

    @tf.function(jit_compile=True)
    def around(mask):
        return tf.cond(tf.size(mask) > 1, lambda: compiled(mask), lambda: 0)

    compiled(mask)
    around(mask)
    symbol = keras.KerasTensor((None, None), "bool")
    assert all(layout is PADDED for layout in [*chosen, choose_layout(symbol)])
    assert len(chosen) >= 1
    assert choose_layout(mask, "padded") is PADDED
    packed = tf.function(choose_layout, autograph=False)
    assert isinstance(packed.python_function(mask, "packed"), PackedLayout)


def test_training_draws_dropout_for_packed_tokens():
    backbone = backbone_of("xlm-r")
    backbone.token_layout = "auto"
    layer = xlm_tf.layers.EncoderBlock(2, 16, dropout=0.5, attention_dropout=0.5)
    layout = PackedLayout(tf.constant(MASKS["mixed"]))
    rows = layout.pack(backbone(batch(MASKS["mixed"])))
    dropped = [layer(rows, layout=layout, training=True) for _ in range(2)]
    assert not np.allclose(*dropped)


def test_a_layout_that_there_is_not():
    backbone = make_backbone()
    assert backbone.token_layout == "auto"
    with pytest.raises(ValueError, match="token_layout='ragged'"):
        backbone.token_layout = "ragged"
    assert backbone.token_layout == "auto"
