"""Programs in forks of one process that has imported TensorFlow, and nothing of ours.

As fresh as processes of their own, without the ten seconds of the import.
"""

import importlib
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path

from export import fresh_process

REAL = fresh_process.run_program
PROGRAMS = ["export.run_saved_model", "export.run_tflite"]


def start():
    """The context of processes that are forked from one with the programs' imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PROGRAMS)
    return context


def run_program(context, module, *arguments):
    """As `export.fresh_process.run_program`."""
    with tempfile.TemporaryDirectory() as folder:
        errors = Path(folder, "errors.txt")
        process = context.Process(
            target=_main, args=(errors, module, *map(str, arguments))
        )
        process.start()
        process.join()
        text = errors.read_text(errors="replace") if errors.exists() else ""
        return text or f"exit code {process.exitcode}" if process.exitcode else None


def _main(errors, module, *arguments):
    file = os.open(errors, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, sys.stderr.fileno())
    importlib.import_module(module).main(*arguments)
