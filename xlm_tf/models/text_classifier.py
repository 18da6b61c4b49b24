"""Classification of single texts and of pairs: sentiment, topics, inference."""

import warnings

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from xlm_tf.checkpoints import sentence_transformers
from xlm_tf.checkpoints.checkpoint_head import CheckpointHead, has_tensor
from xlm_tf.checkpoints.declared_settings import read_json_if_there
from xlm_tf.checkpoints.model_settings import check_summary, problem_type_of
from xlm_tf.checkpoints.tensor_names import dense
from xlm_tf.generation.search_arguments import whole_number
from xlm_tf.layers.pooling import Pooling
from xlm_tf.layers.precision import at_least_float32
from xlm_tf.models.attribution import Attribution, Attributions, scored_words
from xlm_tf.models.backbone import XLMBackbone
from xlm_tf.models.backend import require_tensorflow
from xlm_tf.models.class_heads import ClassHead, class_settings, read_classes
from xlm_tf.models.integrated_gradients import integrated_gradients
from xlm_tf.models.optional_inputs import OptionalInputs
from xlm_tf.models.packed_outputs import packed_outputs
from xlm_tf.models.saving import check_separators
from xlm_tf.models.task import XLMTask, check_labels
from xlm_tf.models.text_classifier_preprocessor import XLMTextClassifierPreprocessor
from xlm_tf.models.text_fields import FIELDS
from xlm_tf.models.text_reading import read_column
from xlm_tf.text.byte_offsets import as_strings

# What the classes are to each other (transformers' names), and so what the logits say.
PROBLEM_TYPES = (
    "single_label_classification",  # one class is right: softmax
    "multi_label_classification",  # each may be, or the one of a reranker: sigmoid
    "regression",  # numbers: as they are
)


def _read_head(checkpoint, head, arguments):
    """See `CheckpointHead.read`: the classes, and what they are to each other."""
    path, config = checkpoint.config_path, checkpoint.config
    check_summary(path, config, checkpoint.ignored)
    arguments, tensors = read_classes(checkpoint, head, arguments)
    if tensors:
        arguments = {**checkpoint.task_arguments, **arguments}
    if tensors and "problem_type" not in arguments:
        reranker = checkpoint.folder / sentence_transformers.CONFIG_FILE
        arguments["problem_type"] = problem_type_of(
            config, path, arguments["num_classes"], read_json_if_there(reranker)
        )
    return arguments, tensors


def _head_settings(model, family):
    if model.pooling != "first":
        raise ValueError(
            "Classifiers of transformers pool the first token. "
            f"Received: pooling={model.pooling!r}."
        )
    activation = keras.activations.serialize(model.activation)
    if activation != "linear":
        raise ValueError(
            "Classifiers of transformers answer with logits. Received: activation="
            f"{activation!r}. Make it with activation=None."
        )
    check_separators(model, family)
    return {**class_settings(model, family), "problem_type": model.problem_type}


def _keras_hub_arguments(model):
    if model.pooling != "first" or not model.head_transform:
        raise ValueError(
            "Classifiers of KerasHub's XLM-R pool the first token, and have the "
            f"transform. Received: pooling={model.pooling!r}, head_transform="
            f"{model.head_transform}."
        )
    if model.labels:
        warnings.warn(
            "KerasHub keeps no names of classes, which are left out: "
            f"{', '.join(model.labels)}, in this order.",
            stacklevel=4,
        )
    return {
        "num_classes": model.num_classes,
        "dropout": model.dropout,
        "activation": keras.activations.serialize(model.activation),
    }


@keras.saving.register_keras_serializable("xlm_tf")
class XLMTextClassifier(
    OptionalInputs, ClassHead, XLMTask, keras_hub.models.TextClassifier
):
    """A backbone with a classification head.

    Args:
        backbone: an `XLMBackbone`.
        num_classes: int, C. May be left out where there are labels.
        preprocessor: an `XLMTextClassifierPreprocessor`, or None to pass token ids.
        pooling: "first" (XLM and XLM-R), "mean" or "max", see
            `xlm_tf.layers.Pooling`.
        head_transform: bool, True for XLM-R's head (dropout, dense, tanh, dropout,
            projection), False for XLM's (dropout, projection).
        dropout: float, rate of the head's dropout.
        activation: activation on the logits, such as "softmax"; None for logits.
        labels: list of C str, names of the classes, or None. They are saved with the
            model, and are what an export answers.
        problem_type: "single_label_classification", "multi_label_classification" or
            "regression": decides whether an export answers the softmax, the sigmoid or
            the logits themselves, and the loss of `compile` where it is "auto".
            Defaults to what transformers does: one class alone is a yes or no (a
            reranker), several exclude each other.

    Call arguments:
        inputs: dict as for the backbone.

    Returns:
        float32 tensor (B, C), logits unless `activation` is set.

    Example:
    ```python
    classifier = xlm_tf.XLMTextClassifier.from_preset(
        "hf://FacebookAI/xlm-roberta-base", num_classes=3
    )
    classifier.fit(["Great!", "So so."], [2, 1])
    classifier.predict(["Ça marche très bien"])  # (1, 3)
    ```
    """

    backbone_cls = XLMBackbone
    preprocessor_cls = XLMTextClassifierPreprocessor
    checkpoint_heads = (
        CheckpointHead(
            families=("xlm",),
            architecture="ForSequenceClassification",
            tensors=dense("logits_dense", "sequence_summary.summary"),
            arguments={"head_transform": False},
            is_in=has_tensor("sequence_summary.summary.weight"),
            read=_read_head,
            settings=_head_settings,
        ),
        CheckpointHead(
            families=("xlm-roberta",),
            architecture="ForSequenceClassification",
            tensors={
                **dense("hidden_dense", "classifier.dense"),
                **dense("logits_dense", "classifier.out_proj"),
            },
            arguments={"head_transform": True},
            is_in=has_tensor("classifier.out_proj.weight"),
            read=_read_head,
            settings=_head_settings,
            keras_hub_class="XLMRobertaTextClassifier",
            keras_hub_arguments=_keras_hub_arguments,
        ),
        CheckpointHead(
            families=("bert",),
            architecture="ForSequenceClassification",
            tensors={
                **dense("hidden_dense", "bert.pooler.dense"),
                **dense("logits_dense", "classifier"),
            },
            arguments={"head_transform": True},
            is_in=has_tensor("classifier.weight", "bert.pooler.dense.weight"),
            read=_read_head,
            settings=_head_settings,
        ),
    )
    input_names = XLMBackbone.input_names

    def __init__(
        self,
        backbone,
        num_classes=None,
        preprocessor=None,
        pooling="first",
        head_transform=True,
        dropout=0.1,
        activation=None,
        labels=None,
        problem_type=None,
        **kwargs,
    ):
        num_classes, self.labels = check_labels(num_classes, labels)
        if problem_type is not None and problem_type not in PROBLEM_TYPES:
            raise ValueError(
                f"problem_type must be one of {PROBLEM_TYPES}, or None. "
                f"Received: problem_type={problem_type!r}."
            )
        if problem_type == PROBLEM_TYPES[0] and num_classes == 1:
            raise ValueError(
                "A single class is always the right one: pass "
                "problem_type='multi_label_classification' for a yes or no, or "
                f"'regression'. Received: num_classes=1, problem_type={problem_type!r}."
            )
        self._saved_problem_type = problem_type
        if problem_type is None:
            problem_type = PROBLEM_TYPES[1 if num_classes == 1 else 0]
        self.problem_type = problem_type
        self.backbone = backbone
        self.preprocessor = preprocessor
        self.num_classes = num_classes
        self.pooling = pooling
        self.head_transform = head_transform
        self.dropout = dropout
        self.activation = keras.activations.get(activation)

        self.pooling_layer = Pooling(
            pooling, dtype=at_least_float32(backbone.dtype_policy), name="pooling"
        )
        self.dropout_layer = keras.layers.Dropout(
            dropout, dtype=at_least_float32(backbone.dtype_policy), name="dropout"
        )
        self.hidden_dense = None
        if head_transform:
            self.hidden_dense = keras.layers.Dense(
                backbone.hidden_dim,
                activation="tanh",
                kernel_initializer=backbone.kernel_initializer(),
                dtype=at_least_float32(backbone.dtype_policy),
                name="hidden_dense",
            )
        # In float32: one vector a text costs nothing, and the logits are exact.
        self.logits_dense = keras.layers.Dense(
            num_classes,
            activation=self.activation,
            kernel_initializer=backbone.kernel_initializer(),
            dtype=at_least_float32(backbone.dtype_policy),
            name="logits_dense",
        )
        inputs = backbone.input
        super().__init__(inputs=inputs, outputs=self.forward(inputs), **kwargs)

    def forward(self, inputs):
        """From the backbone's inputs to the result, see the class."""
        x = self.backbone(inputs)  # (B, T, D)
        return self.classify_states(x, self.backbone.padding_mask(inputs))

    def classify_states(self, x, padding_mask):
        """The head alone: hidden states (B, T, D), mask bool (B, T) -> (B, C)."""
        x = self.dropout_layer(self.pooling_layer(x, padding_mask))  # (B, D)
        if self.hidden_dense is not None:
            x = self.dropout_layer(self.hidden_dense(x))
        return self.logits_dense(x)

    def classify(self, x, top_k=None, batch_size=32):
        """The classes of texts, or of pairs, with their probabilities.

        Args:
            x: str, list of str, or whatever else `predict` takes, such as
                `{"text": [...], "text_pair": [...]}`.
            top_k: int, classes per text; all by default.
            batch_size: int.

        Returns:
            List, one entry per text, of pairs (label: str, probability: float), most
            probable first. Classes without names are called by their numbers, "0".
            Where several classes may be right, their probabilities do not sum to 1.

        Raises:
            ValueError: a regression, which has no classes; a `top_k` that is no number
                of classes; what `predict` refuses.
        """
        if self.problem_type == "regression":
            raise ValueError(
                "A regression has scores and no classes: `predict` gives them. "
                "Received: problem_type='regression'."
            )
        top_k = whole_number(
            "top_k", self.num_classes if top_k is None else top_k, 1, self.num_classes
        )
        self.text_preprocessor("classify")
        labels = self.class_names
        rows = self.probabilities(self.predict(x, batch_size=batch_size, verbose=0))
        return [
            [
                (labels[i], float(row[i]))
                for i in np.argsort(-row, kind="stable")[:top_k]
            ]
            for row in rows
        ]

    def probabilities(self, outputs):
        """The probabilities that the outputs of `predict` stand for.

        Args:
            outputs: float array-like (B, C).

        Returns:
            float32 array (B, C): softmax or sigmoid of logits; outputs that had an
            activation, and those of a regression, as they are.
        """
        outputs = np.asarray(outputs, "float32")
        is_logit = self.activation is keras.activations.linear
        if not is_logit or self.problem_type == "regression":
            return outputs
        is_single = self.problem_type == "single_label_classification"
        function = keras.ops.softmax if is_single else keras.ops.sigmoid
        return keras.ops.convert_to_numpy(function(outputs))

    def attributions(self, x, target=None, steps=32, batch_size=32):
        """What the answers come from: a score for every word.

        The scores are integrated gradients of the embeddings of a word's tokens, from
        the text with `<mask>` in the place of every token to the text. They sum to
        `score - baseline_score`: what the model says of the text more than of the
        masks; `error` is what is missing, less with more steps.

        The number that is explained is the log-odds of the class, log p / (1 - p),
        which does not level off where the model is sure; of a regression, and of a
        model with an `activation`, it is the output itself.

        Args:
            x: str, list of str, or whatever else `classify` takes, in memory.
            target: the class that is asked for, its label or its number; by default
                the most probable of every text. Of a regression, the number of the
                output; by default the only one.
            steps: int, points at which the gradients are taken.
            batch_size: int, points at once, of one text or several.

        Returns:
            `Attributions`, a list of `Attribution`, one per text: in a notebook a table
            of the texts with coloured words, of which `to_html()` is the HTML. What is
            cut from a text that is too long has no score.

        Raises:
            ValueError: there is no such class, an argument is out of range, or what
                `classify` refuses.

        Source: Sundararajan et al. 2017 (arXiv 1703.01365).
        """
        require_tensorflow("attributions")
        steps = whole_number("steps", steps)
        batch_size = whole_number("batch_size", batch_size)
        preprocessor = self.text_preprocessor("attributions")
        target = self._output_number(target)
        self.check_lengths()
        fields = _text_columns(self._read(x).parts["x"])
        if not len(fields["text"]):
            return Attributions()
        inputs, tokens = preprocessor.pack_with_offsets(fields)
        masked = inputs["token_ids"].numpy()
        for own in tokens.values():
            for row, spans in enumerate(own):
                masked[row, [x[0] for x in spans]] = (
                    preprocessor.tokenizer.mask_token_id
                )
        outputs, of_masked = (
            np.concatenate([x for _, x in packed_outputs(self, own, batch_size)])
            for own in (inputs, {**inputs, "token_ids": tf.constant(masked)})
        )
        most = outputs.argmax(-1) if target is None else target
        targets = np.broadcast_to(most, len(outputs))
        scores = integrated_gradients(
            self,
            inputs,
            masked,
            lambda outputs, rows: self._explained(outputs, targets[rows]),
            steps,
            batch_size,
        )
        words = {
            name: scored_words(fields[name], own, scores)
            for name, own in tokens.items()
        }
        explained, of_baseline = (
            self._explained(own, targets).numpy().tolist()
            for own in (outputs, of_masked)
        )
        return Attributions(
            Attribution(
                label=self.class_names[targets[row]],
                score=explained[row],
                baseline_score=of_baseline[row],
                text=fields["text"][row],
                words=words["text"][row],
                text_pair=fields["text_pair"][row] if "text_pair" in words else None,
                words_pair=words["text_pair"][row] if "text_pair" in words else None,
            )
            for row in range(len(outputs))
        )

    def _output_number(self, target):
        """The number of an output that a class, or its number, names; None of None."""
        if target is None:
            if self.problem_type == "regression" and self.num_classes > 1:
                raise ValueError(
                    f"This regression has {self.num_classes} outputs: say which by "
                    "`target`, a number. Received: target=None."
                )
            return None
        names = self.class_names
        if isinstance(target, str) and target in names:
            return names.index(target)
        if isinstance(target, str | list | tuple):
            raise ValueError(
                f"target must be one of {', '.join(names)}, or a number of them, for "
                f"all texts. Received: target={target!r}."
            )
        return whole_number("target", target, 0, self.num_classes - 1)

    def _explained(self, outputs, targets):
        """What `attributions` explains, float (B,), of outputs (B, C)."""
        outputs = tf.convert_to_tensor(outputs)
        chosen = tf.gather(outputs, targets, batch_dims=1)
        is_logit = self.activation is keras.activations.linear
        if not is_logit or self.problem_type != "single_label_classification":
            return chosen
        is_chosen = tf.one_hot(targets, self.num_classes, True, False)
        others = tf.where(is_chosen, outputs.dtype.min, outputs)
        return chosen - tf.reduce_logsumexp(others, axis=-1)

    def score(self, x, batch_size=32):
        """The one number that a reranker, or a regression, has for a text or a pair.

        Args:
            x: str, list of str, or whatever else `predict` takes: pairs are a tuple of
                two lists, or a list of tuples.
            batch_size: int.

        Returns:
            float32 array (B,): of a reranker how relevant, from 0 to 1, of a regression
            the number itself.

        Raises:
            ValueError: a model of several classes; what `predict` refuses.
        """
        if self.num_classes != 1:
            raise ValueError(
                "A score is the answer of a model of one class, as a reranker is: "
                f"`classify` gives those of several. Received: num_classes="
                f"{self.num_classes}."
            )
        self.text_preprocessor("score")
        batch_size = whole_number("batch_size", batch_size)
        if isinstance(x, list) and not x:
            return np.zeros((0,), "float32")
        outputs = self.predict(x, batch_size=batch_size, verbose=0)
        return self.probabilities(outputs)[:, 0]

    def rank(self, query, documents, top_k=None, batch_size=32, language=None):
        """Documents by how relevant they are for a query, as a reranker says.

        Args:
            query: str.
            documents: list of str.
            top_k: int, documents that are given; all by default.
            batch_size: int, of pairs.
            language: str, of all texts, where the model or its tokenizer has any.

        Returns:
            List of pairs (index: int, score: float), the most relevant first: the place
            in `documents`, and its `score`.

        Raises:
            ValueError: a model of several classes, texts that are none, a `top_k` below
                1, a language that the model does not read.
        """
        preprocessor = self.text_preprocessor("rank")
        if not isinstance(query, str | bytes):
            raise ValueError(f"query must be one text, a str. Received: {query!r}.")
        documents = read_column(documents, "documents")
        if top_k is not None:
            top_k = whole_number("top_k", top_k, 1)
        pairs = {"text": [query] * len(documents), "text_pair": documents}
        if language is not None:
            preprocessor.check_language(language)
            pairs["language"] = language
        scores = self.score(pairs if documents else [], batch_size)
        order = np.argsort(-scores, kind="stable")[:top_k]
        return [(int(i), float(scores[i])) for i in order]

    def zero_shot(
        self,
        texts,
        labels,
        template="This example is {}.",
        multi_label=False,
        entailment=None,
        batch_size=32,
        language=None,
        template_language=None,
    ):
        """Classes that the model was never trained on, by natural language inference.

        Every label becomes a hypothesis, and its score is how much the text entails
        it. The model must be one of inference, such as
        `hf://joeddav/xlm-roberta-large-xnli`.

        Args:
            texts: str or list of str, in any language of the model.
            labels: list of str, the candidates.
            template: str with a `{}` for the label; in any language.
            multi_label: bool, whether several labels may be right: each is then scored
                for itself, entailment against contradiction.
            entailment: name of the class that says that the hypothesis follows;
                defaults to the label "entailment", in any case of letters.
            batch_size: int, of pairs.
            language: str, of the texts, where the model or its tokenizer has any.
            template_language: str, of the template and the labels; defaults to
                `language`.

        Returns:
            List, one entry per text, of pairs (label: str, probability: float), most
            probable first.

        Raises:
            ValueError: a model without such a class, labels that are no texts, none or
                repeated ones, a template without `{}`, a language that the model does
                not read.

        Source: Yin et al. 2019 (arXiv 1909.00161), section 5.
        """
        positive, negative = self._inference_classes(entailment)
        preprocessor = self.text_preprocessor("zero_shot")
        languages = {"language": language, "language_pair": template_language}
        languages = {name: own for name, own in languages.items() if own is not None}
        for own in languages.values():
            preprocessor.check_language(own)
        texts = read_column(texts)
        labels = [
            label.decode("utf-8") if isinstance(label, bytes) else label
            for label in read_column(
                list(labels) if isinstance(labels, tuple) else labels, "labels"
            )
        ]
        if not labels or len(set(labels)) != len(labels):
            raise ValueError(
                f"labels must be candidates that differ. Received: labels={labels}."
            )
        if not isinstance(template, str) or "{}" not in template:
            raise ValueError(
                "template must have {} in the place of the label, as in "
                f"'This example is {{}}.'. Received: template={template!r}."
            )
        if not texts:
            return []
        pairs = {
            "text": [text for text in texts for _ in labels],
            "text_pair": [template.replace("{}", label) for label in labels]
            * len(texts),
            **languages,
        }
        logits = self.predict(pairs, batch_size=batch_size, verbose=0)
        logits = logits.reshape(len(texts), len(labels), self.num_classes)
        if multi_label or len(labels) == 1:
            chosen = logits[..., [negative, positive]]
            scores = keras.ops.convert_to_numpy(keras.ops.softmax(chosen))[..., 1]
        else:
            scores = keras.ops.convert_to_numpy(
                keras.ops.softmax(logits[..., positive])
            )
        return [
            [(labels[i], float(row[i])) for i in np.argsort(-row, kind="stable")]
            for row in scores
        ]

    def _inference_classes(self, entailment):
        """Numbers of the classes of entailment and of contradiction."""
        names = [label.lower() for label in self.labels or ()]
        wanted = str("entailment" if entailment is None else entailment).lower()
        gives_logits = self.activation is keras.activations.linear
        is_single = self.problem_type == "single_label_classification"
        if not (is_single and gives_logits and wanted in names):
            raise ValueError(
                "zero_shot needs a model of natural language inference, which answers "
                "with logits and has a class for entailment; name it by `entailment`. "
                f"Received: labels={self.labels}, entailment={entailment!r}, "
                f"problem_type={self.problem_type!r}, activation="
                f"{keras.activations.serialize(self.activation)!r}."
            )
        positive = names.index(wanted)
        others = [
            number for number, name in enumerate(names) if name.startswith("contra")
        ]
        if positive in others:
            raise ValueError(
                "entailment must be the class that says that a hypothesis follows, "
                f"not its contradiction. Received: entailment={entailment!r}."
            )
        if not others and len(names) == 2:
            others = [1 - positive]
        if not others:
            raise ValueError(
                "zero_shot needs a class that begins with 'contra', as contradiction "
                f"does, or two classes alone. Received: labels={self.labels}."
            )
        return positive, others[0]

    def compile(self, optimizer="auto", loss="auto", *, metrics="auto", **kwargs):
        """As KerasHub's; the "auto" loss and metrics are those of the `problem_type`.

        The loss is never in half precision.
        """
        dtype = self.logits_dense.compute_dtype
        if self.problem_type == "multi_label_classification":
            is_logit = self.activation is keras.activations.linear
            if loss == "auto":
                loss = keras.losses.BinaryCrossentropy(
                    from_logits=is_logit, dtype=dtype
                )
            if metrics == "auto":
                threshold = 0.0 if is_logit else 0.5
                metrics = [keras.metrics.BinaryAccuracy(threshold=threshold)]
        elif self.problem_type == "regression":
            if loss == "auto":
                loss = keras.losses.MeanSquaredError(dtype=dtype)
            if metrics == "auto":
                metrics = [keras.metrics.MeanAbsoluteError()]
        elif loss == "auto":
            loss = keras.losses.SparseCategoricalCrossentropy(
                from_logits=self.activation != keras.activations.softmax, dtype=dtype
            )
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "problem_type": self._saved_problem_type,
            "pooling": self.pooling,
            "head_transform": self.head_transform,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
            "labels": self.labels,
        }


def _text_columns(x):
    """What `read_texts` gives -> dict of lists of str."""
    if isinstance(x, tuple):
        x = dict(zip(FIELDS, x, strict=False))
    columns = x if isinstance(x, dict) else {"text": x}
    return {name: as_strings(own.tolist()) for name, own in columns.items()}
