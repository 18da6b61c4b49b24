"""Greedy and beam search against transformers' `generate` and CTranslate2.

python benchmarks/decoding.py --model DIR --texts FILE --output decoding.json

The weights of one trained encoder-decoder in three engines: `XLMSeq2SeqLM`,
transformers (as a Pegasus, which has the same pre-norm blocks) and CTranslate2. The
same texts everywhere, in batches by length; the unit is tokens written a second.
Beams end by XLM's stopping rule, when no unfinished hypothesis can beat the worst
finished one ("never" in transformers), and with early stopping, when as many are
finished as there are beams: CTranslate2 knows that alone.
Without --model, weights at random, and every text is as long as the limit.
"""

import argparse
import functools
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from timing import available, report, time_interleaved, torch_device

import xlm_tf
from xlm_tf.generation.beam_search import BeamSearch

LENGTH = 32  # tokens of every text where the weights are random


def main():
    """Time the searches and report them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="preset of an XLMSeq2SeqLM, see `shape_of`")
    parser.add_argument("--texts", type=Path, help="one per line; the first are taken")
    parser.add_argument("--num-texts", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden-dim", type=int, default=256)
    parser.add_argument("--vocabulary-size", type=int, default=10_000)
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--engines", nargs="+", help="all by default")
    parser.add_argument("--seconds", type=float, default=20.0, help="per engine")
    parser.add_argument("--output", default="decoding.json")
    args = parser.parse_args()
    if args.model:
        model = xlm_tf.XLMSeq2SeqLM.from_preset(args.model, dtype="float32")
        sources = read_sources(model, args.texts, args.num_texts)
    else:
        model = random_model(args)
        sources = random_sources(args)
    sources.sort(key=len)
    batches = [
        sources[i : i + args.batch_size]
        for i in range(0, len(sources), args.batch_size)
    ]
    special = special_ids(model)
    forced = None if args.model else LENGTH
    rows, agreements = {}, {}
    builders = {
        "xlm_tf": xlm_tf_engine,
        "transformers": torch_engine,
        "CTranslate2": ctranslate2_engine,
    }
    for setting, beams, early_stopping in settings_of(args.beams):
        engines = available(
            {
                name: functools.partial(
                    build, model, special, beams, early_stopping, forced
                )
                for name, build in builders.items()
                if early_stopping or name != "CTranslate2"
            },
            args.engines,
        )
        written = {
            name: [text for batch in batches for text in engine(batch)]
            for name, engine in engines.items()
        }
        first = next(iter(written.values()))
        agreements[setting] = {
            name: float(np.mean([a == b for a, b in zip(texts, first, strict=True)]))
            for name, texts in written.items()
        }
        seconds = time_interleaved(
            {
                name: lambda engine=engine: [engine(batch) for batch in batches]
                for name, engine in engines.items()
            },
            args.seconds,
            description=setting,
        )
        rows[setting] = {
            name: sum(map(len, written[name])) / value
            for name, value in seconds.items()
        }
    print("Share of texts equal to the first engine's:", agreements)
    report(
        "Decoding",
        "tokens/s",
        rows,
        "transformers",
        args.output,
        texts=len(sources),
        batch_size=args.batch_size,
        equal_texts=agreements,
        shape=shape_of(model),
    )


def settings_of(beams):
    """Name, number of beams and early stopping of everything that is timed."""
    for number in beams:
        if number == 1:
            yield "greedy", 1, True
        else:
            yield f"beam {number}", number, False
            yield f"beam {number}, early stopping", number, True


def shape_of(model):
    """What an engine must know; the forms of other models are not written here."""
    backbone = model.backbone
    encoder = backbone.encoder
    assert encoder.norm_placement == "pre" and encoder.embeddings.norm is None
    assert backbone.share_embeddings and not encoder.num_languages
    assert not model.head_transform and model.tied
    return {
        "num_layers": encoder.num_layers,
        "num_decoder_layers": backbone.num_decoder_layers,
        "num_heads": encoder.num_heads,
        "hidden_dim": encoder.hidden_dim,
        "intermediate_dim": encoder.intermediate_dim,
        "vocabulary_size": encoder.vocabulary_size,
    }


def special_ids(model):
    """start, end, padding."""
    if model.preprocessor is None:
        return 0, 2, 1
    tokenizer = model.preprocessor.tokenizer
    return tokenizer.start_token_id, tokenizer.end_token_id, tokenizer.pad_token_id


def read_sources(model, path, count):
    lines = path.read_text(encoding="utf-8").splitlines()[:count]
    inputs = model.preprocessor.generate_preprocess({"text": lines})
    lengths = tf.reduce_sum(tf.cast(inputs["encoder_padding_mask"], "int32"), 1)
    return [
        row[:length].tolist()
        for row, length in zip(
            inputs["encoder_token_ids"].numpy(), lengths.numpy(), strict=True
        )
    ]


def random_model(args):
    encoder = xlm_tf.XLMBackbone(
        vocabulary_size=args.vocabulary_size,
        num_layers=args.layers,
        num_heads=args.hidden_dim // 64,
        hidden_dim=args.hidden_dim,
        intermediate_dim=4 * args.hidden_dim,
        max_sequence_length=256,
        position_offset=2,
        norm_placement="pre",
        embedding_norm=False,
        activation="relu",
    )
    return xlm_tf.XLMSeq2SeqLM(xlm_tf.XLMSeq2SeqBackbone(encoder))


def random_sources(args):
    generator = np.random.default_rng(0)
    return [
        [0, *generator.integers(4, args.vocabulary_size, length).tolist(), 2]
        for length in generator.integers(6, 40, args.num_texts)
    ]


def limits(batch, forced):
    """Tokens that a text of a batch may have: what xlm_tf allows the longest."""
    return forced or max(len(row) + len(row) // 2 + 10 for row in batch)


def padded(batch, pad):
    width = max(map(len, batch))
    return np.array([row + [pad] * (width - len(row)) for row in batch], "int32")


def until_end(rows, end):
    """Token ids before the end."""
    return [row[: row.index(end)] if end in row else row for row in rows]


def xlm_tf_engine(model, special, beams, early_stopping, forced):
    start, end, pad = special
    search = BeamSearch(
        beams, early_stopping=early_stopping, min_length=forced - 1 if forced else 0
    )

    @tf.function(reduce_retracing=True)
    def decode(token_ids, max_length):
        inputs = {
            "encoder_token_ids": token_ids,
            "encoder_padding_mask": token_ids != pad,
        }
        batch_size = tf.shape(token_ids)[0]
        return search.decode(
            model.step_function(model.backbone.step),
            tf.fill((batch_size, 1), start),
            model.backbone.empty_caches(batch_size),
            model.backbone.encode(inputs),
            max_length,
            end,
            pad,
        ).token_ids[:, 0]

    def run(batch):
        max_lengths = [forced or len(row) + len(row) // 2 + 10 for row in batch]
        ids = decode(tf.constant(padded(batch, pad)), tf.constant(max_lengths))
        return until_end(ids.numpy().tolist(), end)

    return run


def torch_engine(model, special, beams, early_stopping, forced):
    import torch
    from transformers import PegasusConfig, PegasusForConditionalGeneration

    device = torch_device()
    start, end, pad = special
    shape = shape_of(model)
    peer = PegasusForConditionalGeneration(
        PegasusConfig(
            vocab_size=shape["vocabulary_size"],
            max_position_embeddings=model.backbone.max_sequence_length,
            encoder_layers=shape["num_layers"],
            encoder_ffn_dim=shape["intermediate_dim"],
            encoder_attention_heads=shape["num_heads"],
            decoder_layers=shape["num_decoder_layers"],
            decoder_ffn_dim=shape["intermediate_dim"],
            decoder_attention_heads=shape["num_heads"],
            d_model=shape["hidden_dim"],
            activation_function="relu",
            scale_embedding=False,
            pad_token_id=pad,
            bos_token_id=start,
            eos_token_id=end,
            forced_eos_token_id=None,
            decoder_start_token_id=start,
        )
    ).eval()
    parts = {name: torch.tensor(x) for name, x in pegasus_state(model).items()}
    unknown = set(parts) - set(peer.state_dict())
    assert not unknown, unknown
    missing = set(peer.state_dict()) - set(parts)
    assert all("embed_tokens" in name or "lm_head" in name for name in missing), missing
    peer.load_state_dict(parts, strict=False)
    peer.tie_weights()
    peer.to(device)

    def run(batch):
        ids = torch.tensor(padded(batch, pad)).long().to(device)
        with torch.inference_mode():
            written = peer.generate(
                input_ids=ids,
                attention_mask=(ids != pad).long(),
                num_beams=beams,
                early_stopping=True if early_stopping else "never",
                do_sample=False,
                max_new_tokens=limits(batch, forced),
                min_new_tokens=forced,
            )
        return until_end(written[:, 1:].tolist(), end)

    return run


def pegasus_state(model):
    """dict from transformers' name to array, of a model as in `shape_of`."""
    backbone = model.backbone
    embeddings = backbone.encoder.embeddings
    state = {
        "model.shared.weight": array(backbone.token_embedding.embeddings),
        "final_logits_bias": array(model.prediction_head.bias)[None],
    }

    def dense(name, layer):
        state[f"{name}.weight"] = array(layer.kernel).T.copy()
        state[f"{name}.bias"] = array(layer.bias)

    def parts(prefix, names, layer):
        kernels = np.split(array(layer.kernel), len(names), axis=1)
        biases = np.split(array(layer.bias), len(names))
        for name, kernel, bias in zip(names, kernels, biases, strict=True):
            state[f"{prefix}.{name}.weight"] = kernel.T.copy()
            state[f"{prefix}.{name}.bias"] = bias.copy()

    def norm(name, layer):
        state[f"{name}.weight"] = array(layer.gamma)
        state[f"{name}.bias"] = array(layer.beta)

    for side, blocks, final in (
        ("encoder", backbone.encoder.encoder_blocks, backbone.encoder.final_norm),
        ("decoder", backbone.decoder_blocks, backbone.decoder_norm),
    ):
        state[f"model.{side}.embed_positions.weight"] = array(
            embeddings.position_table
        )[embeddings.position_offset :]
        norm(f"model.{side}.layer_norm", final)
        for number, block in enumerate(blocks):
            prefix = f"model.{side}.layers.{number}"
            names = ("q_proj", "k_proj", "v_proj")
            parts(f"{prefix}.self_attn", names, block.attention.qkv_dense)
            dense(f"{prefix}.self_attn.out_proj", block.attention.output_dense)
            norm(f"{prefix}.self_attn_layer_norm", block.attention_norm)
            if side == "decoder":
                source = block.source_attention
                dense(f"{prefix}.encoder_attn.q_proj", source.query_dense)
                parts(f"{prefix}.encoder_attn", names[1:], source.key_value_dense)
                dense(f"{prefix}.encoder_attn.out_proj", source.output_dense)
                norm(f"{prefix}.encoder_attn_layer_norm", block.source_attention_norm)
            dense(f"{prefix}.fc1", block.feed_forward.intermediate_dense)
            dense(f"{prefix}.fc2", block.feed_forward.output_dense)
            norm(f"{prefix}.final_layer_norm", block.feed_forward_norm)
    return state


def ctranslate2_engine(model, special, beams, early_stopping, forced):
    import ctranslate2
    from ctranslate2 import specs

    start, end, _ = special
    shape = shape_of(model)
    spec = specs.TransformerSpec.from_config(
        (shape["num_layers"], shape["num_decoder_layers"]),
        shape["num_heads"],
        pre_norm=True,
        activation=specs.Activation.RELU,
    )
    fill_spec(spec, model)
    tokens = [f"t{number}" for number in range(shape["vocabulary_size"])]
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.bos_token = tokens[start]
    spec.config.eos_token = tokens[end]
    spec.config.unk_token = tokens[3]
    spec.config.decoder_start_token = tokens[start]
    spec.validate()
    spec.optimize()
    folder = tempfile.mkdtemp()
    spec.save(folder)
    translator = ctranslate2.Translator(
        folder, "cpu", compute_type="float32", intra_threads=os.cpu_count()
    )

    def run(batch):
        results = translator.translate_batch(
            [[tokens[i] for i in row] for row in batch],
            beam_size=beams,
            max_decoding_length=limits(batch, forced),
            min_decoding_length=forced or 1,
        )
        return [[int(token[1:]) for token in x.hypotheses[0]] for x in results]

    return run


def fill_spec(spec, model):
    backbone = model.backbone
    embeddings = backbone.encoder.embeddings
    table = array(backbone.token_embedding.embeddings)
    positions = array(embeddings.position_table)[embeddings.position_offset :]

    def dense(linear, layer):
        linear.weight = array(layer.kernel).T.copy()
        linear.bias = array(layer.bias)

    def norm(target, layer):
        target.gamma, target.beta = array(layer.gamma), array(layer.beta)

    for side, blocks, final in (
        (spec.encoder, backbone.encoder.encoder_blocks, backbone.encoder.final_norm),
        (spec.decoder, backbone.decoder_blocks, backbone.decoder_norm),
    ):
        own = side.embeddings
        (own[0] if isinstance(own, list) else own).weight = table
        side.scale_embeddings = False
        side.position_encodings.encodings = positions
        norm(side.layer_norm, final)
        for layer, block in zip(side.layer, blocks, strict=True):
            dense(layer.self_attention.linear[0], block.attention.qkv_dense)
            dense(layer.self_attention.linear[1], block.attention.output_dense)
            norm(layer.self_attention.layer_norm, block.attention_norm)
            if side is spec.decoder:
                source = block.source_attention
                dense(layer.attention.linear[0], source.query_dense)
                dense(layer.attention.linear[1], source.key_value_dense)
                dense(layer.attention.linear[2], source.output_dense)
                norm(layer.attention.layer_norm, block.source_attention_norm)
            dense(layer.ffn.linear_0, block.feed_forward.intermediate_dense)
            dense(layer.ffn.linear_1, block.feed_forward.output_dense)
            norm(layer.ffn.layer_norm, block.feed_forward_norm)
    spec.decoder.projection.weight = table
    spec.decoder.projection.bias = array(model.prediction_head.bias)


def array(variable):
    return np.asarray(variable, "float32")


if __name__ == "__main__":
    main()
