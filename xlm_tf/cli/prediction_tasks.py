"""What `predict` reads for a task, and what it answers."""

import abc
from pathlib import Path
from typing import ClassVar

from xlm_tf.cli.text_lines import STANDARD_STREAM, check_lines, read_lines
from xlm_tf.data.questions import iterate_questions
from xlm_tf.data.tables import check_table, is_table, iterate_table
from xlm_tf.data.tagged_words import CONLL, iterate_tagged_words
from xlm_tf.models.hybrid_embedder import XLMHybridEmbedder
from xlm_tf.models.masked_lm import XLMMaskedLM
from xlm_tf.models.question_answering import XLMQuestionAnswering
from xlm_tf.models.text_classifier import XLMTextClassifier
from xlm_tf.models.text_embedder import XLMTextEmbedder
from xlm_tf.models.token_classifier import XLMTokenClassifier

_OF_WORDS = (*(x for x in CONLL if x != ".txt"), ".conllu")


def prediction_of(task_class, args, written):
    """How a task predicts.

    Args:
        task_class: class of the model.
        args: the arguments of `predict`.
        written: str, the format of the answers.

    Returns:
        `Prediction`; its input has been looked at.

    Raises:
        ValueError, OSError: a model whose answers are no answers to a text, an argument
            that it does not read, an input that cannot be read.
    """
    name = Path(args.input).name.lower().removesuffix(".gz")
    predictions = {
        XLMTextClassifier: ClassPrediction,
        XLMTokenClassifier: EntityPrediction,
        XLMQuestionAnswering: AnswerPrediction,
        XLMTextEmbedder: VectorPrediction,
        XLMHybridEmbedder: HybridPrediction,
        XLMMaskedLM: TokenPrediction,
    }
    if args.words is not None or name.endswith(_OF_WORDS):
        predictions[XLMTokenClassifier] = WordPrediction
    for own, prediction_class in predictions.items():
        if issubclass(task_class, own):
            prediction = prediction_class(args)
            prediction.check_arguments(task_class.__name__, written)
            prediction.check_input()
            return prediction
    raise ValueError(
        f"{args.model} holds a {task_class.__name__}. Expected a classifier, a tagger, "
        "an embedder, a masked language model or question answering; `xlm-tf "
        "translate` and `summarize` write texts."
    )


class Prediction(abc.ABC):
    """Reads texts, in tables or one a line.

    Attributes:
        options: the options that it reads, beside those of every task.
        formats: the formats that it writes.
        columns: what a line of TSV holds.
        of_input: str, what the input is, where it decides what is read.
    """

    options: ClassVar[tuple] = ("text",)
    formats: ClassVar[tuple] = ("jsonl",)
    columns: ClassVar[tuple] = ()
    of_input: ClassVar[str] = ""

    def __init__(self, args):
        self.args = args

    @abc.abstractmethod
    def answers(self, model, rows):
        """Yield the answers to rows, dicts that JSON can hold."""

    def check_arguments(self, task, written):
        """Raise ValueError where there is an argument that is not read."""
        names = ("text", "text_pair", "words", "question", "context", "top_k")
        for name in (*names, "prompt_name"):
            if getattr(self.args, name) is not None and name not in self.options:
                raise ValueError(
                    f"--{name.replace('_', '-')} is not for {self.args.model}, which "
                    f"is a {task}{self.of_input}."
                )
        if written not in self.formats:
            raise ValueError(
                f"--format {written} is not for {self.args.model}, which is a "
                f"{task}{self.of_input}: expected {' or '.join(self.formats)}."
            )

    def check_input(self):
        """Raise ValueError or OSError where the input cannot be read."""
        args, columns = self.args, self._columns()
        if columns is None:
            for option, column in (
                ("--text", args.text),
                ("--text-pair", args.text_pair),
            ):
                if column is not None:
                    raise ValueError(
                        f"{option} is a column of a table, and lines of text have "
                        f"none. Received: {option} {column}, {args.input}."
                    )
            check_lines(args.input, args.encoding)
            return
        self._check_encoding()
        check_table(args.input, columns)

    def _check_encoding(self):
        if self.args.encoding != "utf-8":
            raise ValueError(
                f"--encoding is of lines of text; tables are UTF-8. Received: "
                f"--encoding {self.args.encoding}, {self.args.input}."
            )

    def rows(self):
        """The rows of the input: `(row, reason)`, see `iterate_table`."""
        columns = self._columns()
        if columns is None:
            for line in read_lines(self.args.input, self.args.encoding):
                yield {"text": line}, None
            return
        yield from _named(iterate_table(self.args.input, columns))

    def _columns(self):
        """What columns of the input are read; None where it is lines of text."""
        if not is_table(self.args.input):
            return None
        columns = {"text": self.args.text or "text"}
        if self.args.text_pair is not None:
            columns["text_pair"] = self.args.text_pair
        return columns

    def fields(self, rows):
        """What models take: dict of lists."""
        fields = {name: [row[name] for row in rows] for name in rows[0]}
        if self.args.language is not None:
            fields["language"] = [self.args.language] * len(rows)
        return fields


class ClassPrediction(Prediction):
    """Of an `XLMTextClassifier`: classes, or the numbers of a regression."""

    options = ("text", "text_pair", "top_k")
    formats = ("jsonl", "tsv")
    columns = ("label", "probability")

    def answers(self, model, rows):
        fields, args = self.fields(rows), self.args
        if model.problem_type == "regression":
            self._check_regression()
            for values in model.predict(fields, args.batch_size, verbose=0):
                yield {"scores": values.tolist()}
            return
        for classes in model.classify(fields, args.top_k, args.batch_size):
            label, probability = classes[0]
            yield {
                "label": label,
                "probability": probability,
                "probabilities": dict(classes),
            }

    def _check_regression(self):
        given = {"--top-k": self.args.top_k is not None}
        is_tsv = self.args.output.lower().removesuffix(".gz").endswith(".tsv")
        given["--format tsv"] = self.args.format == "tsv" or (
            self.args.format is None and is_tsv
        )
        for argument, is_given in given.items():
            if is_given:
                raise ValueError(
                    f"{argument} is not for {self.args.model}, a regression."
                )


class EntityPrediction(Prediction):
    """Of an `XLMTokenClassifier`: the entities of raw texts."""

    def answers(self, model, rows):
        for entities in model.tag(
            [row["text"] for row in rows],
            language=self.args.language,
            batch_size=self.args.batch_size,
        ):
            yield {"entities": entities}


class WordPrediction(Prediction):
    """Of an `XLMTokenClassifier`: the tags of words."""

    options = ("words",)
    formats = ("jsonl", "conll")
    of_input = " with words to tag"

    def answers(self, model, rows):
        words = [row["words"] for row in rows]
        tags = model.tag_words(
            words, language=self.args.language, batch_size=self.args.batch_size
        )
        for own, found in zip(words, tags, strict=True):
            yield {"words": own, "tags": found}

    def check_input(self):
        self._check_encoding()
        next(self._iterate(), None)

    def rows(self):
        yield from _named(self._iterate())

    def _iterate(self):
        return iterate_tagged_words(
            self.args.input, words=self.args.words or "tokens", with_tags=False
        )


class AnswerPrediction(Prediction):
    """Of an `XLMQuestionAnswering`: spans of contexts."""

    options = ("question", "context", "top_k")
    formats = ("jsonl", "tsv", "json")
    columns = ("answer", "score")

    def answers(self, model, rows):
        args = self.args
        found = model.answer(
            [row["question"] for row in rows],
            [row["context"] for row in rows],
            top_k=args.top_k or 1,
            language=args.language,
            batch_size=args.batch_size,
        )
        for row, own in zip(rows, found, strict=True):
            answer = {"id": row["id"], **own[0]}
            if args.top_k is not None:
                answer["answers"] = own
            yield answer

    def check_input(self):
        self._check_encoding()
        if self.args.input == STANDARD_STREAM:
            raise ValueError(
                "Questions come with their contexts: name a file of SQuAD's .json, or "
                ".jsonl, .parquet, .csv or .tsv with question and context."
            )
        columns = self._question_columns()
        if len(set(columns.values())) < len(columns):
            raise ValueError(
                "--question and --context must be different columns. "
                f"Received: {' and '.join(columns.values())}."
            )
        if self._is_table():
            columns = {"id": "id", **columns}
            check_table(self.args.input, columns, optional=("id",))
        else:
            next(self._iterate(), None)

    def rows(self):
        if self._is_table():
            columns = {"id": "id", **self._question_columns()}
            rows = iterate_table(self.args.input, columns, optional=("id",))
            lines_of_ids = {}
            for number, row, broken in rows:
                named = row and {**row, "id": row.get("id") or str(number)}
                line = lines_of_ids.setdefault(named["id"], number) if named else number
                reason = broken if line == number else f"the id is that of line {line}"
                yield named, reason and f"line {number}: {reason}"
            return
        yield from _named(self._iterate())

    def _iterate(self):
        columns = self._question_columns()
        return iterate_questions(self.args.input, with_answers=False, columns=columns)

    def _question_columns(self):
        names = ("question", "context")
        return {name: getattr(self.args, name) or name for name in names}

    def _is_table(self):
        name = Path(self.args.input).name.lower().removesuffix(".gz")
        return name.endswith((".csv", ".tsv"))


class VectorPrediction(Prediction):
    """Of an `XLMTextEmbedder`: embeddings."""

    options = ("text", "prompt_name")

    def answers(self, model, rows):
        if self.args.prompt_name is not None:
            model.preprocessor.default_prompt_name = self.args.prompt_name
        fields = self.fields(rows)
        for vector in model.predict(fields, self.args.batch_size, verbose=0):
            yield {"embedding": vector.tolist()}


class HybridPrediction(Prediction):
    """Of an `XLMHybridEmbedder`: dense, sparse and multi-vector embeddings."""

    options = ("text", "prompt_name")

    def answers(self, model, rows):
        found = model.embed(
            [row["text"] for row in rows],
            language=self.args.language,
            batch_size=self.args.batch_size,
            prompt_name=self.args.prompt_name,
        )
        for dense, sparse, vectors in zip(*found.values(), strict=True):
            yield {
                "dense": dense.tolist(),
                "sparse": {
                    str(token_id): weight for token_id, weight in sparse.items()
                },
                "multi_vector": vectors.tolist(),
            }


class TokenPrediction(Prediction):
    """Of an `XLMMaskedLM`: tokens for `<mask>`."""

    options = ("text", "top_k")

    def answers(self, model, rows):
        texts = [row["text"] for row in rows]
        for candidates in model.fill_mask(
            texts, self.args.top_k or 5, self.args.language
        ):
            yield {
                "tokens": [token for token, _ in candidates],
                "probabilities": [probability for _, probability in candidates],
            }


def _named(rows):
    for number, row, reason in rows:
        yield row, reason and f"line {number}: {reason}"
