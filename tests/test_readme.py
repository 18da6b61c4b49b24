"""The first example of the README runs as it stands."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_first_example():
    (example, *_) = re.findall("```python\n(.*?)```", README.read_text(), re.DOTALL)
    names = {}
    exec(example, names)  # the repository's own text
    assert names["states"].shape[2] == 128
    assert names["tokenizer"].decode(names["ids"]) == "Hello, world!"
