"""Interleaved timing: every engine in turn, again and again, medians and ratios.

The machines are noisy: what happens to them in one round happens to all engines.

The benchmarks of layers and training run on a GPU where TensorFlow sees one. There,
TensorFlow and PyTorch need a process each, by `--engines`: their CUDA libraries do not
share one. Each is imported only where an engine needs it.
"""

import json
import os

# On a GPU, TensorFlow takes what it needs, so that PyTorch has memory too.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import platform
import statistics
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

# The policies of Keras by the names of the dtypes.
DTYPES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


def time_interleaved(functions, seconds=10.0, min_rounds=5, description=""):
    """Time functions in turn.

    Args:
        functions: dict from name to a function without arguments that returns when
            its work is done.
        seconds: float, time to spend on each function.
        min_rounds: int, calls of each at least.
        description: str, for the progress bar.

    Returns:
        dict from name to median seconds.
    """
    once = {}
    for name, function in functions.items():
        function()  # compiles, allocates
        begun = time.perf_counter()
        function()
        once[name] = time.perf_counter() - begun
    rounds = max(min_rounds, int(seconds / statistics.mean(once.values())))
    times = {name: [] for name in functions}
    for _ in track(range(rounds), description=description, transient=True):
        for name, function in functions.items():
            begun = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in times.items()}


def report(title, unit, rows, baseline, path, **settings):
    """Print a table of values with ratios to a baseline, and write a JSON.

    Args:
        title: str.
        unit: str, such as "ms" (less is better) or "tokens/s" (more is better).
        rows: dict from setting, such as "8x128 float32", to {engine: value}.
        baseline: str, the engine that the ratios are to; above 1 is faster.
        path: str or Path of the JSON.
        **settings: what else the JSON should hold.
    """
    engines = list(dict.fromkeys(name for row in rows.values() for name in row))
    table = Table(title=f"{title}, {unit} (speed against {baseline})")
    table.add_column("")
    for name in engines:
        table.add_column(name, justify="right")
    ratios = {}
    for setting, row in rows.items():
        ratios[setting] = {
            name: _speed(row, name, baseline, unit) for name in row if baseline in row
        }
        cells = [
            f"{row[name]:,.1f} ({ratios[setting].get(name, float('nan')):.2f}x)"
            if name in row
            else "-"
            for name in engines
        ]
        table.add_row(setting, *cells)
    Console(width=max(100, 24 * (len(engines) + 1))).print(table)
    document = {
        "title": title,
        "unit": unit,
        "baseline": baseline,
        "machine": machine(),
        **settings,
        "values": rows,
        "speed_against_baseline": ratios,
    }
    Path(path).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"Written to {path}.")


def machine():
    """The processor's name and cores, and the GPUs that TensorFlow or PyTorch sees."""
    gpus = []
    if "tensorflow" in sys.modules:
        config = sys.modules["tensorflow"].config
        gpus = [
            config.experimental.get_device_details(device).get("device_name", "GPU")
            for device in config.list_physical_devices("GPU")
        ]
    if not gpus and "torch" in sys.modules and torch_device() == "cuda":
        gpus = [sys.modules["torch"].cuda.get_device_name()]
    processor = platform.processor() or platform.machine()
    return ", ".join([processor, f"{os.cpu_count()} cores", *gpus])


def peak_memory():
    """MB that an engine's process held on the GPU at most; {} without one."""
    peaks = {}
    tf, torch = (sys.modules.get(name) for name in ("tensorflow", "torch"))
    if tf and tf.config.list_physical_devices("GPU"):
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        peaks["TensorFlow"] = round(peak / 1e6)
    if torch and torch_device() == "cuda":
        peaks["PyTorch"] = round(torch.cuda.max_memory_allocated() / 1e6)
    return peaks


def _speed(row, name, baseline, unit):
    ratio = row[baseline] / row[name]
    return ratio if unit == "ms" else 1 / ratio


def encoder_shape(args):
    """Arguments of an encoder by `--vocabulary-size`, `--layers`, `--hidden-dim`."""
    return {
        "vocabulary_size": args.vocabulary_size,
        "num_layers": args.layers,
        "num_heads": args.hidden_dim // 64,
        "hidden_dim": args.hidden_dim,
        "intermediate_dim": 4 * args.hidden_dim,
    }


def torch_config(shape, **arguments):
    """transformers' configuration of an XLM-R of such a shape."""
    import transformers

    return transformers.XLMRobertaConfig(
        vocab_size=shape["vocabulary_size"],
        num_hidden_layers=shape["num_layers"],
        num_attention_heads=shape["num_heads"],
        hidden_size=shape["hidden_dim"],
        intermediate_size=shape["intermediate_dim"],
        max_position_embeddings=514,
        type_vocab_size=1,
        **arguments,
    )


def torch_device():
    """Where PyTorch's engines run: "cuda" where it sees a GPU, otherwise "cpu"."""
    import torch

    torch.set_num_threads(os.cpu_count())
    return "cuda" if torch.cuda.is_available() else "cpu"


def available(builders, names=None):
    """Build what is installed: dict from name to builder -> name to result.

    Says of every other engine why it is left out. `names`, if given, are the only ones
    to build.
    """
    built = {}
    for name, builder in builders.items():
        if names and name not in names:
            continue
        try:
            built[name] = builder()
        except ImportError as error:
            print(f"{name} is left out: {error}. pip install 'xlm-tf[bench]'")
        except Exception as error:
            print(f"{name} is left out: {type(error).__name__}: {str(error)[:200]}")
    return built
