"""Reduced precision where it is faster: bfloat16 products with float32 sums."""

from __future__ import annotations

from typing import Any

import torch


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))


def reduced_precision(device: torch.device) -> torch.autocast:
    """A context in which products are bfloat16 if that is fast on ``device``, else unchanged."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_fast_bfloat16(device))
