"""Effort levels: how long the encoder may search."""

from __future__ import annotations

EFFORT_MIN = -1
"""The encoder takes its first look alone, in less than half the time of effort 0."""

ROUNDS = (0, 1, 2, 3, 4, 6, 9, 14, 22, 36)
"""Rounds of `lcodec.effort.descent` by level from 0 on; each costs about one plain encode."""

HYPER_ROUNDS = (0, 0, 0, 0, 0, 1, 3, 4, 6, 6)
"""Rounds of `lcodec.effort.hyper` by effort level; they gain less, and cost twice as much."""

EFFORT_MAX = len(ROUNDS) - 1
