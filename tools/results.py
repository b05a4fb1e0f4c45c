#!/usr/bin/env python3
"""Put measured figures into the documents: tables, plots, and the models' cards.

    lcodec bench --tune psnr --set kodak --quality 0,5,15,25,40,50,60,75,85,95,100 --json bench.json
    lcodec compare-models --set kodak -q 15,50,85 --memory 1,4,16 --json models.json
    python tools/measure_effort.py kodak --model groupedmixer > effort.json
    python -m tools.results --bench bench.json --models models.json --effort effort.json

    lcodec bench --set kodak --quality 10,20,30,40,50,60,70,75,80,85,90,95,100 \\
        --against jpeg,webp,avif,avif444,jxl --json visual.json
    python -m tools.results --visual visual.json

    python -m benchmarks.speed --json docs/figures/speed.json
    python tools/release_check.py --cuda --json docs/figures/size.json
    python -m tools.results --figures

Each option replaces the text between `<!-- NAME -->` and `<!-- end of NAME -->`: `--bench` the
results in README.md and in the card of groupedmixer, and docs/rd.svg; `--figures` the speed and
size in README.md, from the files in docs/figures; `--visual` the results to the eye, and
docs/visual.svg; both of them the costs in docs/scale.md, from the speed and the bits per pixel in
README.md (tests compare these documents with what they are made from); `--models` the tables in
docs/models.md and README.md (a few columns), and docs/models.svg; `--ablations`, also a comparison,
another table in docs/models.md; `--effort` the table in docs/effort.md, `--effort-visual` the one
for the tune visual; `--targets` the output of
`tools/target_check.py` in docs/targets.md. With `--runs`, the folders of `tools/train_entropy.py`
in the order in which one continued from the other, the cards of all compared models with a run of
their name are also written.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

from lcodec.bench import BenchResult, bd_rate, load_result, plot_rd, published_curve, summarize
from lcodec.bench.bdrate import NAMES
from lcodec.bench.comparemodels import Comparison, ModelFigures
from lcodec.bench.modelreport import headings, markdown, markdown_table, plot_comparison
from lcodec.errors import InputError
from tools.measure_effort import METRICS
from tools.measured import readme_figures, scale_figures

ROOT = Path(__file__).resolve().parent.parent
DRAWN = ("vtm", "hpcm-large", "mlic++", "hyperprior", "bpg", "avif420_s6", "webp", "jpeg420")
PLACES = (
    ("speed", "README.md"),
    ("size", "README.md"),
    ("stages", "README.md"),
    ("unseen", "docs/visual.md"),
    ("smooth", "docs/visual.md"),
    ("needed", "docs/visual.md"),
    ("costs", "docs/scale.md"),
    ("coder", "docs/scale.md"),
    ("visual", "README.md"),
    ("visual", "models/groupedmixer-visual/README.md"),
    ("results", "README.md"),
    ("results", "models/groupedmixer/README.md"),
    ("models", "README.md"),
    ("models", "docs/models.md"),
    ("ablations", "docs/models.md"),
    ("effort", "docs/effort.md"),
    ("effort-visual", "docs/effort.md"),
    ("targets", "docs/targets.md"),
)
SHORT = ("model", "bytes", "kMAC/px", "steps", "encode", "decode")
MEASURED_HERE = ("to estimate", "z %", "encode", "decode", "cache gain")
PAPERS = {
    "groupedmixer": "GroupedMixer (arXiv 2405.01170)",
    "econtextformer": "eContextformer (arXiv 2306.14287)",
    "memplusplus": "MEM++ of MLIC++ (arXiv 2307.15421)",
    "checkerboard": "checkerboard context model (arXiv 2103.15306)",
    "serial": "serial context model (arXiv 1809.02736)",
    "hyperprior": "hyperprior without context (arXiv 1802.01436)",
}


def bench_tables(result: BenchResult) -> str:
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
    lines += ["", f"    lcodec bench --tune psnr --set kodak --quality {levels}"]
    return "\n".join(lines)


def visual_tables(result: BenchResult) -> str:
    """BD-rates against codecs on the same pictures, and means by level, as Markdown."""
    summary = summarize(result)
    lines = [
        "| against | SSIMULACRA2 | from 30 to 85 | MS-SSIM | PSNR |",
        "|---|---:|---:|---:|---:|",
    ]
    curve = result.curve()
    for row, peer in zip(summary.peers, result.peers, strict=True):
        middle = bd_rate(peer, curve, metric="ssimulacra2", within=(30.0, 85.0)).percent
        values = (row.ssimulacra2, middle, row.ms_ssim, row.psnr)
        cells = ["-" if value is None else f"{value:+.1f} %" for value in values]
        lines.append(f"| {row.title} | {' | '.join(cells)} |")
    lines += [
        "",
        "| quality | bpp | SSIMULACRA2 | MS-SSIM | PSNR dB |",
        "|---:|---:|---:|---:|---:|",
    ]
    for mean in summary.means:
        structural = "-" if mean.ms_ssim is None else f"{mean.ms_ssim:.4f}"
        points = "-" if mean.ssimulacra2 is None else f"{mean.ssimulacra2:.1f}"
        lines.append(
            f"| {mean.quality} | {mean.bpp:.4f} | {points} | {structural} | {mean.psnr:.2f} |"
        )
    levels = ",".join(str(quality) for quality in result.qualities)
    against = ",".join(peer.name for peer in result.peers)
    lines += ["", f"    lcodec bench --set kodak --quality {levels} --against {against}"]
    return "\n".join(lines)


def short_table(comparison: Comparison) -> str:
    """A few columns, by decreasing bytes."""
    models = sorted(comparison.models, key=lambda model: -model.bytes)
    return markdown_table(comparison, SHORT, models)


def ablation_table(comparison: Comparison) -> str:
    """The columns that do not depend on the machine."""
    columns = [n for n in headings(comparison) if n not in MEASURED_HERE and "MiB" not in n]
    return markdown_table(comparison, columns)


def effort_table(rows: list[dict[str, float]]) -> str:
    """BD-rates against effort, and times relative to effort 0."""
    (plain,) = (row["encode_seconds"] for row in rows if row["effort"] == 0)
    names = " | ".join(NAMES[metric] for metric in METRICS)
    lines = [
        f"| effort | {names} | encode | seconds a picture |",
        "|---:|" + "---:|" * len(METRICS) + "---:|---:|",
    ]
    for row in rows:
        cells = " | ".join(f"{row[m]:+.1f} %" if m in row else "-" for m in METRICS)
        seconds = row["encode_seconds"]
        lines.append(f"| {row['effort']:.0f} | {cells} | {seconds / plain:.1f} x | {seconds:.2f} |")
    return "\n".join(lines)


def replaced(text: str, mark: str, part: str) -> str:
    """``text`` with the part between the marks replaced."""
    first, last = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, found, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not (found and end):
        raise SystemExit(f"marks {first} and {last} not found")
    return f"{before}{first}\n{part.strip()}\n{last}{after}"


def put(mark: str, part: str, only: str | None = None) -> None:
    """Replace the text between the marks in all documents that have them, or in one."""
    for name in (document for found, document in PLACES if found == mark):
        if only in (None, name):
            path = ROOT / name
            path.write_text(replaced(path.read_text("utf-8"), mark, part), "utf-8")


def read_comparison(path: Path) -> Comparison:
    """The comparison in a file of `lcodec compare-models --json`."""
    try:
        return Comparison.from_json(path.read_text("utf-8"))
    except (OSError, InputError) as error:
        raise SystemExit(f"{path}: {error}") from error


def origin(name: str, kind: str, options: dict[str, Any]) -> str:
    """What a model started from, given the options of its first run."""
    if options.get("entropy") and Path(options["entropy"]).name == name:
        return "It went on from its own weights over earlier transforms, where they fit."
    taken = "what fits of its entropy model"
    if options["fresh"] or kind != "groupedmixer":
        taken = "its hyper-synthesis"
    return f"From there it took {taken}; the rest began afresh."


def card(
    comparison: Comparison, model: ModelFigures, sizes: dict[str, Any], runs: list[Any]
) -> str:
    """A model's card: what it is, how it was trained, how it performs."""
    steps, seconds = (sum(run[key] for run in runs) for key in ("steps", "elapsed"))
    amount = f"{steps} steps, {seconds / 60:.0f} minutes of one processor core"
    listed = ", ".join(f"{name} {value}" for name, value in sizes.items())
    bits = comparison.relative_bytes(model.name)
    training = textwrap.fill(
        "On the data of [groupedmixer](../groupedmixer/README.md). "
        f"{origin(model.name, model.kind, runs[0]['options'])} Transforms frozen; {amount}. "
        "That is little: what the model could reach with more is not known. Commands and rates are "
        "in [the notebook](../../docs/log/generation-2.md).",
        width=100,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"""# {model.name}

Pretrained integer weights of the {PAPERS[model.kind]} over the transforms that all models
of the tune psnr share. Latents, and so pictures, are the same with all of them; see
[docs/models.md](../../docs/models.md) for the comparison.

| | |
|---|---|
| sizes | {listed} |
| parse path | {model.parameters / 1e6:.2f} M parameters, {model.mac_per_pixel / 1e3:.1f} kMAC/px |
| sequential steps | {model.steps} for 512 x 512 pixels |
| Kodak | {bits:+.2f} % bytes against {comparison.reference}, {len(comparison.pictures)} pictures |

## Training

{training}
"""


def write_cards(comparison: Comparison, folders: list[Path], models: Path) -> list[str]:
    """Write the cards of the models that have a run; returns their names."""
    done = []
    for model in comparison.models:
        files = [folder / model.name / "run.json" for folder in folders]
        runs = [json.loads(file.read_text("utf-8")) for file in files if file.is_file()]
        if runs:
            sizes = json.loads((models / model.name / "config.json").read_text("utf-8"))["entropy"]
            text = card(comparison, model, sizes, runs)
            (models / model.name / "README.md").write_text(text, "utf-8")
            done.append(model.name)
    return done


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("bench", "visual", "models", "ablations", "effort", "effort-visual", "targets"):
        parser.add_argument(f"--{name}", type=Path, metavar="FILE")
    parser.add_argument("--runs", type=Path, nargs="+", default=[], metavar="FOLDER")
    parser.add_argument("--figures", action="store_true", help="from docs/figures")
    options = parser.parse_args()
    if options.figures:
        for mark, part in readme_figures().items():
            put(mark, part)
    if options.bench:
        result = load_result(options.bench)
        put("results", bench_tables(result))
        curves = [result.curve(), *(published_curve(name) for name in DRAWN)]
        plot_rd(curves, ROOT / "docs" / "rd.svg", overwrite=True)
    if options.visual:
        result = load_result(options.visual)
        put("visual", visual_tables(result))
        curves = [result.curve(), *result.peers]
        plot_rd(curves, ROOT / "docs" / "visual.svg", metric="ssimulacra2", overwrite=True)
    if options.figures or options.visual:
        for mark, part in scale_figures().items():
            put(mark, part)
    if options.models:
        comparison = read_comparison(options.models)
        put("models", markdown(comparison), "docs/models.md")
        put("models", short_table(comparison), "README.md")
        plot_comparison(comparison, ROOT / "docs" / "models.svg", overwrite=True)
        for name in write_cards(comparison, options.runs, ROOT / "models"):
            print(f"models/{name}/README.md")
    elif options.runs:
        parser.error("--runs needs --models")
    if options.ablations:
        put("ablations", ablation_table(read_comparison(options.ablations)))
    if options.effort:
        put("effort", effort_table(json.loads(options.effort.read_text("utf-8"))))
    if options.effort_visual:
        put("effort-visual", effort_table(json.loads(options.effort_visual.read_text("utf-8"))))
    if options.targets:
        put("targets", options.targets.read_text("utf-8"))


if __name__ == "__main__":
    main()
