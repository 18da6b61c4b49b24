"""Checkpoints of real size: converted, compared with transformers, timed, weighed.

python benchmarks/checkpoints.py    # needs 6 GB of disk for a while, 12 GB of memory

Random weights in the shapes of XLM-R base and of XLM-MLM-100, each in a process of its
own, so that its memory can be read off.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

XLMR = {
    "vocab_size": 250002,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
}
XLM_100 = {
    "vocab_size": 200000,
    "emb_dim": 1280,
    "n_layers": 16,
    "n_heads": 16,
    "n_langs": 100,
    "use_lang_emb": False,
    "gelu_activation": True,
}
MODELS = {
    "XLM-R base": ("XLMRobertaForMaskedLM", XLMR),
    "XLM-MLM-100": ("XLMWithLMHeadModel", XLM_100),
}


def memory():
    """Most bytes that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def make(folder, class_name, values):
    """A random checkpoint, and what transformers computes with it."""
    import torch
    import transformers

    torch.manual_seed(0)
    model_class = getattr(transformers, class_name)
    model = model_class(model_class.config_class(**values)).eval()
    model.save_pretrained(folder)
    ids = np.random.default_rng(0).integers(4, 200_000, (4, 64))
    ids[1, 40:] = ids[2, 20:] = model.config.pad_token_id
    mask = ids != model.config.pad_token_id
    begun = time.perf_counter()
    with torch.no_grad():
        outputs = model(
            torch.tensor(ids),
            attention_mask=torch.tensor(mask).long(),
            output_hidden_states=True,
        )
    np.savez(
        folder / "expected.npz",
        ids=ids,
        mask=mask,
        states=outputs.hidden_states[-1].numpy(),
        logits=outputs.logits.numpy(),
    )
    return {"forward_s": time.perf_counter() - begun}


def load_theirs(folder, class_name):
    """Seconds and peak memory of transformers' loading."""
    import transformers

    before, begun = memory(), time.perf_counter()
    getattr(transformers, class_name).from_pretrained(folder)
    seconds = time.perf_counter() - begun
    return {"load_s": seconds, "peak_bytes": memory() - before}


def load_ours(folder):
    """Seconds, peak memory and differences of our loading."""
    import xlm_tf

    xlm_tf.XLMBackbone(10, 1, 1, 8, 16)  # TensorFlow has started
    before, begun = memory(), time.perf_counter()
    masked_lm = xlm_tf.XLMMaskedLM.from_preset(folder)
    seconds = time.perf_counter() - begun
    peak = memory() - before
    expected = np.load(folder / "expected.npz")
    mask = expected["mask"]
    inputs = {"token_ids": expected["ids"].astype("int32"), "padding_mask": mask}
    states = np.asarray(masked_lm.backbone(inputs))[mask]
    logits = np.asarray(masked_lm(inputs))[mask]
    others = expected["logits"][mask]
    return {
        "load_s": seconds,
        "peak_bytes": peak,
        "states_difference": float(np.abs(states - expected["states"][mask]).max()),
        "logits_difference": float(np.abs(logits - others).max()),
        "same_argmax": bool((logits.argmax(-1) == others.argmax(-1)).all()),
    }


def in_process(*arguments):
    """The JSON that this script prints in a process of its own."""
    result = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


def main():
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", nargs="?", choices=("make", "theirs", "ours"))
    parser.add_argument("model", nargs="?")
    parser.add_argument("folder", nargs="?", type=Path)
    args = parser.parse_args()
    if args.step:
        class_name, values = MODELS[args.model]
        if args.step == "make":
            result = make(args.folder, class_name, values)
        elif args.step == "theirs":
            result = load_theirs(args.folder, class_name)
        else:
            result = load_ours(args.folder)
        print(json.dumps(result))
        return
    for name in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            in_process("make", name, folder)
            size = Path(folder, "model.safetensors").stat().st_size
            theirs = in_process("theirs", name, folder)
            ours = in_process("ours", name, folder)
        print(
            f"{name}, {size / 1e9:.2f} GB: loaded in {ours['load_s']:.1f} s "
            f"(transformers {theirs['load_s']:.1f} s), peak memory "
            f"{ours['peak_bytes'] / size:.2f} x the file "
            f"(transformers {theirs['peak_bytes'] / size:.2f} x); hidden states differ "
            f"by {ours['states_difference']:.1e}, logits by "
            f"{ours['logits_difference']:.1e}, argmax "
            f"{'equal' if ours['same_argmax'] else 'different'}"
        )


if __name__ == "__main__":
    main()
