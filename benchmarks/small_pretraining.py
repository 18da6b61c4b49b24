"""Small pretrainings by `xlm-tf pretrain`, which benchmarks compare."""

import json
import subprocess
import sys

import yaml

MODEL = {
    "num_layers": 2,
    "num_heads": 4,
    "hidden_dim": 128,
    "intermediate_dim": 512,
    "max_sequence_length": 128,
    "position_offset": 2,
    "language_embeddings": True,
}


def run(*command):
    """Run `xlm-tf` with arguments."""
    subprocess.run([sys.executable, "-m", "xlm_tf.cli", *map(str, command)], check=True)


def train_vocabulary(path, size, corpora):
    """Train a vocabulary on a dict from languages to files."""
    named = [f"--corpus={language}={file}" for language, file in corpora.items()]
    run("vocabulary", "--size", size, "--output", path, *named)


def pretrain(folder, name, vocabulary, data, held_out, training, **fields):
    """Train a model, score it at the end, and print what it reaches.

    Args:
        folder: Path of recipe and output.
        name: str, of the output and in what is printed.
        vocabulary: Path.
        data, held_out: dicts from languages to files.
        training: dict with `steps`, and what differs from the training here.
        fields: other fields of the recipe, such as `objectives`.

    Returns:
        dict from language to the perplexity of its held-out text.
    """
    recipe = {
        "output": str(folder / name),
        "vocabulary": str(vocabulary),
        "model": MODEL,
        "data": {"monolingual": {x: [str(path)] for x, path in data.items()}},
        "held_out": {
            "monolingual": {x: [str(path.absolute())] for x, path in held_out.items()}
        },
        "objectives": {"mlm": 1},
        **fields,
        "training": {
            "batch_size": 16,
            "sequence_length": 128,
            "learning_rate": 2.0e-3,
            "schedule": "cosine",
            "warmup_steps": training["steps"] // 10,
            "evaluate_every": training["steps"],
            **training,
        },
    }
    path = folder / "pretraining.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    run("pretrain", path, "--quiet")
    metrics = (folder / name / "metrics.jsonl").read_text(encoding="utf-8")
    last = json.loads(metrics.splitlines()[-1])
    (objective,) = recipe["objectives"]
    perplexities = {
        language: last[f"perplexity/{objective}/{language}"] for language in held_out
    }
    print(f"{name}: {perplexities}", flush=True)
    return perplexities
