#!/usr/bin/env python3
"""Put the figures of a benchmark into README.md and the model card, and draw the curve.

    lcodec bench --set kodak --quality 0,5,15,25,40,50,60,75,85,95,100 --json figures.json
    python tools/results.py figures.json

Replaces what stands between `<!-- results -->` and `<!-- end of results -->` in both files, and
docs/rd.svg.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from lcodec.bench import BenchResult, load_result, plot_rd, published_curve, summarize

ROOT = Path(__file__).resolve().parent.parent
FILES = ("README.md", "models/groupedmixer/README.md")
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
DRAWN = ("vtm", "hpcm-large", "mlic++", "hyperprior", "bpg", "avif420_s6", "webp", "jpeg420")


def tables(result: BenchResult) -> str:
    """BD-rates and means as Markdown."""
    summary = summarize(result)
    lines = ["| against | BD-rate of lcodec | range |", "|---|---:|---|"]
    for row in summary.bd_rates:
        if row.percent is not None:
            reach = f"{row.low:.1f}-{row.high:.1f} dB"
            lines.append(f"| {row.title} | {row.percent:+.1f} % | {reach} |")
    lines += ["", "| quality | bpp | PSNR dB | MS-SSIM |", "|---:|---:|---:|---:|"]
    for mean in summary.means:
        structural = "-" if mean.ms_ssim is None else f"{mean.ms_ssim:.4f}"
        lines.append(f"| {mean.quality} | {mean.bpp:.4f} | {mean.psnr:.2f} | {structural} |")
    levels = ",".join(str(quality) for quality in result.qualities)
    lines += ["", f"    lcodec bench --set kodak --quality {levels}"]
    return "\n".join(lines)


def replace_results(text: str, results: str) -> str:
    """``text`` with the part between the marks replaced."""
    before, found, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (found and end):
        raise SystemExit(f"marks {BEGIN} and {END} not found")
    return f"{before}{BEGIN}\n{results}\n{END}{after}"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figures", type=Path)
    result = load_result(parser.parse_args().figures)
    for name in FILES:
        path = ROOT / name
        path.write_text(replace_results(path.read_text("utf-8"), tables(result)), "utf-8")
    curves = [result.curve(), *(published_curve(name) for name in DRAWN)]
    plot_rd(curves, ROOT / "docs" / "rd.svg", overwrite=True)


if __name__ == "__main__":
    main()
