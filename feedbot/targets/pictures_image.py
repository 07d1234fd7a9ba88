"""From bytes that somebody sent to a picture that a service takes, or a reason why not. Knows no network.

Bytes count, not what they are called: a picture is what one of four decoders reads to its end. Before they
run, the header is looked at, so that a small file cannot become a huge picture. One picture at a time is
decoded in the whole process, which bounds the memory: about 0.4 GB for the largest that are taken.

A picture that fits stays as it is, byte for byte, metadata too: services strip those themselves. One that is
larger than the service takes, or of a kind that it does not take, is drawn anew: scaled down, still, upright
by its EXIF orientation, and without metadata.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BytesIO
from math import sqrt
from typing import Final

from msgspec import Struct
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES: Final = 16 * 1024 * 1024  # of a file; larger ones are not even read
MAX_PIXELS: Final = 40_000_000  # of a picture; larger ones are not decoded
MAX_WEBP_PIXELS: Final = 16_000_000  # the same for WebP, whose decoder holds four copies
MAX_FRAMES: Final = 1000  # of an animation, of which the first is decoded
MAX_SCANS: Final = 100  # of a progressive JPEG: each goes over the whole picture once more
SCALED_PIXELS: Final = 3840 * 2160  # a picture that has to be scaled at all becomes no larger than this

# What decodes each media type. There is no SVG: it is a program.
DECODERS: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}
TYPES: Final = tuple(DECODERS)

_MEDIA_TYPES = {name: kind for kind, name in DECODERS.items()}
_MEDIA_TYPES["MPO"] = "image/jpeg"  # with more behind
_TRIES = 8  # sizes that are tried until the bytes are few enough; nearly always two are
_START_OF_SCAN = b"\xff\xda"

_decoding = threading.Lock()


class PictureRefused(Exception):  # noqa: N818 (it says what happened)
    """This picture will never do; what it says is for people and holds no address."""


class Picture(Struct, frozen=True):
    """A whole picture as a service takes it."""

    data: bytes
    media_type: str  # by the decoder
    width: int  # pixels, before any EXIF orientation
    height: int


def readable(types: Collection[str]) -> tuple[str, ...]:
    """Those of `types` that are decoded here. Raises PictureRefused if there is none."""
    known = tuple(kind for kind in types if kind in DECODERS)
    if not known:
        raise PictureRefused("the target takes pictures of no kind that feedbot can read")
    return known


def read_picture(
    data: bytes, *, max_bytes: int, max_pixels: int, types: Collection[str], patience: float
) -> Picture:
    """The picture in `data`, drawn anew if it does not keep to `max_bytes`, `max_pixels` and `types`.

    `patience`: seconds to wait while another picture is decoded; TimeoutError when they are over.
    Raises PictureRefused for what cannot be decoded to its end, or is beyond the limits of this module.
    """
    if len(data) > MAX_BYTES:
        raise PictureRefused(TOO_MANY_BYTES)
    with _alone(patience):
        try:
            return _read(data, max_bytes, max_pixels, types)
        except PictureRefused as refused:
            reason = str(refused)
        except UnidentifiedImageError:
            reason = "it is no picture in JPEG, PNG, GIF or WebP"
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            reason = _TOO_MANY_PIXELS
        except Exception:  # noqa: BLE001 - given odd bytes, decoders raise anything
            reason = "it is broken: it cannot be decoded to its end"
    raise PictureRefused(reason)


TOO_MANY_BYTES = f"it is larger than {MAX_BYTES // 1024 // 1024} MiB"
_TOO_MANY_PIXELS = (
    f"it has more than {MAX_PIXELS // 1_000_000} million pixels"
    f" ({MAX_WEBP_PIXELS // 1_000_000} million if it is WebP)"
)


@contextmanager
def _alone(patience: float) -> Iterator[None]:
    """Nobody else decodes meanwhile, and what Pillow finds odd is no news to the operator."""
    if not _decoding.acquire(timeout=max(patience, 0)):
        raise TimeoutError
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        _decoding.release()


def _read(data: bytes, max_bytes: int, max_pixels: int, types: Collection[str]) -> Picture:
    with Image.open(BytesIO(data), formats=list(DECODERS.values())) as image:
        _check_header(data, image)
        media_type = _MEDIA_TYPES[image.format or ""]
        if media_type == "image/png":
            _check_chunks(data)
        image.load()
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise PictureRefused(_TOO_MANY_PIXELS)
        if media_type in types and len(data) <= max_bytes and width * height <= max_pixels:
            return Picture(data, media_type, width, height)
        return _scaled(image, max_bytes, min(max_pixels, SCALED_PIXELS), types)


# --- before anything is decoded ---


def _check_header(data: bytes, image: Image.Image) -> None:
    """Raise PictureRefused if decoding `image` would take too much memory or time."""
    width, height = image.size
    if width < 1 or height < 1:
        raise PictureRefused("it is empty")
    if width * height > MAX_PIXELS or (image.format == "WEBP" and width * height > MAX_WEBP_PIXELS):
        raise PictureRefused(_TOO_MANY_PIXELS)
    if image.format in {"JPEG", "MPO"} and data.count(_START_OF_SCAN) > MAX_SCANS:
        raise PictureRefused(f"it is drawn in more than {MAX_SCANS} passes")
    frames = _gif_frames(data) if image.format == "GIF" else getattr(image, "n_frames", 1)
    if frames > MAX_FRAMES:
        raise PictureRefused(f"it has more than {MAX_FRAMES} frames")


def _check_chunks(data: bytes) -> None:
    """Raise what Pillow raises if a PNG's checksums are wrong or its end is missing; `load` does not."""
    with Image.open(BytesIO(data), formats=["PNG"]) as image:
        image.verify()


def _gif_frames(data: bytes) -> int:
    """How many frames a GIF has, counted to one more than are allowed; broken ones end where they break.

    By its blocks (GIF89a, section 18 and on), since Pillow has no way to count that stops.
    """
    at = 13 + _table(data[10])
    frames = 0
    while at < len(data) and frames <= MAX_FRAMES:
        if data[at] == 0x21:  # an extension: its label, then blocks
            at += 2
        elif data[at] == 0x2C and at + 9 < len(data):  # a frame: place, size and flags, then LZW's width
            frames += 1
            at += 11 + _table(data[at + 9])
        else:  # the trailer, or nothing that a GIF may hold
            break
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return frames


def _table(flags: int) -> int:
    """Bytes of the table of colours that `flags` announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


# --- drawing anew ---


def _scaled(image: Image.Image, max_bytes: int, max_pixels: int, types: Collection[str]) -> Picture:
    """`image` (the first frame, if it moves) in at most so many bytes and pixels."""
    image = _upright(_plain(image), max_pixels)
    media_type = _written_as(image, types)
    for _ in range(_TRIES):
        data = _written(image, media_type)
        if len(data) <= max_bytes:
            return Picture(data, media_type, *image.size)
        factor = min(0.9, sqrt(max_bytes / len(data)))
        image = _resized(image, *(max(1, int(side * factor)) for side in image.size))
    raise PictureRefused("the target takes only much smaller files")


def _fitting(width: int, height: int, max_pixels: int) -> tuple[int, int]:
    """The largest size of the same shape with at most `max_pixels`; no side becomes less than 1."""
    factor = min(1.0, sqrt(max_pixels / (width * height)))
    wide, high = max(1, int(width * factor)), max(1, int(height * factor))
    return min(wide, max(1, max_pixels // high)), min(high, max(1, max_pixels // wide))


def _plain(image: Image.Image) -> Image.Image:
    """`image` in a mode that can be scaled: L, RGB, RGBA, or CMYK."""
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        solid = image.getchannel("A").getextrema() == (255, 255)
        return image.convert("RGB") if solid else image
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 256).convert("L")
    return image if image.mode in {"L", "RGB", "CMYK"} else image.convert("RGB")


def _resized(image: Image.Image, width: int, height: int) -> Image.Image:
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _upright(image: Image.Image, max_pixels: int) -> Image.Image:
    """`image` as people are to see it, in L, RGB or RGBA; its colour profile stays, the rest goes."""
    small = _resized(image, *_fitting(*image.size, max_pixels))
    upright = ImageOps.exif_transpose(small)
    profile = upright.info.get("icc_profile") if upright.mode != "CMYK" else None
    upright = upright.convert("RGB") if upright.mode == "CMYK" else upright
    upright.info = {"icc_profile": profile} if profile else {}
    return upright


def _written_as(image: Image.Image, types: Collection[str]) -> str:
    """The media type that serves `image` best among those that can be written."""
    best = ("image/png", "image/webp", "image/jpeg")
    for kind in best if image.mode == "RGBA" else reversed(best):
        if kind in types:
            return kind
    raise PictureRefused("the target takes it in no size and kind that feedbot can write")


def _written(image: Image.Image, media_type: str) -> bytes:
    profile = image.info.get("icc_profile")
    if image.mode == "RGBA" and media_type == "image/jpeg":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    out = BytesIO()
    image.save(out, DECODERS[media_type], quality=85, icc_profile=profile)
    return out.getvalue()
