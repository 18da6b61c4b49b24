"""Encoder inference against KerasHub, transformers, ONNX Runtime and OpenVINO.

python benchmarks/encoder.py --output encoder.json      # XLM-R base, some 20 minutes
python benchmarks/encoder.py --layers 3 --seconds 5     # a quarter of it

The same shape and random weights of the same size everywhere; batch x length of token
ids in, hidden states out, in one process. "mixed" is a batch of 32 texts of 8 to 69
tokens, padded: what a server sees.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from timing import (
    DTYPES,
    available,
    encoder_shape,
    report,
    time_interleaved,
    torch_config,
    torch_device,
)

SETTINGS = {"1x32": (1, 32), "1x128": (1, 128), "8x128": (8, 128), "32x64": (32, 64)}


def main():
    """Time the grid and report it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--hidden-dim", type=int, default=768)
    parser.add_argument("--vocabulary-size", type=int, default=32_000)
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--engines", nargs="+", help="all by default")
    parser.add_argument("--seconds", type=float, default=10.0, help="per engine")
    parser.add_argument("--output", default="encoder.json")
    args = parser.parse_args()
    shape = encoder_shape(args)
    rows = {}
    for dtype in args.dtypes:
        engines = available(
            {
                "xlm_tf": lambda dtype=dtype: keras_engine(xlm_tf_model, shape, dtype),
                "xlm_tf exported": lambda dtype=dtype: exported_engine(shape, dtype),
                "KerasHub": lambda dtype=dtype: keras_engine(hub_model, shape, dtype),
                "transformers": lambda dtype=dtype: torch_engine(shape, dtype),
                "ONNX Runtime": lambda dtype=dtype: onnx_engine(shape, dtype),
                "OpenVINO": lambda dtype=dtype: openvino_engine(shape, dtype),
            },
            args.engines,
        )
        for name, inputs in batches(args.vocabulary_size).items():
            calls = {
                engine: (lambda run=run, inputs=inputs: run(*inputs))
                for engine, run in engines.items()
            }
            rows[f"{name} {dtype}"] = {
                engine: 1000 * seconds
                for engine, seconds in time_interleaved(
                    calls, args.seconds, description=f"{name} {dtype}"
                ).items()
            }
    report("Encoder", "ms", rows, "KerasHub", args.output, shape=shape)


def batches(vocabulary_size):
    """dict from name to (token ids int32 (B, T), padding mask bool (B, T))."""
    random = np.random.default_rng(0)
    lengths = {name: [t] * b for name, (b, t) in SETTINGS.items()}
    lengths["mixed"] = np.clip(random.gamma(3, 9, 32), 8, 69).astype(int).tolist()
    made = {}
    for name, own in lengths.items():
        mask = np.arange(max(own)) < np.array(own)[:, None]
        ids = random.integers(5, vocabulary_size, mask.shape)
        made[name] = (np.where(mask, ids, 1).astype("int32"), mask)
    return made


def xlm_tf_model(shape, dtype):
    """Our backbone, XLM-R's configuration."""
    from xlm_tf import XLMBackbone

    return XLMBackbone(
        **shape, max_sequence_length=512, position_offset=2, dtype=DTYPES[dtype]
    )


def hub_model(shape, dtype):
    """KerasHub's XLM-R."""
    import keras_hub

    return keras_hub.models.XLMRobertaBackbone(
        **shape, max_sequence_length=512, dtype=DTYPES[dtype]
    )


def keras_engine(make, shape, dtype):
    """A Keras model in a tf.function."""
    model = make(shape, dtype)
    call = tf.function(
        lambda ids, mask: model(
            {"token_ids": ids, "padding_mask": mask}, training=False
        ),
        reduce_retracing=True,
    )
    return lambda ids, mask: call(tf.constant(ids), tf.constant(mask)).numpy()


def exported_engine(shape, dtype):
    """The graph that `export.to_saved_model(freeze_weights=True)` holds."""
    from export.inference_copy import InferenceCopy
    from xlm_tf import XLMTextEmbedder

    task = XLMTextEmbedder(xlm_tf_model(shape, "float32"))
    copy = InferenceCopy(task, frozen=True, dtype=dtype)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None], tf.bool),
        ]
    )
    def call(ids, mask):
        inputs = {"token_ids": ids, "padding_mask": mask}
        with copy.weights():
            return copy.task.backbone(inputs, training=False)

    return lambda ids, mask: call(tf.constant(ids), tf.constant(mask)).numpy()


def torch_model(shape):
    """transformers' XLM-R with PyTorch, random weights."""
    import transformers

    config = torch_config(shape)
    return transformers.XLMRobertaModel(config, add_pooling_layer=False).eval()


def torch_engine(shape, dtype):
    """transformers, eager, as its users run it."""
    import torch

    device = torch_device()
    model = torch_model(shape).to(device, getattr(torch, dtype))

    def run(ids, mask):
        with torch.inference_mode():
            ids, mask = (torch.from_numpy(x).long().to(device) for x in (ids, mask))
            return model(ids, mask).last_hidden_state.cpu()

    return run


def write_onnx(shape, path):
    """Write transformers' model as ONNX with free batch size and length."""
    import torch

    class Encoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = torch_model(shape)

        def forward(self, ids, mask):
            return self.model(ids, mask).last_hidden_state

    example = (torch.full((2, 16), 5), torch.ones((2, 16), dtype=torch.int64))
    torch.onnx.export(
        Encoder(),
        example,
        path,
        input_names=["ids", "mask"],
        output_names=["states"],
        dynamic_axes={name: {0: "batch", 1: "length"} for name in ("ids", "mask")},
        dynamo=False,
        opset_version=17,
    )


def onnx_engine(shape, dtype):
    """ONNX Runtime on the CPU."""
    import onnxruntime

    if dtype != "float32":
        raise NotImplementedError("its CPU kernels have no bfloat16")
    with tempfile.TemporaryDirectory() as folder:
        write_onnx(shape, str(Path(folder, "encoder.onnx")))
        session = onnxruntime.InferenceSession(
            str(Path(folder, "encoder.onnx")), providers=["CPUExecutionProvider"]
        )
    return lambda ids, mask: session.run(
        None, {"ids": ids.astype("int64"), "mask": mask.astype("int64")}
    )


def openvino_engine(shape, dtype):
    """OpenVINO on the CPU."""
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        write_onnx(shape, str(Path(folder, "encoder.onnx")))
        core = openvino.Core()
        precision = {"float32": "f32", "bfloat16": "bf16"}[dtype]
        model = core.compile_model(
            core.read_model(str(Path(folder, "encoder.onnx"))),
            "CPU",
            {"INFERENCE_PRECISION_HINT": precision},
        )
    return lambda ids, mask: model(
        {"ids": ids.astype("int64"), "mask": mask.astype("int64")}
    )


if __name__ == "__main__":
    main()
