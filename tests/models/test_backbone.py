import keras
import keras_hub
import numpy as np
import pytest

from xlm_tf import XLMBackbone

TINY = {
    "vocabulary_size": 50,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 12,
    "initializer_range": 0.5,
}
XLM = {
    "num_languages": 3,
    "layer_norm_epsilon": 1e-12,
    "zero_padding_states": True,
    "pad_token_id": 2,
}
XLMR = {"position_offset": 2, "num_token_types": 1}
XLMR_XL = {**XLMR, "norm_placement": "pre", "embedding_norm": False}
FAMILY = {"xlm": XLM, "xlmr": XLMR, "xlmr_xl": XLMR_XL}


def inputs_for(config, token_ids):
    inputs = {"token_ids": np.array(token_ids)}
    if config.get("num_languages"):
        inputs["language_ids"] = np.ones_like(inputs["token_ids"])
    return inputs


@pytest.fixture(params=FAMILY)
def config(request):
    return {**TINY, **FAMILY[request.param]}


def reference_states_and_attention(backbone, inputs):
    """The forward pass of a (B, T) batch without padding, in plain NumPy."""
    import scipy.special

    def norm(x, layer):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + backbone.layer_norm_epsilon)
        return x * layer.gamma.numpy() + layer.beta.numpy()

    def dense(x, layer):
        return x @ layer.kernel.numpy() + layer.bias.numpy()

    def attention(x, layer):
        batch_size, length, _ = x.shape
        query, key, value = (
            part.reshape(batch_size, length, backbone.num_heads, -1)
            for part in np.split(dense(x, layer.qkv_dense), 3, axis=-1)
        )
        scores = np.einsum("bthk,bshk->bhts", query, key) / np.sqrt(query.shape[-1])
        weights = scipy.special.softmax(scores, axis=-1)
        weights_of_blocks.append(weights)
        context = np.einsum("bhts,bshk->bthk", weights, value)
        return dense(context.reshape(x.shape), layer.output_dense)

    def feed_forward(x, layer):
        hidden = dense(x, layer.intermediate_dense)
        hidden = hidden * scipy.special.ndtr(hidden)  # exact GELU
        return dense(hidden, layer.output_dense)

    tables = backbone.embeddings
    ids = inputs["token_ids"]
    x = backbone.token_embedding.embeddings.numpy()[ids]
    x = (
        x
        + tables.position_table.numpy()[
            np.arange(ids.shape[1]) + backbone.position_offset
        ]
    )
    if backbone.num_languages:
        x = x + tables.language_table.numpy()[inputs["language_ids"]]
    if backbone.num_token_types:
        x = x + tables.token_type_table.numpy()[0]
    if backbone.embedding_norm:
        x = norm(x, tables.norm)
    states, weights_of_blocks = [x], []
    for block in backbone.encoder_blocks:
        if backbone.norm_placement == "pre":
            x = x + attention(norm(x, block.attention_norm), block.attention)
            x = x + feed_forward(norm(x, block.feed_forward_norm), block.feed_forward)
        else:
            x = norm(x + attention(x, block.attention), block.attention_norm)
            x = norm(x + feed_forward(x, block.feed_forward), block.feed_forward_norm)
        states.append(x)
    if backbone.final_norm is not None:
        states[-1] = norm(x, backbone.final_norm)
    return states, weights_of_blocks


def test_states_and_attention_of_every_layer_equal_a_numpy_reference(config):
    backbone = XLMBackbone(**config)
    for weight in backbone.weights:  # biases and LayerNorms away from 0 and 1
        noise = np.random.default_rng(0).normal(size=weight.shape, scale=0.1)
        weight.assign(weight + noise)
    inputs = inputs_for(config, [[0, 5, 6, 7, 3], [4, 9, 8, 30, 5]])
    actual = backbone.hidden_states(inputs)
    expected, expected_attention = reference_states_and_attention(backbone, inputs)
    attention = backbone.self_attention(inputs)
    assert len(attention) == len(expected_attention) == 2
    for own, other in zip(attention, expected_attention, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)
    assert len(actual) == len(expected) == 3
    for actual_state, expected_state in zip(actual, expected, strict=True):
        np.testing.assert_allclose(actual_state, expected_state, atol=1e-5)
    np.testing.assert_array_equal(backbone(inputs), actual[-1])


def test_padding_does_not_change_the_other_tokens(config):
    backbone = XLMBackbone(**config)
    pad = backbone.pad_token_id
    alone = backbone(inputs_for(config, [[0, 5, 6, 7]]))
    padded = backbone(inputs_for(config, [[0, 5, 6, 7, pad, pad]]))
    np.testing.assert_allclose(padded[:, :4], alone, atol=1e-5)


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_attention_leaves_padding_out(config, layout):
    backbone = XLMBackbone(**config)
    pad = backbone.pad_token_id
    alone = backbone.self_attention(inputs_for(config, [[0, 5, 6]]))
    texts = [[0, 5, 6, pad, pad], [0, 5, 6, 7, 8], [pad] * 5]
    backbone.token_layout = layout
    attention = backbone.self_attention(inputs_for(config, texts))
    for own, other in zip(map(np.array, attention), alone, strict=True):
        assert own.dtype == "float32" and own.shape == (3, 2, 5, 5)
        np.testing.assert_allclose(own[0, :, :3, :3], other[0], atol=1e-5)
        assert not own[0, :, 3:].any() and not own[0, :, :, 3:].any()
        np.testing.assert_allclose(own[1].sum(-1), 1, atol=1e-5)
        assert not own[2].any()


def test_left_padding_changes_nothing_where_positions_count_real_tokens():
    backbone = XLMBackbone(**TINY, **XLMR)
    right = backbone(np.array([[0, 5, 6, 1, 1]]))
    left = backbone(np.array([[1, 1, 0, 5, 6]]))
    np.testing.assert_allclose(left[:, 2:], right[:, :3], atol=1e-5)


def test_padding_states_are_zero_in_xlm():
    backbone = XLMBackbone(**TINY, **XLM)
    states = backbone.hidden_states(inputs_for(XLM, [[1, 5, 1, 2, 2]]))
    for state in states:
        np.testing.assert_array_equal(state[:, 3:], 0)
        assert np.abs(state[:, :3]).min() > 0


def test_packed_segments_equal_the_sentences_alone(config):
    backbone = XLMBackbone(**config)
    packed = backbone(
        {
            **inputs_for(config, [[0, 5, 6, 0, 7, 8, 9, 1]]),
            "padding_mask": np.array([[1, 1, 1, 1, 1, 1, 1, 0]]),
            "segment_ids": np.array([[1, 1, 1, 2, 2, 2, 2, 0]]),
            "position_ids": np.array([[0, 1, 2, 0, 1, 2, 3, 0]]),
        }
    )
    first = backbone(inputs_for(config, [[0, 5, 6]]))
    second = backbone(inputs_for(config, [[0, 7, 8, 9]]))
    np.testing.assert_allclose(packed[:, :3], first, atol=1e-5)
    np.testing.assert_allclose(packed[:, 3:7], second, atol=1e-5)


def test_language_changes_the_states():
    backbone = XLMBackbone(**TINY, **XLM)
    inputs = inputs_for(XLM, [[1, 5, 6, 1]])
    other = {**inputs, "language_ids": inputs["language_ids"] + 1}
    assert not np.allclose(backbone(inputs), backbone(other), atol=1e-3)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_policies_agree_with_float32(policy, tmp_path):
    exact = XLMBackbone(**TINY, **XLMR)
    exact.save_to_preset(tmp_path)
    mixed = XLMBackbone.from_preset(str(tmp_path), dtype=policy)
    ids = np.array([[0, 5, 6, 7, 1]])
    assert mixed(ids).dtype == policy.removeprefix("mixed_")
    assert {weight.dtype for weight in mixed.weights} == {"float32"}
    np.testing.assert_allclose(
        keras.ops.cast(mixed(ids), "float32")[:, :4], exact(ids)[:, :4], atol=0.1
    )


def test_preset_of_a_mixed_model_loads(tmp_path):
    backbone = XLMBackbone(**TINY, dtype="mixed_bfloat16")
    backbone.save_to_preset(tmp_path)
    loaded = keras_hub.models.Backbone.from_preset(str(tmp_path))
    assert isinstance(loaded, XLMBackbone)
    for weight, other in zip(backbone.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_config_round_trip(config):
    backbone = XLMBackbone(**config)
    copy = XLMBackbone.from_config(backbone.get_config())
    names = {*config, "dropout", "attention_dropout", "activation"}
    for name in names:
        assert getattr(copy, name) == getattr(backbone, name), name
    assert [w.shape for w in copy.weights] == [w.shape for w in backbone.weights]


def test_works_beside_functional_backbones_of_kerashub():
    keras_hub.models.XLMRobertaBackbone(
        vocabulary_size=10,
        num_layers=1,
        num_heads=1,
        hidden_dim=4,
        intermediate_dim=4,
        max_sequence_length=8,
    )
    backbone = XLMBackbone(**TINY)
    assert backbone({"token_ids": np.array([[0, 5]])}).shape == (1, 2, 8)


def test_optional_inputs_work_in_graph_and_functional_models():
    backbone = XLMBackbone(**TINY)
    token_ids = keras.Input((None,), dtype="int32")
    model = keras.Model(token_ids, backbone({"token_ids": token_ids}))
    ids = np.array([[0, 5, 6, 1]])
    np.testing.assert_allclose(model(ids), backbone(ids), atol=1e-6)
    np.testing.assert_allclose(
        model.predict(ids, verbose=0), np.asarray(backbone(ids)), atol=1e-5
    )


def test_lora_trains_the_attention_projections_only():
    backbone = XLMBackbone(**TINY)
    backbone.enable_lora(2)
    # Per block: the two low-rank factors. The bias is frozen too.
    assert len(backbone.trainable_weights) == 2 * TINY["num_layers"]
    assert all("qkv_dense" in weight.path for weight in backbone.trainable_weights)


def test_errors_say_what_was_received():
    with pytest.raises(ValueError, match="hidden_dim=8, num_heads=3"):
        XLMBackbone(**{**TINY, "num_heads": 3})
    with pytest.raises(ValueError, match="norm_placement='middle'"):
        XLMBackbone(**TINY, norm_placement="middle")
    with pytest.raises(ValueError, match="length=13, max_sequence_length=12"):
        XLMBackbone(**TINY)(np.ones((1, 13), int))


def test_sequences_longer_than_the_positions_are_refused():
    backbone = XLMBackbone(**TINY, **XLMR)
    with pytest.raises(ValueError, match="length=13, max_sequence_length=12"):
        backbone({"token_ids": np.full((1, 13), 5)})


@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_vectors_in_place_of_the_token_embedding(config, layout):
    backbone = XLMBackbone(**config)
    backbone.token_layout = layout
    pad = backbone.pad_token_id
    inputs = inputs_for(config, [[0, 5, 6, 7], [0, 9, pad, pad]])
    vectors = backbone.token_embedding.embeddings.numpy()[inputs["token_ids"]]
    expected = backbone(inputs)
    actual = backbone({**inputs, "token_vectors": vectors})
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    # The ids say nothing then, but where padding is.
    others = np.where(inputs["token_ids"] == pad, pad, 4)
    actual = backbone({**inputs, "token_ids": others, "token_vectors": vectors})
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    for wrong in (vectors[0], vectors[:, 1:], vectors[..., 1:]):
        with pytest.raises(ValueError, match="a vector of hidden_dim for every token"):
            backbone({**inputs, "token_vectors": wrong})
