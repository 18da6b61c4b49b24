"""HTML per second of one core: `xlm-tf collect` and datatrove's reader and Trafilatura.

python benchmarks/collecting.py --html doc/html --datatrove datatrove/bin/python

`--html` is a folder of pages, such as the documentation of Rust; some of them, drawn
evenly, become a WARC file, which both read in turn. `--datatrove` is the Python of an
environment with datatrove[io,processing], orjson and lxml_html_clean. Both write JSON
lines in gzip; xlm_tf also finds the pages' dates, and has a process for the extraction.
"""

import argparse
import io
import random
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import report
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

_DATATROVE = Path(__file__).with_name("datatrove_extraction.py")


def main():
    """Measure in turn, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--html", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--megabytes", type=float, default=40)
    parser.add_argument("--datatrove", metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", default="collecting.json")
    args = parser.parse_args()
    seconds = {"xlm_tf": []} | ({"datatrove": []} if args.datatrove else {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        megabytes = write_archive(args, folder / "pages.warc.gz")
        for number in range(args.rounds):
            for engine, values in seconds.items():
                output = folder / f"{engine}.{number}"
                values.append(processor_seconds(command(args, engine, folder, output)))
    report(
        f"Extracting {megabytes:.1f} MB",
        "MB/s",
        {
            "start included": {
                engine: megabytes / statistics.median(values)
                for engine, values in seconds.items()
            }
        },
        list(seconds)[-1],
        args.output,
        seconds=seconds,
    )


def write_archive(args, path):
    """Write some of the pages to a WARC file; their size in MB."""
    pages = sorted(args.html.rglob("*.html"))
    random.Random(1).shuffle(pages)
    size = 0
    with open(path, "wb") as file:
        writer = WARCWriter(file)
        for page in pages:
            content = page.read_bytes()
            # A median page of Common Crawl has some 60 kB.
            if not 5000 < len(content) < 300_000:
                continue
            headers = [("Content-Type", "text/html; charset=utf-8")]
            record = writer.create_warc_record(
                f"https://a.example/{page.relative_to(args.html)}",
                "response",
                payload=io.BytesIO(content),
                http_headers=StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1"),
            )
            writer.write_record(record)
            size += len(content)
            if size > 1e6 * args.megabytes:
                break
    return size / 1e6


def command(args, engine, folder, output):
    if engine == "datatrove":
        return [args.datatrove, _DATATROVE, folder, output]
    arguments = [folder / "pages.warc.gz", "--output", output, "--processes", "1"]
    return [sys.executable, "-m", "xlm_tf.cli", "collect", *arguments]


def processor_seconds(arguments):
    """Of a program with all its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
