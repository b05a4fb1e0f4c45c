"""Fixtures shared by all tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more of what else the machine does.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# A suite started in the background, or by nohup, ignores these, as would the commands it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGQUIT", "SIGHUP"):
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

ROOT = Path(__file__).resolve().parent.parent
RELEASED = ROOT / "models" / "groupedmixer" / "entropy.safetensors"
RELEASED_MODELS = sorted(path.parent.name for path in ROOT.glob("models/*/entropy.safetensors"))


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's data folder: models that the user has added are not to be seen."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        patch.delenv("LCODEC_WEIGHTS_FROM", raising=False)
        yield folder


@pytest.fixture(scope="session")
def tiny_models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with small random models released as those that both tunes use."""
    from tests.tinymodel import write_tiny_model, write_visual_model

    root = tmp_path_factory.mktemp("tiny")
    write_visual_model(root)
    return write_tiny_model(root)


@pytest.fixture(scope="session")
def all_tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a small random model of every kind and variant, see `tests.entropy.tiny`."""
    from tests.entropy.tiny import TINY
    from tests.tinymodel import write_tiny_model

    root = tmp_path_factory.mktemp("kinds")
    for name in TINY:
        write_tiny_model(root, kind=name)
    return root / "models"


@pytest.fixture
def tiny_model(tiny_models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make the tiny model the one that is found, here and in subprocesses."""
    from lcodec.library.shared import forget_codecs

    monkeypatch.setenv("LCODEC_MODELS", str(tiny_models_folder))
    forget_codecs()
    yield tiny_models_folder
    forget_codecs()
