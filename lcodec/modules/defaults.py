"""Defaults of the sizes that networks have in common."""

from __future__ import annotations

LATENT = 384
"""Channels of y."""

HYPER_LATENT = 128
"""Channels of z."""

ANCHORS = 9
"""Rows of the tables that are interpolated over the quality."""
