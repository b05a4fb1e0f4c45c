"""Screens drawn by chance: what screenshots consist of, for training beside photographs."""

from lcodec.training.screens.desktop import SIDES, draw_screen, draw_screens

__all__ = ["SIDES", "draw_screen", "draw_screens"]
