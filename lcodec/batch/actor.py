"""The actor that runs on the nodes of a Ray cluster, and the resources it claims."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from typing import Any

from lcodec import __version__
from lcodec.batch.work import Bundle, Recipe, Result, attempt
from lcodec.errors import LcodecError
from lcodec.process.atomic import stop_writing, token
from lcodec.process.startup import own_process


@dataclass(frozen=True)
class Claim:
    """The resources of a node that an actor takes: cores, GPUs (or a fraction), bytes."""

    cpus: float = 1
    gpus: float = 0
    memory: int = 0

    def __str__(self) -> str:
        gpus = f", {self.gpus:g} GPUs" if self.gpus else ""
        return f"{self.cpus:g} cores{gpus} and {self.memory / 1e9:.1f} GB of memory"

    def fits(self, node: dict[str, Any]) -> int:
        """How many such actors fit on a node from Ray's list."""
        if not node["Alive"]:
            return 0
        there = node["Resources"]
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": self.memory}
        return min(
            (math.floor(there.get(name, 0) / need + 1e-9) for name, need in wanted.items() if need),
            default=0,
        )


class Serving:
    """The actor: makes files in its own process on some node."""

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
        """Delete unfinished files; runs concurrently with `make`, just before the actor ends."""
        stop_writing()
