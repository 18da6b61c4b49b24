"""The applications against transformers: classify, tag, answer; the same weights.

python benchmarks/applications.py --texts news.en.txt --output applications.json

One sentence a line, plain or .gz. An XLM-R of 12 layers of 384 with random weights;
transformers has the same. It classifies and tags by its pipelines, on batches sorted by
length as ours are; it has no pipeline that answers questions any more (5.24), so that
windows, offsets and the choice of the span are written out here as its examples do.
The context is some 2,000 tokens, windows of 384 that share 128.
"""

import argparse
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from predicting import SHAPE, train_proto
from timing import available, report, time_interleaved

import xlm_tf
from xlm_tf.data.plain_text import iterate_plain_text

LENGTH = 128
WINDOW, OVERLAP = 384, 128
QUESTION = "What did they say about it?"


def make_tasks(proto):
    """Our tasks, with random weights: dict."""
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(proto)

    def backbone():
        return xlm_tf.XLMBackbone(
            vocabulary_size=tokenizer.vocabulary_size(),
            max_sequence_length=512,
            position_offset=2,
            num_token_types=1,
            **SHAPE,
        )

    return {
        "classify": xlm_tf.XLMTextClassifier(
            backbone(),
            labels=["a", "b", "c"],
            preprocessor=xlm_tf.XLMTextClassifierPreprocessor(tokenizer, LENGTH),
        ),
        "tag": xlm_tf.XLMTokenClassifier(
            backbone(),
            labels=["O", "B-PER", "I-PER"],
            preprocessor=xlm_tf.XLMTokenClassifierPreprocessor(tokenizer, LENGTH),
        ),
        "answer": xlm_tf.XLMQuestionAnswering(
            backbone(),
            preprocessor=xlm_tf.XLMQuestionAnsweringPreprocessor(tokenizer, WINDOW),
        ),
    }


def torch_tasks(tasks):
    """The same by transformers: dict of functions of a list of texts."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    loaded = {}
    for name, kind in {
        "classify": transformers.AutoModelForSequenceClassification,
        "tag": transformers.AutoModelForTokenClassification,
        "answer": transformers.AutoModelForQuestionAnswering,
    }.items():
        with tempfile.TemporaryDirectory() as folder:
            tasks[name].save_to_huggingface(folder)
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            loaded[name] = kind.from_pretrained(folder).eval(), tokenizer
    pipelines = {
        name: transformers.pipeline(
            task, model=loaded[name][0], tokenizer=loaded[name][1], **arguments
        )
        for name, task, arguments in (
            ("classify", "text-classification", {"top_k": None}),
            ("tag", "token-classification", {"aggregation_strategy": "first"}),
        )
    }

    def answer(contexts):
        model, tokenizer = loaded["answer"]
        found = []
        for context in contexts:
            windows = tokenizer(
                QUESTION,
                context,
                truncation="only_second",
                max_length=WINDOW,
                stride=OVERLAP,
                return_overflowing_tokens=True,
                return_offsets_mapping=True,
                padding=True,
                return_tensors="pt",
            )
            offsets = windows.pop("offset_mapping").numpy()
            windows.pop("overflow_to_sample_mapping")
            is_context = np.array(
                [
                    [x == 1 for x in windows.sequence_ids(row)]
                    for row in range(len(offsets))
                ]
            )
            with torch.no_grad():
                output = model(**windows)
            start, end = (
                np.where(is_context, x.numpy(), -np.inf)
                for x in (output.start_logits, output.end_logits)
            )
            best = (-np.inf,)
            for window in range(len(offsets)):
                scores = start[window][:, None] + end[window][None, :]
                spans = np.triu(np.ones_like(scores, bool))
                spans &= ~np.triu(np.ones_like(scores, bool), 30)
                scores = np.where(spans, scores, -np.inf)
                place = np.unravel_index(scores.argmax(), scores.shape)
                best = max(best, (scores[place], window, *place))
            _, window, first, last = best
            found.append(context[offsets[window][first][0] : offsets[window][last][1]])
        return found

    def sorted_by_length(pipeline):
        return lambda texts: pipeline(sorted(texts, key=len), batch_size=32)

    return {
        "classify": sorted_by_length(pipelines["classify"]),
        "tag": sorted_by_length(pipelines["tag"]),
        "answer": answer,
    }


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", required=True, help="a file, a sentence a line")
    parser.add_argument("--number", type=int, default=128, help="texts at once")
    parser.add_argument("--seconds", type=float, default=20.0, help="per engine")
    parser.add_argument("--output", default="applications.json")
    args = parser.parse_args()
    texts = list(iterate_plain_text([args.texts]))
    proto = train_proto(texts)
    tasks = make_tasks(proto)
    tokenizer = tasks["answer"].preprocessor.tokenizer
    context, count = "", 0
    for text in texts:
        context, count = f"{context} {text}", count + len(tokenizer.encode(text))
        if count >= 2000:
            break
    some = texts[: args.number]
    ours = {
        "classify": lambda x: tasks["classify"].classify(sorted(x, key=len)),
        "tag": lambda x: tasks["tag"].tag(sorted(x, key=len)),
        "answer": lambda x: tasks["answer"].answer([QUESTION] * len(x), x),
    }
    engines = available(
        {"xlm_tf": lambda: ours, "transformers": lambda: torch_tasks(tasks)}
    )
    if len(engines) == 2:
        said = (
            ours["answer"]([context])[0]["answer"],
            engines["transformers"]["answer"]([context])[0],
        )
        print(f"Answers: {said[0]!r} and {said[1].strip()!r}")
    rows = {}
    for name, given, unit in (
        ("classify", some, f"classify {len(some)} texts"),
        ("tag", some, f"tag {len(some)} texts"),
        ("answer", [context], f"answer in {count:,} tokens"),
    ):
        seconds = time_interleaved(
            {
                engine: lambda run=functions[name], given=given: run(given)
                for engine, functions in engines.items()
            },
            args.seconds,
            description=unit,
        )
        rows[unit] = {engine: 1000 * value for engine, value in seconds.items()}
    report("Applications", "ms", rows, "xlm_tf", args.output, shape=SHAPE)


if __name__ == "__main__":
    main()
