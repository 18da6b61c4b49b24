"""The masked-LM training step against KerasHub's XLM-R and transformers.

python benchmarks/masked_lm_training.py --output masked_lm_training.json

XLM-R base on a GPU:

python benchmarks/masked_lm_training.py --layers 12 --hidden-dim 768 --rows 32 \
    --vocabulary-size 250002 --dtypes float32 bfloat16 float16

The same shape, batch and targets everywhere, AdamW, dropout 0.1; tokens per second of
whole steps. transformers computes the logits of every position, as its
`XLMRobertaForMaskedLM` does. "jit" is the same step compiled by XLA.
"""

import argparse
import functools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from timing import (
    DTYPES,
    available,
    encoder_shape,
    peak_memory,
    report,
    time_interleaved,
    torch_config,
    torch_device,
)


def main():
    """Time the steps and report them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden-dim", type=int, default=512)
    parser.add_argument("--vocabulary-size", type=int, default=32_000)
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--targets", type=int, default=20, help="a row")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--engines", nargs="+", help="all by default")
    parser.add_argument("--seconds", type=float, default=30.0, help="per engine")
    parser.add_argument("--output", default="masked_lm_training.json")
    args = parser.parse_args()
    shape = encoder_shape(args)
    batch = make_batch(args)
    rows = {}
    for dtype in args.dtypes:
        steps = {
            "xlm_tf": xlm_tf_step,
            "xlm_tf jit": functools.partial(xlm_tf_step, jit_compile=True),
            "KerasHub": hub_step,
            "KerasHub jit": functools.partial(hub_step, jit_compile=True),
            "transformers": torch_step,
        }
        engines = available(
            {
                name: functools.partial(step, shape, dtype, batch)
                for name, step in steps.items()
            },
            args.engines,
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
        gpu_peak_memory_mb=peak_memory(),
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
    import tensorflow as tf

    dataset = iter(tf.data.Dataset.from_tensors(batch).repeat())
    step = model.make_train_function() or model.train_function
    return lambda: float(step(dataset)["loss"])


def xlm_tf_step(shape, dtype, batch, jit_compile=False):
    """Our trainer, with its exact global loss and clipping."""
    import keras

    from xlm_tf import XLMBackbone, XLMMaskedLM
    from xlm_tf.training.masked_lm_trainer import MaskedLMTrainer

    backbone = XLMBackbone(
        **shape, max_sequence_length=512, position_offset=2, dtype=DTYPES[dtype]
    )
    trainer = MaskedLMTrainer(XLMMaskedLM(backbone, compile=False), clip_norm=1.0)
    trainer.compile(optimizer=keras.optimizers.AdamW(1e-4), jit_compile=jit_compile)
    return keras_step(trainer, batch)


def hub_step(shape, dtype, batch, jit_compile=False):
    """KerasHub's task, compiled as its users do."""
    import keras
    import keras_hub

    backbone = keras_hub.models.XLMRobertaBackbone(
        **shape, max_sequence_length=512, dtype=DTYPES[dtype]
    )
    model = keras_hub.models.XLMRobertaMaskedLM(backbone)
    model.compile(
        optimizer=keras.optimizers.AdamW(1e-4, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_compile,
    )
    return keras_step(model, batch)


def torch_step(shape, dtype, batch):
    """transformers' model, PyTorch's AdamW, autocast for half precision."""
    import torch
    import transformers

    device = torch_device()
    config = torch_config(shape)
    model = transformers.XLMRobertaForMaskedLM(config).train().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    inputs, targets, _ = batch
    ids = torch.from_numpy(inputs["token_ids"]).long()
    labels = torch.full(ids.shape, -100)
    positions = torch.from_numpy(inputs["mask_positions"]).long()
    labels.scatter_(1, positions, torch.from_numpy(targets).long())
    mask = torch.from_numpy(inputs["padding_mask"]).long()
    ids, mask, labels = (x.to(device) for x in (ids, mask, labels))
    autocast = functools.partial(
        torch.autocast, device, getattr(torch, dtype), enabled=dtype != "float32"
    )
    scaler = torch.amp.GradScaler(device, enabled=dtype == "float16")

    def step():
        optimizer.zero_grad()
        with autocast():
            loss = model(ids, mask, labels=labels).loss
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return float(loss.detach())

    return step


if __name__ == "__main__":
    main()
