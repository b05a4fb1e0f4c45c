"""Help, ``inspect`` and errors answer at once: nothing heavy is imported for them."""

from __future__ import annotations

import json
import math
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
    heavy = {"torch", "numpy", "PIL", "lcodec.library.codec"}
    script = f"import sys, lcodec; print({heavy} & set(sys.modules))"
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
    arguments: list[str], variables: dict[str, str], tmp_path: Path, yardstick: float
) -> None:
    (tmp_path / "a.lic").write_bytes(lic_file())
    best = math.inf
    for _ in range(ATTEMPTS):
        best = min(best, spent(command(*arguments), tmp_path, **variables))
        if best < BOUND * yardstick:
            break
    assert best < BOUND * yardstick


@pytest.fixture(scope="module")
def yardstick(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds of processor time that what every command needs takes to import, at its best."""
    words = [sys.executable, "-c", "import typer.main, rich.console, json, hashlib"]
    folder = tmp_path_factory.mktemp("yardstick")
    return min(spent(words, folder) for _ in range(ATTEMPTS))


def spent(words: list[str], folder: Path, **variables: str) -> float:
    """Seconds of processor time that a command takes."""
    resource = pytest.importorskip("resource", reason="POSIX only")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = environment(**variables)
    subprocess.run(words, capture_output=True, cwd=folder, env=done, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


BOUND = 7.0
"""Times the yardstick. A command takes two to five times as long, importing torch eighteen."""
ATTEMPTS = 5
