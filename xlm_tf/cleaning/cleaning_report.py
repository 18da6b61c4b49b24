"""What a cleaning did, to look at: `report.md`, `report.html` and `report.json`."""

import dataclasses
import functools
import html
import json

from xlm_tf.cleaning.block_cleaning import SAMPLES, FileCounts
from xlm_tf.output_files import whole_file

REPORT_FILE = "report.json"
_STYLE = (
    "body{font:15px sans-serif;margin:2em auto;max-width:75em}"
    "table{border-collapse:collapse;margin:1em 0}"
    "td,th{padding:.2em .7em;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child,.text td{text-align:left}"
    ".bar{display:inline-block;height:.7em;background:#c44;margin-right:.4em}"
    "summary{cursor:pointer;margin:.4em 0}"
    ".text td{max-width:45em;overflow-wrap:anywhere}"
)
# Of a sample.
_SHOWN = 300


@dataclasses.dataclass
class SourceReport:
    """What became of the texts of a language, or of the pairs of two.

    Attributes:
        name: str, such as "en" or "en-de".
        files: dict from name of a file to `FileCounts`.
    """

    name: str
    files: dict

    @functools.cached_property
    def total(self):
        """`FileCounts` of all files together."""
        total = FileCounts()
        for own in self.files.values():
            total.add(own)
        return total


def summary(reports):
    """What was kept and removed, in words, a line for every source: str."""
    lines = []
    for report in reports:
        total = report.total
        removed = ", ".join(
            f"{count:,} {rule}" for rule, count in total.removed.most_common()
        )
        lines.append(
            f"{report.name}: {_kept(total)}; removed: {removed or 'none'}; repaired: "
            f"{total.counts['repaired']:,}."
        )
    return "\n".join(lines)


def doubts(reports):
    """What looks as if the texts were others than the recipe says: list of str."""
    found = []
    for report in reports:
        number = len(found)
        is_kept = report.total.counts["kept"] > 0
        for file, own in report.files.items():
            unreadable = own.removed["unreadable"]
            if 2 * unreadable > _rows(own):
                _, line, seen, *_ = min(own.samples["unreadable"], key=lambda x: x[1])
                found.append(
                    f"{file}: {unreadable:,} of {_rows(own):,} lines cannot be read, "
                    f"so this is not the expected kind of file. Such as line {line:,}: "
                    f"{seen}"
                )
            elif is_kept and _rows(own) and not own.counts["kept"]:
                found.append(f"{file}: nothing was kept of it{_most_removed(own)}")
        if not is_kept and number == len(found):
            most = _most_removed(report.total) or ", it is empty"
            found.append(f"nothing was kept of {report.name}{most}")
    return found


def _most_removed(total):
    return "".join(
        f": {count:,} of {_rows(total):,} went by the rule {rule}"
        for rule, count in total.removed.most_common(1)
    )


def _rows(total):
    return total.counts["kept"] + sum(total.removed.values())


def _kept(total):
    kept, rows = total.counts["kept"], _rows(total)
    share = f" ({kept / rows:.1%})" if rows else ""
    return f"{kept:,} of {rows:,} kept{share}"


def write_report(folder, recipe, reports):
    """Write the three files.

    Args:
        folder: Path.
        recipe: `CleaningRecipe`.
        reports: list of `SourceReport`.
    """
    pages = {
        "report.md": _markdown(reports),
        "report.html": _page(reports),
        # The last: with it the folder is whole.
        REPORT_FILE: json.dumps(
            _content(recipe, reports), ensure_ascii=False, indent=1
        ),
    }
    for name, page in pages.items():
        with whole_file(folder / name) as partial:
            partial.write_text(page, encoding="utf-8")


def _content(recipe, reports):
    return {
        "rules": recipe.rules.model_dump(mode="json"),
        "sources": {
            report.name: {
                file: {"counts": own["counts"], "removed": own["removed"]}
                for file, counts in report.files.items()
                for own in [counts.as_json()]
            }
            for report in reports
        },
    }


def _table(reports):
    """Header and rows of the shares of every source and file."""
    rules = sorted({rule for report in reports for rule in report.total.removed})
    header = ["", "rows", "kept", "repaired", "masked", "empty", *rules]
    rows = []
    for report in reports:
        entries = [(report.name, report.total)]
        if len(report.files) > 1:
            entries += [(f"  {file}", own) for file, own in report.files.items()]
        for name, own in entries:
            count = _rows(own)
            cells = [name, f"{count:,}"]
            cells.append(_share(own.counts["kept"], count))
            cells += [f"{own.counts[x]:,}" for x in ("repaired", "masked", "empty")]
            cells += [_share(own.removed[rule], count) for rule in rules]
            rows.append(cells)
    return header, rows


def _share(count, total):
    return f"{count:,} ({count / total:.1%})" if count else "0"


def _samples(report):
    """Yield (rule, count, [(file, line, seen, text)]), the most frequent first."""
    total = report.total
    kinds = [*total.removed.most_common()]
    kinds += [(x, total.counts[x]) for x in ("repaired", "masked") if total.counts[x]]
    for kind, count in kinds:
        samples = [
            (key, file, line, seen, " ⇥ ".join(texts))
            for file, own in report.files.items()
            for key, line, seen, texts in own.samples.get(kind, ())
        ]
        yield kind, count, [sample[1:] for sample in sorted(samples)[:SAMPLES]]


def _shown(text):
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _markdown(reports):
    header, rows = _table(reports)
    lines = [
        "# Cleaned texts",
        "",
        _row(header),
        _row(["---", *["---:"] * (len(header) - 1)]),
    ]
    lines += map(_row, rows)
    for report in reports:
        lines += ["", f"## {report.name}", "", f"{_kept(report.total)}."]
        for kind, count, samples in _samples(report):
            lines += ["", f"### {kind}: {count:,}", ""]
            lines += [
                f"- {file}:{line} ({_escaped(seen)}): {_escaped(text)}"
                for file, line, seen, text in samples
            ]
    return "\n".join(lines) + "\n"


def _row(cells):
    return f"| {' | '.join(map(_escaped, cells))} |"


def _escaped(text):
    text = _shown(str(text)).replace("|", "\\|").replace("\n", " ")
    return text.replace("<", "&lt;").replace("`", "\\`").replace("*", "\\*")


def _page(reports):
    header, rows = _table(reports)
    parts = [
        "<!doctype html><html><head><meta charset='utf-8'><title>Cleaned texts</title>"
        f"<style>{_STYLE}</style></head><body><h1>Cleaned texts</h1>",
        _html_table(header, rows),
    ]
    for report in reports:
        total = report.total
        rows_of_source = _rows(total) or 1
        parts.append(f"<h2>{html.escape(report.name)}</h2><p>{_kept(total)}.</p>")
        for kind, count, samples in _samples(report):
            width = max(count / rows_of_source * 300, 1)
            cells = [
                (f"{file}:{line}", _shown(str(seen)), _shown(text))
                for file, line, seen, text in samples
            ]
            parts.append(
                f"<details><summary><span class='bar' style='width:{width:.0f}px'>"
                f"</span>{html.escape(kind)}: {_share(count, rows_of_source)}</summary>"
                f"{_html_table(('place', 'seen', 'text'), cells, 'text')}</details>"
            )
    return "".join([*parts, "</body></html>\n"])


def _html_table(header, rows, kind=""):
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>"
        + "".join(f"<td dir='auto'>{html.escape(str(cell))}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<table class='{kind}'><tr>{head}</tr>{body}</table>"
