"""Randomly generated screens: synthetic screenshots, for training alongside photographs."""

from lcodec.training.screens.desktop import SIDES, draw_screen, draw_screens

__all__ = ["SIDES", "draw_screen", "draw_screens"]
