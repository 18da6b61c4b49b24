import contextlib

import pytest
import ray.cluster_utils
import yaml

from xlm_tf.text.vocabulary import train_vocabulary


@pytest.fixture(scope="module")
def nodes():
    """A Ray cluster of two nodes on this machine."""
    cluster = ray.cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2}
    )
    cluster.add_node(num_cpus=2)
    yield cluster
    with contextlib.suppress(Exception):  # a node that a test has removed
        cluster.shutdown()


@pytest.fixture(scope="session")
def write_recipe():
    """Function that writes a pretraining of a small model, with its texts: a Path."""

    def write(folder, texts, training, **model):
        for language, lines in texts.items():
            (folder / f"{language}.txt").write_text("\n".join(lines))
        corpora = {key: (lambda own=own: iter(own)) for key, own in texts.items()}
        train_vocabulary(corpora, 40, folder / "vocabulary.spm")
        recipe = {
            "output": "unused",
            "vocabulary": "vocabulary.spm",
            "model": {
                "num_layers": 1,
                "num_heads": 2,
                "hidden_dim": 16,
                "intermediate_dim": 32,
                **model,
            },
            "data": {"monolingual": {name: [f"{name}.txt"] for name in texts}},
            "objectives": {"mlm": 1},
            "training": {
                "batch_size": 4,
                "sequence_length": 32,
                "learning_rate": 1e-2,
                "warmup_steps": 1,
                **training,
            },
        }
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        return folder / "recipe.yaml"

    return write
