"""Pretrained models: found, checked against their lock, loaded. Here without torch."""

from lcodec.weights.find import (
    CONFIG_NAME,
    ENTROPY_NAME,
    FileCheck,
    FileState,
    ModelInfo,
    at_hand,
    coding_models,
    comparable_models,
    find_model,
    find_model_by_id,
    list_models,
    load_files_beside,
    load_model_files,
    require_model,
    stated_id,
    verify,
)
from lcodec.weights.places import ENVIRONMENT, Place, default_folder, search_places

__all__ = [
    "CONFIG_NAME",
    "ENTROPY_NAME",
    "ENVIRONMENT",
    "FileCheck",
    "FileState",
    "ModelInfo",
    "Place",
    "at_hand",
    "coding_models",
    "comparable_models",
    "default_folder",
    "find_model",
    "find_model_by_id",
    "list_models",
    "load_files_beside",
    "load_model_files",
    "require_model",
    "search_places",
    "stated_id",
    "verify",
]
