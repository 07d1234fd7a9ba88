"""What a decoder reads to its end is a picture; what is none, or too much of one, is refused in time."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from functools import cache
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from feedbot.targets.pictures_image import (
    MAX_BYTES,
    MAX_FRAMES,
    MAX_SCANS,
    TYPES,
    Picture,
    PictureRefused,
    read_picture,
)

PATIENCE = 60.0  # seconds
MIB = 1 << 20
KINDS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/gif": "GIF", "image/webp": "WEBP"}


def read(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = 10**9, types: Any = TYPES) -> Picture:
    return read_picture(data, max_bytes=max_bytes, max_pixels=max_pixels, types=types, patience=PATIENCE)


@cache
def drawn(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    """A picture with something to see in it, as a file."""
    noise = Image.effect_noise(size, 80).convert("RGB").convert(mode)
    out = BytesIO()
    noise.save(out, kind)
    return out.getvalue()


def opened(picture: Picture) -> Image.Image:
    image = Image.open(BytesIO(picture.data))
    image.load()
    return image


def animation(kind: str, frames: int) -> bytes:
    images = [Image.new("P", (8, 8), at % 256) for at in range(frames)]
    images[0].putpalette(bytes(range(256)) * 3)
    out = BytesIO()
    images[0].save(out, kind, save_all=True, append_images=images[1:], duration=100)
    return out.getvalue()


# --- pictures as they should be ---


def test_odd_metadata_is_no_reason_to_refuse_a_picture() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\xff\xff\xff\xff\xff\xff\xff\xff"
    out = BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", exif=exif)
    assert read(out.getvalue()).data == out.getvalue()
    assert opened(read(out.getvalue(), max_pixels=16)).size == (4, 4)


def test_a_picture_with_a_second_one_behind_it_is_a_jpeg() -> None:
    out = BytesIO()
    first = Image.new("RGB", (16, 16), "red")
    first.save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (16, 16), "blue")])
    assert read(out.getvalue()) == Picture(out.getvalue(), "image/jpeg", 16, 16)


# --- what is no picture, or none any more ---


def other(kind: str) -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 8)).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM", "PDF", "EPS", "TGA", "JPEG2000"])
def test_other_kinds_of_pictures_never_meet_their_decoders(kind: str) -> None:
    with pytest.raises(PictureRefused, match="no picture in JPEG, PNG, GIF or WebP"):
        read(other(kind))


@pytest.mark.parametrize("kind", KINDS.values())
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.98])
def test_a_picture_that_is_cut_off_is_refused(kind: str, part: float) -> None:
    data = drawn(kind)
    with pytest.raises(PictureRefused):
        read(data[: int(len(data) * part)])


@pytest.mark.parametrize("missing", [13, 16, 20])
def test_a_png_without_its_last_bytes_is_refused(missing: int) -> None:
    with pytest.raises(PictureRefused, match="broken"):
        read(drawn("PNG")[:-missing])


def test_a_png_whose_checksum_is_wrong_is_refused() -> None:
    data = bytearray(drawn("PNG"))
    data[len(data) // 2] ^= 1
    with pytest.raises(PictureRefused, match="broken"):
        read(bytes(data))


# --- what is too much ---


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of(width: int, height: int) -> bytes:
    """A whole PNG of one colour, one bit for each of its pixels."""
    packer = zlib.compressobj(1)
    row = bytes(1 + (width + 7) // 8) * 100
    rows = b"".join(packer.compress(row) for _ in range(height // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_000, 10_000, 30_000])
def test_a_small_file_does_not_become_a_huge_picture(side: int) -> None:
    data = png_of(side, side)
    assert len(data) < MIB
    with pytest.raises(PictureRefused, match="more than 40 million pixels"):
        read(data)


def test_a_picture_that_is_too_large_is_refused_before_its_pixels_are_looked_at() -> None:
    with pytest.raises(PictureRefused, match="more than 40 million pixels"):
        read(png_of(7_000, 7_000)[:80])


def test_a_frame_cannot_make_a_gif_larger_than_its_header_says() -> None:
    data = bytearray(drawn("GIF"))
    at = data.index(b"\x2c\0\0\0\0\x40\0\x30\0")
    data[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(PictureRefused, match="more than 40 million pixels"):
        read(bytes(data))


def test_a_webp_has_less_room_for_its_decoder_needs_more() -> None:
    out = BytesIO()
    Image.new("L", (5000, 4000)).convert("RGB").save(out, "WEBP", method=0)
    with pytest.raises(PictureRefused, match="16 million if it is WebP"):
        read(out.getvalue())


def test_a_jpeg_that_is_drawn_in_endless_passes_is_refused() -> None:
    out = BytesIO()
    Image.effect_noise((64, 64), 50).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    assert read(data).data == data
    start = data.rindex(b"\xff\xda")
    last = data[start:-2]
    with pytest.raises(PictureRefused, match="more than 100 passes"):
        read(data[:-2] + last * MAX_SCANS + b"\xff\xd9")


def gif_of(frames: int) -> bytes:
    frame = b"\x21\xf9\x04\0\0\0\0\0" + b"\x2c\0\0\0\0\x01\0\x01\0\0" + b"\x02\x02\x44\x01\0"
    return b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff" + frame * frames + b"\x3b"


def test_an_animation_has_an_end() -> None:
    assert read(gif_of(MAX_FRAMES)).media_type == "image/gif"
    with pytest.raises(PictureRefused, match="more than 1000 frames"):
        read(gif_of(MAX_FRAMES + 1))


def test_an_animated_png_has_an_end() -> None:
    still = drawn("PNG")
    moves = still[:33] + chunk(b"acTL", struct.pack(">II", MAX_FRAMES + 1, 0)) + still[33:]
    with pytest.raises(PictureRefused, match="more than 1000 frames"):
        read(moves)


# --- drawn anew ---


def test_a_picture_with_too_many_pixels_is_scaled_down_in_shape() -> None:
    picture = read(drawn("JPEG", (800, 600)), max_pixels=120_000)
    assert (picture.width, picture.height, picture.media_type) == (400, 300, "image/jpeg")
    assert opened(picture).size == (400, 300)


@pytest.mark.parametrize("kind", KINDS.values())
def test_a_picture_with_too_many_bytes_is_made_to_fit(kind: str) -> None:
    data = drawn(kind, (400, 300))
    picture = read(data, max_bytes=len(data) // 3)
    assert len(picture.data) <= len(data) // 3
    assert opened(picture).size == (picture.width, picture.height)
    assert abs(picture.width / picture.height - 4 / 3) < 0.05


def test_a_picture_that_cannot_be_made_to_fit_is_refused() -> None:
    with pytest.raises(PictureRefused, match="much smaller"):
        read(drawn("JPEG", (400, 300)), max_bytes=100)


@pytest.mark.parametrize("size", [(1, 4000), (4000, 1), (3, 4000)])
def test_a_line_stays_within_the_pixels_too(size: tuple[int, int]) -> None:
    picture = read(drawn("PNG", size), max_pixels=1000)
    assert 0 < picture.width * picture.height <= 1000


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_can_be_scaled(mode: str) -> None:
    out = BytesIO()
    Image.new("L", (40, 40), 255).convert(mode if mode != "I;16" else "L").save(out, "PNG")
    if mode == "I;16":
        out = BytesIO()
        Image.frombytes("I;16", (40, 40), b"\xff\xff" * 1600).save(out, "PNG")
    image = opened(read(out.getvalue(), max_pixels=400)).convert("RGB")
    assert image.size == (20, 20)
    assert min(image.getpixel((10, 10)) or (0,)) > 250  # white stays white


def test_a_cmyk_jpeg_becomes_rgb_with_its_colours_when_it_is_scaled() -> None:
    out = BytesIO()
    Image.new("RGB", (40, 40), (250, 0, 0)).convert("CMYK").save(out, "JPEG", quality=95)
    assert read(out.getvalue()).data == out.getvalue()
    image = opened(read(out.getvalue(), max_pixels=400))
    assert image.mode == "RGB"
    red, green, blue = image.getpixel((10, 10))
    assert red > 230
    assert max(green, blue) < 25


def test_what_is_transparent_stays_so_and_what_is_not_becomes_a_jpeg() -> None:
    half = Image.new("RGBA", (40, 40), (0, 0, 255, 128))
    full = Image.new("RGBA", (40, 40), (0, 0, 255, 255))
    files = [BytesIO(), BytesIO()]
    half.save(files[0], "PNG")
    full.save(files[1], "PNG")
    clear, solid = (read(file.getvalue(), max_pixels=400) for file in files)
    assert (clear.media_type, opened(clear).getpixel((10, 10))) == ("image/png", (0, 0, 255, 128))
    assert (solid.media_type, opened(solid).mode) == ("image/jpeg", "RGB")


def test_where_only_jpeg_is_taken_what_is_transparent_lies_on_white() -> None:
    out = BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(out, "PNG")
    picture = read(out.getvalue(), types=["image/jpeg"])
    assert picture.media_type == "image/jpeg"
    assert opened(picture).getpixel((4, 4)) == (255, 255, 255)


def test_an_animation_that_is_too_large_becomes_its_first_frame() -> None:
    image = opened(read(animation("GIF", 3), max_pixels=16))
    assert image.size == (4, 4)
    assert getattr(image, "n_frames", 1) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_scaled_picture_stands_as_its_exif_says(kind: str, orientation: int) -> None:
    upright = Image.new("RGB", (80, 40), "white")
    upright.paste("red", (0, 0, 40, 20))  # top left
    upright.paste("blue", (40, 20, 80, 40))  # bottom right
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that viewers are to undo
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    out = BytesIO()
    stored.save(out, kind, exif=exif)
    image = opened(read(out.getvalue(), max_pixels=800)).convert("RGB")
    assert image.size == (40, 20)
    corners = [image.getpixel(place) for place in [(8, 4), (32, 4), (8, 16), (32, 16)]]
    near = [tuple(round(part / 255) for part in corner) for corner in corners]
    assert near == [(1, 0, 0), (1, 1, 1), (1, 1, 1), (0, 0, 1)]


def test_the_colours_of_a_wide_screen_keep_their_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    out = BytesIO()
    Image.new("RGB", (40, 40)).save(out, "PNG", icc_profile=profile)
    assert opened(read(out.getvalue(), max_pixels=400)).info["icc_profile"] == profile


def test_metadata_stays_with_the_original_and_does_not_outlive_scaling() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "the editor's kitchen"
    out = BytesIO()
    Image.new("RGB", (40, 40)).save(out, "JPEG", exif=exif, comment=b"the editor's kitchen")
    assert b"kitchen" in read(out.getvalue()).data
    assert b"kitchen" not in read(out.getvalue(), max_pixels=400).data


# --- whatever comes ---


def refused_or_read(data: bytes, **options: Any) -> None:
    with suppress(PictureRefused):
        picture = read(data, **options)
        assert opened(picture).size == (picture.width, picture.height)


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF"])
)
def test_random_bytes_are_refused_and_nothing_else_happens(data: bytes, start: bytes) -> None:
    refused_or_read(start + data)


@settings(max_examples=60)
@given(
    kind=st.sampled_from(list(KINDS.values())),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), max_size=4
    ),
    cut=st.floats(0.2, 1),
    limit=st.sampled_from([10**6, 300]),
)
@pytest.mark.filterwarnings("ignore")  # the second look is by Pillow alone
def test_damaged_pictures_are_read_or_refused_and_nothing_else_happens(
    kind: str, changes: list[tuple[float, bytes]], cut: float, limit: int
) -> None:
    data = bytearray(drawn(kind, (24, 20)))
    for place, new in changes:
        at = int(place * len(data))
        data[at : at + len(new)] = new
    refused_or_read(bytes(data[: int(len(data) * cut)]), max_pixels=limit)
