"""Write models/DATA.md: the pictures that the released weights were trained on, by licence.

    python tools/data_statement.py MANIFEST.csv

The list has a line for each picture, with the columns source_repo, licence_as_stated,
licence_basis, kind and final_size. The document contains no pictures and no paths of them.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "models" / "DATA.md"

FAMILIES = {
    "CC BY-SA": r"CC-BY-SA",
    "CC0": r"CC0",
    "CC BY": r"CC-BY(?!-SA)",
    "Public domain": r"public[- ]domain|\bPD\b|Unlicense",
    "Unsplash or Pexels": r"Unsplash|Pexels",
    "MIT": r"MIT",
    "BSD": r"\d?BSD",
    "Apache": r"Apache",
    "GPL": r"A?GPL",
    "CDLA": r"CDLA",
}
"""Patterns of licence families; a stated licence belongs to the family it names first."""

Rows = list[dict[str, str]]


def family(licence: str) -> str:
    """The family of a stated licence."""
    places = {
        name: found.start()
        for name, pattern in FAMILIES.items()
        if (found := re.search(pattern, licence))
    }
    return min(places, key=places.__getitem__) if places else "Others"


def statement(rows: Rows) -> str:
    """The document."""
    groups: dict[str, Rows] = defaultdict(list)
    for row in rows:
        groups[family(row["licence_as_stated"])].append(row)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    origins = len({row["source_repo"] for row in rows})
    whole = sum(row["licence_basis"].startswith("repo-wide") for row in rows)
    text = f"""\
# Data statement

The released weights were trained on {len(rows)} pictures, {megapixels(rows):.0f} megapixels, from
{origins} public repositories: {kinds(rows)}.
None of them is distributed with it. No picture of the
sets that results are reported on was trained on.

The tables have what the repositories state as the licence; headings go by what is named first. For
{whole} pictures, marked \\*, it is the licence of the whole repository, with nothing said of
pictures; for the others it is stated for pictures or assets. The authors were not asked. Objections
are welcome as issues.

The weights themselves are under [CC BY 4.0](LICENSE). `python tools/data_statement.py` made this
page from the list of training pictures.
"""
    parts = [text]
    for name, group in ordered:
        heading = f"## {name}: {len(group)} picture{'s' if len(group) > 1 else ''}"
        parts.append("\n".join([heading, "", *table(group), ""]))
    return "\n".join(parts)


def table(rows: Iterable[dict[str, str]]) -> list[str]:
    """A row for each origin, the largest first."""
    keys = Counter(
        (row["source_repo"], row["licence_as_stated"], row["licence_basis"]) for row in rows
    )
    lines = ["| origin | pictures | licence as stated |", "|---|---:|---|"]
    for (repo, licence, basis), count in sorted(keys.items(), key=lambda item: (-item[1], item[0])):
        mark = " \\*" if basis.startswith("repo-wide") else ""
        stated = licence.replace("*", "\\*").replace("|", "\\|")
        lines.append(f"| [{repo}](https://github.com/{repo}) | {count} | {stated}{mark} |")
    return lines


def kinds(rows: Rows) -> str:
    """The kinds of pictures, with the number of each."""
    counts = Counter(_KINDS.get(row["kind"], row["kind"]) for row in rows)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


_KINDS = {
    "photo/art": "photographs and artwork",
    "photo (native 512 px)": "photographs of 512 pixels",
    "screenshot/document/mixed": "screenshots and documents",
}


def megapixels(rows: Rows) -> float:
    """Millions of pixels in all pictures together."""
    sizes = [row["final_size"].split("x") for row in rows]
    return sum(int(width) * int(height) for width, height in sizes) / 1e6


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with open(sys.argv[1], newline="", encoding="utf-8") as stream:
        TARGET.write_text(statement(list(csv.DictReader(stream))), "utf-8")
    print(TARGET)


if __name__ == "__main__":
    main()
