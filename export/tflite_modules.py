"""The graphs of a `.tflite` file: of a task that reads token ids, or strings."""

import numpy as np
import tensorflow as tf

from export.check_texts import as_bytes, check_ids, with_special_words
from export.embedding_lookup import lookup
from export.inference_copy import InferenceCopy
from export.input_checks import fitted
from export.layouts import PaddedRows
from export.long_texts import within_positions
from export.phone_tokenizer import PhoneTokenizer
from export.tasks import answer_of, check_of
from export.tasks.answering import SpanAnswer


class TaskModule(tf.Module):
    """What both variants share: the model and the answer."""

    def __init__(self, task, labels, top_k):
        super().__init__()
        self._preprocessor = task.preprocessor
        # In a closure: of a Keras model, a module would store what it cannot load.
        self._backbone = lambda: task.backbone
        self._pad_token_id = task.backbone.pad_token_id
        copy = InferenceCopy(task, layout=PaddedRows, lookup=lookup)
        self._weights = copy.weights
        self.answer = answer_of(copy.task, labels, top_k)
        self.weights = copy.variables
        check = check_of(task, labels, top_k)
        self._check = lambda: check

    def _call(self, name, inputs, packed):
        """A call, and its comparison with what the task says of the same inputs."""
        check = self._check()
        expected = check.expected(packed)

        def compare(answer, tolerance, what):
            return check.compare(answer, expected, tolerance, what)

        return name, inputs, compare

    def _numbers(self, inputs):
        padding_mask = tf.not_equal(inputs["token_ids"], self._pad_token_id)
        with self._weights():
            return self.answer.numbers({**inputs, "padding_mask": padding_mask})


class TokenModule(TaskModule):
    """Token ids in, numbers out."""

    def __init__(self, task, labels, top_k, lengths):
        super().__init__(task, labels, top_k)
        self._lengths = lengths
        self._end_token_id = None
        if self._preprocessor is not None:
            self._end_token_id = self._preprocessor.tokenizer.end_token_id
        shapes = {"token_ids": [None, None]}
        if task.backbone.num_languages:
            shapes["language_ids"] = [None, None]
        self._shapes = {**shapes, **self.answer.input_shapes}

    def signatures(self):
        """dict from signature name to concrete function."""
        functions = {"serving_default": self._concrete(self._of_any_length, None, None)}
        for length in self._lengths:
            functions[f"length_{length}"] = self._concrete(self._numbers, 1, length)
        return functions

    def checks(self, texts):
        """Calls: (name, inputs, comparison with the expected answer) each."""
        packed = self._packed(texts)
        # One at a time as well: the padding of the others must not matter.
        length = int(tf.reduce_sum(tf.cast(packed["padding_mask"][0], "int32")))
        calls = [
            ("serving_default", packed, packed),
        ]
        first = self._first_text(packed, length)
        calls.append(("serving_default", first, first))
        longest = self._backbone().max_sequence_length
        if packed["token_ids"].shape[1] >= longest and self._end_token_id is not None:
            calls.append(("serving_default", self._too_long(packed), packed))
        for length in self._lengths:
            first = self._first_text(packed, length)
            calls.append((f"length_{length}", first, first))
        return [
            self._call(name, {x: np.asarray(given[x]) for x in self._shapes}, inputs)
            for name, given, inputs in calls
        ]

    def _packed(self, texts):
        """Texts, or random ids where there is no tokenizer, as the task's inputs."""
        if self._preprocessor is None:
            packed = check_ids(self._backbone())
        else:
            texts = with_special_words(texts, self._preprocessor.tokenizer)
            texts = as_bytes(texts, self.answer.check_prefix)
            fields = {"text": tf.constant(texts)}
            if isinstance(self.answer, SpanAnswer):
                fields["text_pair"] = tf.roll(fields["text"], 1, axis=0)
            languages = self._preprocessor.languages
            if languages is not None:
                language = self._preprocessor.language or languages[0]
                fields["language"] = tf.constant([language] * len(texts))
            packed = self._preprocessor.pack(fields)
        return packed | self.answer.example_inputs(packed["token_ids"].shape[0])

    def _of_any_length(self, ids):
        ids = {
            name: value if name == "token_ids" else fitted(value, ids["token_ids"])
            for name, value in ids.items()
        }
        names = [name for name in ids if name == "language_ids"]
        token_ids, others = within_positions(
            ids["token_ids"],
            [ids[name] for name in names],
            self._backbone().max_sequence_length,
            self._pad_token_id,
            self._end_token_id,
        )
        ids |= {"token_ids": token_ids, **dict(zip(names, others, strict=True))}
        return self._numbers(ids)

    def _concrete(self, function, batch_size, length):
        sizes = (batch_size, length)
        return tf.function(lambda **ids: function(ids)).get_concrete_function(
            **{
                name: tf.TensorSpec(sizes[: len(shape)], tf.int32, name)
                for name, shape in self._shapes.items()
            }
        )

    def _first_text(self, packed, length):
        """The first text, cut or padded to a length."""
        padding = {"token_ids": self._pad_token_id, "padding_mask": False}
        first = {}
        for name, value in packed.items():
            first[name] = value[:1]
            if value.shape.rank == 2:
                first[name] = tf.pad(
                    value[:1, :length],
                    [[0, 0], [0, max(length - value.shape[1], 0)]],
                    constant_values=padding.get(name, 0),
                )
        return first

    def _too_long(self, packed):
        """Texts as long as the positions, with three more tokens before the end."""
        longest = self._backbone().max_sequence_length
        is_full = packed["padding_mask"][:, longest - 1 :]  # (B, 1)
        longer = {}
        for name, value in packed.items():
            longer[name] = value
            if value.shape.rank == 2:
                more = tf.repeat(value[:, longest - 2 : longest - 1], 3, axis=1)
                longer[name] = tf.concat([value[:, :-1], more, value[:, -1:]], axis=1)
        pad = self._pad_token_id
        is_more = tf.range(longest + 3)[None] >= longest - 1
        longer["token_ids"] = tf.where(
            tf.logical_and(is_more, ~is_full), pad, longer["token_ids"]
        )
        return longer


class StringModule(TaskModule):
    """Text in, words out."""

    def __init__(self, task, labels, top_k, lengths):
        super().__init__(task, labels, top_k)
        if lengths:
            raise ValueError(
                "Texts have no fixed length: `lengths` is for string_input=False. "
                f"Received: lengths={tuple(lengths)}."
            )
        self._language_id = None
        if self._preprocessor.languages is not None:
            if self._preprocessor.language is None:
                raise ValueError(
                    "A model with language embeddings reads strings of one language on "
                    "a phone: set `language` of its preprocessor, or use "
                    "string_input=False."
                )
            self._language_id = self._preprocessor.languages.index(
                self._preprocessor.language
            )
        self._tokenizer = PhoneTokenizer(task.preprocessor.tokenizer)

    def signatures(self):
        """dict from signature name to concrete function."""

        @tf.function
        def serving_default(text):
            return self.answer.words(self._numbers(self._inputs(text)))

        spec = tf.TensorSpec([None], tf.string, "text")
        return {"serving_default": serving_default.get_concrete_function(text=spec)}

    def checks(self, texts):
        """Calls: (name, inputs, comparison with the expected answer) each."""
        texts = with_special_words(texts, self._preprocessor.tokenizer)
        texts = as_bytes(texts, self.answer.check_prefix)
        return [
            self._call(
                "serving_default",
                {"text": np.array(group, object)},
                self._preprocessor.pack({"text": tf.constant(group)}),
            )
            for group in (texts, texts[:1])
        ]

    def _inputs(self, text):
        """Tokenise, cut, add start and end, pad: the preprocessor, in LiteRT's ops."""
        tokenizer = self._preprocessor.tokenizer
        ids, splits = self._tokenizer(text)
        # Something to read even where no text has a token.
        ids = tf.concat([ids, [self._pad_token_id]], axis=0)
        budget = self._preprocessor.sequence_length - 2
        counts = tf.minimum(splits[1:] - splits[:-1], budget)
        counts = tf.expand_dims(counts, 1)  # (B, 1)
        column = tf.expand_dims(tf.range(tf.reduce_max(counts) + 2), 0)  # (1, T)
        index = tf.where(
            (column >= 1) & (column <= counts),
            tf.expand_dims(splits[:-1], 1) + column - 1,
            tf.zeros_like(column),
        )
        token_ids = tf.gather(ids, index)  # (B, T)
        token_ids = tf.where(column == 0, tokenizer.start_token_id, token_ids)
        token_ids = tf.where(column == counts + 1, tokenizer.end_token_id, token_ids)
        token_ids = tf.where(column > counts + 1, self._pad_token_id, token_ids)
        inputs = {"token_ids": token_ids}
        if self._language_id is not None:
            inputs["language_ids"] = tf.zeros_like(token_ids) + self._language_id
        return inputs
