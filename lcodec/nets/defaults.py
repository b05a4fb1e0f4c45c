"""Sizes that networks have in common: of the latent grid, and defaults of the others."""

from __future__ import annotations

PATCH = 16
"""Pixels per latent position."""

LATENT = 384
"""Channels of y."""

HYPER_LATENT = 128
"""Channels of z."""

ANCHORS = 9
"""Rows of the tables that are interpolated over the quality."""
