"""A class for every token: names, parts of speech."""

import itertools
from collections.abc import Mapping

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from xlm_tf.checkpoints.checkpoint_head import CheckpointHead, has_tensor
from xlm_tf.checkpoints.tensor_names import dense
from xlm_tf.layers.precision import at_least_float32
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.class_heads import ClassHead, class_settings, read_classes
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.packed_outputs import packed_outputs
from xlm_tf.models.task import XLMTask, check_labels
from xlm_tf.models.text_reading import read_column
from xlm_tf.models.token_classifier_preprocessor import XLMTokenClassifierPreprocessor
from xlm_tf.models.token_targets import labels_of_tokens
from xlm_tf.models.word_reading import (
    check_names,
    check_per_word,
    holds_words,
    read_words,
)
from xlm_tf.text.byte_offsets import as_strings, character_offsets
from xlm_tf.text.tag_schemes import OUTSIDE, entities_of, has_entities
from xlm_tf.text.word_offsets import split_words_with_offsets

# What a word is told of its tokens.
AGGREGATIONS = ("first", "mean", "max")


def _is_of_bert(checkpoint):
    # BERT's classifiers of texts have a pooler before theirs.
    names = checkpoint.tensors.names
    return "classifier.weight" in names and "bert.pooler.dense.weight" not in names


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTokenClassifier(OptionalInputs, ClassHead, XLMTask, keras_hub.models.Task):
    """A backbone with a class for every token.

    Args:
        backbone: an `XLMBackbone`.
        num_classes: int, C. May be left out where there are labels.
        preprocessor: an `XLMTokenClassifierPreprocessor`, or None to pass token ids.
        dropout: float, rate of the head's dropout.
        labels: list of C str, names of the classes, such as "B-PER", or None.

    Call arguments:
        inputs: dict as for the backbone.

    Returns:
        float32 logits (B, T, C), 0 for padding.

    Example:
    ```python
    import numpy as np
    import xlm_tf
    backbone = xlm_tf.XLMBackbone(
        vocabulary_size=100, num_layers=1, num_heads=2, hidden_dim=16,
        intermediate_dim=64,
    )
    tagger = xlm_tf.XLMTokenClassifier(backbone, labels=["O", "B-PER", "I-PER"])
    tagger(np.array([[0, 5, 6, 2]])).shape  # (1, 4, 3)
    ```
    """

    backbone_cls = XLMBackbone
    preprocessor_cls = XLMTokenClassifierPreprocessor
    checkpoint_heads = (
        CheckpointHead(
            families=("xlm", "xlm-roberta"),
            architecture="ForTokenClassification",
            tensors=dense("logits_dense", "classifier"),
            is_in=has_tensor("classifier.weight"),
            read=read_classes,
            settings=class_settings,
        ),
        CheckpointHead(
            families=("bert",),
            architecture="ForTokenClassification",
            tensors=dense("logits_dense", "classifier"),
            is_in=_is_of_bert,
            read=read_classes,
            settings=class_settings,
        ),
    )
    input_names = XLMBackbone.input_names
    labels_per_token = True
    padding_output = 0.0

    def __init__(
        self,
        backbone,
        num_classes=None,
        preprocessor=None,
        dropout=0.1,
        labels=None,
        **kwargs,
    ):
        self.num_classes, self.labels = check_labels(num_classes, labels)
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.dropout = dropout
        self.dropout_layer = keras.layers.Dropout(
            dropout, dtype=backbone.dtype_policy, name="dropout"
        )
        self.logits_dense = keras.layers.Dense(
            self.num_classes,
            kernel_initializer=backbone.kernel_initializer(),
            dtype=at_least_float32(backbone.dtype_policy),
            name="logits_dense",
        )
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        """From the backbone's inputs to the result, see the class."""
        logits = self.logits_dense(self.dropout_layer(self.backbone(inputs)))
        return self.mask_padding(logits, inputs)

    def compile(self, optimizer="auto", loss="auto", **kwargs):
        """As `keras.Model.compile`.

        Args:
            optimizer: "auto" is Adam with a learning rate of 5e-5.
            loss: "auto" is a cross-entropy, the mean over what has labels.
            **kwargs: see `keras.Model.compile`.
        """
        if optimizer == "auto":
            optimizer = keras.optimizers.Adam(5e-5)
        if loss == "auto":
            loss = keras.losses.SparseCategoricalCrossentropy(
                from_logits=True,
                reduction="mean_with_sample_weight",
                dtype=self.logits_dense.compute_dtype,
            )
        super().compile(optimizer=optimizer, loss=loss, **kwargs)

    def preprocess_samples(self, x, y=None, sample_weight=None):
        if self.preprocessor is not None or y is None:
            return super().preprocess_samples(x, y, sample_weight)
        mask = self.backbone.padding_mask(x)
        return x, *labels_of_tokens(self._label_ids(y), mask, sample_weight)

    def _read(self, x, y=None, sample_weight=None, method=None):
        given = {"y": y}
        if _is_rows(sample_weight):
            given["sample_weight"] = sample_weight
            sample_weight = _filled(sample_weight)
        examples = super()._read(x, y, sample_weight, method)
        read = examples.parts["x"]
        if isinstance(read, dict) and "words" in read:
            for name, values in given.items():
                if values is not None:
                    check_per_word(values, read["words"], name)
        return examples

    def _read_inputs(self, x):
        if not holds_words(x):
            return super()._read_inputs(x)
        columns = {name: x[name] for name in _names(x)} or {"words": x}
        check_names(columns)
        words = read_words(columns.pop("words"))
        if not columns:
            return {"words": words}
        # Languages are read as beside texts, one a sentence.
        texts = [""] * int(words.nrows())
        fields = super()._read_inputs({"text": texts, **columns})
        del fields["text"]
        return {"words": words, **fields}

    def tag(self, texts, aggregation="first", language=None, batch_size=32):
        """What raw texts name: people, places; or the part of speech of every word.

        Words are those of `xlm_tf.text.word_offsets.split_words_with_offsets`. Texts
        may be of any length: long ones are read in windows that overlap.

        Args:
            texts: str or list of str.
            aggregation: "first", "mean" or "max", see `word_probabilities`.
            language: str, of the texts, where the model or its tokenizer has any.
            batch_size: int, windows at once.

        Returns:
            List, one entry per text, of lists of dict with

            - `type`: str, such as "PER" of the labels "B-PER" and "I-PER". Where labels
              are no scheme of entities (no "O", "B-", "I-"), every word has its label;
            - `text`: str, the characters `text[start:end]`;
            - `start`, `end`: int, in characters;
            - `score`: float, the mean probability of its words' labels.

        Raises:
            ValueError: a language that the model does not have, an argument that is
                none of those above.
        """
        self.text_preprocessor("tag")
        texts = as_strings(read_column(texts))
        words, starts, ends = split_words_with_offsets(tf.constant(texts, tf.string))
        rows = self.word_probabilities(words, aggregation, language, batch_size)
        labels = self.class_names
        has_types = has_entities(labels)
        tagged = []
        for text, row, begins, stops in zip(
            texts, rows, starts.to_list(), ends.to_list(), strict=True
        ):
            tags = [labels[number] for number in row.argmax(-1)]
            spans = [(x, i, i + 1) for i, x in enumerate(tags) if x != OUTSIDE]
            if has_types:
                spans = entities_of(tags)
            to_character = character_offsets(text)
            entities = []
            for kind, first, last in spans:
                start = int(to_character[begins[first]])
                end = int(to_character[stops[last - 1]])
                score = float(row[first:last].max(-1).mean())
                entities.append(
                    {
                        "type": kind,
                        "text": text[start:end],
                        "start": start,
                        "end": end,
                        "score": score,
                    }
                )
            tagged.append(entities)
        return tagged

    def tag_words(self, sentences, aggregation="first", language=None, batch_size=32):
        """The labels of words.

        Args:
            sentences: list of sentences, each a list of words, str.
            aggregation, language, batch_size: as for `tag`.

        Returns:
            List, one entry per sentence, of lists of str, a label per word.
        """
        words = read_words(sentences)
        probabilities = self.word_probabilities(
            words, aggregation, language, batch_size
        )
        labels = self.class_names
        return [[labels[number] for number in own.argmax(-1)] for own in probabilities]

    def word_probabilities(
        self, sentences, aggregation="first", language=None, batch_size=32
    ):
        """How probable the classes of words are.

        Args:
            sentences: see `tag_words`.
            aggregation: what a word is told of its tokens: "first", the probabilities
                of the first, which is the one that is trained; "mean" of all; or "max",
                those of the token that is surest.
            language: str, of the sentences, or list of them, one each, where the model
                or its tokenizer has any.
            batch_size: int, windows at once.

        Returns:
            List, one entry per sentence, of float32 arrays (words, C).
        """
        if aggregation not in AGGREGATIONS:
            raise ValueError(
                f"aggregation must be one of {AGGREGATIONS}. "
                f"Received: aggregation={aggregation!r}."
            )
        preprocessor = self.text_preprocessor("word_probabilities")
        words = read_words(sentences)
        if language is not None:
            preprocessor.check_language(language)
        inputs, places = preprocessor.pack_windows(words, language)
        scores = np.zeros((words.values.shape[0], self.num_classes), "float32")
        places = places.numpy()
        for begin, logits in packed_outputs(self, inputs, batch_size):
            own = places[begin : begin + len(logits), : logits.shape[1]]
            _aggregate(scores, own[own >= 0], _softmax(logits[own >= 0]), aggregation)
        splits = words.row_splits.numpy()
        return [scores[begin:end] for begin, end in itertools.pairwise(splits)]

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "dropout": self.dropout,
            "labels": self.labels,
        }


def _names(x):
    """The names of columns, where inputs have any."""
    if isinstance(x, Mapping):
        return list(x)
    return list(x.columns) if hasattr(x, "columns") else []


def _is_rows(values):
    """Whether there is a list of numbers for every text, of more than one somewhere."""
    is_list = isinstance(values, list) and all(
        isinstance(row, list | tuple) for row in values
    )
    return is_list and any(len(row) != 1 for row in values)


def _filled(rows):
    """Rows of numbers as an array, 0 behind their ends."""
    width = max(map(len, rows))
    return np.array([[*row, *[0.0] * (width - len(row))] for row in rows])


def _aggregate(scores, words, probabilities, aggregation):
    """Fill in the scores of words, of the probabilities of their tokens, in order.

    Args:
        scores: float array (all words, C), which is changed.
        words: int array (tokens,); the tokens of a word are neighbours.
        probabilities: float array (tokens, C).
        aggregation: one of `AGGREGATIONS`.
    """
    if not len(words):
        return
    if aggregation == "max":  # the surest is the first, then
        order = np.lexsort((-probabilities.max(-1), words))
        words, probabilities = words[order], probabilities[order]
    begins = np.flatnonzero(np.diff(words, prepend=-1))
    chosen = probabilities[begins]
    if aggregation == "mean":
        counts = np.diff(begins, append=len(words))
        chosen = np.add.reduceat(probabilities, begins) / counts[:, None]
    scores[words[begins]] = chosen


def _softmax(logits):
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)
