"""Options and commands of other programs, and what this one has instead.

A row applies to all commands that have no such option themselves. "-T#" stands for -T and a
number. docs/CLI.md does not list these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from lcodec.cli import habits
from lcodec.cli.console import PROGRAM
from lcodec.effort import EFFORT_MAX, EFFORT_MIN
from lcodec.errors import UsageError

CJXL, AVIFENC, CWEBP, ZSTD, MAGICK, OTHERS = (
    *("cjxl, djxl", "avifenc, avifdec", "cwebp, dwebp", "zstd, gzip", "magick"),
    "other programs",
)


@dataclass(frozen=True)
class Row:
    """An answer, and the options of another program that it answers."""

    program: str
    names: str
    answer: str


_EFFORTS = f"{EFFORT_MIN} to {EFFORT_MAX}"
_SIZE = "pictures are coded at full size; `lcodec decode --scale 1/2` gives a smaller one"
_CROP = "pictures are coded whole; `lcodec decode --region X,Y,WxH` gives a part"
_TURN = "pictures are stored upright by their EXIF orientation; rotate before or after"
_LOSSY = "there is no lossless mode; `-q 100` is the best quality, for exact pixels use PNG"
_TIME = f"`-e N`, {_EFFORTS}, sets the effort; more is slower and better"
_THREADS = "`--threads N` applies to one file; `lcodec batch -j N` codes several at a time"
_INTERNAL = "there is no such option: the networks decide this for every picture"
_DEPTH = "the depth of the source is kept, 8 or 16 bits"
_KEEP = "the source is always kept; no command deletes it"
_COLOURS = "colours are coded at full resolution as RGB or gray, whatever the source has"
_ALPHA = "alpha is always kept, losslessly"
_TILES = "tiles are always 1024 x 1024 pixels"
_METADATA = "all metadata is kept unless `--strip` drops it; none can be added"
_MORE = "`-v` shows what is done, sizes and times"
_MEASURE = "`lcodec compare ORIGINAL FILE...` gives PSNR, MS-SSIM and SSIMULACRA2"
_FRAMES = "a file holds one picture; of several frames, the first is kept"
_ONCE = "there is only one form of .lic file"
_SOLID = "transparent pixels stay transparent; flatten the picture before or after"
_TO_STDOUT = "`-` as OUT is standard output"
_FORMAT = "OUT's suffix sets the format of the picture, or `lcodec decode --format NAME`"
_LEVEL = f"`-q N`, 0 to 100, is the quality and `-e N`, {_EFFORTS}, the effort"

ROWS = (
    Row(CJXL, "-d --distance", "`-q N`, 0 to 100, is the quality; 90 is visually lossless, "
        "like distance 1; to decode, use `lcodec decode`"),
    Row(CJXL, "-m --modular", f"{_INTERNAL}; for cwebp's method: {_TIME}"),
    Row(CJXL, "-j --lossless_jpeg", "a JPEG is decoded and coded anew, so its bytes cannot be "
        f"restored; for a number of jobs: {_THREADS}"),
    Row(CJXL, "--num_threads", _THREADS),
    Row(CJXL, "-a --alpha_distance", f"{_ALPHA}; for avifenc's advanced options: {_INTERNAL}"),
    Row(CJXL, "--progressive --progressive_ac --progressive_dc --qprogressive_ac --group_order "
        "--center_x --center_y", "files are not progressive; tiles are in raster order"),
    Row(CJXL, "--faster_decoding", "files of any quality decode equally fast; another model may "
        "be faster: `lcodec repack --model NAME`"),
    Row(CJXL, "--photon_noise_iso --noise --gaborish --epf --patches --dots --modular_predictor "
        "--disable_perceptual_optimizations", _INTERNAL),
    Row(CJXL, "--container --compress_boxes --brotli_effort", _ONCE),
    Row(CJXL, "-x --strip_metadata --keep_exif", _METADATA),
    Row(CJXL, "--resampling --downsampling", _SIZE),
    Row(CJXL, "--keep_invisible", "the colours of invisible pixels are never kept"),
    Row(CJXL, "--target_size", "`--target-size SIZE`, with a dash"),
    Row(CJXL, "--target_bpp", "`--target-bpp BPP`, with a dash"),
    Row(CJXL, "--num_reps", "`lcodec bench --set DIR` measures times"),
    Row(CJXL, "--bits_per_sample --override_bitdepth", _DEPTH),
    Row(CJXL, "--disable_output", "`lcodec decode --test` writes nothing"),
    Row(CJXL, "--output_format", _FORMAT),
    Row(CJXL, "--intensity_target --display_nits --color_space --colorspace", "samples and colour "
        "profile stay as they are; convert the picture before or after"),
    Row(AVIFENC, "-s --speed", f"{_TIME}; the scale is the other way round"),
    Row(AVIFENC, "--jobs", _THREADS),
    Row(AVIFENC, "-l --lossless", f"{_LOSSY}; to list what is in a file: `lcodec inspect`"),
    Row(AVIFENC, "--depth", _DEPTH),
    Row(AVIFENC, "-y --yuv", f"{_COLOURS}; to answer yes: `-f` replaces existing output"),
    Row(AVIFENC, "--sharpyuv --range --cicp --nclx -u --upsampling", _COLOURS),
    Row(AVIFENC, "--qcolor", "`-q N`, 0 to 100, is the quality"),
    Row(AVIFENC, "--min --max --minalpha --maxalpha", "`-q N`, 0 to 100, is the quality; there are "
        "no quantisers to bound"),
    Row(AVIFENC, "--qalpha --premultiply", _ALPHA),
    Row(AVIFENC, "--autotiling --tilerowslog2 --tilecolslog2 --grid", _TILES),
    Row(AVIFENC, "--codec --advanced", "`--model NAME` chooses the entropy model, see "
        "`lcodec weights list`"),
    Row(AVIFENC, "--ignore-exif --ignore-xmp --ignore-icc --ignore-profile", "`--strip` drops "
        "colour profile, EXIF and XMP; one alone cannot be dropped"),
    Row(AVIFENC, "--exif --icc --xmp --metadata", _METADATA),
    Row(AVIFENC, "--irot --imir --clap --pasp", _TURN),
    Row(AVIFENC, "--fps --timescale --duration --keyframe -k --repetition-count --index --layered",
        f"{_FRAMES}; to keep the source: {_KEEP}"),
    Row(AVIFENC, "--no-overwrite", "existing files are never replaced without `-f`"),
    Row(AVIFENC, "--stdin", "`-` as IN is standard input"),
    Row(AVIFENC, "-i --info", "`lcodec inspect FILE...` shows what is in a file"),
    Row(AVIFENC, "--size-limit --dimension-limit", "`--max-pixels N` limits the size of a picture"),
    Row(CWEBP, "-lossless -near_lossless", _LOSSY),
    Row(CWEBP, "-z", f"{_LOSSY}; to compress, as with zstd: `lcodec encode`"),
    Row(CWEBP, "-size", "`--target-size SIZE` gives the best file of at most that size"),
    Row(CWEBP, "-psnr", f"`--target-psnr DB` gives the smallest file of at least that; {_MEASURE}"),
    Row(CWEBP, "-print_psnr -print_ssim -print_lsim", _MEASURE),
    Row(CWEBP, "-pass -qrange -segments -sns -sharpness -strong -nostrong -partition_limit -af "
        "-preset -hint -pre -jpeg_like -map", _INTERNAL),
    Row(CWEBP, "-mt", _THREADS),
    Row(CWEBP, "-low_memory", "large pictures are always processed in blocks of limited size"),
    Row(CWEBP, "-resize -scale", _SIZE),
    Row(CWEBP, "-crop", _CROP),
    Row(CWEBP, "-flip", _TURN),
    Row(CWEBP, "-alpha_q -alpha_method -alpha_filter -exact -noalpha -alpha", f"{_ALPHA}; the "
        "colours of invisible pixels are not kept"),
    Row(CWEBP, "-blend_alpha", _SOLID),
    Row(CWEBP, "-metadata", _METADATA),
    Row(CWEBP, "-short -progress", f"`--quiet` shows errors only; {_MORE}"),
    Row(CWEBP, "-noasm", "results do not depend on the processor"),
    Row(CWEBP, "-bmp -tiff -pam -ppm -pgm -yuv -nofancy -nodither -dither", _FORMAT),
    Row(ZSTD, "-T#", _THREADS),
    Row(ZSTD, "-# --fast --best --ultra --long", _LEVEL),
    Row(ZSTD, "-c --stdout --to-stdout", f"{_TO_STDOUT}; for avifenc's codec: `--model NAME`"),
    Row(ZSTD, "--decompress --uncompress", "use `lcodec decode`"),
    Row(ZSTD, "--compress", "use `lcodec encode`"),
    Row(ZSTD, "--keep --rm", _KEEP),
    Row(ZSTD, "--list", "`lcodec inspect FILE...` shows what is in a file"),
    Row(ZSTD, "-C --check --no-check", "every section has a CRC-32 and every tile a checksum, "
        "always; `lcodec decode --test` checks them"),
    Row(ZSTD, "--test -t", "`lcodec decode --test` decodes and writes nothing"),
    Row(ZSTD, "-b#", "`lcodec bench --set DIR` measures rate, quality and time"),
    Row(ZSTD, "-D --train --patch-from", "`lcodec train` trains a model, and `--model NAME` "
        "codes with it"),
    Row(ZSTD, "-M# --memory --memlimit", "`--max-pixels N` limits the size of a picture"),
    Row(ZSTD, "-r --recursive --output-dir-flat --output-dir-mirror --filelist", "`lcodec batch "
        "SRC... DST` encodes whole folders, and `lcodec batch - DST` a list of files"),
    Row(ZSTD, "-S --suffix", "the suffix is .lic; `-o OUT` names another file"),
    Row(MAGICK, "-quality", "`-q N`, 0 to 100, is the quality"),
    Row(MAGICK, "--resize -thumbnail --thumbnail -sample -geometry -extent", _SIZE),
    Row(MAGICK, "--crop -trim -shave -gravity -chop", _CROP),
    Row(MAGICK, "-rotate --rotate -flop -transpose -auto-orient --auto-orient", _TURN),
    Row(MAGICK, "-strip", "`--strip`, with two dashes, drops colour profile, EXIF and XMP"),
    Row(MAGICK, "-depth", _DEPTH),
    Row(MAGICK, "-sampling-factor -colorspace -type -intent", _COLOURS),
    Row(MAGICK, "-profile", _METADATA),
    Row(MAGICK, "-background -flatten --flatten", _SOLID),
    Row(MAGICK, "-interlace", "files are not progressive; tiles are in raster order"),
    Row(MAGICK, "-define -compress", _INTERNAL),
    Row(MAGICK, "-format", f"{_FORMAT}; for figures: `{PROGRAM} inspect --json`"),
    Row(MAGICK, "-limit", "`--max-pixels N` limits the size of a picture, `--threads N` the cores"),
    Row(MAGICK, "-metric", _MEASURE),
    Row(MAGICK, "-verbose", _MORE),
    Row(MAGICK, "-quiet", "`--quiet`, with two dashes, shows errors only"),
    Row(MAGICK, "-version", f"`{PROGRAM} --version`, with two dashes"),
    Row(OTHERS, "--out --outfile --outdir", "`-o OUT` names the output, a file or a folder"),
    Row(OTHERS, "--yes --overwrite", "`-f` replaces existing output"),
    Row(OTHERS, "--method --preset", _TIME),
    Row(OTHERS, "--gpu --cuda", "`--device cuda` runs the networks on a GPU"),
    Row(OTHERS, "--silent", "`--quiet` shows errors only"),
)  # fmt: skip

COMMANDS = {
    "encode": ("compress", "enc", "c", "convert", "pack", "cwebp", "cjxl", "avifenc", "x"),
    "decode": ("decompress", "uncompress", "dec", "d", "extract", "unpack", "djxl"),
    "batch": ("mogrify", "folder", "all"),
    "view": ("show", "display", "open", "preview"),
    "inspect": ("info", "identify", "probe", "dump", "header", "list", "ls", "check", "test"),
    "repack": ("recode", "transcode", "recompress"),
    "compare": ("diff", "psnr", "ssim", "metrics"),
    "bench": ("benchmark", "measure"),
    "weights list": ("models", "model"),
}
"""Commands by their names in other programs."""


def refuse(arguments: Iterable[str], command: str, options: Mapping[str, bool]) -> None:
    """Reject options of other programs, before their letters are taken for options of ours.

    Raises:
        UsageError: there is one; the message says what to use instead.
    """
    before_names = takewhile(lambda word: word != "--", arguments)
    for word, own in habits.words(list(before_names), options):
        if own and not _is_long(word):
            continue
        found = answer(word)
        if found is not None and word.partition("=")[0] not in options:
            path = f"{PROGRAM} {command}".strip()
            raise UsageError(f"No such option: {word}; {found} (see `{path} --help`)")


def answer(word: str) -> str | None:
    """What replaces an option of another program, or None."""
    name = word.partition("=")[0]
    numbered = re.sub(r"^(-\D?)\d+$", r"\1#", name)
    return _ANSWERS.get(name) or _ANSWERS.get(numbered)


def _is_long(word: str) -> bool:
    """Whether a word with one dash is a long option (-psnr), not a letter with a value (-q50)."""
    return re.fullmatch(r"-[A-Za-z][A-Za-z_-]+", word) is not None


_ANSWERS = {name: row.answer for row in ROWS for name in row.names.split()}
