"""The text of a WARC file by datatrove: `collecting.py` runs this by another Python.

python datatrove_extraction.py folder-of-archives output
"""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.readers import WarcReader
from datatrove.pipeline.writers import JsonlWriter

if __name__ == "__main__":
    _, archives, output = sys.argv
    steps = [
        WarcReader(archives, glob_pattern="*.warc.gz"),
        Trafilatura(favour_precision=True, timeout=30),
        JsonlWriter(f"{output}/text"),
    ]
    LocalPipelineExecutor(steps, tasks=1, logging_dir=f"{output}/log").run()
