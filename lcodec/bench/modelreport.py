"""The comparison of entropy models as a table, as Markdown, and as a plot."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rich.console import Console

from lcodec.bench.comparemodels import Comparison, ModelFigures
from lcodec.bench.points import NamedPoint, plot_points
from lcodec.bench.screentable import Column, print_table
from lcodec.plurals import counted

HEADINGS = (
    "to estimate",
    "z %",
    "parameters",
    "kMAC/px",
    "steps",
    "encode",
    "decode",
    "cache gain",
)
ELSEWHERE = "a wider terminal, a pipe, and the files of --markdown and --json"

_KEPT_LONGEST = ("model", "bytes", "decode", "encode", "kMAC/px", "steps", "parameters")
"""Columns that a narrow screen shows, the most important first; the first two in any case."""


def headings(comparison: Comparison) -> list[str]:
    """Headings of the columns of `rows`."""
    sizes = comparison.models[0].peak_mib
    qualities = [f"q {quality}" for quality in _apart(comparison)]
    return ["model", "bytes", *qualities, *HEADINGS, *(f"MiB at {size} MP" for size in sizes)]


def _apart(comparison: Comparison) -> tuple[int, ...]:
    """Qualities that have a column of their own: all, unless there is only one."""
    return comparison.qualities if len(comparison.qualities) > 1 else ()


def rows(comparison: Comparison) -> list[list[str]]:
    """The cells of the table, a row per model; bytes and times are relative to the reference."""
    return [_row(comparison, model) for model in comparison.models]


def _row(comparison: Comparison, model: ModelFigures) -> list[str]:
    reference = comparison.of(comparison.reference)
    cells = [
        model.name,
        f"{comparison.relative_bytes(model.name):+.2f} %",
        *(f"{comparison.relative_bytes(model.name, q):+.2f} %" for q in _apart(comparison)),
        f"{model.estimate_gap:+.2f} %",
        f"{100 * model.hyper_share:.1f}",
        f"{model.parameters / 1e6:.2f} M",
        f"{model.mac_per_pixel / 1e3:.1f}",
        str(model.steps),
        f"{model.encode_seconds / reference.encode_seconds:.2f} x",
        f"{model.decode_seconds / reference.decode_seconds:.2f} x",
        f"{model.cache_gain:.1f} x" if model.uncached_seconds else "-",
    ]
    return cells + [f"{mib:.0f}" for mib in model.peak_mib.values()]


def describe(comparison: Comparison) -> str:
    """What was compared, in one line."""
    levels = ", ".join(map(str, comparison.qualities))
    return (
        f"{counted(len(comparison.pictures))} at quality {levels}; bytes of whole files and times "
        f"of the parse path relative to {comparison.reference}; steps of a tile of 512 x 512"
    )


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the table, with as many columns as fit on the screen."""
    columns = [
        Column(heading, _rank(number, heading), left=heading == "model")
        for number, heading in enumerate(headings(comparison))
    ]
    print_table(describe(comparison), columns, rows(comparison), console, ELSEWHERE)


def _rank(number: int, heading: str) -> int:
    """The rank of a column: how early it is left out; 0 if never."""
    if heading in _KEPT_LONGEST:
        return max(0, _KEPT_LONGEST.index(heading) - 1)
    return len(_KEPT_LONGEST) + number


def markdown_table(
    comparison: Comparison,
    columns: Sequence[str] | None = None,
    models: Sequence[ModelFigures] | None = None,
) -> str:
    """The table in Markdown, with only the given columns and models, if given."""
    names = headings(comparison)
    chosen = [number for number, name in enumerate(names) if columns is None or name in columns]
    cells = [names, ["---", *["---:"] * (len(names) - 1)]]
    cells += [_row(comparison, model) for model in models or comparison.models]
    return "\n".join(f"| {' | '.join(row[number] for number in chosen)} |" for row in cells)


def markdown(comparison: Comparison) -> str:
    """The table in Markdown, with a line about what it shows."""
    return f"{markdown_table(comparison)}\n\n{describe(comparison)}.\n"


def plot_comparison(
    comparison: Comparison, path: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """Plot bytes against decoding time, a point per model (.png, .svg, .pdf).

    Raises:
        UsageError: unknown suffix.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    reference = comparison.of(comparison.reference)
    points = [
        NamedPoint(
            model.name,
            model.decode_seconds / reference.decode_seconds,
            comparison.relative_bytes(model.name),
        )
        for model in comparison.models
    ]
    plot_points(
        points,
        path,
        xlabel=f"decoding time of the parse path ({reference.name} = 1)",
        ylabel=f"bytes relative to {reference.name} (%)",
        title=f"{counted(len(comparison.pictures))}, equal latents",
        overwrite=overwrite,
    )
