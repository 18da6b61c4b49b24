"""A typed client of exported models, for this package's server and the official one."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from export.serving.answers import (
    Classification,
    FilledMask,
    FoundAnswer,
    GeneratedText,
    HybridEmbedding,
    TaggedWord,
)
from export.serving.client_arrays import input_array
from export.serving.grpc_transport import GrpcTransport
from export.serving.model_description import ModelMetadata, VersionStatus
from export.serving.rest_transport import RestTransport
from export.serving.serving_error import ServingError
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.text.byte_offsets import as_strings, character_offsets

_POLL_SECONDS = 0.1


class Client:
    """Asks one model on a TF Serving server, by REST or gRPC.

    Works with `LocalServer` and with `tensorflow/serving`. The answers have the same
    names, types and shapes over both protocols: numbers in the signature's type,
    strings as object arrays of str, outputs called `..._bytes` as bytes. Nothing is
    sent twice: an error of the server or the network is raised at once.

    The signatures are read once, before the first request; `metadata` reads them
    again, after a model with other signatures took the place of the first.

    Args:
        model: string, the model's name on the server.
        host: string. Defaults to this machine.
        rest_port: int, used where `protocol` is "rest".
        grpc_port: int, used where `protocol` is "grpc".
        version: int. Defaults to the server's latest.
        protocol: "rest" or "grpc". Binary strings and large batches are faster over
            gRPC.
        timeout_s: float, seconds that one request may take.

    Raises:
        ValueError: for another protocol.

    Example:

    ```python
    with Client("sentiment") as client:
        client.wait_until_ready(timeout_s=60)
        for answer in client.classify(["Ça marche très bien", "Das ist kaputt"]):
            print(answer.label, answer.probabilities.max())
    ```
    """

    def __init__(
        self,
        model: str,
        host: str = "localhost",
        rest_port: int = 8501,
        grpc_port: int = 8500,
        version: int | None = None,
        protocol: str = "rest",
        timeout_s: float = 30.0,
    ):
        if protocol == "rest":
            self._transport = RestTransport(host, rest_port, model, version, timeout_s)
        elif protocol == "grpc":
            self._transport = GrpcTransport(host, grpc_port, model, version, timeout_s)
        else:
            raise ValueError(
                f'protocol must be "rest" or "grpc". Received: protocol={protocol!r}.'
            )
        self._timeout_s = timeout_s
        self.model = model
        self.version = version
        self._signatures = None
        self._labels_read = None

    def metadata(self) -> ModelMetadata:
        """Read the model's version and signatures from the server.

        Returns:
            `ModelMetadata`.

        Raises:
            ServingError: as `predict`.
        """
        metadata = self._transport.metadata()
        self._signatures = metadata.signatures
        self._labels_read = None
        return metadata

    def status(self) -> list[VersionStatus]:
        """Read the state of the model's versions.

        Returns:
            list of `VersionStatus`, ascending: all, or the one of this client.

        Raises:
            ServingError: as `predict`.
        """
        return self._transport.status()

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """Wait until the server answers and the model is loaded.

        Args:
            timeout_s: float, seconds.

        Raises:
            ServingError: DEADLINE_EXCEEDED after `timeout_s`, with what the server
                said last; the model's own error if it cannot be loaded.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            left_s = max(deadline - time.monotonic(), _POLL_SECONDS)
            try:
                statuses = self._transport.status(min(left_s, self._timeout_s))
            except ServingError as error:
                if error.code not in ("UNAVAILABLE", "NOT_FOUND", "DEADLINE_EXCEEDED"):
                    raise
                last = str(error)
            else:
                if any(status.state == "AVAILABLE" for status in statuses):
                    return
                for status in statuses:
                    if status.error_code != "OK":
                        raise ServingError(
                            status.error_code,
                            f"{self.model} {status.version} is not loaded: "
                            f"{status.error_message}",
                        )
                last = f"states: {[status.state for status in statuses]}"
            if time.monotonic() > deadline:
                raise ServingError(
                    "DEADLINE_EXCEEDED",
                    f"{self.model} was not ready after {timeout_s} s. Last: {last}",
                )
            time.sleep(_POLL_SECONDS)

    def predict(
        self, inputs: Mapping[str, Any], signature_name: str = "serving_default"
    ) -> dict[str, np.ndarray]:
        """Run one signature of the model.

        Args:
            inputs: mapping of input name to array-like. Strings are str (sent as
                UTF-8) or bytes (any), in lists of any depth.
            signature_name: string.

        Returns:
            dict of output name to `np.ndarray`.

        Raises:
            ValueError: if the signature, the names or the types are not the model's.
            ServingError: if the server refuses the request, or does not answer.
        """
        signature = self._signature(signature_name)
        if set(inputs) != set(signature.inputs):
            raise ValueError(
                f"inputs must have the names {sorted(signature.inputs)}. "
                f"Received: {sorted(inputs)}."
            )
        arrays = {
            name: input_array(name, value, signature.inputs[name])
            for name, value in inputs.items()
        }
        return self._transport.predict(arrays, signature_name, signature)

    def classify(
        self, texts: Sequence[str], text_pairs: Sequence[str] | None = None
    ) -> list[Classification]:
        """Classify texts, or pairs of texts, with an exported `XLMTextClassifier`.

        Args:
            texts: list of str.
            text_pairs: list of str, the second text of each pair.

        Returns:
            list of `Classification`, one per text.

        Raises:
            ValueError, ServingError: as `predict`.
        """
        inputs = _texts_and_pairs(texts, text_pairs)
        outputs = self._predict_for("classify", inputs, {"label", "probabilities"})
        labels = self._labels(outputs)
        return [
            Classification(label, probabilities, labels)
            for label, probabilities in zip(
                outputs["label"], outputs["probabilities"], strict=True
            )
        ]

    def score(
        self, texts: Sequence[str], text_pairs: Sequence[str] | None = None
    ) -> np.ndarray:
        """Score texts, or pairs of texts, with an exported regression or reranker.

        Args:
            texts: list of str.
            text_pairs: list of str, the second text of each pair.

        Returns:
            float32 array (B, C), C numbers a text.

        Raises:
            ValueError, ServingError: as `predict`.
        """
        inputs = _texts_and_pairs(texts, text_pairs)
        return self._predict_for("score", inputs, {"scores"})["scores"]

    def rank(
        self, query: str, documents: Sequence[str], top_k: int | None = None
    ) -> list[tuple[int, float]]:
        """Order documents by how relevant they are, with an exported reranker.

        Args:
            query: str.
            documents: list of str.
            top_k: int, documents that are given; all by default.

        Returns:
            list of pairs of a document's place in `documents` and its score, the most
            relevant first.

        Raises:
            ValueError, ServingError: as `predict`.
        """
        if not isinstance(query, (str, bytes)):
            raise ValueError(f"query must be one text, a str. Received: {query!r}.")
        documents = _list_of_texts("documents", documents)
        if top_k is not None:
            top_k = whole_number("top_k", top_k)
        if not documents:
            return []
        scores = self.score([query] * len(documents), documents)
        if scores.shape[1] != 1:
            raise ValueError(
                f"rank needs a model of one score. {self.model} has {scores.shape[1]}."
            )
        order = np.argsort(-scores[:, 0], kind="stable")[:top_k]
        return [(int(i), float(scores[i, 0])) for i in order]

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts with an exported `XLMTextEmbedder`.

        Args:
            texts: list of str.

        Returns:
            float32 array (B, D).

        Raises:
            ValueError, ServingError: as `predict`.
        """
        inputs = {"text": _list_of_texts("texts", texts)}
        return self._predict_for("embed", inputs, {"embedding"})["embedding"]

    def encode_query(self, texts: Sequence[str]) -> np.ndarray:
        """Embed what something is looked for with, after the model's prompt for it.

        A model without prompts embeds it as `embed` does.

        Args, returns and raises: as `embed`.
        """
        return self._encode("encode_query", texts)

    def encode_documents(self, texts: Sequence[str]) -> np.ndarray:
        """Embed what is looked for, as `encode_query`."""
        return self._encode("encode_documents", texts)

    def embed_hybrid(
        self, texts: Sequence[str], signature_name: str = "serving_default"
    ) -> list[HybridEmbedding]:
        """Embed texts with an exported `XLMHybridEmbedder`.

        Args:
            texts: list of str.
            signature_name: string; "encode_query" and "encode_documents" of a model
                that has prompts for them.

        Returns:
            list of `HybridEmbedding`, one per text.

        Raises:
            ValueError, ServingError: as `predict`.
        """
        inputs = {"text": _list_of_texts("texts", texts)}
        names = {"embedding", "token_ids", "token_weights", "token_vectors", "lengths"}
        outputs = self._predict_for("embed_hybrid", inputs, names, signature_name)
        embeddings = []
        for row, length in enumerate(outputs["lengths"].tolist()):
            weights: dict[int, float] = {}
            for token_id, weight in zip(
                outputs["token_ids"][row, :length].tolist(),
                outputs["token_weights"][row, :length].tolist(),
                strict=True,
            ):
                if weight > 0:
                    weights[token_id] = max(weight, weights.get(token_id, 0.0))
            embeddings.append(
                HybridEmbedding(
                    outputs["embedding"][row],
                    weights,
                    outputs["token_vectors"][row, 1:length],
                )
            )
        return embeddings

    def fill_mask(self, texts: Sequence[str]) -> list[FilledMask]:
        """Find what may stand for `<mask>`, with an exported `XLMMaskedLM`.

        Args:
            texts: list of str, each holding `<mask>`.

        Returns:
            list of `FilledMask`, one per text.

        Raises:
            ValueError, ServingError: as `predict`.
        """
        inputs = {"text": _list_of_texts("texts", texts)}
        outputs = self._predict_for("fill_mask", inputs, {"tokens", "scores"})
        return [
            FilledMask(tokens.tolist(), scores)
            for tokens, scores in zip(outputs["tokens"], outputs["scores"], strict=True)
        ]

    def tag(self, texts: Sequence[str]) -> list[list[TaggedWord]]:
        """Tag the words of texts with an exported `XLMTokenClassifier`.

        Args:
            texts: list of str.

        Returns:
            list, one entry per text, of lists of `TaggedWord`.

        Raises:
            ValueError, ServingError: as `predict`.
        """
        texts = as_strings(_list_of_texts("texts", texts))
        names = {"tokens", "tags", "starts", "ends", "scores", "lengths"}
        outputs = self._predict_for("tag", {"text": texts}, names)
        tagged = []
        for row, text in enumerate(texts):
            to_character = character_offsets(text)
            tagged.append(
                [
                    TaggedWord(
                        outputs["tokens"][row][i],
                        outputs["tags"][row][i],
                        int(to_character[outputs["starts"][row][i]]),
                        int(to_character[outputs["ends"][row][i]]),
                        float(outputs["scores"][row][i]),
                    )
                    for i in range(int(outputs["lengths"][row]))
                ]
            )
        return tagged

    def answer(
        self, questions: Sequence[str], contexts: Sequence[str]
    ) -> list[FoundAnswer]:
        """Answer questions with an exported `XLMQuestionAnswering`.

        Args:
            questions, contexts: lists of str, as many.

        Returns:
            list of `FoundAnswer`, one per question.

        Raises:
            ValueError, ServingError: as `predict`.
        """
        inputs = {
            "question": _list_of_texts("questions", questions),
            "context": as_strings(_list_of_texts("contexts", contexts)),
        }
        if len(inputs["question"]) != len(inputs["context"]):
            raise ValueError(
                "Every question needs a context of its own. Received: "
                f"{len(questions)} questions and {len(contexts)} contexts."
            )
        names = {"answer", "start", "end", "score", "no_answer_score"}
        outputs = self._predict_for("answer", inputs, names)
        answers = []
        for row, context in enumerate(inputs["context"]):
            to_character = character_offsets(context)
            answers.append(
                FoundAnswer(
                    outputs["answer"][row],
                    int(to_character[outputs["start"][row]]),
                    int(to_character[outputs["end"][row]]),
                    float(outputs["score"][row]),
                    float(outputs["no_answer_score"][row]),
                )
            )
        return answers

    def generate(
        self,
        texts: Sequence[str],
        source_language: str | None = None,
        target_language: str | None = None,
        language: str | None = None,
    ) -> list[GeneratedText]:
        """Translate, summarise or continue texts.

        With an exported `XLMSeq2SeqLM`, or an `XLMCausalLM`, whose texts begin with
        those given.

        Args:
            texts: list of str.
            source_language: string, of all texts, where the model takes it.
            target_language: string, likewise.
            language: string, likewise, of an `XLMCausalLM`.

        Returns:
            list of `GeneratedText`, one per text.

        Raises:
            ValueError, ServingError: as `predict`.
        """
        inputs = {"text": _list_of_texts("texts", texts)}
        languages = {
            "source_language": source_language,
            "target_language": target_language,
            "language": language,
        }
        for name, own in languages.items():
            if own is not None:
                inputs[name] = [own] * len(inputs["text"])
        outputs = self._predict_for("generate", inputs, {"output_text", "score"})
        return [
            GeneratedText(text, float(score))
            for text, score in zip(
                outputs["output_text"], outputs["score"], strict=True
            )
        ]

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _signature(self, name):
        if self._signatures is None:
            self.metadata()
        if name not in self._signatures:
            raise ValueError(
                f"{self.model} has the signatures {sorted(self._signatures)}. "
                f"Received: signature_name={name!r}."
            )
        return self._signatures[name]

    def _labels(self, outputs):
        """tuple of the names of the classes; None where the model does not tell them.

        Read once, and again where an answer shows that the model was replaced.
        """
        if "labels" not in self._signatures:
            return None
        probabilities = outputs["probabilities"]
        best = np.argmax(probabilities, axis=1)
        known = self._labels_read
        if known is None or (
            len(known) != probabilities.shape[1]
            or [known[i] for i in best] != outputs["label"].tolist()
        ):
            class_id = np.arange(probabilities.shape[1], dtype=np.int32)
            answer = self.predict({"class_id": class_id}, signature_name="labels")
            self._labels_read = tuple(answer["label"].tolist())
        return self._labels_read

    def _encode(self, method, texts):
        self._signature("serving_default")  # reads them
        name = method if method in self._signatures else "serving_default"
        inputs = {"text": _list_of_texts("texts", texts)}
        return self._predict_for(method, inputs, {"embedding"}, name)["embedding"]

    def _predict_for(
        self, method, inputs, output_names, signature_name="serving_default"
    ):
        outputs = set(self._signature(signature_name).outputs)
        if not output_names <= outputs:
            raise ValueError(
                f"{method} needs a model with the outputs {sorted(output_names)}. "
                f"{self.model} gives {sorted(outputs)}; use predict."
            )
        return self.predict(inputs, signature_name)


def _texts_and_pairs(texts, text_pairs):
    inputs = {"text": _list_of_texts("texts", texts)}
    if text_pairs is not None:
        inputs["text_pair"] = _list_of_texts("text_pairs", text_pairs)
        if len(inputs["text"]) != len(inputs["text_pair"]):
            raise ValueError(
                "texts and text_pairs must have the same length. Received: "
                f"{len(inputs['text'])} and {len(inputs['text_pair'])}."
            )
    return inputs


def _list_of_texts(name, texts):
    if isinstance(texts, (str, bytes)):
        raise ValueError(f"{name} must be a list of strings. Received one: {texts!r}.")
    return list(texts)
