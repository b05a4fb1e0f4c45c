"""Find pretrained models and check them against their lock. Imports no torch."""

from lcodec.weights.chosen import chosen_model
from lcodec.weights.find import (
    ENTROPY_NAME,
    FileCheck,
    at_hand,
    coding_models,
    comparable_models,
    find_model,
    find_model_by_id,
    list_models,
    read_files_beside,
    read_model_files,
    require_model,
    siblings,
    verify,
)
from lcodec.weights.info import CONFIG_NAME, UNTOLD_TUNE, ModelInfo, stated_id, stated_tune
from lcodec.weights.places import ENVIRONMENT, Place, default_folder, search_places
from lcodec.weights.state import FileState

__all__ = [
    "CONFIG_NAME",
    "ENTROPY_NAME",
    "ENVIRONMENT",
    "UNTOLD_TUNE",
    "FileCheck",
    "FileState",
    "ModelInfo",
    "Place",
    "at_hand",
    "chosen_model",
    "coding_models",
    "comparable_models",
    "default_folder",
    "find_model",
    "find_model_by_id",
    "list_models",
    "read_files_beside",
    "read_model_files",
    "require_model",
    "search_places",
    "siblings",
    "stated_id",
    "stated_tune",
    "verify",
]
