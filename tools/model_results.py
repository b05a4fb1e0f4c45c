#!/usr/bin/env python3
"""Put a comparison of entropy models into the documents: tables, plot, and the models' cards.

    lcodec compare-models --set kodak --memory 1,4,16 --json comparison.json
    python tools/model_results.py comparison.json [--ablations FILE] [--runs DIR]

Replaces what stands between `<!-- models -->` and `<!-- end of models -->` in docs/models.md (the
whole table) and README.md (a few columns), and docs/models.svg. ``--ablations`` is another file of
the same command, for the marks `<!-- ablations -->` in docs/models.md. With ``--runs``, the folder
of `tools/train_entropy.py`, it also writes the cards of all models that have a run of their name.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from lcodec.bench.compare import Comparison, ModelFigures
from lcodec.bench.comparereport import markdown, plot_comparison
from lcodec.errors import InputError

ROOT = Path(__file__).resolve().parent.parent

PAPERS = {
    "groupedmixer": "GroupedMixer (arXiv 2405.01170)",
    "econtextformer": "eContextformer (arXiv 2306.14287)",
    "memplusplus": "MEM++ of MLIC++ (arXiv 2307.15421)",
    "checkerboard": "checkerboard context model (arXiv 2103.15306)",
    "serial": "serial context model (arXiv 1809.02736)",
    "hyperprior": "hyperprior without context (arXiv 1802.01436)",
}


def short_table(comparison: Comparison) -> str:
    """Markdown: bytes, steps and times, by falling bytes."""
    reference = comparison.of(comparison.reference)
    lines = ["| entropy model | bytes | kMAC/px | steps | encode | decode |"]
    lines.append("|---|---:|---:|---:|---:|---:|")
    for model in sorted(comparison.models, key=lambda model: -model.bytes):
        encode = model.encode_seconds / reference.encode_seconds
        decode = model.decode_seconds / reference.decode_seconds
        lines.append(
            f"| {model.name} | {comparison.relative_bytes(model.name):+.2f} % | "
            f"{model.mac_per_pixel / 1e3:.1f} | {model.steps} | {encode:.2f} x | {decode:.2f} x |"
        )
    return "\n".join(lines)


def ablation_table(comparison: Comparison) -> str:
    """Markdown: bytes, all and by quality, and costs that do not depend on the machine."""
    levels = comparison.qualities
    names = [
        "model",
        "bytes",
        *(f"q {level}" for level in levels),
        "parameters",
        "kMAC/px",
        "steps",
    ]
    lines = [f"| {' | '.join(names)} |", "|---" + "|---:" * (len(names) - 1) + "|"]
    for model in comparison.models:
        bits = [comparison.relative_bytes(model.name, level) for level in (None, *levels)]
        cells = [model.name, *(f"{percent:+.2f} %" for percent in bits)]
        cells += [f"{model.parameters / 1e6:.2f} M", f"{model.mac_per_pixel / 1e3:.1f}"]
        lines.append(f"| {' | '.join([*cells, str(model.steps)])} |")
    return "\n".join(lines)


def replaced(text: str, part: str, mark: str = "models") -> str:
    """``text`` with the part between the marks replaced."""
    first, last = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, found, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not (found and end):
        raise SystemExit(f"marks {first} and {last} not found")
    return f"{before}{first}\n{part.strip()}\n{last}{after}"


def put(name: str, part: str, mark: str = "models") -> None:
    """Replace what stands between the marks in a document."""
    path = ROOT / name
    path.write_text(replaced(path.read_text("utf-8"), part, mark), "utf-8")


def read(path: Path) -> Comparison:
    """The comparison in a file of `lcodec compare-models --json`."""
    try:
        return Comparison.from_json(path.read_text("utf-8"))
    except (OSError, InputError) as error:
        raise SystemExit(f"{path}: {error}") from error


def card(comparison: Comparison, model: ModelFigures, sizes: dict[str, Any], run: Any) -> str:
    """A model's card: what it is, what it was trained with, how it does."""
    options = run["options"]
    taken = "what fits of its entropy model"
    if options["fresh"] or model.kind != "groupedmixer":
        taken = "its hyper-synthesis"
    amount = f"{run['steps']} steps, {run['elapsed'] / 60:.0f} minutes of one processor core"
    listed = ", ".join(f"{name} {value}" for name, value in sizes.items())
    bits = comparison.relative_bytes(model.name)
    return f"""# {model.name}

Pretrained integer weights of the {PAPERS[model.kind]} over the transforms that all released models
share. Latents, and so pictures, are the same with all of them; see
[docs/models.md](../../docs/models.md) for the comparison.

| | |
|---|---|
| sizes | {listed} |
| parse path | {model.parameters / 1e6:.2f} M parameters, {model.mac_per_pixel / 1e3:.1f} kMAC/px |
| sequential steps | {model.steps} for 512 x 512 pixels |
| Kodak | {bits:+.2f} % bytes against {comparison.reference}, {len(comparison.pictures)} pictures |

## Training

On the data of [groupedmixer](../groupedmixer/README.md), from which it took {taken};
the rest began afresh. Transforms frozen; {amount}. That is
little: what the model could reach with more is not known. Commands and rates are in
[docs/training.md](../../docs/training.md).
"""


def write_cards(comparison: Comparison, runs: Path, models: Path) -> list[str]:
    """Cards of the models that have a run; their names."""
    done = []
    for model in comparison.models:
        info = runs / model.name / "run.json"
        if info.is_file():
            sizes = json.loads((models / model.name / "config.json").read_text("utf-8"))["entropy"]
            text = card(comparison, model, sizes, json.loads(info.read_text("utf-8")))
            (models / model.name / "README.md").write_text(text, "utf-8")
            done.append(model.name)
    return done


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("comparison", type=Path)
    parser.add_argument("--ablations", type=Path)
    parser.add_argument("--runs", type=Path)
    options = parser.parse_args()
    comparison = read(options.comparison)
    put("docs/models.md", markdown(comparison))
    put("README.md", short_table(comparison))
    if options.ablations:
        put("docs/models.md", ablation_table(read(options.ablations)), "ablations")
    plot_comparison(comparison, ROOT / "docs" / "models.svg", overwrite=True)
    if options.runs:
        for name in write_cards(comparison, options.runs, ROOT / "models"):
            print(f"models/{name}/README.md")


if __name__ == "__main__":
    main()
