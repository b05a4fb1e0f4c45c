"""What a batch can run on. Imports nothing heavy."""

from enum import StrEnum


class Engine(StrEnum):
    """Processes on this machine, or actors on a Ray cluster."""

    LOCAL = "local"
    RAY = "ray"
