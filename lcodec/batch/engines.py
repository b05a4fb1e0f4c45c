"""What a batch can run on. No imports of weight."""

from enum import StrEnum


class Engine(StrEnum):
    """Processes of this machine, or actors of a Ray cluster."""

    LOCAL = "local"
    RAY = "ray"
