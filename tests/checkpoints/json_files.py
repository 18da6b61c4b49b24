"""Files of checkpoints, written by tests."""

import json


def write_json(path, content):
    """Write a file, and the folder that it is in."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
