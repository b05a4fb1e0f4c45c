"""Measured processes: workers on one tree or another, and whole commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]


def environment(tree: Path, threads: int = 0) -> dict[str, str]:
    """Environment of a process that uses the lcodec in ``tree`` and its models."""
    variables = os.environ | {"PYTHONPATH": str(tree)}
    variables.pop("LCODEC_MODELS", None)
    if threads:
        variables |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return variables


class Worker:
    """A process of `benchmarks.worker` on the lcodec in ``tree``.

    ``picture`` is a NumPy file; ``threads`` 0 leaves the number to torch; with ``cpu`` seconds are
    CPU time; ``variables`` are added to its environment.
    """

    def __init__(
        self,
        tree: Path,
        picture: Path,
        *,
        model: str,
        quality: int,
        threads: int,
        cpu: bool,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        options = {"picture": str(picture), "model": model, "quality": quality}
        options |= {"threads": threads, "cpu": cpu}
        script = ROOT / "benchmarks" / "worker.py"
        self._process = subprocess.Popen(
            [sys.executable, "-P", script, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(tree, threads) | dict(variables or {}),
            cwd=tree,
        )
        self.facts = self._answer()

    def ask(self, what: str) -> None:
        """Start "encode", "decode" or "both"; `answer` returns the result."""
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, float]:
        """Seconds by stage, including "total", of the last request."""
        return self._answer()

    def time(self, what: str) -> dict[str, float]:
        """`ask` and `answer`."""
        self.ask(what)
        return self.answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a worker ended with status {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def cpu_seconds(command: Sequence[str | Path], tree: Path, folder: Path) -> float:
    """CPU seconds, user and system, of a command with one thread."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment(tree, 1),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def checkout(revision: str, root: Path = ROOT) -> Iterator[Path]:
    """The tree of another commit of this repository, in a temporary folder."""
    git = ["git", "-C", str(root)]
    with tempfile.TemporaryDirectory(prefix="lcodec-") as name:
        folder = Path(name) / "tree"
        try:
            subprocess.run(
                [*git, "worktree", "add", "--quiet", "--detach", str(folder), revision], check=True
            )
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"{revision}: cannot be checked out") from error
        try:
            yield folder
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(folder)], check=True)
