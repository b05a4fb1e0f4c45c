"""Rendering whole pages from the templates next to this module."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from lcodec import __version__
from lcodec.bench.bdrate import shown_range
from lcodec.bench.curves import Curve, published_curve
from lcodec.bench.extras import require
from lcodec.bench.html import chart
from lcodec.bench.html.embed import data_uri
from lcodec.bench.html.scene import Scene
from lcodec.bench.html.worst import order, told
from lcodec.bench.results import BenchResult, PictureResult
from lcodec.bench.summary import Summary
from lcodec.metrics.compare import PictureComparison, shown_psnr
from lcodec.plurals import counted

DRAWN = ("vtm", "mlic++", "elic", "bpg", "avif420_s6", "webp", "jpeg420")
"""Published curves drawn next to that of a benchmark on the Kodak pictures."""

_FOLDER = "templates"
_SCRIPTS = ("tables.js", "viewer.js")


def compare_page(comparison: PictureComparison, scene: Scene) -> str:
    """A page comparing pictures with a reference; ``scene`` shows them, the reference first.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    return _render("compare.html", comparison=comparison, scenes=[scene])


def bench_page(
    result: BenchResult, summary: Summary, quality: int, scenes: Sequence[Scene] = ()
) -> str:
    """A page about a benchmark; ``scenes`` show the worst pictures at level ``quality``.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    kodak = result.is_kodak()
    curves: list[Curve] = [result.curve()]
    if kodak:
        curves += [published_curve(name) for name in DRAWN]
    curves += result.peers
    charts = [chart.rd_chart(curves, metric) for metric in ("ssimulacra2", "psnr", "ms_ssim")]
    return _render(
        "bench.html",
        result=result,
        summary=summary,
        kodak=kodak,
        charts=[drawn for drawn in charts if drawn is not None],
        geometry=chart,
        quality=quality,
        worst=worst_rows(result, quality),
        scenes=scenes,
    )


def worst_rows(result: BenchResult, quality: int, count: int = 10) -> list[PictureResult]:
    """At most ``count`` results of one quality level, the worst first."""
    rows = [row for row in result.results if row.quality == quality]
    return sorted(rows, key=lambda row: order(row, result.is_visual))[:count]


def nearest_level(levels: Sequence[int], wanted: int) -> int:
    """The level nearest to ``wanted``; of two the lower."""
    return min(levels, key=lambda level: (abs(level - wanted), level))


def _render(template: str, **context: Any) -> str:
    text = _environment().get_template(template).render(**context)
    # File names may contain undecodable bytes.
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


@cache
def _environment() -> Any:
    jinja2 = require("jinja2", "an HTML report")
    scripts = [_text(name) for name in _SCRIPTS]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__, _FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["psnr"] = shown_psnr
    environment.globals.update(
        told=told,
        counted=counted,
        shown_range=shown_range,
        data_uri=data_uri,
        version=__version__,
        style=require("markupsafe", "an HTML report").Markup(_text("report.css")),
        scripts=[require("markupsafe", "an HTML report").Markup(script) for script in scripts],
        policy=_policy(scripts),
    )
    return environment


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(_FOLDER, name).read_text("utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy that allows only the page's own scripts and embedded pictures.

    Even text that escaped the escaping could neither run nor load anything.
    """
    digests = (hashlib.sha256(script.encode("utf-8")).digest() for script in scripts)
    hashes = " ".join(f"'sha256-{base64.b64encode(d).decode('ascii')}'" for d in digests)
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {hashes}"
