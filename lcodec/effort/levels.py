"""Effort levels: how long the encoder may search."""

from __future__ import annotations

ROUNDS = (0, 1, 2, 3, 4, 6, 9, 14, 24, 40)
"""Rounds of `lcodec.effort.descent` by effort level; each costs about one or two plain encodes."""

HYPER_ROUNDS = 6
"""Rounds of `lcodec.effort.hyper` at most: as many as of the other, but few are enough."""

EFFORT_MAX = len(ROUNDS) - 1
