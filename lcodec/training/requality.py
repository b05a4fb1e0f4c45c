"""Start one tune from the weights of another: move the quality tables to its levels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lcodec.format import QUALITY_MAX
from lcodec.modules.quality import QualityTable
from lcodec.nets.tune import Tune

Tensors = dict[str, Tensor]


def on_levels_of(model: nn.Module, stored: Tensors, old: Tune, new: Tune) -> Tensors:
    """``stored`` with the rows of every quality table of ``model`` moved to the levels of ``new``.

    Each row becomes that of the level of ``old`` with the same reference; tables are extrapolated
    linearly beyond their ends.
    """
    moved = dict(stored)
    for name, module in model.named_modules():
        full = f"{name}.values"
        if isinstance(module, QualityTable) and full in stored:
            moved[full] = _moved(stored[full], old, new)
    return moved


def _moved(rows: Tensor, old: Tune, new: Tune) -> Tensor:
    last = len(rows) - 1
    levels = torch.linspace(0.0, QUALITY_MAX, last + 1)
    wanted = [old.reference.level(float(new.reference.at(level))) for level in levels]
    position = torch.tensor(wanted) * (last / QUALITY_MAX)
    lower = position.floor().clamp(0, last - 1)
    weight = (position - lower).unsqueeze(-1).to(rows)
    return torch.lerp(rows[lower.long()], rows[lower.long() + 1], weight)
