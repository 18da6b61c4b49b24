"""The quickstart's stages, one after the other."""

import os
import shlex
import shutil

from xlm_tf.models.loading import load_task
from xlm_tf.quickstart import evaluation, report, serving, training
from xlm_tf.quickstart.corpus import download_wheels, read_corpus
from xlm_tf.quickstart.results import Results, Stages


def run(directory, tiny=False):
    """Vocabulary, pretraining, fine-tuning, evaluation, export, serving, report.

    The encoder is fine-tuned twice with the same budget, from random weights and after
    pretraining: that shows what pretraining gives. Every stage that was finished is
    skipped when this is called again, and pretraining continues at its last checkpoint.

    Args:
        directory: Path of everything that is made.
        tiny: bool, a few steps of a tiny model, to see that all works.

    Raises:
        ValueError: the corpus cannot be downloaded, or the folder holds something else
            or results of another version.
    """
    scale = training.TINY if tiny else training.FULL
    results = Results(directory, "tiny" if tiny else "full", scale)
    retrieval = results.part("retrieval")
    stage = Stages(results)

    with stage("corpus", "Message catalogues of eight packages"):
        corpus = read_corpus(download_wheels(directory / "wheels"))
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
            retrieval["random"] = evaluation.evaluate_retrieval(
                evaluation.embed_with(embedder), corpus
            )
            results.save()
        _print_accuracy(retrieval, "random")

    curves = {
        "scratch": directory / "fine-tuning-from-random.jsonl",
        "finetuned": directory / "fine-tuning.jsonl",
    }
    with stage("no pretraining", "For comparison: fine-tuning without pretraining"):
        if "scratch" not in retrieval:
            embedder = training.random_embedder(recipe)
            training.finetune_embedder(embedder, corpus, scale, curves["scratch"])
            retrieval["scratch"] = evaluation.evaluate_retrieval(
                evaluation.embed_with(embedder), corpus
            )
            results.save()
        _print_accuracy(retrieval, "scratch")

    fine_tuned = directory / "embedder"
    with stage("pretraining", f"Pretraining with MLM and TLM: {recipe.output}"):
        if not fine_tuned.exists():
            embedder = training.pretrained_embedder(recipe)
            if "pretrained" not in retrieval:
                retrieval["pretrained"] = evaluation.evaluate_retrieval(
                    evaluation.embed_with(embedder), corpus
                )
                results.save()
        _print_accuracy(retrieval, "pretrained")

    with stage("fine-tuning", "Fine-tuning the embedder on translations"):
        if not fine_tuned.exists():
            training.finetune_embedder(embedder, corpus, scale, curves["finetuned"])
            _save_whole(embedder, fine_tuned)
        embedder = load_task(fine_tuned)
        if "finetuned" not in retrieval:
            retrieval["finetuned"] = evaluation.evaluate_retrieval(
                evaluation.embed_with(embedder), corpus
            )
            results.save()
        _print_accuracy(retrieval, "finetuned")

    with stage("routing", "A classifier that learns in English and reads 15 languages"):
        saved = directory / "classifier"
        if not saved.exists():
            classifier = training.train_classifier(embedder, corpus, scale)
            _save_whole(classifier, saved)
        classifier = load_task(saved)
        results["labels"] = classifier.labels
        results["routing"] = evaluation.evaluate_routing(classifier, corpus)
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
        results["int8"] = evaluation.evaluate_retrieval(litert, corpus, ["fr"])["fr"]

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


def _print_accuracy(retrieval, stage):
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
