"""What is particular to eContextformer: its first group, its windows, its caches, its sizes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from lcodec.entropy.econtextformer import EContextformer, EContextformerConfig
from lcodec.integer.condition import Condition
from lcodec.integer.twin import TwinKit

CONFIG = EContextformerConfig(
    latent=12,
    hyper_latent=4,
    hyper_width=16,
    anchors=3,
    segments=3,
    width=16,
    depth=2,
    heads=2,
    window=4,
)
CONDITION = Condition(torch.tensor([50.0]), deviation=torch.ones(1, CONFIG.latent))


def network(**changes: Any) -> EContextformer:
    """A network in which every weight matters."""
    torch.manual_seed(0)
    net = EContextformer(dataclasses.replace(CONFIG, **changes), TwinKit())
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.abs().max() == 0:
                parameter.normal_(std=0.3)
    return net.eval()


def latents(h: int = 16, w: int = 16) -> tuple[Tensor, Tensor]:
    """Hyper-latents, and latents in units of their deviation."""
    random = torch.Generator().manual_seed(1)
    z = torch.randn(1, CONFIG.hyper_latent, h // 4, w // 4, generator=random) * 3
    return z.round(), (torch.randn(1, CONFIG.latent, h, w, generator=random) * 128).round()


def differing(net: EContextformer, y: Tensor, other: Tensor) -> Tensor:
    """(M, h, w): whether means or scale indices differ between two sets of latents."""
    z, _ = latents()
    with torch.no_grad():
        pairs = zip(net.parallel(z, y, CONDITION), net.parallel(z, other, CONDITION), strict=True)
        return torch.stack([(a != b)[0] for a, b in pairs]).any(0)


def test_first_group_comes_from_the_hyperprior_alone() -> None:
    z, y = latents()
    net = network()
    with torch.no_grad():
        before = net.group(net.parallel(z, y, CONDITION)[0])
        for part in (net.embed, net.layers, net.segment_parameters, net.group_table):
            for parameter in part.parameters():
                parameter.normal_()
        after = net.group(net.parallel(z, y, CONDITION)[0])
        assert torch.equal(before[0], after[0])
        assert not torch.equal(before[1], after[1])
        assert not torch.equal(before[0], net.group(net.parallel(-z, y, CONDITION)[0])[0])


def test_passes_are_one_less_than_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    z, y = latents()
    net = network()
    passes: list[int] = []
    advance = net.advance

    def counted(tokens: Tensor, first: int, caches: Any) -> Tensor:
        assert tokens.shape[1:] == (1, 16, 8, CONFIG.width)
        passes.append(first)
        return advance(tokens, first, caches)

    monkeypatch.setattr(net, "advance", counted)
    with torch.no_grad():
        state = net.begin(z, CONDITION)
        for inputs in net.group(y):
            net.predict(state)
            net.absorb(state, inputs)
    assert passes == [0, 1, 2, 3, 4]


def test_caches_only_grow() -> None:
    z, y = latents(12, 20)
    net = network()
    with torch.no_grad():
        state = net.begin(z, CONDITION)
        assert state.caches is not None and len(state.caches) == CONFIG.depth
        earlier: list[Tensor] = []
        for count, inputs in enumerate(net.group(y), 1):
            net.absorb(state, inputs)
            held = min(count, CONFIG.groups - 1)
            for layer, cache in enumerate(state.caches):
                assert cache.keys is not None and cache.values is not None
                windows = (3 * 5, 4 * 6)[layer]  # the second layer's windows are shifted
                assert cache.keys.shape == cache.values.shape == (windows, 2, held, 8, 8)
            now = [t for c in state.caches for t in (c.keys, c.values) if t is not None]
            for old, new in zip(earlier, now, strict=False):
                assert torch.equal(old, new[:, :, : old.shape[2]])
            earlier = now
        uncached = net.begin(z, CONDITION, cached=False)
        assert uncached.caches is None


@pytest.mark.parametrize("row", [5, 6])
def test_one_layer_sees_its_window_on_the_latents_grid(row: int) -> None:
    _, y = latents()
    other = y.clone()
    column = 9 + row % 2  # in the second colour of the checkerboard
    other[:, 0:4, row, column] += 200
    changed = differing(network(depth=1), y, other)
    window = torch.zeros(16, 16, dtype=torch.bool)
    window[4:8, 8:12] = True
    assert not changed[:, ~window].any()
    assert torch.equal(changed.any(0).any(1), window.any(1))
    assert torch.equal(changed.any(0).any(0), window.any(0))
    # Group 1 was changed: groups 0 and 1 do not see it, all later ones do.
    assert not changed[0:4].any()
    later = network(depth=1).group(changed[None])[2:]
    assert all(group.any() for group in later)


def test_shifted_windows_carry_further() -> None:
    _, y = latents()
    other = y.clone()
    other[:, 0:4, 5, 10] += 200
    changed = differing(network(), y, other).any(0)
    reach = torch.zeros(16, 16, dtype=torch.bool)
    reach[2:10, 6:14] = True  # every shifted window, offset by half, that the first one touches
    assert not changed[~reach].any()
    assert bool(changed[2:4].any() and changed[8:10].any())
    assert bool(changed[:, 6:8].any() and changed[:, 12:14].any())


def test_bias_depends_on_the_offset() -> None:
    z, y = latents()
    net = network(depth=1)
    with torch.no_grad():
        before = net.parallel(z, y, CONDITION)[0]
        bias = net.get_parameter("layers.0.attention.scores.bias")
        assert bias.shape == (2, 3 * 49)
        table = bias.view(2, 3, 7, 7)
        table[:, 2] += 5.0 * torch.randn(2, 7, 7)  # two segments away
        after = net.parallel(z, y, CONDITION)[0]
    same = [bool(torch.equal(a, b)) for a, b in zip(before[0], after[0], strict=True)]
    assert same[:8] == [True] * 8 and not any(same[8:])


@pytest.mark.parametrize(
    "changes",
    [
        {"segments": 5},
        {"heads": 3},
        {"window": 6},
        {"window": 16, "segments": 4, "latent": 16},
        {"width": 2048, "heads": 64},
        {"width": 1100, "heads": 1},
        {"hyper_width": 2048},
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        dataclasses.replace(CONFIG, **changes)
