"""Suffixes of the files this package reads and writes, all in lower case. Imports nothing slow."""

from collections.abc import Collection
from importlib.util import find_spec
from pathlib import PurePath

LIC = ".lic"

HEIF_SUFFIXES = frozenset((".heic", ".heics", ".heif", ".heifs", ".hif"))
"""Pictures of the kind that telephones take, which need the package of the extra ``heic``."""

HEIF_IS_READ = find_spec("pillow_heif") is not None

READ_SUFFIXES = (HEIF_SUFFIXES if HEIF_IS_READ else frozenset[str]()) | frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".mpo"),
        *(".webp", ".avif", ".avifs", ".tif", ".tiff"),
        *(".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".gif", ".qoi"),
        *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    )
)
"""Pictures that `lcodec.picture.load` understands, for searching folders."""

NPY = ".npy"

ROW_SUFFIXES = frozenset((NPY, ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff"))
"""Pictures that can be written by rows."""

WRITE_SUFFIXES = frozenset(
    (
        *(".png", ".tif", ".tiff", ".webp", ".jpg", ".jpeg", ".avif", ".jp2", ".j2k", ".qoi"),
        *(".ppm", ".pgm", ".pnm", ".bmp"),
    )
)
"""Pictures that `lcodec.picture.save` writes."""

_UNREAD = frozenset(
    (
        *HEIF_SUFFIXES,
        *(".avci", ".jxl", ".jxr", ".hdp", ".wdp"),
        *(".jls", ".jpm", ".jph", ".jhc", ".j2p", ".jng", ".mng", ".bpg", ".flif", ".pdn"),
        *(".psd", ".psb", ".xcf", ".kra", ".ora", ".svg", ".svgz", ".eps", ".ps", ".wmf", ".emf"),
        *(".ico", ".icns", ".cur", ".dib", ".tga", ".icb", ".vda", ".vst", ".dds", ".pcx", ".dcx"),
        *(".exr", ".hdr", ".pfm", ".pam", ".sgi", ".rgb", ".rgba", ".bw", ".ras", ".xbm", ".xpm"),
        *(".dcm", ".fit", ".fits", ".vtf", ".ktx", ".ktx2", ".blp", ".fpx", ".msp", ".iim", ".im"),
        *(".fli", ".flc", ".ftc", ".ftu", ".gbr", ".palm", ".pxr"),
        # Cameras' raw pictures.
        *(".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".srw", ".orf"),
        *(".raf", ".rw2", ".pef", ".x3f", ".3fr", ".fff", ".iiq", ".mrw", ".erf", ".kdc", ".dcr"),
        *(".raw", ".rwl", ".mef", ".mos", ".gpr", ".pcd"),
    )
)

PICTURE_SUFFIXES = READ_SUFFIXES | WRITE_SUFFIXES | ROW_SUFFIXES | _UNREAD
"""All that names pictures, whether this package knows them or not: no output may look like one."""


def is_sought(file: PurePath, suffixes: Collection[str]) -> bool:
    """Whether a file has one of the suffixes, and is not hidden.

    Hidden are also the files that macOS puts beside others, such as ``._a.png``.
    """
    return file.suffix.lower() in suffixes and not file.name.startswith(".")
