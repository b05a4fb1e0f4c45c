"""A step of training as a device sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lcodec.training.checkpoint import load_kind
from lcodec.training.export import load_run
from lcodec.training.flat import FlatParameters
from lcodec.training.gather import GatheredCrops
from lcodec.training.objective import Losses, PictureObjective
from lcodec.training.optim import MuonAdam
from lcodec.training.options import TrainOptions
from lcodec.training.runinfo import load_info
from lcodec.training.step import Pace, Step
from lcodec.training.streams import Streams
from lcodec.training.trainer import Trainer
from lcodec.twin.codec import TwinCodec
from tests.entropy.tiny import TINY
from tests.tinymodel import CONFIG, picture

CPU = torch.device("cpu")
META = torch.device("meta")  # computes nothing, and refuses every question for a value


class NothingFromTheHost(TorchDispatchMode):
    """Fails where a tensor of the host would have to be sent to the device."""

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = function(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves((args, kwargs, out)) if isinstance(t, Tensor)]
        if len({t.device.type for t in tensors}) > 1:
            raise AssertionError(f"{function} sends something to the device")
        return out


def list_is_leaf(part: Any) -> bool:
    return isinstance(part, list)


class NoConstants(TorchFunctionMode):
    """Fails where a tensor is made of numbers of the host; no operation that would be seen."""

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = function in (torch.tensor, torch.as_tensor, Tensor.new_tensor)
        if function is torch.where:
            made = not all(isinstance(part, Tensor) for part in args)
        elif function is Tensor.__getitem__:
            made = any(isinstance(part, list) for part in tree_leaves(args[1:], list_is_leaf))
        if made:
            raise AssertionError(f"{function} sends something to the device")
        return function(*args, **(kwargs or {}))


@contextmanager
def recorded() -> Iterator[None]:
    """Stands for recording: what may not happen then fails."""
    with NoConstants(), NothingFromTheHost():
        yield


def step_of(model: TwinCodec, losses: Callable[..., Losses]) -> Step:
    flat = FlatParameters(model.named_parameters())
    return Step(losses, flat, MuonAdam(flat), Streams(1), 1.0)


@pytest.mark.parametrize(
    ("kind", "tune"),
    [
        ("groupedmixer", "visual"),
        *(pytest.param(k, "psnr", marks=pytest.mark.slow) for k in TINY if k != "groupedmixer"),
    ],
)
def test_a_step_asks_nothing_of_the_device(
    kind: str, tune: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it can be recorded: neither values nor sizes that depend on values, and no copies."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    config = replace(CONFIG, entropy=TINY[kind], tune=tune)
    model = TwinCodec(config).to(META)
    wanted = {"coded_rate": True}
    options = TrainOptions(Path(), Path(), **(wanted if tune == "visual" else {}))  # type: ignore[arg-type]
    objective = PictureObjective(model, GatheredCrops([picture(70, 80)], META), META, options)
    step = step_of(model, objective.losses)
    with torch.no_grad():  # constants are sent once
        objective.losses(*objective.draw(2, 64))
    with recorded():
        step(objective.draw(2, 64))


def test_questions_to_the_device_are_noticed() -> None:
    """What the test before relies on."""
    value = torch.ones(2, device=META)
    with recorded():
        with pytest.raises(RuntimeError):
            float(value.sum())
        with pytest.raises(AssertionError):
            value.new_tensor([1.0, 2.0])
        with pytest.raises(AssertionError):
            value[[1, 0]]
        with pytest.raises(AssertionError):
            torch.where(value > 0, value, 0.0)


def quadratic(model: nn.Module) -> Callable[..., Losses]:
    def losses(*batch: Tensor) -> Losses:
        error = (model(batch[0]) - batch[1]).square().mean(1)
        return Losses(error.mean(), *(factor * error.detach() for factor in (1, 2, 3, 4, 5)))

    return losses


def test_flat_parameters_are_the_models_own() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3), nn.Conv2d(3, 2, 3))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    flat = FlatParameters(model.named_parameters())
    assert [s.shape for s in flat.stacks if s.muon] == [(2, 6, 6), (1, 3, 6)]
    assert flat.matrices == 2 * 36 + 18
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])
    flat.values.add_(1.0)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name] + 1)
    assert set(flat.views(flat.values)) == set(before)
    rest = flat.views(flat.values[flat.matrices :], matrices=False)
    assert set(rest) == {n for n in before if n.endswith("bias") or n.startswith("3")}
    assert all(torch.equal(view, before[name] + 1) for name, view in rest.items())


def test_a_step_is_clipped_averaged_and_summed_up() -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 4)
    flat = FlatParameters(model.named_parameters())
    step = Step(quadratic(model), flat, MuonAdam(flat), Streams(1), clip=0.25)
    step.optimiser.rate.fill_(0.1)
    step.forget.fill_(0.5)
    batch = (torch.randn(5, 6), torch.randn(5, 4))
    start = flat.values.clone()
    losses = quadratic(model)(*batch)
    step(batch)
    assert float(flat.gradient.norm()) == pytest.approx(0.25, rel=1e-4)
    assert not torch.equal(flat.values, start)
    torch.testing.assert_close(step.average, (start + flat.values) / 2)
    moved = flat.values.clone()
    step((batch[0], batch[1] * float("inf")))
    assert torch.equal(flat.values, moved)
    figures, skipped = step.read()
    assert skipped == 1
    assert figures["loss"] == pytest.approx(float(losses.loss.detach()))
    assert figures["bpp_z"] == pytest.approx(2 * float(losses.loss.detach()))
    assert figures["norm"] > 0.25
    assert step.read() == ({}, 0)


def test_a_whole_run_in_the_manner_of_a_gpu(tmp_path: Path) -> None:
    """Crops gathered, two sizes of them, small files: the same code on the CPU."""
    for seed in range(3):
        Image.fromarray(picture(150, 200, seed)).save(tmp_path / f"{seed}.png")
    options = TrainOptions(
        data=tmp_path,
        run=tmp_path / "run",
        stage="joint",
        max_steps=6,
        crops=((0.0, 4, 64), (0.5, 2, 128)),
        quantise_from=0.66,
        gather=True,
        portable=tmp_path / "small",
    )
    trainer = Trainer(options, CONFIG)
    trainer.run()
    assert isinstance(trainer._data, GatheredCrops) and trainer.skipped == 0
    assert trainer.model.kit.rounding.enabled
    exact = load_kind(tmp_path / "run", "average")
    for name, value in load_kind(tmp_path / "small", "average").items():
        torch.testing.assert_close(value, exact[name], rtol=1e-3, atol=1e-4)
    assert load_run(tmp_path / "small").config == CONFIG
    assert load_info(tmp_path / "small")["steps"] == 6


def test_pieces_of_all_networks_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        nn.Module, "compile", lambda module, **_: asked.append(type(module).__name__)
    )
    Image.fromarray(picture(150, 200)).save(tmp_path / "a.png")
    options = TrainOptions(tmp_path, tmp_path / "run", compile_blocks=True)
    model = Trainer(options, CONFIG).model
    kinds = [type(module).__name__ for module in model.modules()]
    assert asked.count("HyperBlock") == kinds.count("HyperBlock") == 3
    assert asked.count("FeedForward") == kinds.count("FeedForward") > 0
    assert asked.count("Block") == kinds.count("Block") > 0


def test_the_host_is_not_held_up_on_a_cpu() -> None:
    pace = Pace(CPU)
    for _ in range(20):
        pace.step()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_graphs_compute_what_the_step_does(tmp_path: Path) -> None:
    Image.fromarray(picture(150, 200)).save(tmp_path / "a.png")
    options = TrainOptions(
        data=tmp_path, run=tmp_path / "run", max_steps=12, crops=((0.0, 4, 64), (0.5, 2, 128))
    )
    options = replace(options, device="cuda", gather=True)
    found = []
    for graph in (False, True):
        trainer = Trainer(replace(options, graph=graph), CONFIG)
        for _ in range(12):
            trainer.step()
        found.append((trainer.flat.values.clone(), *trainer._step.read()))
    torch.testing.assert_close(found[1][0], found[0][0], rtol=1e-2, atol=1e-3)
    assert found[0][1]["loss"] == pytest.approx(found[1][1]["loss"], rel=1e-2)
