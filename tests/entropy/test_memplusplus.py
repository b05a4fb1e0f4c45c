"""What is particular to MEM++: which contexts reach how far, what they hold, its sizes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from lcodec.bench.macs import parameters, steps_and_macs
from lcodec.entropy.memplusplus import MemPlusPlus, MemPlusPlusConfig
from lcodec.entropy.model import IntegerEntropyModel
from lcodec.integer.carriers import exact_products, make_carrier
from lcodec.integer.condition import Condition
from lcodec.integer.twin import TwinKit
from tests.entropy.tiny import TINY

TINY_CONFIG = TINY[MemPlusPlusConfig.kind]
assert isinstance(TINY_CONFIG, MemPlusPlusConfig)
CONFIG: MemPlusPlusConfig = TINY_CONFIG
WIDTH = CONFIG.slice_width
H, W = 12, 40


@pytest.fixture(scope="module")
def network() -> MemPlusPlus:
    """A network in which every weight matters."""
    torch.manual_seed(0)
    net = MemPlusPlus(CONFIG, TwinKit())
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.abs().max() == 0:
                parameter.normal_(std=0.3)
    return net.eval()


def latents() -> tuple[Tensor, Tensor]:
    """Hyper-latents, and latents in units of their deviation."""
    random = torch.Generator().manual_seed(1)
    z = torch.randn(1, CONFIG.hyper_latent, H // 4, W // 4, generator=random) * 3
    return z.round(), (torch.randn(1, CONFIG.latent, H, W, generator=random) * 128).round()


def reached(net: MemPlusPlus, parity: int, row: int, column: int) -> Tensor:
    """(slices, H, W): which predictions change with slice 0 at some positions.

    Changed are those of ``parity`` in the 3x3 positions around (row, column).
    """
    z, y = latents()
    other = y.clone()
    for i in range(row - 1, row + 2):
        for j in range(column - 1, column + 2):
            if (i + j) % 2 == parity:
                other[:, :WIDTH, i, j] += 300
    condition = Condition(torch.tensor([50.0]), deviation=torch.ones(1, CONFIG.latent))
    with torch.no_grad():
        before, after = net.parallel(z, y, condition), net.parallel(z, other, condition)
    changed = torch.stack([(a != b)[0] for a, b in zip(before, after, strict=True)]).any(0)
    return changed.view(CONFIG.slices, WIDTH, H, W).any(1)


def checker(parity: int) -> Tensor:
    rows, columns = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    return (rows + columns) % 2 == parity


def test_first_slice_sees_anchors_in_its_window_alone(network: MemPlusPlus) -> None:
    changed = reached(network, 0, 6, 8)[0]
    window = torch.zeros(H, W, dtype=torch.bool)
    reach = CONFIG.window // 2
    for i in range(5, 8):
        for j in range(7, 10):
            if (i + j) % 2 == 0:
                window[i - reach : i + reach + 1, j - reach : j + reach + 1] = True
    assert torch.equal(changed, window & checker(1))


def test_second_pass_tells_the_first_slice_nothing(network: MemPlusPlus) -> None:
    assert not reached(network, 1, 6, 8)[0].any()


@pytest.mark.parametrize("parity", [0, 1])
def test_later_slices_see_the_whole_picture(network: MemPlusPlus, parity: int) -> None:
    later = reached(network, parity, 6, 2)[1:, :, -8:]  # 30 positions away, in both passes
    share = later.float().mean((1, 2))  # here and there 8 bits hide the change
    assert bool((share > 0.5).all())


def test_far_off_the_intra_slice_context_tells_the_second_pass(network: MemPlusPlus) -> None:
    """Slice 1 at one end of the picture, and the second pass of slice 1 at the other."""
    z, y = latents()
    other = y.clone()
    other[:, WIDTH : 2 * WIDTH, :, :4] += 300
    condition = Condition(torch.tensor([50.0]), deviation=torch.ones(1, CONFIG.latent))
    with torch.no_grad():
        before, after = network.parallel(z, y, condition), network.parallel(z, other, condition)
    changed = (before[0] != after[0])[0, WIDTH : 2 * WIDTH].any(0)
    assert not changed[checker(0)].any()
    assert float(changed[:, -8:][checker(1)[:, -8:]].float().mean()) > 0.5


def test_channel_context_reaches_two_positions(network: MemPlusPlus) -> None:
    code = torch.zeros(1, 9, 9, CONFIG.code)
    other = code.clone()
    other[:, 4, 4] = 90
    stream = torch.zeros(1, 9, 9, CONFIG.width)
    with torch.no_grad():
        change = network.channel[0](stream, [other]) - network.channel[0](stream, [code])
    expected = torch.zeros(9, 9, dtype=torch.bool)
    expected[2:7, 2:7] = True
    assert torch.equal(change[0].abs().sum(-1) > 0, expected)


def test_default_costs_what_is_written() -> None:
    model = IntegerEntropyModel(MemPlusPlusConfig(), make_carrier("float32"))
    model.load(model.state_dict(), torch.device("cpu"))
    steps, macs = steps_and_macs(model, 8)
    assert steps == 16
    assert round(macs / 1000) == 39
    assert round(parameters(model) / 1e6, 1) == 15.6


class Largest(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Keeps the size of the largest tensor that any operation gives, and the sum of all."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.largest = 0
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor):
                self.largest = max(self.largest, tensor.numel())
                self.total += tensor.numel()
        return out


def test_memory_grows_as_the_picture() -> None:
    model = IntegerEntropyModel(CONFIG, make_carrier("float32"))
    model.load(model.state_dict(), torch.device("cpu"))
    sizes = []
    for side in (16, 64):
        z = torch.zeros(1, CONFIG.hyper_latent, side // 4, side // 4, dtype=torch.int32)
        groups = torch.zeros(1, CONFIG.latent, side, side, dtype=torch.int32)
        for _ in range(2):  # the first time, tables of the grid are made and kept
            with exact_products(), Largest() as seen:
                state = model.begin(z, 50)
                for group in model.group(groups):
                    model.predict(state)
                    model.absorb(state, group)
        sizes.append((seen.largest, seen.total))
    (small, little), (large, much) = sizes
    assert large <= 16 * small
    assert much <= 16 * little


def test_what_is_kept_of_each_slice(network: MemPlusPlus) -> None:
    """A code, and a memory whose size does not depend on the picture; no symbols."""
    z, y = latents()
    condition = Condition(torch.tensor([50.0]), deviation=torch.ones(1, CONFIG.latent))
    with torch.no_grad():
        state = network.begin(z, condition)
        for index, inputs in enumerate(network.group(y)):
            network.predict(state)
            network.absorb(state, inputs)
            done = min((index + 1) // 2, CONFIG.slices - 1)
            assert state.context is not None and not state.inputs
            assert len(state.context.codes) == len(state.context.memories) == done
            for memory in state.context.memories:
                assert memory.shape == (1, CONFIG.head_width, CONFIG.head_width)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slices": 5}, "divide latent"),
        ({"slices": 0}, "divide latent"),
        ({"window": 4}, "odd"),
        ({"window": 1}, "odd"),
        ({"width": 2048}, "2048"),
        ({"hidden": 256}, "convolutions over 2304"),
        ({"latent": 288, "slices": 9, "code": 32}, "convolutions over 2304"),
        ({"head_width": 1500, "heads": 1, "slices": 2}, "heads are too wide"),
        ({"window": 33}, "attention over 544 keys"),
    ],
)
def test_sizes_that_are_not_exact_are_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(MemPlusPlusConfig(), **change)
