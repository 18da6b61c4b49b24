"""Prompts of several lengths in one search, against one search per length.

python benchmarks/prompt_lengths.py --output prompt_lengths.json

A left-to-right model with random weights continues prompts of as many lengths as there
are prompts, greedily and with beams, all to the same length; no token ends a text. The
unit is tokens written per second.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from timing import report, time_interleaved

import xlm_tf


def main():
    """Time both ways and report them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--max-length", type=int, default=64)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--hidden-dim", type=int, default=256)
    parser.add_argument("--vocabulary-size", type=int, default=10_000)
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--seconds", type=float, default=20.0, help="per way")
    parser.add_argument("--output", default="prompt_lengths.json")
    args = parser.parse_args()
    model = random_model(args)
    lengths = 4 * np.arange(1, args.prompts + 1)
    prompts = random_prompts(args, lengths)
    alone = [
        {name: x[i : i + 1, :length] for name, x in prompts.items()}
        for i, length in enumerate(lengths)
    ]
    rows = {}
    for beams in args.beams:
        model.compile(
            sampler=xlm_tf.BeamSearch(beams, early_stopping=True, stop_token_ids=None)
        )
        seconds = time_interleaved(
            {
                "one search": lambda: model.decode(prompts, args.max_length),
                "one per length": lambda: [
                    model.decode(prompt, args.max_length) for prompt in alone
                ],
            },
            args.seconds,
            description=f"{beams} beams",
        )
        num_written = int(np.sum(args.max_length - lengths))
        rows[f"{beams} beams"] = {name: num_written / x for name, x in seconds.items()}
    report(
        f"{args.prompts} prompts",
        "tokens/s",
        rows,
        "one per length",
        args.output,
        lengths=lengths.tolist(),
        max_length=args.max_length,
        layers=args.layers,
        hidden_dim=args.hidden_dim,
    )


def random_model(args):
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=args.vocabulary_size,
        num_layers=args.layers,
        num_heads=args.hidden_dim // 64,
        hidden_dim=args.hidden_dim,
        intermediate_dim=4 * args.hidden_dim,
        max_sequence_length=args.max_length,
        causal=True,
    )
    tokenizer = xlm_tf.XLMMaskedLM.from_preset("xlm_tiny").preprocessor.tokenizer
    preprocessor = xlm_tf.XLMCausalLMPreprocessor(tokenizer, args.max_length)
    return xlm_tf.XLMCausalLM(backbone, preprocessor)


def random_prompts(args, lengths):
    shape = len(lengths), max(lengths)
    ids = np.random.default_rng(0).integers(4, args.vocabulary_size, shape)
    return {
        "token_ids": tf.constant(ids, tf.int32),
        "padding_mask": tf.sequence_mask(lengths),
    }


if __name__ == "__main__":
    main()
