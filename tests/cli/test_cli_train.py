"""``lcodec train`` up to the trainer, which is replaced here by one that only keeps notes."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lcodec.cli.main import run
from lcodec.cli.train import DEFAULTS, Stage, train
from lcodec.nets.tune import REACH
from lcodec.process.locks import own_folder
from lcodec.training.options import STAGES, TrainOptions, format_crops, parse_crops
from lcodec.tunes import TuneName
from lcodec.weights.config import ModelConfig
from tests.cli.trainers import Notes, a_run

pytestmark = pytest.mark.usefixtures("notes")

Capture = pytest.CaptureFixture[str]


def test_defaults_are_those_of_the_library(
    base: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert run([*base, "--device", "cpu"]) == 0
    expected = TrainOptions(tmp_path / "data", tmp_path / "run", gather=False, graph=False)
    assert Notes.made[0].options == expected
    sizes = replace(ModelConfig().transforms, deblocking=True)
    assert Notes.made[0].config == replace(
        ModelConfig(), reach=REACH[TuneName.PSNR], transforms=sizes
    )
    assert [stage.value for stage in Stage] == list(STAGES)
    told = vars(DEFAULTS)
    assert {name: getattr(expected, name) for name in told} == told


def test_options_reach_the_trainer(
    base: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    start = a_run(tmp_path / "start", depth=2)
    words = f"--stage entropy --steps 9 --start {start} --lr 0.001 --decay 0.5 --seed 4"
    words += " --quantise-from 0.25 --fresh"
    words += " --compile --crops 0:12x128,0.35:8x256 --device cpu --threads 3 --resume"
    words += f" --latents {tmp_path / 'kept'} --latent-crops 5 --compile-blocks"
    words += " --set warmup=7 --set clip=2"
    words += f" --portable {tmp_path / 'small'} --save-minutes 2"
    assert run([*base, *words.split()]) == 0
    assert Notes.made[0].options == TrainOptions(
        data=tmp_path / "data",
        run=tmp_path / "run",
        stage="entropy",
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
        threads=3,
        gather=False,
        graph=False,
        warmup=7,
        clip=2.0,
        device="cpu",
        compile=True,
        compile_blocks=True,
        portable=tmp_path / "small",
        save_minutes=2,
    )
    assert Notes.made[0].config.to_dict()["entropy"]["depth"] == 2
    assert threads == [3]
    sizes = {"model", "depth", "channels", "tune", "entropy", "minutes"}
    covered = set(inspect.signature(train).parameters) - sizes - {"recipe", "as_json", "quiet"}
    renamed = {"settings": "set", "compile_": "compile"}
    assert {f"--{renamed.get(name, name).replace('_', '-')}" for name in covered} <= {
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


def test_blocks_can_grow(base: list[str], tmp_path: Path, capsys: Capture) -> None:
    start = a_run(tmp_path / "start", depth=1)
    assert run([*base, "--start", start, "--set", "synthesis16=9"]) == 0
    assert Notes.made[-1].config.transforms.synthesis16 == 9
    assert run([*base, "--start", start, "--set", "synthesis16=2"]) == 2
    assert "which can only grow" in capsys.readouterr().err


def test_slices_can_be_chosen(base: list[str], tmp_path: Path, capsys: Capture) -> None:
    start = a_run(tmp_path / "start", depth=1)
    assert run([*base, "--start", start, "--set", "slices=[16,80,96,192]"]) == 0
    assert Notes.made[-1].config.to_dict()["entropy"]["slice_channels"] == [16, 80, 96, 192]
    assert run([*base, "--start", start, "--set", "slices=[192,192]"]) == 0
    told = Notes.made[-1].config.to_dict()["entropy"]
    assert told["slices"] == 2 and "slice_channels" not in told
    for wrong, why in (
        ("[16,80,96]", "add up to latent, 384"),
        ("[0,96,96,192]", "a positive number"),
        ("[]", "must divide latent"),
        ("[1.5]", "not a list of whole numbers"),
        ("4", "not a list of whole numbers"),
    ):
        assert run([*base, "--start", start, "--set", f"slices={wrong}"]) == 2
        assert why in capsys.readouterr().err
    model = ["--model", "checkerboard", "--set", "slices=[192,192]"]
    assert run([*base, "--start", start, *model]) == 2
    assert "has no slices to choose" in capsys.readouterr().err


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
    assert "not the folder of a run or a released model" in capsys.readouterr().err


def test_reports(base: list[str], tmp_path: Path, capsys: Capture) -> None:
    assert run([*base, "--json"]) == 0
    printed = capsys.readouterr()
    assert [json.loads(line) for line in printed.out.splitlines()] == [
        {"event": "skipped", "step": 5, "count": 2},
        {"step": 7, "loss": 2.5},
    ]
    assert printed.err.splitlines() == [
        "lcodec: warning: 2 steps up to 5 not finite: skipped",
        f"{tmp_path / 'run'}: 7 steps, 1 skipped, loss 2.5432",
        f"next: lcodec weights export {tmp_path / 'run'} run --transforms run-transforms",
    ]


@pytest.mark.parametrize(("ending", "status"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_interrupted_run_says_how_to_go_on(
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
    printed = capsys.readouterr().err.splitlines()
    assert f"{base[-1]}: saved after 6 steps" in printed
    assert f"next: lcodec train --run {base[-1]} --resume" in printed


def test_a_run_interrupted_before_it_is_saved_cannot_be_resumed(
    base: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Notes, "ending", KeyboardInterrupt())
    monkeypatch.setattr(Notes, "saved", 0)
    assert run(base) == 130
    printed = capsys.readouterr().err
    assert f"{base[-1]}: nothing is saved yet\n" in printed and "--resume" not in printed


@pytest.mark.parametrize("words", [[], ["--resume"]])
def test_one_process_to_a_run(
    words: list[str], base: list[str], tmp_path: Path, capsys: Capture
) -> None:
    if words:
        a_run(tmp_path / "run", depth=1)
    with own_folder(tmp_path / "run"):
        assert run([*base, *words]) == 8
    assert (
        capsys.readouterr().err == f"lcodec: {tmp_path / 'run'}: another process is writing to it\n"
    )
    assert not Notes.made


def test_crops() -> None:
    assert parse_crops("0:8x64") == ((0.0, 8, 64),)
    for text in ("0:8x64", "0:32x256,0.8333:16x384"):
        assert format_crops(parse_crops(text)) == text
