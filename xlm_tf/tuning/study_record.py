"""What a study was begun with, which must stay as it was where it goes on."""

import dataclasses
import json

from xlm_tf.output_files import whole_file
from xlm_tf.training.input_files import Inputs, differences

# In the output folder.
RECORD = "study.json"


@dataclasses.dataclass(frozen=True)
class StudyRecord:
    """A study as it was begun.

    Attributes:
        name: str, of the study in its database, wherever the output is by now.
        definition: dict, see `Study.definition`.
        inputs: `Inputs`, of all trials; None of a study that was begun before these
            were written down.
    """

    name: str
    definition: dict
    inputs: Inputs | None

    @classmethod
    def of(cls, study, name):
        """The record of a study that begins now; reads its files."""
        inputs = Inputs.of(study.recipe, study.searched_files)
        return cls(name, study.definition(), inputs)

    @classmethod
    def read(cls, study):
        """The record in the output of a study; None where there is none.

        Raises:
            ValueError: it is damaged.
        """
        path = study.output / RECORD
        if not path.exists():
            return None
        try:
            return cls.from_text(path.read_text(encoding="utf-8"), study)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(
                f"{path} is damaged: {error!r}. Choose another output, or delete it."
            ) from error

    @classmethod
    def from_text(cls, text, study):
        """What `text` gave, now or before, for a study."""
        content = json.loads(text)
        if "study" not in content:  # a database held no more, before there were inputs
            content = {"study": content, "recipe": study.definition()["recipe"]}
        name = content.pop("name", study.output.absolute().name)
        inputs = content.pop("inputs", None)
        content["study"].pop("set", None)  # it is in the recipe
        if inputs is None:
            return cls(name, study.definition() | content, None)
        return cls(name, content, Inputs.from_json(inputs))

    def text(self):
        """The record as JSON: str."""
        inputs = None if self.inputs is None else dataclasses.asdict(self.inputs)
        return json.dumps(
            {"name": self.name, **self.definition, "inputs": inputs}, indent=2
        )

    def write(self, folder):
        """Write the record into the output of a study."""
        with whole_file(folder / RECORD) as partial:
            partial.write_text(self.text(), encoding="utf-8")

    def changed(self, study, is_elsewhere=False):
        """What is another one in a study than here, wherever its files are.

        Args:
            study: `Study`.
            is_elsewhere: bool, whether the record may be of another machine, which has
                its folders elsewhere.

        Returns:
            list of str.
        """
        inputs, now = self.inputs, study.definition()
        before, after = self.definition["recipe"], now["recipe"]
        if inputs is not None:
            if is_elsewhere:
                folders = Inputs.folders_of(study.recipe)
                inputs = dataclasses.replace(inputs, folders=folders)
            before, after = inputs.comparable(before, study.recipe)
            after.pop("output")
        both = self.definition | {"recipe": before}, now | {"recipe": after}
        return [*sorted(differences(*both, where="")), *self.changed_files(study)]

    def changed_files(self, study):
        """The files of a study whose content is another one than here.

        Args:
            study: `Study`.

        Returns:
            list of str.
        """
        if self.inputs is None:
            return []
        changed = self.inputs.changed(study.recipe, study.searched_files)
        return [f"the content of {x}" for x in changed]
