"""The same logits and the same beams as transformers' encoder-decoder of XLM-R."""

import numpy as np
import pytest
import tensorflow as tf

import xlm_tf
from xlm_tf.checkpoints.checkpoint_head import head_of
from xlm_tf.checkpoints.xlm_roberta import XLM_ROBERTA
from xlm_tf.generation.beam_search import BeamSearch

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.parity

VALUES = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 42,
    "type_vocab_size": 1,
    "initializer_range": 0.5,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
SOURCE = np.array([[0, 9, 30, 8, 12, 2], [0, 33, 6, 2, 1, 1], [0, 20, 21, 22, 2, 1]])


@pytest.fixture(scope="module")
def models():
    """transformers' model, and ours with the same weights."""
    torch.manual_seed(0)
    encoder = transformers.XLMRobertaConfig(**VALUES)
    decoder = transformers.XLMRobertaConfig(
        **VALUES, is_decoder=True, add_cross_attention=True
    )
    config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(
        encoder, decoder
    )
    theirs = transformers.EncoderDecoderModel(config).eval()
    for parameter in theirs.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.3 * torch.randn_like(parameter)
    backbone = xlm_tf.XLMSeq2SeqBackbone(
        xlm_tf.XLMBackbone(**XLM_ROBERTA.backbone_arguments(encoder.to_dict())),
        share_embeddings=False,
    )
    ours = xlm_tf.XLMSeq2SeqLM(backbone, head_transform=True)
    state = {name: x.numpy() for name, x in theirs.state_dict().items()}
    names = XLM_ROBERTA.backbone_tensors(encoder.to_dict())
    fill(backbone.encoder.variables, names, state, "encoder.")
    # The decoder's names differ by its place and its attention to the source.
    decoder_names = {
        path.replace("encoder_block", "decoder_block").replace(
            "embeddings/", "decoder_embeddings/", 1
        ): own
        for path, own in names.items()
    }
    for i in range(2):
        block = f"decoder_block_{i}/source_attention"
        layer = f"encoder.layer.{i}.crossattention"
        for kind, suffix in (("kernel", "weight"), ("bias", "bias")):
            decoder_names |= {
                f"{block}/query_dense/{kind}": f"{layer}.self.query.{suffix}",
                f"{block}/key_value_dense/{kind}": (
                    f"{layer}.self.key.{suffix}",
                    f"{layer}.self.value.{suffix}",
                ),
                f"{block}/output_dense/{kind}": f"{layer}.output.dense.{suffix}",
            }
        norm = f"decoder_block_{i}/source_attention_norm"
        decoder_names[f"{norm}/gamma"] = f"{layer}.output.LayerNorm.weight"
        decoder_names[f"{norm}/beta"] = f"{layer}.output.LayerNorm.bias"
    others = [
        v
        for v in backbone.variables
        if not any(v is w for w in backbone.encoder.variables)
    ]
    fill(others, decoder_names, state, "decoder.roberta.")
    fill(
        ours.prediction_head.variables,
        head_of(xlm_tf.XLMMaskedLM, XLM_ROBERTA).tensors,
        state,
        "decoder.",
    )
    return theirs, ours


def fill(variables, names, state, prefix):
    paths = {variable.path: variable for variable in variables}
    for path, own in names.items():
        (variable,) = [v for p, v in paths.items() if p.endswith(path)]
        parts = [state[prefix + x] for x in (own if isinstance(own, tuple) else (own,))]
        if path.endswith("/kernel"):
            parts = [x.T for x in parts]
        variable.assign(np.concatenate(parts, axis=-1))


def test_logits(models):
    theirs, ours = models
    target = np.array([[0, 5, 6, 7], [0, 8, 9, 3], [0, 4, 4, 4]])
    with torch.no_grad():
        expected = theirs(
            input_ids=torch.tensor(SOURCE),
            attention_mask=torch.tensor(SOURCE != 1).long(),
            decoder_input_ids=torch.tensor(target),
        ).logits.numpy()
    actual = ours({"encoder_token_ids": SOURCE, "decoder_token_ids": target})
    np.testing.assert_allclose(actual, expected, atol=1e-4)


def decode(ours, search, max_length):
    source = ours.backbone.encode({"encoder_token_ids": tf.constant(SOURCE)})

    def step(token_ids, index, caches, source, mask):
        states, caches = ours.backbone.step(token_ids, index, caches, source, mask)
        logits = ours.logits(states)
        return tf.reshape(logits, (-1, token_ids.shape[1], 40)), caches

    run = tf.function(
        lambda: search.decode(
            step,
            tf.zeros((3, 1), "int32"),
            ours.backbone.empty_caches(3),
            source,
            max_length,
            end_id=2,
            pad_id=1,
        )
    )
    return run()


# Where a beam is finished, transformers looks at the best k continuations only: with an
# exhaustive number of beams the two definitions agree.
@pytest.mark.parametrize(
    ("num_beams", "max_length", "penalty"), [(1, 12, 1.0), (40, 2, 1.0), (40, 2, 0.0)]
)
def test_beams(models, num_beams, max_length, penalty):
    theirs, ours = models
    with torch.no_grad():
        expected = theirs.generate(
            input_ids=torch.tensor(SOURCE),
            attention_mask=torch.tensor(SOURCE != 1).long(),
            num_beams=num_beams,
            num_return_sequences=min(num_beams, 5),
            length_penalty=penalty,
            early_stopping=num_beams == 1,
            do_sample=False,
            max_length=max_length + 1,
            decoder_start_token_id=0,
            eos_token_id=2,
            pad_token_id=1,
            output_scores=True,
            return_dict_in_generate=True,
        )
    search = BeamSearch(
        num_beams=num_beams,
        num_return=min(num_beams, 5),
        length_penalty=penalty,
        early_stopping=num_beams == 1,
    )
    decoded = decode(ours, search, max_length)
    texts = expected.sequences.numpy()[:, 1:]
    texts = texts.reshape(3, -1, texts.shape[-1])
    actual = decoded.token_ids.numpy()
    np.testing.assert_array_equal(actual[:, :, : texts.shape[2]], texts)
    assert (actual[:, :, texts.shape[2] :] == 1).all()
    if num_beams > 1:
        scores = expected.sequences_scores.numpy().reshape(3, -1)
        np.testing.assert_allclose(decoded.scores, scores, atol=1e-4)
