"""``lcodec train`` up to the trainer, which is replaced here by one that only keeps notes."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from lcodec import codec
from lcodec.cli import options
from lcodec.cli.main import run
from lcodec.cli.train import Stage, parse_crops, train
from lcodec.training import trainer
from lcodec.training.options import STAGES, TrainOptions
from lcodec.weights.config import ModelConfig

Capture = pytest.CaptureFixture[str]


class Notes:
    """Stands in for `Trainer`."""

    ending: ClassVar[BaseException | None] = None
    made: ClassVar[list[Notes]] = []

    def __init__(
        self, options: TrainOptions, config: ModelConfig, report: Callable[[dict[str, Any]], None]
    ) -> None:
        self.options, self.config, self.report = options, config, report
        self.steps, self.skipped, self.saved = 7, 1, 0
        Notes.made.append(self)

    def run(self) -> None:
        self.report({"event": "skipped", "step": 5, "count": 2})
        self.report({"step": 7, "loss": 2.5})
        if Notes.ending is not None:
            raise Notes.ending

    def save(self) -> None:
        self.saved += 1


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> type[Notes]:
    monkeypatch.setattr(trainer, "Trainer", Notes)
    monkeypatch.setattr(Notes, "ending", None)
    monkeypatch.setattr(Notes, "made", [])
    return Notes


@pytest.fixture
def base(tmp_path: Path) -> list[str]:
    """The least that a command line needs."""
    (tmp_path / "data").mkdir()
    return ["train", "--data", str(tmp_path / "data"), "--run", str(tmp_path / "run")]


def a_run(folder: Path, depth: int) -> str:
    """A folder that looks like a run of a model of this depth."""
    config = ModelConfig().to_dict()
    config["entropy"]["depth"] = depth
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"config": config}))
    return str(folder)


def test_defaults_are_those_of_the_library(
    base: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert run([*base, "--device", "cpu"]) == 0
    expected = TrainOptions(data=tmp_path / "data", run=tmp_path / "run")
    assert Notes.made[0].options == expected
    assert Notes.made[0].config == ModelConfig()
    assert [stage.value for stage in Stage] == list(STAGES)
    assert options.DEFAULT_MODEL == codec.DEFAULT_MODEL
    assert options.DEFAULT_QUALITY == codec.DEFAULT_QUALITY


def test_options_reach_the_trainer(
    base: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    start = a_run(tmp_path / "start", depth=2)
    words = f"--stage joint --minutes 3 --steps 9 --start {start} --lr 0.001 --decay 0.5 --seed 4"
    words += " --quantise-from 0.25 --fresh"
    words += " --compile --crops 0:12x128,0.35:8x256 --device cpu --threads 3 --resume"
    words += f" --latents {tmp_path / 'kept'} --latent-crops 5 --compile-blocks"
    words += f" --portable {tmp_path / 'small'} --save-minutes 2"
    assert run([*base, *words.split()]) == 0
    assert Notes.made[0].options == TrainOptions(
        data=tmp_path / "data",
        run=tmp_path / "run",
        stage="joint",
        minutes=3,
        max_steps=9,
        start=Path(start),
        fresh=True,
        lr=0.001,
        decay=0.5,
        quantise_from=0.25,
        crops=((0.0, 12, 128), (0.35, 8, 256)),
        seed=4,
        latents=tmp_path / "kept",
        latent_crops=5,
        device="cpu",
        compile=True,
        compile_blocks=True,
        portable=tmp_path / "small",
        save_minutes=2,
        resume=True,
    )
    assert Notes.made[0].config.to_dict()["entropy"]["depth"] == 2
    assert threads == [3]
    covered = set(inspect.signature(train).parameters) - {
        "model",
        "depth",
        "channels",
        "entropy",
        "as_json",
        "quiet",
    }
    assert {f"--{name.rstrip('_').replace('_', '-')}" for name in covered} <= {
        *base,
        *words.split(),
    }


@pytest.mark.parametrize(
    ("words", "streams"),
    [("--crops 0:8x64", 3), ("--crops 0:8x64,0.5:2x128", 2), ("--crops 0:8x64 --compile", 1)],
)
def test_threads_compute_parts_of_the_batch(
    words: str, streams: int, base: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert run([*base, *words.split(), "--device", "cpu"]) == 0
    assert Notes.made[0].options.streams == streams


def test_model_over_the_same_transforms(base: list[str], tmp_path: Path) -> None:
    start = a_run(tmp_path / "start", depth=2)
    assert run([*base, "--start", start, "--model", "groupedmixer"]) == 0
    assert Notes.made[-1].config.to_dict()["entropy"]["depth"] == 1
    assert run([*base, "--start", start, "--model", "unheard-of"]) == 2


def test_depth(base: list[str], tmp_path: Path, capsys: Capture) -> None:
    start = a_run(tmp_path / "start", depth=1)
    assert run([*base, "--start", start, "--depth", "5"]) == 0
    assert Notes.made[-1].config.to_dict()["entropy"]["depth"] == 5
    a_run(tmp_path / "run", depth=3)
    assert run([*base, "--resume"]) == 0
    assert Notes.made[-1].config.to_dict()["entropy"]["depth"] == 3
    assert run([*base, "--resume", "--depth", "4"]) == 2
    assert "the run has other sizes and keeps them" in capsys.readouterr().err


def test_channels_can_grow(base: list[str], tmp_path: Path, capsys: Capture) -> None:
    start = a_run(tmp_path / "start", depth=1)
    own = ModelConfig().transforms.latent
    assert run([*base, "--start", start, "--channels", str(own + 64)]) == 0
    config = Notes.made[-1].config
    assert config.transforms.latent == config.entropy.latent == own + 64
    for wrong, words in ((own - 64, "which can only grow"), (own + 1, "slices must divide latent")):
        assert run([*base, "--start", start, "--channels", str(wrong)]) == 2
        assert words in capsys.readouterr().err
    wide = tmp_path / "wide"
    wide.mkdir()
    (wide / "run.json").write_text(json.dumps({"config": config.to_dict()}))
    assert run([*base, "--start", str(wide), "--model", "memplusplus"]) == 0
    assert Notes.made[-1].config.entropy.latent == own + 64


def test_an_entropy_model_from_elsewhere(base: list[str], tmp_path: Path, capsys: Capture) -> None:
    start, other = a_run(tmp_path / "start", depth=1), a_run(tmp_path / "other", depth=3)
    assert run([*base, "--start", start, "--entropy", other]) == 0
    assert Notes.made[-1].options.entropy == Path(other)
    assert Notes.made[-1].config.to_dict()["entropy"]["depth"] == 3
    for words in ([], ["--start", start, "--fresh"]):
        assert run([*base, "--entropy", other, *words]) == 2
        assert "needs --start for the transforms, and no --fresh" in capsys.readouterr().err
    words = ["--start", start, "--entropy", other, "--model"]
    assert run([*base, *words, "groupedmixer-large"]) == 0
    assert Notes.made[-1].config.to_dict()["entropy"]["slices"] == 8
    assert run([*base, *words, "memplusplus"]) == 2
    assert "groupedmixer has nothing for --model memplusplus" in capsys.readouterr().err
    assert run([*base, "--start", start, "--entropy", str(tmp_path)]) == 3
    assert "not the folder of a run or of a released model" in capsys.readouterr().err


def test_reports(base: list[str], tmp_path: Path, capsys: Capture) -> None:
    assert run([*base, "--json"]) == 0
    printed = capsys.readouterr()
    assert [json.loads(line) for line in printed.out.splitlines()] == [
        {"event": "skipped", "step": 5, "count": 2},
        {"step": 7, "loss": 2.5},
    ]
    assert printed.err.splitlines() == [
        "lcodec: warning: 2 steps up to 5 not finite: changed nothing",
        f"{tmp_path / 'run'}: 7 steps, 1 skipped",
    ]


@pytest.mark.parametrize(("ending", "status"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_interrupted_run_is_saved(
    ending: BaseException,
    status: int,
    base: list[str],
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Notes, "ending", ending)
    if isinstance(ending, SystemExit):
        with pytest.raises(SystemExit):
            run(base)
    else:
        assert run(base) == status
    assert Notes.made[0].saved == 1
    assert "saved after 7 steps; `--resume` goes on" in capsys.readouterr().err


def test_crops() -> None:
    assert parse_crops("0:8x64") == ((0.0, 8, 64),)
