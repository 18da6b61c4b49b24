"""What tests of trainings share."""

import contextlib
import itertools
import json
import os
import socket
import subprocess
import sys

import pytest

from xlm_tf.training import task_finetuning
from xlm_tf.training.task_finetuning import finetune_task


@pytest.fixture
def stop_at(monkeypatch):
    """Function that runs a recipe and stops it after so many steps of all runs."""

    def run(recipe, step):
        original = task_finetuning._TaskRun.on_train_batch_end
        steps = itertools.count(1)

        def stop(self, batch, logs=None):
            self.stop_requested |= next(steps) == step
            original(self, batch, logs)

        with monkeypatch.context() as patch:
            patch.setattr(task_finetuning._TaskRun, "on_train_batch_end", stop)
            return finetune_task(recipe, quiet=True)

    return run


@pytest.fixture(scope="session")
def start_workers():
    """Function that starts a pretraining in two processes, as on two machines."""

    def start(recipe, output):
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
            for free in sockets:
                free.bind(("127.0.0.1", 0))
            cluster = {"worker": [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]}
        tasks = [{"type": "worker", "index": index} for index in range(2)]
        arguments = ["pretrain", str(recipe), "--output", str(output)]
        return [
            subprocess.Popen(
                [sys.executable, "-u", "-m", "xlm_tf.cli", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={
                    **os.environ,
                    "CUDA_VISIBLE_DEVICES": "-1",
                    "TF_CONFIG": json.dumps({"cluster": cluster, "task": task}),
                },
            )
            for task in tasks
        ]

    return start
