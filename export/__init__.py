"""Exported models: SavedModels for TF Serving, TFLite files for phones, and serving.

`export.serving` is imported by its own name: it needs the extra `serving`.
"""

import importlib

# Public name -> the module that has it; imported when it is first used.
_PUBLIC = {
    "ExportReport": "export.report",
    "ParityError": "export.parity",
    "to_saved_model": "export.saved_model",
    "to_tflite": "export.tflite",
}

__all__ = ["ExportReport", "ParityError", "to_saved_model", "to_tflite"]


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module 'export' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return [*__all__, "serving"]
