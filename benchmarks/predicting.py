"""`predict` of few and of many texts against KerasHub and sentence-transformers.

python benchmarks/predicting.py --texts news.en.txt --output predicting.json

One sentence a line, plain or .gz. An XLM-R of 12 layers of 384 with random weights
gives a vector a text; sentence-transformers has the same weights. KerasHub, which has
no embedder of XLM-R, classifies with an encoder of the same shape. "direct call" is
`embedder(embedder.preprocessor(texts))`.
"""

import argparse
import io
import os
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from timing import available, report, time_interleaved

import xlm_tf
from xlm_tf.data.plain_text import iterate_plain_text

SHAPE = {"num_layers": 12, "num_heads": 12, "hidden_dim": 384, "intermediate_dim": 1536}
LENGTH = 128


def train_proto(texts):
    """A SentencePiece model of the texts, as bytes."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        vocab_size=8000,
        hard_vocab_limit=False,
        pad_id=-1,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        minloglevel=2,
    )
    return model.getvalue()


def make_embedder(proto):
    """Our embedder, with random weights."""
    tokenizer = xlm_tf.XLMSentencePieceTokenizer(proto)
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        max_sequence_length=512,
        position_offset=2,
        **SHAPE,
    )
    preprocessor = xlm_tf.XLMTextEmbedderPreprocessor(tokenizer, LENGTH)
    return xlm_tf.XLMTextEmbedder(backbone, preprocessor)


def hub_predict(proto):
    """`predict` of KerasHub's classifier."""
    import keras_hub

    tokenizer = keras_hub.models.XLMRobertaTokenizer(proto)
    backbone = keras_hub.models.XLMRobertaBackbone(
        vocabulary_size=tokenizer.vocabulary_size(), max_sequence_length=512, **SHAPE
    )
    preprocessor = keras_hub.models.XLMRobertaTextClassifierPreprocessor(
        tokenizer, sequence_length=LENGTH
    )
    classifier = keras_hub.models.XLMRobertaTextClassifier(
        backbone, num_classes=2, preprocessor=preprocessor
    )
    return lambda texts: classifier.predict(texts, verbose=0)


def torch_encode(embedder):
    """`encode` of sentence-transformers, on the same weights."""
    import sentence_transformers

    with tempfile.TemporaryDirectory() as folder:
        embedder.save_to_huggingface(folder)
        model = sentence_transformers.SentenceTransformer(folder, device="cpu")
    return lambda texts: model.encode(texts, show_progress_bar=False)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", required=True, help="a file, a sentence a line")
    parser.add_argument("--numbers", type=int, nargs="+", default=[1, 32, 256])
    parser.add_argument("--seconds", type=float, default=10.0, help="per engine")
    parser.add_argument("--output", default="predicting.json")
    args = parser.parse_args()
    texts = list(iterate_plain_text([args.texts]))
    proto = train_proto(texts)
    embedder = make_embedder(proto)
    engines = available(
        {
            "xlm_tf predict": lambda: lambda x: embedder.predict(x, verbose=0),
            "xlm_tf direct call": lambda: lambda x: embedder(embedder.preprocessor(x)),
            "KerasHub predict": lambda: hub_predict(proto),
            "sentence-transformers": lambda: torch_encode(embedder),
        }
    )
    rows = {}
    for number in args.numbers:
        some = texts[:number]
        seconds = time_interleaved(
            {
                name: lambda run=run, some=some: run(some)
                for name, run in engines.items()
            },
            args.seconds,
            description=f"{number} texts",
        )
        label = f"{number} text" + ("s" if number > 1 else "")
        rows[label] = {name: 1000 * value for name, value in seconds.items()}
    report("Predicting", "ms", rows, "xlm_tf direct call", args.output, shape=SHAPE)


if __name__ == "__main__":
    main()
