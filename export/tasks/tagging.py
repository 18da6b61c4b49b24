"""`XLMTokenClassifier`, exported: the words of texts, and their tags."""

import numpy as np
import tensorflow as tf

from export.parity import check_all, check_parity
from export.tasks.contract import Check
from export.tasks.softmax import softmax
from export.tasks.windows import WindowedAnswer
from xlm_tf.text.word_offsets import split_words_with_offsets


class TaggingAnswer(WindowedAnswer):
    """Of token ids `probabilities` float32 (B, T, C), 0 on padding.

    Of texts, padded to the most words, W: `tokens`, the words, and `tags` string
    (B, W); `starts` and `ends` int32 (B, W), bytes of the text; `scores` float32
    (B, W), the probabilities of the tags; and `lengths` int32 (B,), words.
    """

    def numbers(self, inputs):
        """See `Answer`."""
        x = tf.nn.softmax(self.task(inputs, training=False))  # (B, T, C)
        is_real = tf.cast(inputs["padding_mask"], "float32")
        return {"probabilities": x * tf.expand_dims(is_real, -1)}

    def pack_windows(self, fields):
        """See `WindowedAnswer`."""
        words, starts, ends = split_words_with_offsets(fields["text"])
        inputs, places = self.task.preprocessor.pack_windows(
            words, fields.get("language")
        )
        return inputs, {"word": places, "words": words, "starts": starts, "ends": ends}

    def answer(self, numbers, fields, places):
        """A word has the tag of its first token, see `XLMTokenClassifier.tag`."""
        words, word = places["words"], places["word"]  # (B, None), (W, T)
        before = tf.pad(word[:, :-1], [[0, 0], [1, 0]], constant_values=-1)
        first = tf.where((word >= 0) & (word != before))  # (words, 2)
        found = tf.gather_nd(numbers["probabilities"], first)  # (words, C)
        number = tf.cast(tf.size(words.values), "int64")
        probabilities = tf.scatter_nd(
            tf.cast(tf.gather_nd(word, first), "int64")[:, None],
            found,
            tf.stack([number, tf.cast(len(self.labels), "int64")]),
        )
        best = tf.argmax(probabilities, axis=-1, output_type="int32")
        scores = tf.reduce_max(probabilities, axis=-1)
        tags = tf.gather(tf.constant(self.labels), best)
        return {
            "tokens": words.to_tensor(),
            "tags": words.with_values(tags).to_tensor(),
            "starts": places["starts"].to_tensor(),
            "ends": places["ends"].to_tensor(),
            "scores": words.with_values(scores).to_tensor(),
            "lengths": tf.cast(words.row_lengths(), "int32"),
        }


class TaggingCheck(Check):
    """Of an `XLMTokenClassifier`."""

    def __init__(self, task, labels, top_k):
        self._task = task
        self._labels = labels

    def expected(self, inputs):
        """float (B, T, C), the probabilities; 0 on padding."""
        logits = np.asarray(self._task(inputs, training=False), "float64")
        return softmax(logits) * np.asarray(inputs["padding_mask"])[..., None]

    def compare(self, answer, expected, tolerance, what):
        """See `Check`."""
        numbers = answer["probabilities"]
        return check_parity(numbers, expected, tolerance, f"{what}", smallest=0.5)

    def compare_texts(self, answer, fields, tolerance, what):
        """Words are where they say, and their tags as probable as they say."""
        language = (
            [x.decode() for x in fields["language"]] if "language" in fields else None
        )
        words = [
            [bytes(word) for word in row[:length]]
            for row, length in zip(answer["tokens"], answer["lengths"], strict=True)
        ]
        check_all(
            [
                own
                == [
                    text[begin:end]
                    for begin, end in zip(
                        starts[: len(own)], ends[: len(own)], strict=True
                    )
                ]
                and self._words_of(text) == own
                for text, own, starts, ends in zip(
                    fields["text"], words, answer["starts"], answer["ends"], strict=True
                )
            ],
            f"tokens of {what}",
            lambda row: f"has the words {words[row]}",
        )
        rows = self._task.word_probabilities(words, language=language)
        wrong, distance = [], 0.0
        for row, expected in enumerate(rows):
            length = len(expected)
            scores = np.asarray(answer["scores"][row][:length], "float64")
            tags = [bytes(tag).decode() for tag in answer["tags"][row][:length]]
            numbers = [
                self._labels.index(tag) if tag in self._labels else -1 for tag in tags
            ]
            named = np.array(
                [
                    own[n] if n >= 0 else np.inf
                    for own, n in zip(expected, numbers, strict=True)
                ]
            )
            best = expected.max(-1, initial=0.0)
            # A tag may be another only where the model finds both as probable.
            distances = np.maximum(np.abs(scores - best), np.abs(named - best))
            worst = float(distances.max(initial=0.0))
            is_padded = not np.any(answer["scores"][row][length:]) and all(
                bytes(tag) == b"" for tag in answer["tags"][row][length:]
            )
            wrong.append(worst <= tolerance and is_padded)
            distance = max(distance, worst)
        check_all(
            wrong,
            f"tags of {what}",
            lambda row: f"is tagged {answer['tags'][row].tolist()}",
        )
        return distance

    def _words_of(self, text):
        words, _, _ = split_words_with_offsets(tf.constant([text]))
        return words.values.numpy().tolist()
