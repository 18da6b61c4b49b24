"""What the quickstart found so far, and which of its stages runs."""

import contextlib
import dataclasses
import json
import time

from rich.console import Console

from xlm_tf.output_files import whole_file

# Raised when older results are no longer comparable: another corpus, another way to
# train or to count. What `Scale` says is compared beside it.
RESULTS_VERSION = 2
NUM_STAGES = 9


class Results(dict):
    """What was found so far, kept in `results.json`.

    Args:
        directory: Path of the quickstart's folder.
        name: str, of the scale.
        scale: `xlm_tf.quickstart.training.Scale`.

    Raises:
        ValueError: the folder holds something else, or results of another scale or
            version.
    """

    def __init__(self, directory, name, scale):
        made_with = {"version": RESULTS_VERSION, **dataclasses.asdict(scale)}
        super().__init__(scale=name, made_with=made_with, seconds={})
        self.path = directory / "results.json"
        if self.path.exists():
            before = self._read()
            if before.get("scale") != name:
                raise ValueError(
                    f"{directory} holds a {before.get('scale')} run. Choose another "
                    f"--output for a {name} one, or delete it."
                )
            if before.get("made_with") != made_with:
                raise ValueError(
                    f"{directory} holds results of another version of the quickstart, "
                    "which cannot be compared or continued. Choose another --output, "
                    f"or delete it. Received: {before.get('made_with')}, expected "
                    f"{made_with}."
                )
            self.update(before)
        elif directory.exists() and {file.name for file in directory.iterdir()} - {
            "wheels"  # may be downloaded ahead
        }:
            self._refuse()
        self.save()

    def _read(self):
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError:
            self._refuse()
        if not isinstance(content, dict):
            self._refuse()
        return content

    def _refuse(self):
        raise ValueError(
            f"{self.path.parent} exists and is no folder of a quickstart. Choose "
            "another --output."
        )

    def part(self, name):
        """A dict within the results."""
        return self.setdefault(name, {})

    def save(self):
        """Write `results.json`; a crash leaves the old one or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path) as partial:
            partial.write_text(json.dumps(self, indent=2), encoding="utf-8")


class Stages:
    """Says what begins, and how long it took, over all starts of the command."""

    def __init__(self, results):
        self.results = results
        self.number = 0

    @contextlib.contextmanager
    def __call__(self, name, title):
        self.number += 1
        console = Console()
        console.print(f"\n[bold]{self.number}/{NUM_STAGES} {title}[/bold]")
        begun = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - begun
            seconds = self.results["seconds"]
            seconds[name] = round(seconds.get(name, 0) + took, 1)
            self.results.save()
        console.print(f"[dim]{took:.0f} s[/dim]")
