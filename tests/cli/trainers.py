"""A stand-in for the trainer, and folders that look like its runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from lcodec.training.options import TrainOptions
from lcodec.weights.config import ModelConfig


class Notes:
    """Stands in for `Trainer`."""

    ending: ClassVar[BaseException | None] = None
    made: ClassVar[list[Notes]] = []
    saved: ClassVar[int] = 6

    def __init__(
        self, options: TrainOptions, config: ModelConfig, report: Callable[[dict[str, Any]], None]
    ) -> None:
        self.options, self.config, self.report = options, config, report
        self.steps, self.skipped, self.loss = 7, 1, 2.54321
        Notes.made.append(self)

    def run(self) -> None:
        self.report({"event": "skipped", "step": 5, "count": 2})
        self.report({"step": 7, "loss": 2.5})
        if Notes.ending is not None:
            raise Notes.ending


def a_run(folder: Path, depth: int, **said: Any) -> str:
    """A folder that looks like a run of a model of this depth, with these options."""
    config = ModelConfig().to_dict()
    config["entropy"]["depth"] = depth
    folder.mkdir()
    info = {"config": config, "random": {}, "options": {"data": str(folder), **said}}
    (folder / "run.json").write_text(json.dumps(info))
    return str(folder)
