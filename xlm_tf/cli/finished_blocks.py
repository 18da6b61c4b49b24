"""What a command on a cluster has done when it ends before its time, to go on with."""

import contextlib
import itertools
import json
import os
import shutil
import sys
from pathlib import Path

from xlm_tf.cli.text_lines import STANDARD_STREAM
from xlm_tf.data.file_content import File
from xlm_tf.output_files import full_disk_named, lock_folder, unlock_folder, whole_file
from xlm_tf.training.input_files import differences
from xlm_tf.version import __version__

# Arguments that change nothing in the results, or say only where files are.
_WITHOUT_EFFECT = {"cluster", "workers", "run", "debug", "subcommand"}
_PLACES = {"input", "inputs", "output", "output_dir", "model"}
_PLAN = "plan.json"
_BLOCKS = "blocks.jsonl"


@contextlib.contextmanager
def finished_blocks(args, output, inputs):
    """Keep the results of blocks beside an output until it is written.

    They lie in the folder `OUTPUT.unfinished`, and the same command on the same input
    goes on behind them, wherever input and model are now. Where either has changed, or
    an argument, it begins anew and says so. Only on a cluster, and from a file to a
    file.

    Args:
        args: `argparse.Namespace` of the command, with those of a cluster.
        output: str, file.
        inputs: list of str: the input and the model.

    Yields:
        function of a function from items to their results, and of the items: iterates
        over all results, which JSON can hold.

    Raises:
        ValueError: another process works on the same.
    """
    if args.cluster is None or any(map(_is_stream, (output, *inputs))):
        yield lambda map_items, items: map_items(items)
        return
    folder = Path(f"{output}.unfinished")
    plan = _plan_of(args, output, inputs)
    folder.mkdir(parents=True, exist_ok=True)
    lock_folder(folder)
    try:
        path, blocks = folder / _PLAN, folder / _BLOCKS
        before = json.loads(path.read_text("utf-8")) if path.exists() else {}
        if before != plan:
            if blocks.exists():
                changed = ", ".join(sorted(differences(before, plan, where="")))
                print(f"Beginning anew: other {changed} than before.", file=sys.stderr)
                blocks.unlink()
            with whole_file(path) as partial:
                partial.write_text(json.dumps(plan), encoding="utf-8")
        yield lambda map_items, items: _results(map_items, items, blocks)
    except BaseException:
        unlock_folder(folder)
        if not blocks.exists() or not blocks.stat().st_size:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    unlock_folder(folder)
    shutil.rmtree(folder)


def _results(map_items, items, path):
    done, end = 0, 0
    if path.exists():
        with open(path, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):  # its writer was killed
                    break
                yield json.loads(line)
                done, end = done + 1, end + len(line)
        os.truncate(path, end)
    if done:
        print(f"Continuing behind {done:,} parts of the input.", file=sys.stderr)
    with full_disk_named(path), open(path, "a", encoding="utf-8") as file:
        for result in map_items(itertools.islice(items, done, None)):
            print(json.dumps(result), file=file, flush=True)
            yield result


def _is_stream(path):
    """Whether to look at what is there would take it away, as of a pipe: bool."""
    own = Path(path)
    is_special = own.exists() and not own.is_file() and not own.is_dir()
    return path == STANDARD_STREAM or is_special


def _plan_of(args, output, inputs):
    """What the results depend on, as JSON has it."""
    left_out = _WITHOUT_EFFECT | _PLACES
    plan = {
        "xlm_tf": __version__,
        **{name: x for name, x in vars(args).items() if name not in left_out},
        # They may say which format it is.
        "endings": [Path(path).suffixes[-2:] for path in (output, *inputs)],
        **dict(zip(("input", "model"), map(_content_of, inputs), strict=True)),
    }
    return json.loads(json.dumps(plan, default=str))


def _content_of(path):
    """What tells that a file, or all files in a folder, are those of before."""
    path = Path(path)
    if path.is_dir():
        return {own.name: _content_of(own) for own in sorted(path.iterdir())}
    if not path.exists():  # some models are names of no file
        return str(path)
    file = File.of(path)
    return [file.bytes, file.crc32]
