"""Sentences a second of both tokenizers against the reference implementations.

python benchmarks/tokenizing.py --xlmr sentencepiece.bpe.model \\
    --xlm-vocabulary vocab_xnli_15 --xlm-codes codes_xnli_15 --text de=news.de.txt

One sentence a line, plain or .gz. In graph, texts come in batches of 256.
"""

import argparse
import json
import tempfile
from pathlib import Path

from timing import available, report, time_interleaved

import xlm_tf
from xlm_tf.data.plain_text import iterate_plain_text

BATCH_SIZE = 256


def batches(texts):
    """Lists of 256 texts."""
    return [texts[i : i + BATCH_SIZE] for i in range(0, len(texts), BATCH_SIZE)]


def in_graph(tokenizer, texts, **arguments):
    """A function that tokenises all texts by a compiled graph."""
    import tensorflow as tf

    tokenize = tf.function(
        lambda x: tokenizer(x, **arguments).flat_values,
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tensors = [tf.constant(batch) for batch in batches(texts)]
    return lambda: [tokenize(batch).numpy() for batch in tensors]


def xlmr_engines(path, texts):
    """dict from engine to a function that tokenises all texts."""

    def sentencepiece():
        import sentencepiece

        processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        return lambda: [processor.encode(text) for text in texts]

    def transformers():
        import transformers

        folder = Path(tempfile.mkdtemp())
        (folder / "sentencepiece.bpe.model").write_bytes(Path(path).read_bytes())
        (folder / "config.json").write_text(json.dumps({"model_type": "xlm-roberta"}))
        theirs = transformers.AutoTokenizer.from_pretrained(folder)
        return lambda: [theirs(x, add_special_tokens=False) for x in batches(texts)]

    ours = xlm_tf.XLMSentencePieceTokenizer(path)
    return {
        "xlm_tf in graph": lambda: in_graph(ours, texts),
        "xlm_tf encode": lambda: lambda: [ours.encode(text) for text in texts],
        "sentencepiece": sentencepiece,
        "transformers": transformers,
    }


def xlm_engines(vocabulary, codes, texts, language):
    """dict from engine to a function that tokenises all texts."""
    arguments = {"max_vocabulary": 95_000, "language": language}
    ours = xlm_tf.XLMBPETokenizer(vocabulary, codes, **arguments)

    def encode():
        def run():
            ours._word_ids.cache_clear()
            return [ours.encode(text, language) for text in texts]

        return run

    def transformers():
        import transformers

        folder = Path(tempfile.mkdtemp())
        ours.save_assets(folder)
        theirs = transformers.XLMTokenizer(folder / "vocab.json", folder / "merges.txt")

        def run():
            theirs.cache.clear()
            return [
                theirs.convert_tokens_to_ids(theirs._tokenize(text, lang=language))
                for text in texts
            ]

        return run

    return {
        "xlm_tf in graph": lambda: in_graph(ours, texts, language=language),
        "xlm_tf encode": encode,
        "transformers": transformers,
    }


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--xlmr", help="a SentencePiece model")
    parser.add_argument("--xlm-vocabulary", help="fastBPE's vocabulary")
    parser.add_argument("--xlm-codes", help="fastBPE's codes")
    parser.add_argument(
        "--text", action="append", required=True, metavar="LANGUAGE=FILE"
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--output", default="tokenizing.json")
    args = parser.parse_args()
    rows = {}
    for item in args.text:
        language, path = item.split("=", 1)
        texts = list(iterate_plain_text([path]))
        groups = {}
        if args.xlmr:
            groups["XLM-R"] = xlmr_engines(args.xlmr, texts)
        if args.xlm_vocabulary:
            groups["XLM-15"] = xlm_engines(
                args.xlm_vocabulary, args.xlm_codes, texts, language
            )
        for name, builders in groups.items():
            seconds = time_interleaved(
                available(builders), args.seconds, description=f"{name} {language}"
            )
            rows[f"{name} {language}"] = {
                engine: len(texts) / value for engine, value in seconds.items()
            }
    report(
        "Tokenizers", "sentences/s", rows, "transformers", args.output, texts=args.text
    )


if __name__ == "__main__":
    main()
