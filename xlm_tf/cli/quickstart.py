"""`xlm-tf quickstart`: the whole path once, on real text, in about 15 minutes."""

import contextlib
import dataclasses
import json
import os
import shlex
import shutil
import time
from pathlib import Path

from xlm_tf.output_files import whole_file

# Raised when older results are no longer comparable: another corpus, another way to
# train or to count. What `Scale` says is compared beside it.
RESULTS_VERSION = 2
STAGES = 9


def add_arguments(parser):
    """Add the arguments of `quickstart`."""
    parser.add_argument(
        "--output",
        default="quickstart-results",
        help="folder of everything that is made (default: %(default)s)",
    )
    parser.add_argument(
        "--tiny",
        action="store_true",
        help="a few steps of a tiny model: to see that all works, not what it reaches",
    )


def run(args):
    """Vocabulary, pretraining, fine-tuning, evaluation, export, serving, report.

    The encoder is fine-tuned twice with the same budget, from random weights and after
    pretraining: that shows what pretraining gives. Every stage that was finished is
    skipped when the command is run again, and pretraining continues at its last
    checkpoint.

    Args:
        args: `argparse.Namespace` with the arguments above.

    Returns:
        int, 0.

    Raises:
        ValueError: the corpus cannot be downloaded, the folder holds something else or
            results of another version, or the extra `quickstart` is not installed.
    """
    try:
        from xlm_tf.cli import quickstart_report as report
        from xlm_tf.cli import quickstart_serving as serving
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error}. The quickstart needs: pip install 'xlm-tf[quickstart]'"
        ) from error
    from xlm_tf.cli import quickstart_corpus as corpora
    from xlm_tf.cli import quickstart_training as training
    from xlm_tf.models.loading import load_task

    directory = Path(args.output)
    if set("*?[") & set(str(directory.absolute())):
        # TensorFlow takes the path of a checkpoint for a pattern.
        raise ValueError(
            "--output must lie in a path without '*', '?' and '[', in which TensorFlow "
            f"finds no SavedModel. Received: {directory.absolute()}"
        )
    scale = training.TINY if args.tiny else training.FULL
    results = _Results(directory, "tiny" if args.tiny else "full", scale)
    retrieval = results.part("retrieval")
    stage = _Stages(results)

    with stage("corpus", "Message catalogues of eight packages"):
        corpus = corpora.read_corpus(corpora.download_wheels(directory / "wheels"))
        results["corpus"] = {
            "messages": len(corpus.translations),
            "held_out": len(corpus.held_out),
        }
        print(
            f"{len(corpus.translations):,} messages in 15 languages, "
            f"{len(corpus.held_out):,} of them held out"
        )
        training.write_corpus(corpus, directory / "corpus")

    with stage("vocabulary", "One vocabulary for 15 languages"):
        vocabulary = directory / "vocabulary.model"
        if not vocabulary.exists():
            training.make_vocabulary(corpus, vocabulary)
    recipe = training.write_recipe(directory, scale)

    with stage("random weights", "What retrieval is without any training"):
        if "random" not in retrieval:
            embedder = training.random_embedder(recipe)
            retrieval["random"] = training.evaluate_retrieval(
                training.embed_with(embedder), corpus
            )
            results.save()
        _print_accuracy(report, retrieval, "random")

    curves = {
        "scratch": directory / "fine-tuning-from-random.jsonl",
        "finetuned": directory / "fine-tuning.jsonl",
    }
    with stage("no pretraining", "For comparison: fine-tuning without pretraining"):
        if "scratch" not in retrieval:
            embedder = training.random_embedder(recipe)
            training.finetune_embedder(embedder, corpus, scale, curves["scratch"])
            retrieval["scratch"] = training.evaluate_retrieval(
                training.embed_with(embedder), corpus
            )
            results.save()
        _print_accuracy(report, retrieval, "scratch")

    fine_tuned = directory / "embedder"
    with stage("pretraining", f"Pretraining with MLM and TLM: {recipe.output}"):
        if not fine_tuned.exists():
            embedder = training.pretrained_embedder(recipe)
            if "pretrained" not in retrieval:
                retrieval["pretrained"] = training.evaluate_retrieval(
                    training.embed_with(embedder), corpus
                )
                results.save()
        _print_accuracy(report, retrieval, "pretrained")

    with stage("fine-tuning", "Fine-tuning the embedder on translations"):
        if not fine_tuned.exists():
            training.finetune_embedder(embedder, corpus, scale, curves["finetuned"])
            _save_whole(embedder, fine_tuned)
        embedder = load_task(fine_tuned)
        if "finetuned" not in retrieval:
            retrieval["finetuned"] = training.evaluate_retrieval(
                training.embed_with(embedder), corpus
            )
            results.save()
        _print_accuracy(report, retrieval, "finetuned")

    with stage("routing", "A classifier that learns in English and reads 15 languages"):
        saved = directory / "classifier"
        if not saved.exists():
            classifier = training.train_classifier(embedder, corpus, scale)
            _save_whole(classifier, saved)
        classifier = load_task(saved)
        results["labels"] = classifier.labels
        results["routing"] = training.evaluate_routing(classifier, corpus)
        for language, row in results["routing"].items():
            print(
                f"  {language}: {row['accuracy']:.0%} of {row['messages']} messages "
                f"(majority class {row['majority']:.0%})"
            )

    with stage("export", "SavedModel and int8 TFLite"):
        paths = serving.export_models(embedder, classifier, directory)
        results["artefacts"] = {
            name: [str(path.relative_to(directory)), _num_bytes(path)]
            for name, path in paths.items()
        }
        litert = serving.TFLiteEmbedder(
            paths["embedder int8 TFLite"], embedder.preprocessor
        )
        results["int8"] = training.evaluate_retrieval(litert, corpus, ["fr"])["fr"]

    with stage("serving", "Asking the served models by HTTP and gRPC"):
        results["served"] = serving.ask(directory / "models")
        results["served"]["latency_ms"]["int8 TFLite, 1 text"] = litert.latency()
        for text, label, probability in results["served"]["routing"]:
            print(f"  {text} -> {label} ({probability:.0%})")
        for name, latency in results["served"]["latency_ms"].items():
            print(f"  {name}: {latency['median']} ms (95 %: {latency['p95']} ms)")

    results["seconds"]["total"] = sum(
        seconds for name, seconds in results["seconds"].items() if name != "total"
    )
    results.save()
    metrics_file = recipe.output / "metrics.jsonl"
    report.draw_picture(results, metrics_file, curves, directory / "results.png")
    report.write_report(results, directory / "report.md")
    print(
        f"\nRetrieval: {report.mean_accuracy(retrieval['random']):.0%} with random "
        f"weights, {report.mean_accuracy(retrieval['scratch']):.0%} fine-tuned from "
        f"these, {report.mean_accuracy(retrieval['finetuned']):.0%} pretrained and "
        f"fine-tuned. Look at {directory / 'report.md'} and "
        f"{directory / 'results.png'}.\nServe the models yourself: xlm-tf serve "
        f"{shlex.quote(str(directory / 'models'))}"
    )
    return 0


class _Results(dict):
    """What was found so far, kept in `results.json`."""

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


class _Stages:
    """Says what begins, and how long it took, over all starts of the command."""

    def __init__(self, results):
        self.results = results
        self.number = 0

    @contextlib.contextmanager
    def __call__(self, name, title):
        from rich.console import Console

        self.number += 1
        console = Console()
        console.print(f"\n[bold]{self.number}/{STAGES} {title}[/bold]")
        begun = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - begun
            seconds = self.results["seconds"]
            seconds[name] = round(seconds.get(name, 0) + took, 1)
            self.results.save()
        console.print(f"[dim]{took:.0f} s[/dim]")


def _print_accuracy(report, retrieval, stage):
    accuracy = report.mean_accuracy(retrieval[stage])
    print(f"Retrieval, {report.STAGES[stage]}: {accuracy:.1%} on average")


def _save_whole(task, directory):
    """Save a preset; a crash leaves none."""
    partial = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    task.save_to_preset(partial)
    os.replace(partial, directory)


def _num_bytes(path):
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
    return sum(file.stat().st_size for file in files)
