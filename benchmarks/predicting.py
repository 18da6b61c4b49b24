"""`predict` and `embed` of texts against KerasHub and sentence-transformers.

python benchmarks/predicting.py --texts news.en.txt --output predicting.json

One sentence a line, plain or .gz. An XLM-R of 12 layers of 384 with random weights
gives a vector a text; sentence-transformers has the same weights, in PyTorch and in
int8 in ONNX Runtime. KerasHub classifies with an encoder of the same shape.
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


def states_of(encoder):
    """A module from ids and mask to the last states alone, as ONNX wants it."""
    import torch

    class States(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = encoder

        def forward(self, ids, mask):
            return self.encoder(ids, mask).last_hidden_state

    return States()


def onnx_encode(embedder):
    """`encode` of sentence-transformers with an encoder of ONNX Runtime, in int8."""
    import onnxruntime
    import sentence_transformers
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers.modeling_outputs import BaseModelOutput

    with tempfile.TemporaryDirectory() as folder:
        embedder.save_to_huggingface(folder)
        model = sentence_transformers.SentenceTransformer(folder, device="cpu")
        encoder = model[0].auto_model
        paths = [os.path.join(folder, name) for name in ("float.onnx", "int8.onnx")]
        names = ["ids", "mask"]
        torch.onnx.export(
            states_of(encoder),
            (torch.full((2, 16), 5), torch.ones((2, 16), dtype=torch.int64)),
            paths[0],
            input_names=names,
            output_names=["states"],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in names},
            dynamo=False,
            opset_version=17,
        )
        quantize_dynamic(*paths, weight_type=QuantType.QInt8)
        session = onnxruntime.InferenceSession(
            paths[1], providers=["CPUExecutionProvider"]
        )

    def forward(input_ids, attention_mask, **_):
        inputs = {"ids": input_ids.numpy(), "mask": attention_mask.numpy()}
        states = torch.from_numpy(session.run(None, inputs)[0])
        return BaseModelOutput(last_hidden_state=states)

    encoder.forward = forward
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
            "xlm_tf embed": lambda: embedder.embed,
            "KerasHub predict": lambda: hub_predict(proto),
            "sentence-transformers": lambda: torch_encode(embedder),
            "sentence-transformers, ONNX int8": lambda: onnx_encode(embedder),
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
    report("Predicting", "ms", rows, "KerasHub predict", args.output, shape=SHAPE)


if __name__ == "__main__":
    main()
