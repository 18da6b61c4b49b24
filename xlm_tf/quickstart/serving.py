"""The quickstart's artefacts: exported, served, asked, and timed."""

import statistics
import time

import numpy as np

import export
from export.serving import Client, LocalServer
from xlm_tf.quiet_start import without_banners

# Messages that are in no catalogue of the corpus, in languages of the corpus.
QUESTIONS = (
    "Your shopping basket is waiting for you at the checkout.",
    "Ihr Warenkorb wartet an der Kasse auf Sie.",
    "Votre panier vous attend à la caisse.",
    "The confirmation e-mail was sent to your address.",
    "El correo de confirmación se ha enviado a su dirección.",
    "Письмо с подтверждением отправлено на ваш адрес.",
    "已向您的邮箱发送确认邮件。",
)
NUM_REQUESTS = 60
BATCH_SIZE = 32


def export_models(embedder, classifier, directory):
    """Export both as SavedModel and int8 TFLite; what exists is kept.

    Returns:
        dict from the artefact's name to Path.
    """
    paths = {
        "embedder SavedModel": directory / "models" / "embedder" / "1",
        "routing SavedModel": directory / "models" / "routing" / "1",
        "embedder int8 TFLite": directory / "embedder.int8.tflite",
        "routing int8 TFLite": directory / "routing.int8.tflite",
    }
    for name, path in paths.items():
        if path.exists():
            continue
        task = embedder if name.startswith("embedder") else classifier
        with without_banners():
            if "SavedModel" in name:
                report = export.to_saved_model(task, path)
            else:
                report = export.to_tflite(task, path, quantization="int8")
        print(
            f"{name}: {path} ({report.num_bytes / 1e6:.1f} MB, answers differ from the "
            f"model's by {report.difference:.1e} in a fresh process)"
        )
    return paths


def ask(directory):
    """Serve both SavedModels, ask them by HTTP and gRPC, and time the answers.

    Args:
        directory: Path of the folder of models.

    Returns:
        dict of `routing` (text, label, probability), `similarities` (a row a text) and
        `latency_ms` (median and 95th percentile by kind of request).
    """
    with LocalServer(directory, rest_port=0, grpc_port=0) as server:
        ports = {
            "rest_port": int(server.rest_url.rsplit(":", 1)[1]),
            "grpc_port": int(server.grpc_address.rsplit(":", 1)[1]),
        }
        latency = {}
        answers = {}
        for protocol in ("rest", "grpc"):
            with (
                Client("routing", protocol=protocol, **ports) as routing,
                Client("embedder", protocol=protocol, **ports) as embedder,
            ):
                answers[protocol] = routing.classify(QUESTIONS)
                vectors = embedder.embed(QUESTIONS)
                name = "HTTP" if protocol == "rest" else "gRPC"
                latency[f"{name}, 1 text"] = _time(
                    lambda i, client=routing: client.classify([QUESTIONS[i % 7]])
                )
                batch = [QUESTIONS[i % 7] for i in range(BATCH_SIZE)]
                latency[f"{name}, {BATCH_SIZE} texts"] = _time(
                    lambda i, client=routing, texts=batch: client.classify(texts)
                )
        for by_rest, by_grpc in zip(answers["rest"], answers["grpc"], strict=True):
            if by_rest.label != by_grpc.label:
                raise ValueError(f"HTTP answers {by_rest}, gRPC answers {by_grpc}.")
    return {
        "routing": [
            [text, answer.label, float(answer.probabilities.max())]
            for text, answer in zip(QUESTIONS, answers["rest"], strict=True)
        ],
        "similarities": np.round(vectors @ vectors.T, 3).tolist(),
        "latency_ms": latency,
    }


class TFLiteEmbedder:
    """An exported embedder on this machine's LiteRT.

    Args:
        path: Path of a `.tflite` file that takes token ids.
        preprocessor: the embedder's preprocessor.
    """

    def __init__(self, path, preprocessor):
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=str(path), num_threads=2)
        self._run = interpreter.get_signature_runner("serving_default")
        self._preprocessor = preprocessor
        self.milliseconds = []

    def __call__(self, texts):
        """Embed texts one at a time, as an app does: list of str -> (B, D)."""
        vectors = []
        for text in texts:
            ids = self._preprocessor.pack([text])
            length = int(np.sum(ids["padding_mask"]))
            token_ids = ids["token_ids"].numpy()[:, :length]
            begun = time.perf_counter()
            vectors.append(self._run(token_ids=token_ids)["embedding"][0])
            self.milliseconds.append(1000 * (time.perf_counter() - begun))
        return np.stack(vectors)

    def latency(self):
        """Median and 95th percentile of the calls so far, in milliseconds."""
        return _percentiles(self.milliseconds)


def _time(request):
    for i in range(5):
        request(i)
    milliseconds = []
    for i in range(NUM_REQUESTS):
        begun = time.perf_counter()
        request(i)
        milliseconds.append(1000 * (time.perf_counter() - begun))
    return _percentiles(milliseconds)


def _percentiles(milliseconds):
    return {
        "median": round(statistics.median(milliseconds), 2),
        "p95": round(float(np.percentile(milliseconds, 95)), 2),
    }
