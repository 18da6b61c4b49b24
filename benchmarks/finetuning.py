"""The fine-tuning step of a classifier on real texts of mixed lengths.

python benchmarks/finetuning.py --texts tweets.txt --output finetuning.json

XLM-R base on a GPU:

python benchmarks/finetuning.py --texts tweets.txt --layers 12 --hidden-dim 768 \\
    --rows 64 --dtypes float32 bfloat16

One text per line. A SentencePiece vocabulary of the texts gives the ids,
the model's table has `--vocabulary-size` rows. Every batch is padded to its longest
text, the same batches for all; AdamW, dropout 0.1; sentences per second over whole
updates. `--multiple 16` rounds the padded lengths up, which XLA needs: it compiles a
step for every length.
"""

import argparse
import functools
import os
import tempfile
from pathlib import Path

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

NUM_CLASSES = 3
LENGTH = 128


def main():
    """Time the updates and report them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True, help="one per line")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden-dim", type=int, default=512)
    parser.add_argument("--vocabulary-size", type=int, default=250_002)
    parser.add_argument("--rows", type=int, default=32, help="of a batch")
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--multiple", type=int, default=1)
    parser.add_argument("--dtypes", nargs="+", default=["float32"])
    parser.add_argument("--engines", nargs="+", help="all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="per engine")
    parser.add_argument("--output", default="finetuning.json")
    args = parser.parse_args()
    shape = encoder_shape(args)
    batches = make_batches(args)
    sentences = args.rows * args.batches
    rows = {}
    for dtype in args.dtypes:
        epochs = {
            "xlm_tf": xlm_tf_epoch,
            "xlm_tf, used rows": functools.partial(xlm_tf_epoch, used_rows=True),
            "xlm_tf, used rows, checkpointed": functools.partial(
                xlm_tf_epoch, used_rows=True, gradient_checkpointing=True
            ),
            "xlm_tf jit": functools.partial(xlm_tf_epoch, jit_compile=True),
            "KerasHub": hub_epoch,
            "KerasHub jit": functools.partial(hub_epoch, jit_compile=True),
            "transformers": torch_epoch,
        }
        engines = available(
            {
                name: functools.partial(epoch, shape, dtype, batches)
                for name, epoch in epochs.items()
            },
            args.engines,
        )
        seconds = time_interleaved(
            engines, args.seconds, min_rounds=2, description=dtype
        )
        rows[dtype] = {name: sentences / value for name, value in seconds.items()}
    real = sum(int(inputs["padding_mask"].sum()) for inputs, _ in batches)
    padded = sum(inputs["padding_mask"].size for inputs, _ in batches)
    print(f"{real / sentences:.1f} real tokens of {padded / sentences:.1f} padded")
    print("Peak memory on the GPU, MB:", peak_memory())
    report(
        "Fine-tuning a classifier",
        "sentences/s",
        rows,
        "KerasHub",
        args.output,
        shape=shape,
        batch={"rows": args.rows, "real": real, "padded": padded},
        gpu_peak_memory_mb=peak_memory(),
    )


def make_batches(args):
    """List of `(inputs, labels)` of the texts, padded to the longest of a batch."""
    import sentencepiece

    texts = args.texts.read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(Path(folder, "vocabulary"))
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_prefix=prefix,
            vocab_size=20_000,
            hard_vocab_limit=False,
            minloglevel=2,
        )
        pieces = sentencepiece.SentencePieceProcessor(model_file=prefix + ".model")
    random = np.random.default_rng(0)
    random.shuffle(texts)
    batches = []
    for index in range(args.batches):
        some = texts[index * args.rows : (index + 1) * args.rows]
        ids = [[0, *pieces.encode(text)[: LENGTH - 2], 2] for text in some]
        length = -(-max(map(len, ids)) // args.multiple) * args.multiple
        mask = np.arange(length) < np.array([len(row) for row in ids])[:, None]
        token_ids = np.ones(mask.shape, "int32")
        token_ids[mask] = np.concatenate(ids)
        labels = random.integers(0, NUM_CLASSES, len(some)).astype("int32")
        batches.append(({"token_ids": token_ids, "padding_mask": mask}, labels))
    return batches


def keras_epoch(model, batches, jit_compile):
    """A function that makes an update by every batch, by the model's own step."""
    import keras
    import tensorflow as tf

    model.compile(
        optimizer=keras.optimizers.AdamW(1e-5),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_compile,
    )
    inputs, _ = batches[0]
    signature = (
        {name: tf.TensorSpec([None, None], x.dtype) for name, x in inputs.items()},
        tf.TensorSpec([None], tf.int32),
    )
    dataset = tf.data.Dataset.from_generator(
        lambda: iter(batches), output_signature=signature
    )
    iterator = iter(dataset.repeat().prefetch(4))
    step = model.make_train_function() or model.train_function

    def epoch():
        for _ in batches:
            loss = step(iterator)["loss"]
        return float(loss)

    return epoch


def xlm_tf_epoch(
    shape,
    dtype,
    batches,
    jit_compile=False,
    used_rows=False,
    gradient_checkpointing=False,
):
    """Our classifier; with `used_rows` its embeddings of the batches' tokens learn."""
    from xlm_tf import XLMBackbone, XLMTextClassifier

    backbone = XLMBackbone(
        **shape, max_sequence_length=512, position_offset=2, dtype=DTYPES[dtype]
    )
    backbone.gradient_checkpointing = gradient_checkpointing
    model = XLMTextClassifier(backbone, num_classes=NUM_CLASSES)
    if used_rows:
        ids = np.concatenate([inputs["token_ids"].ravel() for inputs, _ in batches])
        model.train_embeddings_of({"token_ids": ids[None, :]})
    return keras_epoch(model, batches, jit_compile)


def hub_epoch(shape, dtype, batches, jit_compile=False):
    """KerasHub's classifier."""
    import keras_hub

    backbone = keras_hub.models.XLMRobertaBackbone(
        **shape, max_sequence_length=512, dtype=DTYPES[dtype]
    )
    model = keras_hub.models.XLMRobertaTextClassifier(backbone, NUM_CLASSES)
    return keras_epoch(model, batches, jit_compile)


def torch_epoch(shape, dtype, batches):
    """transformers' classifier, PyTorch's AdamW, autocast for half precision."""
    import torch
    import transformers

    device = torch_device()
    config = torch_config(shape, num_labels=NUM_CLASSES)
    model = transformers.XLMRobertaForSequenceClassification(config).train().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-5)
    autocast = functools.partial(
        torch.autocast, device, getattr(torch, dtype), enabled=dtype != "float32"
    )
    scaler = torch.amp.GradScaler(device, enabled=dtype == "float16")

    def epoch():
        for inputs, labels in batches:
            ids = torch.from_numpy(inputs["token_ids"]).long().to(device)
            mask = torch.from_numpy(inputs["padding_mask"]).long().to(device)
            optimizer.zero_grad()
            with autocast():
                loss = model(
                    ids, mask, labels=torch.from_numpy(labels).long().to(device)
                ).loss
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return float(loss.detach())

    return epoch


if __name__ == "__main__":
    main()
