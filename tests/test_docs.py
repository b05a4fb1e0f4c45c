"""The documents: links lead somewhere, and every command line in them can be understood."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from lcodec.bench.comparemodels import Comparison, ModelFigures
from lcodec.bench.curves import Curve
from lcodec.bench.results import BenchResult, PictureResult
from lcodec.bench.summary import BdRow, PeerRow, StageRow, Summary
from tests.cli.parsing import invocations, parse

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("models/**/*.md")]
)
names = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def code(text: str) -> str:
    """Lines of code: indented by four, or between fences of a shell."""
    fenced = re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    indented = [line[4:] for line in plain.splitlines() if line.startswith("    ")]
    return "\n".join([*fenced, *indented])


@names
def test_links(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`|^    .*$", "", text, flags=re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = document.parent / name if name else document
        assert found.exists(), f"{target} is not there"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
            assert anchor in slugs, f"{target}: no such heading"


@names
def test_contents_are_complete(document: Path) -> None:
    """A list of the sections of a document has all of them, in their order."""
    text = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    contents = text.partition("\n## ")[0]
    listed = re.findall(r"^(?:-|\d+\.) \[(.*)\]\(#", contents, re.MULTILINE)
    if listed:
        assert listed == re.findall(r"^## (.*)$", text, re.MULTILINE)


@names
def test_tables(document: Path) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", document.read_text("utf-8"), re.MULTILINE):
        rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
        assert len(rows) > 2 and all(re.fullmatch(r" ?:?-+:? ?", cell) for cell in rows[1]), table
        assert len({len(row) for row in rows}) == 1, table


@names
def test_command_lines(document: Path) -> None:
    for arguments in invocations(code(document.read_text("utf-8"))):
        if any(word.isupper() or "[" in word for word in arguments):
            continue  # a form, not a command line
        parse(arguments)


def test_command_lines_are_found() -> None:
    text = "    lcodec encode a.png \\\n        -q 5 | lcodec decode - > b\n    X=1 lcodec bench"
    assert invocations(code(text)) == [["encode", "a.png", "-q", "5"], ["decode", "-"], ["bench"]]
    assert sum(len(invocations(code(path.read_text("utf-8")))) for path in DOCUMENTS) > 40


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    for document in (ROOT / "docs").rglob("*.md"):
        name = document.relative_to(ROOT / "docs").as_posix()
        assert name == "README.md" or f"]({name})" in index


def test_the_list_of_commands_in_the_readme_can_be_run_from_top_to_bottom() -> None:
    """No command writes what is there already."""
    lines = [line.split("#")[0].split() for line in (ROOT / "README.md").read_text().splitlines()]
    start = lines.index(["lcodec", "encode", "photo.png", "photo.lic", "-q", "60"])
    there = {"photo.png", "scan.lic"}
    for words in lines[start:]:
        if words[:1] != ["lcodec"]:
            break
        if words[1] in ("encode", "decode", "repack"):
            files = [word for word in words[2:4] if word.endswith((".png", ".lic"))]
            if "*.png" in files:
                continue
            written = files[1] if len(files) == 2 else Path(files[0]).with_suffix(".lic").name
            assert written not in there, words
            there.add(written)
    assert len(there) > 6


def test_figures_told_in_the_text_are_those_of_the_tables() -> None:
    """Of the tune visual, whose tables are replaced with every release of its weights."""
    readme, visual = ((ROOT / name).read_text("utf-8") for name in ("README.md", "docs/visual.md"))
    table = readme.partition("<!-- visual -->")[2].partition("<!-- end of visual -->")[0]
    scores = re.findall(r"^\| (\d+) \| [\d.]+ \| ([\d.]+) \|", table, re.MULTILINE)
    reached = {int(level): score for level, score in scores}
    told = " ".join(visual.split())
    found = re.search(r"levels ([\d, and]+) are SSIMULACRA2 ([\d., and]+), but", told)
    assert found is not None
    levels = re.findall(r"\d+", found[1])
    assert re.findall(r"[\d.]+", found[2]) == [reached[int(level)] for level in levels]
    assert f"The highest level reaches {reached[100]};" in told

    rows = re.findall(r"^\| (\d+) \| (visual|AVIF) \| (\d+) \|", visual, re.MULTILINE)
    sizes = {(level, codec): int(size) for level, codec, size in rows}
    more = [100 * sizes[level, "AVIF"] / sizes[level, "visual"] - 100 for level, _ in sizes]
    assert f"are {round(min(more))} to {round(max(more))} % larger here" in told
    assert re.search(r"^\| 85 \| \S+ % \| \S+ % \| \+0 % \|", visual, re.MULTILINE)
    assert "At level 85 it needs as many bytes as AVIF 4:4:4 by VIF" in told


def test_manual_has_the_keys_of_benchmarks() -> None:
    manual = (ROOT / "docs" / "CLI.md").read_text("utf-8")
    kinds = {
        "bench": (BenchResult, PictureResult, Curve, Summary, BdRow, PeerRow, StageRow),
        "compare-models": (Comparison, ModelFigures),
    }
    for command, held in kinds.items():
        part = manual.partition(f"\n## {command}\n")[2].partition("\n## ")[0]
        told = part.partition("\nJSON keys: ")[2].partition("\n    lcodec")[0]
        words = set(re.findall(r"`(\w+)`", told))
        keys = {field.name for kind in held for field in fields(kind)}
        added = {"schema", *({"summary", "bpp"} if command == "bench" else ())}
        assert words == keys | added, command
