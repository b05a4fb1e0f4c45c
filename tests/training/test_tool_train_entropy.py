"""The tool that trains entropy models one after the other."""

from __future__ import annotations

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tools import train_entropy


class Calls(list[list[str]]):
    """Stands for `subprocess.run`: writes what a training of the asked length leaves behind."""

    def __call__(self, command: list[str], check: bool) -> None:
        assert check
        self.append(command)
        value = dict(pairwise(command))
        rate = {"checkerboard": 0.5, "hyperprior": 0.6, "groupedmixer": 0.45}[value["--model"]]
        minutes, steps = float(value.get("--minutes", 1)), int(value.get("--steps", 7))
        write_run(Path(value["--run"]), minutes, [2 * rate, rate], steps)


def write_run(folder: Path, minutes: float, rates: list[float], steps: int = 7) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"steps": steps, "elapsed": 60 * minutes}))
    entries: list[dict[str, Any]] = [{"step": 1, "loss": 3.0}]
    entries += [{"event": "validation", "step": 2, "bpp": rate} for rate in rates]
    (folder / "log.ndjson").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
    monkeypatch.setattr(subprocess, "run", calls)
    return calls


def test_trains_what_is_not_done(
    tmp_path: Path, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "some runs"
    write_run(runs / "hyperprior", 3.0, [0.6])  # done
    write_run(runs / "checkerboard", 1.0, [0.9])  # begun
    words = ["--data", "pictures", "--start", "released", "--runs", str(runs), "--minutes", "3"]
    names = ["hyperprior", "checkerboard", "groupedmixer:2"]
    train_entropy.main([*words, *names, "--", "--lr", "0.001"])
    assert [c[c.index("--model") + 1] for c in calls] == ["checkerboard", "groupedmixer"]
    begun, fresh = calls
    assert "--resume" in begun and "--start" not in begun and "--depth" not in begun
    assert fresh[fresh.index("--start") + 1] == "released"
    assert fresh[fresh.index("--depth") + 1] == "2"
    for command in calls:
        assert command[command.index("--lr") + 1] == "0.001"
        assert command[command.index("--latents") + 1] == str(runs / "latents.safetensors")
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(" | ")[0] for row in rows[2:]] == [
        "| groupedmixer:2",
        "| checkerboard",
        "| hyperprior",
    ]
    assert "| 0.4500 | -10.00 % | -50.00 % |" in rows[2]


def test_going_on_from_an_earlier_release(tmp_path: Path, calls: Calls) -> None:
    (tmp_path / "models" / "hyperprior").mkdir(parents=True)
    write_run(tmp_path / "hyperprior-2", 1.0, [0.9])  # begun
    words = ["--data", "pictures", "--start", "run", "--runs", str(tmp_path), "--minutes", "3"]
    words += ["--from", str(tmp_path / "models"), "hyperprior", "hyperprior:2", "checkerboard"]
    train_entropy.main(words)
    first, begun, absent = calls
    assert first[first.index("--entropy") + 1] == str(tmp_path / "models" / "hyperprior")
    assert first[first.index("--start") + 1] == "run"
    assert "--entropy" not in begun and "--entropy" not in absent


def test_a_budget_of_steps(tmp_path: Path, calls: Calls) -> None:
    write_run(tmp_path / "hyperprior", 9.0, [0.6], 40)  # done
    write_run(tmp_path / "checkerboard", 9.0, [0.9], 39)  # begun
    words = ["--data", "p", "--start", "s", "--runs", str(tmp_path), "--steps", "40"]
    train_entropy.main([*words, "hyperprior", "checkerboard"])
    (command,) = calls
    assert command[command.index("--steps") + 1] == "40" and "--minutes" not in command
    assert command[command.index("--model") + 1] == "checkerboard"


def test_last_quarter(tmp_path: Path) -> None:
    write_run(tmp_path, 2.0, [1.0, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.76])
    run = train_entropy.read_run(tmp_path, "checkerboard")
    assert train_entropy.table([run]).splitlines()[2].endswith("| 0.7600 | +0.00 % | -5.00 % |")
