"""The same file gives the same integers under every instruction set, thread count and carrier.

The full matrix takes long: ``pytest -m portability``. A small part of it runs always.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from lcodec.library.codec import Codec
from lcodec.tunes import default_model
from lcodec.weights import ENVIRONMENT
from tests.conftest import RELEASED, RELEASED_MODELS
from tests.entropy.tiny import TINY
from tests.portability.jobs import FAST_CARRIERS, ROOT, Coded, Job, Report, Setting, run_worker
from tests.portability.samples import (
    Samples,
    few_photographs,
    few_pictures,
    make_samples,
    more_photographs,
    more_pictures,
    one_picture,
)
from tests.portability.worker import symbols_hash

THREADS = (1, 2)
ONEDNN = ("SSE41", "AVX2", "AVX512_CORE", None)
ATEN = ("default", "avx2", None)
MATRIX = [Setting(o, a, threads=t) for o, a, t in product(ONEDNN, ATEN, THREADS)]
# What torch multiplies float32 matrices with: the brand of the processor must not matter either.
MKL = [Setting(mkl=m, threads=t) for m, t in product(("COMPATIBLE", "AVX2", "AVX512"), THREADS)]
# oneDNN would silently multiply float32 in bfloat16 where the processor can.
FPMATH = [Setting(fpmath="BF16", threads=2)]
OLDEST = Setting("SSE41", "default", "COMPATIBLE")
FEW = [OLDEST, Setting("AVX2", "avx2", "AVX2", threads=2)]

released = pytest.mark.skipif(
    not RELEASED.is_file(), reason="the released weights (models/groupedmixer) are not here"
)


@pytest.fixture(scope="module")
def few(all_tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    sets = [(all_tiny_models, name, one_picture()) for name in TINY if name != "groupedmixer"]
    sets.append((all_tiny_models, "groupedmixer", few_pictures()))
    if RELEASED.is_file():
        sets.append((ROOT / "models", default_model(), few_photographs()))
    return make_samples(tmp_path_factory.mktemp("few"), sets)


@pytest.fixture(scope="module")
def many(all_tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    sets = [(all_tiny_models, name, few_pictures()) for name in TINY if name != "groupedmixer"]
    sets.append((all_tiny_models, "groupedmixer", more_pictures()))
    sets += [(ROOT / "models", name, more_photographs()) for name in RELEASED_MODELS]
    return make_samples(tmp_path_factory.mktemp("many"), sets)


def run_setting(samples: Samples, setting: Setting, folder: Path) -> Report:
    """Decode all samples in all ways, and encode their pictures into ``folder``."""
    job = Job(
        threads=setting.threads,
        encode=samples.sources_under(folder),
        decode=samples.files,
        carriers=FAST_CARRIERS,
        tiles_at_once=(1, 4),
        cached=(True, False),
    )
    return run_worker(job, setting)


def decode_here(files: list[Coded], carrier: str) -> dict[str, str]:
    """Hash of the symbols of each file, in this process."""
    found = {}
    for models, model in sorted({(coded.models, coded.model) for coded in files}):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(ENVIRONMENT, models)
            codec = Codec(model, device="cpu", carrier=carrier)
        for coded in files:
            if (coded.models, coded.model) == (models, model):
                data = Path(coded.path).read_bytes()
                found[coded.path] = symbols_hash(codec.decode_symbols(data).y)
    return found


def check_decoding(samples: Samples, report: Report) -> None:
    """Every file in every way gave the symbols of the default setting."""
    assert set(report.symbols) == set(samples.hashes)
    wrong = [
        f"{Path(path).name}: {way}: {found}"
        for path, ways in report.symbols.items()
        for way, found in ways.items()
        if found != samples.hashes[path]
    ]
    assert not wrong
    assert all(len(ways) == 2 * 2 * len(FAST_CARRIERS) for ways in report.symbols.values())


def check_encoding(samples: Samples, report: Report) -> None:
    """Files encoded under the setting decode here: their checksums say so."""
    assert len(report.written) == len(samples.sources) * len(FAST_CARRIERS)
    assert len(decode_here(report.written, "auto")) == len(report.written)


def check_setting(setting: Setting, report: Report) -> None:
    """The setting was not ignored."""
    wanted = {"default": ("DEFAULT", "NO AVX"), "avx2": ("AVX2", "DEFAULT", "NO AVX")}
    if setting.aten:
        assert report.capability in wanted[setting.aten]


def test_samples_decode(few: Samples) -> None:
    # All models share their latents, so there are as many as pictures, and the extreme ones.
    assert len(set(few.hashes.values())) == len(few_pictures()) + RELEASED.is_file() + 1
    assert len(few.files) > len(TINY)
    assert all(len(found) == 64 for found in few.hashes.values())  # no errors


def test_reference(few: Samples) -> None:
    assert decode_here(list(few.files), "int64") == few.hashes


@pytest.mark.parametrize("setting", FEW, ids=str)
def test_some_settings(few: Samples, setting: Setting, tmp_path: Path) -> None:
    report = run_setting(few, setting, tmp_path)
    check_setting(setting, report)
    check_decoding(few, report)
    check_encoding(few, report)
    if setting == OLDEST and few.default.capability.startswith("AVX"):
        # Were floats the same everywhere, this test would show nothing.
        assert report.probes != few.default.probes


@pytest.mark.portability
@pytest.mark.parametrize("setting", [*MATRIX, *MKL, *FPMATH], ids=str)
def test_every_setting(many: Samples, setting: Setting, tmp_path: Path) -> None:
    report = run_setting(many, setting, tmp_path)
    check_setting(setting, report)
    check_decoding(many, report)
    check_encoding(many, report)


@pytest.mark.portability
def test_reference_of_every_file(many: Samples) -> None:
    assert decode_here(list(many.files), "int64") == many.hashes


@released
def test_released_model_takes_part(few: Samples) -> None:
    assert any(coded.models == str(ROOT / "models") for coded in few.files)
