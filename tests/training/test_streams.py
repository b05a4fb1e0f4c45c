"""Parts of a step in several threads."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor, nn

from lcodec.training.flat import FlatParameters
from lcodec.training.objective import Losses
from lcodec.training.optim import MuonAdam
from lcodec.training.streams import Streams


def setting() -> tuple[nn.Linear, nn.Linear, tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    used, unused = nn.Linear(6, 4), nn.Linear(2, 2)
    return used, unused, (torch.randn(5, 6), torch.randn(5, 4))


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_gradient_is_that_of_the_whole_batch(count: int) -> None:
    used, unused, batch = setting()
    threads: set[int] = set()

    def losses(*part: Tensor) -> Losses:
        threads.add(threading.get_ident())
        error = (used(part[0]) - part[1]).square().mean(1)
        parts = (factor * error.detach() for factor in (1, 2, 3, 4, 5))
        return Losses(error.mean(), *parts)

    whole = losses(*batch)
    expected = torch.autograd.grad(whole.loss, used.weight)[0]
    threads.clear()
    parameters = [*used.parameters(), *unused.parameters()]
    into = [torch.full_like(p, 9.0) for p in parameters]
    found = Streams(count).gradients(losses, batch, parameters, into)
    torch.testing.assert_close(into[0], expected)
    assert not into[2].any() and not into[3].any()
    torch.testing.assert_close(found.loss, whole.loss.detach())
    torch.testing.assert_close(found.error, whole.error)
    assert not found.loss.requires_grad
    assert (threads == {threading.get_ident()}) == (count == 1)


def test_threads_share_those_of_torch() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        numbers = Streams(2).map(lambda _: torch.get_num_threads(), range(4))
        assert numbers == [2] * 4
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(before)


def test_a_failure_in_a_part_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        Streams(2).map(lambda number: 1 / number, [1, 0])


def test_update_does_not_depend_on_the_streams() -> None:
    found = []
    for count in (1, 2):
        torch.manual_seed(0)
        model = nn.Sequential(*(nn.Linear(6, 6) for _ in range(3)), nn.Linear(6, 2))
        flat = FlatParameters(model.named_parameters())
        optimiser = MuonAdam(flat, streams=Streams(count))
        optimiser.rate.fill_(0.1)
        for _ in range(2):
            loss = model(torch.ones(1, 6)).square().sum()
            found_gradients = torch.autograd.grad(loss, list(flat.parameters.values()))
            flat.gradient.copy_(torch.cat([g.flatten() for g in found_gradients]))
            optimiser.step(torch.tensor(1.0))
        found.append([p.detach().clone() for p in model.parameters()])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=2e-2, atol=1e-3)
        assert one.abs().sum() > 0
