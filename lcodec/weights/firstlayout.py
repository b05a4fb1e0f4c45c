"""The very first released model, id 35b5762a, which is laid out otherwise than all later ones.

Entropy models had no kinds then, and the transforms lay in the model's own folder.
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
    """Whether the content of a ``config.json`` is of that layout."""
    return "mixer" in config


def as_today(config: dict[str, Any], folder: str) -> dict[str, Any]:
    """The content of ``config.json`` as later models have it; ``folder`` is the model's own."""
    own = {key: value for key, value in config.items() if key not in ("mixer", "transforms")}
    return {**own, "transforms": folder, "kind": "groupedmixer", "entropy": config["mixer"]}


def with_names_of_today(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of an entropy model as they are called today; those of later models stay.

    Biases of attention, (heads, queries, keys), have become (heads, queries * keys).
    """
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, replacement in _RENAMED:
            name = re.sub(pattern, replacement, name)
        flat = name.endswith(".scores.bias") and tensor.ndim == 3
        renamed[name] = tensor.flatten(1) if flat else tensor
    return renamed
