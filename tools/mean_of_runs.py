"""The mean of the weights of several runs or released models: a run to start from or to export.

    python tools/mean_of_runs.py runs/a:0.5 runs/b:0.25 models/groupedmixer:0.25 --run runs/mean

Runs that began with the same weights differ by the noise of their gradients, which a mean of their
weights has less of (Wortsman et al., Model soups, 2022). They must be of the same sizes and tune;
the shares, by default equal, are divided by their sum.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lcodec.errors import UsageError
from lcodec.training.checkpoint import save_run
from lcodec.twin.codec import TwinCodec
from tools.estimate import load_model


def mean_of(models: Sequence[TwinCodec], shares: Sequence[float]) -> dict[str, Tensor]:
    """Means of the parameters and buffers of floating point; others are those of the first.

    Raises:
        UsageError: the models differ in more than their weights.
    """
    first = models[0]
    if any(model.config != first.config for model in models):
        raise UsageError("the weights are of models with different configurations")
    states = [model.state_dict() for model in models]
    parts = [share / sum(shares) for share in shares]
    return {
        name: sum(
            (part * state[name] for part, state in zip(parts, states, strict=True)), 0 * value
        )
        if torch.is_floating_point(value)
        else value
        for name, value in states[0].items()
    }


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="mean of the weights of runs")
    parser.add_argument("sources", nargs="+", help="FOLDER or FOLDER:SHARE")
    parser.add_argument("--run", type=Path, required=True, help="the folder to write")
    options = parser.parse_args(argv)
    pairs = [source.partition(":") for source in options.sources]
    models = [load_model(Path(folder)) for folder, _, _ in pairs]
    for model in models:
        model.rescale(())  # released models have a scale, runs have none
    average = mean_of(models, [float(share or 1.0) for _, _, share in pairs])
    info = {"steps": 0, "config": models[0].config.to_dict(), "mean": options.sources}
    save_run(options.run, {"average": average}, info)


if __name__ == "__main__":
    main()
