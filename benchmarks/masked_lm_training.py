"""The masked-LM training step against KerasHub's XLM-R and transformers.

python benchmarks/masked_lm_training.py --output masked_lm_training.json

The same shape, batch and targets everywhere, AdamW, dropout 0.1; tokens per second of
whole steps in one process. transformers computes the logits of every position, as its
`XLMRobertaForMaskedLM` does.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from timing import available, report, time_interleaved

DTYPES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def main():
    """Time the steps and report them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden-dim", type=int, default=512)
    parser.add_argument("--vocabulary-size", type=int, default=32_000)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--targets", type=int, default=20, help="a row")
    parser.add_argument("--seconds", type=float, default=30.0, help="per engine")
    parser.add_argument("--output", default="masked_lm_training.json")
    args = parser.parse_args()
    shape = {
        "vocabulary_size": args.vocabulary_size,
        "num_layers": args.layers,
        "num_heads": args.hidden_dim // 64,
        "hidden_dim": args.hidden_dim,
        "intermediate_dim": 4 * args.hidden_dim,
    }
    batch = make_batch(args)
    rows = {}
    for dtype in DTYPES:
        engines = available(
            {
                "xlm_tf": lambda dtype=dtype: xlm_tf_step(shape, dtype, batch),
                "KerasHub": lambda dtype=dtype: hub_step(shape, dtype, batch),
                "transformers": lambda dtype=dtype: torch_step(shape, dtype, batch),
            }
        )
        seconds = time_interleaved(engines, args.seconds, description=dtype)
        rows[dtype] = {
            name: args.rows * args.length / value for name, value in seconds.items()
        }
    batch_shape = {"rows": args.rows, "length": args.length, "targets": args.targets}
    report(
        "Masked-LM training step",
        "tokens/s",
        rows,
        "KerasHub",
        args.output,
        shape=shape,
        batch=batch_shape,
    )


def make_batch(args):
    """Inputs, targets and weights of full rows, as `xlm_tf.objectives` give them."""
    random = np.random.default_rng(0)
    size = (args.rows, args.length)
    inputs = {
        "token_ids": random.integers(5, args.vocabulary_size, size).astype("int32"),
        "padding_mask": np.ones(size, bool),
        "mask_positions": np.sort(
            [
                random.choice(args.length, args.targets, replace=False)
                for _ in range(args.rows)
            ]
        ).astype("int32"),
    }
    targets = random.integers(5, args.vocabulary_size, (args.rows, args.targets))
    return inputs, targets.astype("int32"), np.ones(targets.shape, "float32")


def keras_step(model, batch):
    """One update by the model's own train function."""
    dataset = iter(tf.data.Dataset.from_tensors(batch).repeat())
    step = model.make_train_function() or model.train_function
    return lambda: float(step(dataset)["loss"])


def xlm_tf_step(shape, dtype, batch):
    """Our trainer, with its exact global loss and clipping."""
    from xlm_tf import XLMBackbone, XLMMaskedLM
    from xlm_tf.training.masked_lm_trainer import MaskedLMTrainer

    backbone = XLMBackbone(
        **shape, max_sequence_length=512, position_offset=2, dtype=DTYPES[dtype]
    )
    trainer = MaskedLMTrainer(XLMMaskedLM(backbone, compile=False), clip_norm=1.0)
    trainer.compile(optimizer=keras.optimizers.AdamW(1e-4))
    return keras_step(trainer, batch)


def hub_step(shape, dtype, batch):
    """KerasHub's task, compiled as its users do."""
    import keras_hub

    backbone = keras_hub.models.XLMRobertaBackbone(
        **shape, max_sequence_length=512, dtype=DTYPES[dtype]
    )
    model = keras_hub.models.XLMRobertaMaskedLM(backbone)
    model.compile(
        optimizer=keras.optimizers.AdamW(1e-4, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return keras_step(model, batch)


def torch_step(shape, dtype, batch):
    """transformers' model, PyTorch's AdamW, autocast for bfloat16."""
    import torch
    import transformers

    torch.set_num_threads(os.cpu_count())
    config = transformers.XLMRobertaConfig(
        vocab_size=shape["vocabulary_size"],
        num_hidden_layers=shape["num_layers"],
        num_attention_heads=shape["num_heads"],
        hidden_size=shape["hidden_dim"],
        intermediate_size=shape["intermediate_dim"],
        max_position_embeddings=514,
        type_vocab_size=1,
    )
    model = transformers.XLMRobertaForMaskedLM(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    inputs, targets, _ = batch
    ids = torch.from_numpy(inputs["token_ids"]).long()
    mask = torch.from_numpy(inputs["padding_mask"]).long()
    labels = torch.full(ids.shape, -100)
    positions = torch.from_numpy(inputs["mask_positions"]).long()
    labels.scatter_(1, positions, torch.from_numpy(targets).long())

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            loss = model(ids, mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return float(loss.detach())

    return step


if __name__ == "__main__":
    main()
