"""Translation by LiteRT: python benchmarks/mobile_translation.py --model DIR \
--sources test.en.gz --references test.de.gz

A trained `XLMSeq2SeqLM`, and its float32 and int8 files, one text at a time as on a
phone: how many texts are equal to the model's, BLEU, milliseconds a text, and size.
"""

import argparse
import gzip
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from ai_edge_litert import interpreter as litert
from rich.console import Console
from rich.progress import track
from rich.table import Table

import export
import xlm_tf
from xlm_tf.evaluation.translation_scores import translation_scores


def main():
    """Translate with every engine and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="preset of an XLMSeq2SeqLM")
    parser.add_argument("--sources", type=Path, required=True, help="one per line, .gz")
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--target-language", default="de", help="of the references")
    parser.add_argument("--num-texts", type=int, help="the first; default: all")
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--output", default="mobile_translation.json")
    args = parser.parse_args()
    model = xlm_tf.XLMSeq2SeqLM.from_preset(args.model)
    sources = read_lines(args.sources)[: args.num_texts]
    references = [[x] for x in read_lines(args.references)[: args.num_texts]]
    packed = [model.preprocessor.generate_preprocess({"text": [x]}) for x in sources]
    rows = []
    for beams in args.beams:
        search = xlm_tf.BeamSearch(beams, early_stopping=beams == 1)
        model.compile(sampler=search)
        engines = {"model": (lambda x: model.decode(x).token_ids[:, 0].numpy(), None)}
        with tempfile.TemporaryDirectory() as folder:
            for quantization in (None, "int8"):
                name = quantization or "float32"
                path = Path(folder, f"{name}.tflite")
                report = export.to_tflite(model, path, quantization=quantization)
                engines[name] = (litert_engine(path), report.num_bytes)
        expected = None
        for name, (engine, size) in engines.items():
            engine(packed[0])
            begun = time.perf_counter()
            ids = [
                engine(inputs)
                for inputs in track(packed, f"{name}, {beams} beams", transient=True)
            ]
            seconds = time.perf_counter() - begun
            texts = [
                model.preprocessor.generate_postprocess(x).numpy()[0].decode()
                for x in ids
            ]
            expected = expected or texts
            equal = sum(a == b for a, b in zip(texts, expected, strict=True))
            scores = translation_scores(texts, references, args.target_language)
            rows.append(
                {
                    "engine": name,
                    "beams": beams,
                    "bleu": scores.bleu,
                    "chrf": scores.chrf,
                    "equal_texts": equal / len(texts),
                    "ms_a_text": 1000 * seconds / len(texts),
                    "megabytes": None if size is None else size / 1e6,
                }
            )
    table = Table(title=f"{len(sources)} texts, one at a time")
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(as_text(value) for value in row.values()))
    Console(width=100).print(table)
    Path(args.output).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(f"Written to {args.output}.")


def read_lines(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def litert_engine(path):
    """A function from packed inputs to target ids."""
    interpreter = litert.Interpreter(model_content=path.read_bytes(), num_threads=1)
    runner = interpreter.get_signature_runner("serving_default")
    names = runner.get_input_details()

    def run(inputs):
        ids = {name: inputs[name].numpy() for name in names}
        length = int(inputs["encoder_padding_mask"].numpy().sum())
        for name in ids:
            if name.startswith("encoder_"):
                ids[name] = ids[name][:, :length]
        return runner(**ids)["output_token_ids"]

    return run


def as_text(value):
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
