"""What runs on the nodes of a Ray cluster, and what it takes of them."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from typing import Any

from lcodec import __version__
from lcodec.atomic import stop_writing, token
from lcodec.batch.work import Bundle, Recipe, Result, attempt
from lcodec.errors import LcodecError
from lcodec.startup import own_process


@dataclass(frozen=True)
class Claim:
    """What an actor takes of its node: processor cores, GPUs (or a part of one), bytes."""

    cpus: float = 1
    gpus: float = 0
    memory: int = 0

    def __str__(self) -> str:
        gpus = f", {self.gpus:g} GPUs" if self.gpus else ""
        return f"{self.cpus:g} cores{gpus} and {self.memory / 1e9:.1f} GB of memory"

    def fits(self, node: dict[str, Any]) -> int:
        """How many such actors a node of Ray's list has room for."""
        if not node["Alive"]:
            return 0
        there = node["Resources"]
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}
        return min(
            (math.floor(there.get(name, 0) / need + 1e-9) for name, need in wanted.items() if need),
            default=0,
        )


class Serving:
    """The actor: makes files in a process of its own, on whichever node."""

    def __init__(
        self, recipe: Recipe, version: str, threads: int, settings: dict[str, str]
    ) -> None:
        if version != __version__:
            raise LcodecError(f"a node of the cluster has lcodec {__version__}, not {version}")
        os.environ.update(settings)
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(threads)
        own_process()
        warnings.filterwarnings("ignore", module="PIL")  # as in the main process
        self._worker = recipe.open()

    def hello(self) -> tuple[str, str]:
        """The node this runs on, and the token of its temporary files."""
        import ray

        return ray.get_runtime_context().get_node_id(), token()

    def make(self, bundle: Bundle) -> list[Result]:
        """Results for tasks."""
        return attempt(self._worker, bundle)

    def stop(self) -> None:
        """Leave nothing unfinished; runs beside `make`, and is followed by the end."""
        stop_writing()
