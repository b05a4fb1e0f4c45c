"""Matrix products on a CPU whose results do not depend on the number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def product(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """``rows`` (..., in) times ``weight`` (out, in), plus ``bias`` (out,)."""
    plain = rows.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    if _onednn is None or not plain or torch.is_grad_enabled():
        return F.linear(rows, weight, bias)
    found: Tensor = _onednn(rows, weight, bias, "none", [], "")
    return found


def _find_onednn() -> Callable[..., Any] | None:
    """oneDNN's product of float32 matrices, without gradient; None where torch has none.

    That of `F.linear`, the BLAS library's, takes up to half as long again with two threads. torch
    gives no other access to oneDNN's than what its compiler uses.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


_onednn = _find_onednn()
