"""The layout of the very first released model, id 35b5762a, which differs from all later ones.

Entropy models had no kinds then, and the transforms were in the model's own folder.
"""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

_RENAMED = (
    (r"^mixer\.", "network."),
    (r"\.attention\.(bias|multiplier)$", r".attention.scores.\1"),
)


def has_first_layout(config: dict[str, Any]) -> bool:
    """Whether the content of a ``config.json`` has that layout."""
    return "mixer" in config


def as_today(config: dict[str, Any], folder: str) -> dict[str, Any]:
    """Convert a ``config.json`` to the layout of later models; ``folder`` is the model's own."""
    own = {key: value for key, value in config.items() if key not in ("mixer", "transforms")}
    return {**own, "transforms": folder, "kind": "groupedmixer", "entropy": config["mixer"]}


def with_names_of_today(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Convert the tensors of an entropy model to today's names; later models are unchanged.

    Biases of attention (heads, queries, keys) become (heads, queries * keys).
    """
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, replacement in _RENAMED:
            name = re.sub(pattern, replacement, name)
        flat = name.endswith(".scores.bias") and tensor.ndim == 3
        renamed[name] = tensor.flatten(1) if flat else tensor
    return renamed
