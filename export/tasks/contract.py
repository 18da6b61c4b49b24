"""What a task is to be exported: an answer in the graph, and a check beside it.

The two share no code. An answer is part of an exported graph, which runs the model's
layers on the export's weights; a check asks the Keras model for logits or vectors and
does the rest in NumPy. A mistake of the export is none of the check's.

Numbers may differ by a tolerance. Where a choice hangs on them (a label, a token), the
artefact may choose otherwise only if the model's own numbers are that close for both.
"""

import abc
from typing import ClassVar


class Answer(abc.ABC):
    """From what the task computes to named outputs, in an exported graph.

    Args:
        task: the task, that of the graph's `InferenceCopy`.
        labels: list of str, names of the classes of a classifier.
        top_k: int, candidates for a mask.

    Attributes:
        input_shapes: dict from the name of a further int32 input of the signature
            `token_ids` to its shape.
        prompts: dict from the name of a further signature to what that puts before
            texts.
        check_prefix: str that every text of the check begins with.
    """

    input_shapes: ClassVar = {}
    prompts: ClassVar = {}
    check_prefix = ""

    def text_names(self, pairs):
        """The string inputs of `serving_default` beside languages, list of str."""
        return ["text", *(["text_pair"] if pairs else [])]

    def __init__(self, task, labels, top_k):
        self.task = task
        self.labels = labels

    @abc.abstractmethod
    def numbers(self, inputs):
        """Numeric outputs, for clients that hold the vocabulary and the labels.

        Args:
            inputs: dict of the backbone's inputs, and of those of `input_shapes`.

        Returns:
            dict from output name to tensor (B, ...).
        """

    def words(self, numbers):
        """The outputs of the contract, for clients that hold nothing.

        Args:
            numbers: what `numbers` gave.

        Returns:
            dict from output name to tensor (B, ...).
        """
        return numbers

    def checks(self, inputs):
        """Assertions on the further inputs, a list of ops."""
        return []

    def example_inputs(self, number):
        """The further inputs for some texts of the check, a dict of tensors."""
        return {}


class Check(abc.ABC):
    """What the task itself answers, and whether an artefact's answer is that.

    Args:
        task, labels, top_k: see `Answer`.
    """

    @abc.abstractmethod
    def expected(self, inputs):
        """What the task answers.

        Args:
            inputs: dict, the backbone's and the further inputs of the answer.

        Returns:
            float64 array (B, ...).
        """

    def compare_texts(self, answer, fields, tolerance, what):
        """Compare the answer to texts, of a task that reads them in windows.

        Args:
            answer: dict from output name to array, the artefact's.
            fields: dict from input name to array of bytes.
            tolerance, what: as for `compare`.

        Returns:
            float, the largest distance.

        Raises:
            ParityError: an answer that is not the model's.
        """
        raise NotImplementedError

    @abc.abstractmethod
    def compare(self, answer, expected, tolerance, what):
        """Compare an answer with the expected one.

        Args:
            answer: dict from output name to array, the artefact's.
            expected: what `expected` gave.
            tolerance: float, see `check_parity`.
            what: str, for the error.

        Returns:
            float, the largest relative distance.

        Raises:
            ParityError: an answer that is not the model's.
        """
