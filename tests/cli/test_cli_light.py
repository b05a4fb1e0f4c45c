"""Help, ``inspect`` and errors answer at once: nothing heavy is imported for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from lcodec.cli.complete import VARIABLE as ASK

from .command import TIMEOUT, command, environment, hollow_model, lic_file

SCRIPT = """
import contextlib, io, json, sys
from lcodec.cli.main import run
HEAVY = {"torch", "numpy", "PIL", "constriction", "safetensors", "rich", "scipy", "matplotlib"}
report = []
for arguments in json.load(sys.stdin):
    out = io.TextIOWrapper(io.BytesIO())
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        status = run(arguments)
    report.append([arguments, status, sorted(HEAVY & set(sys.modules))])
print(json.dumps(report))
"""


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    models = hollow_model(tmp_path / "store")
    (tmp_path / "a.lic").write_bytes(lic_file())
    (tmp_path / "bad.lic").write_bytes(lic_file()[:-1])
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    cases: list[tuple[int, list[str]]] = [
        (0, ["--help"]),
        (0, ["--version"]),
        *((0, [name, "--help"]) for name in ("encode", "decode", "batch", "compare")),
        *((0, [name, "--help"]) for name in ("bench", "train")),
        (0, ["inspect", "a.lic"]),
        (0, ["inspect", "--json", "a.lic"]),
        (0, ["inspect", "-v", "a.lic"]),
        (0, ["--show-completion", "fish"]),
        (4, ["inspect", "bad.lic"]),
        (2, ["encode", "a.png", "-q", "1000"]),
        (3, ["encode", "none.png"]),
        (8, ["encode", "a.png", "bad.lic"]),
        (6, ["encode", "a.png", "new.lic", "--model", "other"]),
        (4, ["decode", "a.png", "b.png"]),
        (4, ["decode", "bad.lic", "b.png"]),
        (2, ["decode", "a.lic", "b.xyz"]),
        (2, ["repack", "a.lic", "b.png", "--model", "other"]),
        (3, ["batch", "none", "out"]),
        (3, ["compare", "a.png", "none.png"]),
        (8, ["compare", "a.png", "a.png", "--html", "bad.lic"]),
        (3, ["bench", "--set", "none"]),
        (3, ["train", "--data", "none", "--run", "out"]),
        (0, ["weights", "list"]),
        (0, ["weights", "verify"]),
    ]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([arguments for _, arguments in cases]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(LCODEC_MODELS=str(models)),
        timeout=TIMEOUT,
        check=True,
    )
    report = json.loads(done.stdout)
    assert report == [[arguments, status, []] for status, arguments in cases]


def test_importing_the_package_is_light() -> None:
    script = (
        "import sys, lcodec; print({'torch', 'numpy', 'PIL', 'lcodec.codec'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_few_modules_are_imported() -> None:
    """A bound on what no list of heavy modules foresees."""
    script = "import sys; from lcodec.cli.main import run; run(['--help']); print(len(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment(), check=True
    )
    # About 200; torch alone brings more than a thousand.
    assert int(done.stdout.split()[-1]) < 300


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--help"], {}),
        (["encode", "--help"], {}),
        (["inspect", "a.lic"], {}),
        ([], {ASK: "complete_bash", "COMP_WORDS": "lcodec decode ", "COMP_CWORD": "2"}),
        ([], {ASK: "complete_zsh", "_TYPER_COMPLETE_ARGS": "lcodec encode --"}),
    ],
    ids=["help", "help of a command", "inspect", "files for bash", "options for zsh"],
)
def test_start_up_takes_little_time(
    arguments: list[str], variables: dict[str, str], tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource", reason="POSIX only")
    (tmp_path / "a.lic").write_bytes(lic_file())

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return float(usage.ru_utime + usage.ru_stime)

    best = BOUND
    for _ in range(ATTEMPTS):
        before = spent()
        subprocess.run(
            command(*arguments),
            capture_output=True,
            cwd=tmp_path,
            env=environment(**variables),
            check=True,
        )
        best = min(best, spent() - before)
        if best < WANTED:
            break
    assert best < BOUND


WANTED, BOUND = 0.3, 0.6
"""Seconds of processor time: what is wanted, and what is let pass on slow or busy machines."""
ATTEMPTS = 5
