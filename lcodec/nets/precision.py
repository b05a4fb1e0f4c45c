"""Reduced precision where it is faster: bfloat16 products with float32 sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively, and faster than float32.

    Intel processors with AVX-512's dot products of bfloat16 but without its matrix tiles (or in a
    virtual machine that hides them) take twice as long for them as for float32 products.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return processor_has_fast_bfloat16(getattr(torch.cpu, "get_capabilities", dict)())


def processor_has_fast_bfloat16(capabilities: Mapping[str, Any]) -> bool:
    """The same for a processor of these capabilities (those of `torch.cpu.get_capabilities`)."""
    # "bf16" is ARM's.
    if capabilities.get("amx_bf16") or capabilities.get("bf16"):
        return True
    made_by_intel = str(capabilities.get("cpu_name", "")).startswith("Intel")
    return bool(capabilities.get("avx512_bf16")) and not made_by_intel


def reduced_precision(device: torch.device) -> torch.autocast:
    """A context in which products are bfloat16 if that is fast on ``device``, else unchanged."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has_fast_bfloat16(device))
