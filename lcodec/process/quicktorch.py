"""Importing this module imports torch, in five sixths of the usual time: see `startup`."""

from __future__ import annotations

from lcodec.process.startup import collecting_nothing, torch_is_loaded

with collecting_nothing():
    import torch  # noqa: F401

torch_is_loaded()
