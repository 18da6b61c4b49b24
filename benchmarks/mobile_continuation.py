"""Continuing texts by LiteRT: python benchmarks/mobile_continuation.py MODEL \
--texts en=val.en.gz

A trained `XLMCausalLM`, or what `xlm-tf pretrain` trained by `clm`, and its float32,
float16 and int8 files, one text at a time on one thread, as on a phone: the first half
of each text's words is continued. By the search inside the file, and greedily by
`prefill` and `decode_step`: how many texts are equal to the model's, milliseconds a
token that is written, the reading of what is given included, and size.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from ai_edge_litert import interpreter as litert
from mobile_translation import as_text, read_lines
from rich.console import Console
from rich.progress import track
from rich.table import Table

import export
import xlm_tf


def main():
    """Continue with every engine and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="preset of an XLMCausalLM")
    parser.add_argument(
        "--texts",
        action="append",
        required=True,
        metavar="LANGUAGE=FILE",
        help="one a line, plain or .gz",
    )
    parser.add_argument("--number", type=int, help="texts of a file; default: all")
    parser.add_argument("--max-length", type=int, default=40, help="tokens of a text")
    parser.add_argument("--beams", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--output", default="mobile_continuation.json")
    args = parser.parse_args()
    model = xlm_tf.XLMCausalLM.from_preset(args.model)
    model.preprocessor.sequence_length = args.max_length
    packed = beginnings(args, model)
    stop_id = model.preprocessor.tokenizer.end_token_id
    rows = []
    for beams in args.beams:
        model.compile(sampler=xlm_tf.BeamSearch(beams, early_stopping=beams == 1))
        engines = {"model": (lambda x: model.decode(x).token_ids[0, 0].numpy(), None)}
        with tempfile.TemporaryDirectory() as folder:
            for quantization in (None, "float16", "int8"):
                name = quantization or "float32"
                path = Path(folder, f"{name}.tflite")
                report = export.to_tflite(model, path, quantization=quantization)
                size = report.num_bytes
                engines[name] = search(path), size
                if beams == 1:
                    engines[f"{name}, steps"] = (
                        loop(path, args.max_length, stop_id),
                        size,
                    )
        expected = None
        for name, (engine, size) in engines.items():
            engine(packed[0])
            begun = time.perf_counter()
            found = [
                engine(inputs)
                for inputs in track(packed, f"{name}, {beams} beams", transient=True)
            ]
            seconds = time.perf_counter() - begun
            pad = model.backbone.pad_token_id
            found = [[int(x) for x in ids if x != pad] for ids in found]
            expected = expected or found
            equal = sum(a == b for a, b in zip(found, expected, strict=True))
            rows.append(
                {
                    "engine": name,
                    "beams": beams,
                    "equal_texts": equal / len(found),
                    "tokens": sum(map(len, found)),
                    "ms_a_token": 1000 * seconds / sum(map(len, found)),
                    "megabytes": None if size is None else size / 1e6,
                }
            )
    given = np.mean([x["token_ids"].shape[1] for x in packed])
    title = f"{len(packed)} texts, of {given:.1f} tokens, to {args.max_length}"
    table = Table(title=f"{title}, one at a time")
    for column in rows[0]:
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*(as_text(value) for value in row.values()))
    Console(width=100).print(table)
    Path(args.output).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(f"Written to {args.output}.")


def beginnings(args, model):
    """The first halves of the texts, as inputs of `decode`, each alone."""
    packed = []
    for value in args.texts:
        language, _, path = value.partition("=")
        for text in read_lines(Path(path))[: args.number]:
            words = text.split()
            fields = {"text": [" ".join(words[: len(words) // 2])]}
            if model.preprocessor.languages:
                fields["language"] = [language]
            packed.append(model.preprocessor.generate_preprocess(fields))
    return packed


def search(path):
    """A function from packed inputs to a continuation: the search inside the file."""
    runner = interpreter(path).get_signature_runner("serving_default")
    names = runner.get_input_details()
    return lambda inputs: runner(**{x: inputs[x].numpy() for x in names})[
        "output_token_ids"
    ][0]


def loop(path, max_length, stop_id):
    """The same, by the greedy loop of docs/phones.md."""
    parts = interpreter(path)
    prefill = parts.get_signature_runner("prefill")
    decode_step = parts.get_signature_runner("decode_step")

    def run(inputs):
        given = {x: inputs[x].numpy() for x in inputs if x != "padding_mask"}
        cache = prefill(**given, max_length=np.int32(max_length))
        language = {x: given[x][:, 0] for x in given if x == "language_ids"}
        ids, written = given["token_ids"][0], []
        token = ids[-1]
        while len(ids) + len(written) < max_length:
            answer = decode_step(
                token_ids=np.array([token], "int32"),
                index=np.array([len(ids) - 1 + len(written)], "int32"),
                **language,
                **cache,
            )
            cache = {name: answer[name] for name in cache}
            token = int(np.argmax(answer["logits"][0]))
            written.append(token)
            if token == stop_id:
                break
        return written

    return run


def interpreter(path):
    return litert.Interpreter(model_content=path.read_bytes(), num_threads=1)


if __name__ == "__main__":
    main()
