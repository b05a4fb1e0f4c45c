"""Recipes: options of ``lcodec train`` in files, and what a run remembers of them."""

from __future__ import annotations

import inspect
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from lcodec.cli.main import run
from lcodec.cli.train import train
from lcodec.entropy.registry import preset
from lcodec.errors import UsageError
from lcodec.training.options import BLOCKS, SET_ONLY, TrainOptions, as_shown, option_name
from lcodec.training.recipe import SIZES, check_effect, parse, parse_setting, read_recipe, to_recipe
from tests.cli.trainers import Notes, a_run

pytestmark = pytest.mark.usefixtures("notes")

Capture = pytest.CaptureFixture[str]
RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def test_a_recipe_and_options_over_it(base: list[str], tmp_path: Path) -> None:
    start = a_run(tmp_path / "start", depth=2)
    recipe = tmp_path / "some recipe.toml"
    recipe.write_text(
        f"""
        stage = "joint"
        start = "{start}"
        depth = 3
        minutes = 20
        quantise-from = 0.5
        crops = "0:2x64,0.5:1x128"
        warmup = 9
        """
    )
    assert run([*base, str(recipe), "--minutes", "3", "--set", "warmup=8"]) == 0
    made = Notes.made[0].options
    assert (made.stage, made.start, made.minutes) == ("joint", Path(start), 3.0)
    assert (made.quantise_from, made.warmup) == (0.5, 8)
    assert made.crops == ((0.0, 2, 64), (0.5, 1, 128))
    assert Notes.made[0].config.to_dict()["entropy"]["depth"] == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("learning-rate = 1", "there is no option learning-rate"),
        ("run = 'a'", "there is no option run"),
        ("data = 'a'", "there is no option data"),
        ("minutes = 'long'", "minutes: 'long' is not a number"),
        ("depth = 1.5", "depth: 1.5 is not a whole number"),
        ("seed = true", "seed: True is not a whole number"),
        ("fresh = 1", "fresh: 1 is not true or false"),
        ("crops = '8x64'", "--crops 8x64: expected SHARE:COUNTxSIDE"),
        ("stage = 'all'", "--stage all: must be one of"),
        ("lr = 0", "--lr 0: must be above 0"),
        ("a", "recipe.toml: "),
    ],
)
def test_mistakes_in_recipes(
    text: str, words: str, base: list[str], tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "recipe.toml").write_text(text)
    assert run([*base, str(tmp_path / "recipe.toml")]) == 2
    assert words in capsys.readouterr().err and not Notes.made


def test_settings() -> None:
    assert parse_setting("crops=0:8x64") == {"crops": ((0.0, 8, 64),)}
    assert parse_setting("minutes = 3") == {"minutes": 3.0}
    assert parse_setting("stage='joint'") == parse_setting("stage=joint") == {"stage": "joint"}
    with pytest.raises(UsageError, match="expected NAME=VALUE"):
        parse_setting("minutes")


def test_what_a_run_remembers_is_a_recipe(tmp_path: Path) -> None:
    made = TrainOptions(
        tmp_path, tmp_path / "run", stage="joint", start=Path("a b"), max_steps=4, lr=1e-4
    )
    told = to_recipe(made)
    assert told["steps"] == 4 and "latents" not in told
    kept = parse(told, "", kept=True)
    assert TrainOptions(**kept, run=made.run) == made


def test_resuming_keeps_the_options(base: list[str], tmp_path: Path, capsys: Capture) -> None:
    said = {"stage": "joint", "start": "gone", "lr": 1e-3, "seed": 4, "device": "cpu"}
    a_run(tmp_path / "run", depth=3, **said)
    alone = ["train", "--run", str(tmp_path / "run"), "--resume"]
    assert run(alone) == 0
    made = Notes.made[-1].options
    assert (made.stage, made.start, made.lr, made.seed) == ("joint", Path("gone"), 1e-3, 4)
    assert made.resume and made.data == tmp_path / "run"
    assert run([*alone, "--lr", "2e-3", "--data", base[2], "--seed", "4"]) == 0
    assert Notes.made[-1].options.lr == 2e-3 and Notes.made[-1].options.data == Path(base[2])
    (tmp_path / "run" / "run.json").write_text('{"options": {}}')
    assert run(alone) == 3
    assert "cannot be resumed; use it with --start" in capsys.readouterr().err


CHANGES = {
    "minutes": 7.0,
    "steps": 7,
    "lr": 0.125,
    "decay": 0.125,
    "quantise-from": 0.125,
    "crops": "0:3x64",
    "save-minutes": 7.0,
    "portable": "small",
    "device": "cpu",
    "threads": 1,
    "compile": True,
    "compile-blocks": True,
    "graph": False,
    "stage": "joint",
    "start": "elsewhere",
    "fresh": True,
    "entropy": "elsewhere",
    "latents": "elsewhere",
    "latent-crops": 7,
    "seed": 7,
    "warmup": 7,
    "average": 0.125,
    "clip": 7.0,
    "momentum": 0.125,
    "muon-every": 7,
    "coded-rate": True,
    "looks": False,
    "screens": 0.125,
    "gather": True,
}
"""Another value than the default for each option."""
MAY_CHANGE = list(CHANGES)[: list(CHANGES).index("graph") + 1]


def test_what_may_change_is_what_the_document_says() -> None:
    own = {option_name(field.name) for field in fields(TrainOptions)}
    assert own - {"run", "resume", "streams"} == {"data", *CHANGES}
    text = (RECIPES.parent / "docs" / "training.md").read_text("utf-8")
    told = text.partition("Options that may change within a run (")[2].partition(")")[0]
    words = {"quantise-from": "`quantise-from`", "save-minutes": "`save-minutes`"}
    words |= {"portable": "`portable`", "lr": "rate"}
    places = {"device", "threads", "compile", "compile-blocks", "graph"}
    for name in set(MAY_CHANGE) - places:
        assert words.get(name, name) in " ".join(told.split()), name


@pytest.mark.parametrize("name", CHANGES)
def test_a_resumed_run_is_the_same_run(
    name: str, base: list[str], tmp_path: Path, capsys: Capture
) -> None:
    a_run(tmp_path / "run", depth=1, stage="decoder")
    field = {"steps": "max_steps"}.get(name, name.replace("-", "_"))
    value = CHANGES[name]
    given = as_shown(value)
    words = ["--device", "cpu"] if name == "device" else ["--set", f"{name}={given}"]
    status = run([*base, "--resume", *words])
    if name in MAY_CHANGE:
        assert status == 0, capsys.readouterr().err
        made = to_recipe(Notes.made[-1].options)
        assert made[name] == value
        return
    assert status == 2 and not Notes.made
    option = f"--set {name}={given}" if field in SET_ONLY else f"--{name}"
    error = capsys.readouterr().err
    assert error.startswith(f"lcodec: {option}") and "and keeps it" in error


@pytest.mark.parametrize(("used", "status"), [(False, 0), (True, 3)])
def test_a_run_of_an_older_version_goes_on_if_nothing_is_missing(
    used: bool, status: int, base: list[str], tmp_path: Path, capsys: Capture
) -> None:
    gone = {"split-rate": used, "scale-bound": 0.0, "noise-pairs": False}
    a_run(tmp_path / "run", depth=1, stage="joint", **gone)
    assert run([*base, "--resume"]) == status
    error = capsys.readouterr().err
    assert ("is from an older version and cannot be resumed" in error) == used
    assert bool(Notes.made) != used


@pytest.mark.parametrize("name", ["warmup", "average", "clip", "momentum", "muon-every", "screens"])
def test_messages_give_options_that_exist(name: str, base: list[str], capsys: Capture) -> None:
    value = -7 if isinstance(CHANGES[name], int) else -7.0
    assert run([*base, "--set", f"{name}={value}"]) == 2
    assert capsys.readouterr().err.startswith(f"lcodec: --set {name}=-7: must be ")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("depth=-1", "--depth -1: must be 1 or more"),
        ("depth=0", "--depth 0: must be 1 or more"),
        ("depth=65", "--depth 65: depth is out of range"),
        ("channels=-8", "--channels -8: must be between 1 and 768"),
        ("channels=0", "--channels 0: must be between 1 and 768"),
        ("channels=772", "--channels 772: must be between 1 and 768"),
        ("synthesis8=1000", "--set synthesis8=1000: synthesis8 is out of range"),
        ("latent-crops=1", "--latent-crops 1: must be 2 or more"),
        ("seed=-1", "--seed -1: must be 0 or more"),
        ("seed=9223372036854775808", "--seed 9223372036854775808: must be 0 or more, and below"),
    ],
)
def test_values_that_would_fail_later(
    given: str, words: str, base: list[str], capsys: Capture
) -> None:
    assert run([*base, "--set", given]) == 2
    assert capsys.readouterr().err.startswith(f"lcodec: {words}") and not Notes.made


@pytest.mark.parametrize("resumed", [False, True])
@pytest.mark.parametrize(
    ("stage", "words", "told"),
    [
        ("joint", "--fresh", "--fresh: needs --start"),
        ("joint", "--latents old", "--latents old: does nothing in stage joint"),
        ("decoder", "--set latents=old", "--latents old: does nothing in stage decoder"),
        ("transforms", "--latents old", "--latents old: does nothing in stage transforms"),
        ("joint", "--latent-crops 9", "--latent-crops 9: does nothing in stage joint"),
        ("transforms", "--quantise-from 0.5", "--quantise-from 0.5: does nothing in stage t"),
        ("entropy", "--set looks=false", "--set looks=false: does nothing in stage entropy"),
        ("entropy", "--set coded-rate=true", "--set coded-rate=true: does nothing in stage e"),
        ("entropy", "--set analysis16=9", "--set analysis16=9: the stage leaves the transforms"),
        ("entropy", "--set synthesis8=8", "--set synthesis8=8: the stage leaves the transforms"),
    ],
)
def test_options_without_effect(
    stage: str,
    words: str,
    told: str,
    resumed: bool,
    base: list[str],
    tmp_path: Path,
    capsys: Capture,
) -> None:
    if resumed:  # the same options may be said again, or are refused for being others
        a_run(tmp_path / "run", depth=1, stage=stage)
        assert run([*base, "--resume", *words.split()]) == 2
    else:
        assert run([*base, "--stage", stage, *words.split()]) == 2
        assert capsys.readouterr().err.startswith(f"lcodec: {told}")
    assert not Notes.made


@pytest.mark.parametrize("given", ["depth=64", "channels=768", "seed=0"])
def test_values_at_their_bounds(given: str, base: list[str]) -> None:
    assert run([*base, "--set", given]) == 0


def test_options_that_only_set_gives() -> None:
    own = {"settings", "compile_", "crops"} | {field.name for field in fields(TrainOptions)}
    with_option = inspect.signature(train).parameters.keys() & own
    without = {field.name for field in fields(TrainOptions)} - with_option
    assert without - {"max_steps", "compile", "streams"} == SET_ONLY


@pytest.mark.parametrize("written", ["in a recipe", "in the run"])
@pytest.mark.parametrize(
    ("before", "words", "minutes", "steps"),
    [
        ("steps = 2", "--minutes 3", 3, None),
        ("steps = 2", "--set minutes=3", 3, None),
        ("steps = 2", "--set steps=4 --minutes 3", 3, None),
        ("minutes = 3", "--steps 2", 60, 2),
        ("minutes = 3", "--set steps=2", 60, 2),
        ("steps = 2", "--lr 1e-3", 60, 2),
    ],
)
def test_a_budget_replaces_the_other_kind(
    written: str,
    before: str,
    words: str,
    minutes: float,
    steps: int | None,
    base: list[str],
    tmp_path: Path,
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(before)
    command = [*base, str(recipe), *words.split()]
    if written == "in the run":
        a_run(tmp_path / "run", depth=1, **tomllib.loads(before))
        command = [*base, "--resume", *words.split()]
    assert run(command) == 0
    made = Notes.made[-1].options
    assert (made.minutes, made.max_steps) == (minutes, steps)


def test_a_run_has_one_budget(base: list[str], tmp_path: Path, capsys: Capture) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("minutes = 3\nsteps = 2\n")
    for words in (["--minutes", "3", "--steps", "2"], [str(recipe)]):
        assert run([*base, *words]) == 2
        assert "--minutes and --steps: a run has one budget" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(RECIPES.rglob("*.toml")), ids=lambda path: path.stem)
def test_recipes_of_the_repository(path: Path, tmp_path: Path) -> None:
    recipe = read_recipe(path)
    sizes = {name: recipe.pop(name, None) for name in SIZES}
    assert recipe.get("stage") != "entropy" or all(sizes[name] is None for name in BLOCKS)
    options = TrainOptions(tmp_path, tmp_path, **recipe)
    options.check()
    check_effect(recipe, options)
    assert sizes["model"] is None or preset(sizes["model"])
    assert options.start is None or options.start.parts[0] in ("runs", "models")
