"""Figures of speed and size as parts of documents, from the files in docs/figures.

`tools.results` puts them in their places.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KODAK_MEGAPIXELS = 768 * 512 / 1e6
COUNTED = 10**6
COUNTED_MEGAPIXELS = 12
COUNTED_QUALITIES = (50, 60, 75, 85)


def speed(figures: Mapping[str, Any]) -> str:
    """Seconds of one core per megapixel, and the start-up time, from `benchmarks.speed`."""
    start = figures["start"]
    return (
        f"*Speed*: {figures['encode']['total']:.1f} s of one core per megapixel to encode,"
        f" {figures['decode']['total']:.1f} s to decode ({machine(figures)}, quality"
        f" {figures['quality']}); starting takes {start['total'] / start['import torch']:.1f} times"
        " as long as importing torch."
    )


def machine(figures: Mapping[str, Any]) -> str:
    """The processor that speed was measured on."""
    return f"{figures['processor']} with {figures['instructions']}"


def stages(figures: Mapping[str, Any]) -> str:
    """Shares of the stages of decoding, and the start-up time."""
    decode = dict(figures["decode"])
    whole = decode.pop("total")
    shares = sorted(decode.items(), key=lambda entry: -entry[1])
    told = [f"{name} {100 * part / whole:.0f} %" for name, part in shares if part >= 0.01 * whole]
    start = figures["start"]["total"] / (whole * KODAK_MEGAPIXELS)
    return textwrap.fill(
        f"Decoding time: {', '.join(told)} ({machine(figures)}, `{figures['model']}`,"
        f" quality {figures['quality']}). Loading torch and the weights takes {start:.1f} times as"
        " long as decoding a picture of 768 x 512.",
        width=100,
        break_long_words=False,
    )


def size(figures: Mapping[str, Any]) -> str:
    """The size of an installation, from `tools/release_check.py`."""
    return (
        f"*Size*: {figures['installed'] / 1e9:.1f} GB installed without CUDA,"
        f" {figures['installed_with_cuda'] / 1e9:.1f} GB with it; nearly all of that is PyTorch."
    )


def readme_figures(root: Path = ROOT) -> dict[str, str]:
    """The marked parts of README.md made from the files in docs/figures, by mark."""
    fast, large = figures_of("speed", root), figures_of("size", root)
    return {"speed": speed(fast), "stages": stages(fast), "size": size(large)}


def figures_of(name: str, root: Path) -> dict[str, Any]:
    """A file in docs/figures."""
    found: dict[str, Any] = json.loads(
        (root / "docs" / "figures" / f"{name}.json").read_text("utf-8")
    )
    return found


def scale_figures(root: Path = ROOT) -> dict[str, str]:
    """The marked parts of docs/scale.md, from the figures in the repository, by mark."""
    fast = figures_of("speed", root)
    rates = visual_rates((root / "README.md").read_text("utf-8"))
    return {"costs": costs(fast, rates), "coder": coder_cost(fast)}


def visual_rates(readme: str) -> dict[int, float]:
    """Bits per pixel by quality, from the results to the eye in README.md."""
    part = readme.partition("<!-- visual -->")[2].partition("<!-- end of visual -->")[0]
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \|", part, re.MULTILINE)
    return {int(quality): float(bpp) for quality, bpp in rows}


def costs(figures: Mapping[str, Any], rates: Mapping[int, float]) -> str:
    """Core-hours and bytes of a million pictures of 12 megapixels."""
    seconds = [figures[way]["total"] for way in ("encode", "decode")]
    hours = [one * COUNTED_MEGAPIXELS * COUNTED / 3600 for one in seconds]
    text = (
        f"Encoding takes {rounded(hours[0])} core-hours, decoding {rounded(hours[1])}:"
        f" {hours[0] / 64 / 24:.1f} and {hours[1] / 64 / 24:.1f} days on a machine with 64 cores,"
        f" {hours[0] / 1024:.1f} and {hours[1] / 1024:.1f} hours on sixteen of them. That is"
        f" {seconds[0]:.2f} and {seconds[1]:.2f} s of one core per megapixel ({machine(figures)},"
        f" `{figures['model']}`, quality {figures['quality']})."
    )
    lines = ["| quality | bpp | a picture | a million |", "|---:|---:|---:|---:|"]
    for quality in COUNTED_QUALITIES:
        if quality not in rates:
            raise SystemExit(f"README.md has no result to the eye at quality {quality}")
        size = rates[quality] * COUNTED_MEGAPIXELS * 1e6 / 8
        one, all_ = in_units(size, "kB", "MB"), in_units(size * COUNTED / 1e6, "GB", "TB")
        lines.append(f"| {quality} | {rates[quality]:.4f} | {one} | {all_} |")
    return "\n".join([textwrap.fill(text, width=120, break_long_words=False), "", *lines])


def coder_cost(figures: Mapping[str, Any]) -> str:
    """What a GPU does not take over."""
    share = figures["decode"]["range coder"] / figures["decode"]["total"]
    seconds = figures["decode"]["range coder"] * COUNTED_MEGAPIXELS
    return textwrap.fill(
        f"The range coder stays on the CPU. Of decoding without a GPU it is {100 * share:.0f} %:"
        f" {seconds:.1f} s of a core for a picture of {COUNTED_MEGAPIXELS} megapixels,"
        f" {rounded(seconds * COUNTED / 3600)} core-hours for a million, a lower bound with any"
        " GPU.",
        width=120,
        break_long_words=False,
    )


def rounded(value: float) -> int:
    """To two significant digits."""
    return int(float(f"{value:.2g}"))


def in_units(size: float, small: str, large: str) -> str:
    """Bytes in a unit of a thousand or, from there on, of a million."""
    if size < 999.5e3:
        return f"{size / 1e3:.0f} {small}"
    return f"{size / 1e6:.2f} {large}"
