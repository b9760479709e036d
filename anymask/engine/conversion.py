"""Conversion: pictures that browsers can't read, or read wrongly, as 8-bit PNG.

Browsers know no TIFF, and keep the upper 8 of a file's 16 bits, which shows 12-bit pictures black.
"""

from __future__ import annotations

from io import BytesIO

from anyio import Lock, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from PIL import Image

from anymask.core.image import count_pages, decode_image
from anymask.core.read_options import AS_STORED, ReadOptions, bands_of, window_of
from anymask.errors import Error, ImageError

LARGEST_BYTES = 512 * 1024**2  # of a file
FAST = 1  # of zlib's levels: it goes no further than this machine
UNREADABLE, TOO_LARGE, FORBIDDEN = 422, 413, 403


def conversion_route() -> APIRouter:
    """``POST /picture?name=&page=&bands=&window=``: the content of a file in, an 8-bit PNG out.

    page, bands, window: as the options of `anymask segment`; empty where nothing is chosen. What
    can't be read is answered with ``error``, a line, and ``is_image``: whether it is an image, so
    that other options may help. One picture at a time, because a large one
    takes gigabytes.
    """
    router, turn = APIRouter(), Lock()

    @router.post("/picture")
    async def convert(
        request: Request,
        name: str = "the picture",
        page: str = "",
        bands: str = "",
        window: str = "",
    ) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _refusal(FORBIDDEN, "pictures are read for this page alone")
        content = await _body(request)
        if content is None:
            limit = f"{LARGEST_BYTES // 1024**2} MB"
            return _refusal(TOO_LARGE, f"{name} is larger than the {limit} that the page reads")
        async with turn:
            try:
                options = read_options(page.strip(), bands.strip(), window.strip())
                png = await to_thread.run_sync(to_png, content, name, options)
            except Error as error:
                is_image = await to_thread.run_sync(_is_image, content, name)
                return _refusal(UNREADABLE, str(error), is_image)
        return Response(png, media_type="image/png", headers={"Cache-Control": "no-store"})

    return router


def read_options(page: str, bands: str, window: str) -> ReadOptions:
    """What a person wrote into the page's fields. Raises ``ImageError``."""
    try:
        return ReadOptions(
            page=int(page) if page else None,
            bands=bands_of(bands) if bands else None,
            window=window_of(window) if window else None,
        )
    except ValueError:
        raise ImageError(
            "a page is a number, bands are of the form 1,2,3 or 1, and a window is of the form "
            f"0,4095 or auto; not {', '.join(filter(None, (page, bands, window)))}"
        ) from None


def to_png(content: bytes, name: str, options: ReadOptions = AS_STORED) -> bytes:
    """The bytes of any image file as those of an 8-bit RGB PNG. Raises ``ImageError``."""
    png = BytesIO()
    Image.fromarray(decode_image(content, name, options=options)).save(
        png, "PNG", compress_level=FAST
    )
    return png.getvalue()


async def _body(request: Request) -> bytes | None:
    """What was sent; None if it is too large, which is told before all of it is here."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > LARGEST_BYTES:
        return None
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > LARGEST_BYTES:
            return None
    return bytes(content)


def _is_image(content: bytes, name: str) -> bool:
    """Whether it is of a known format, readable or not."""
    try:
        return count_pages(content, name) > 0
    except ImageError:
        return False


def _refusal(status: int, line: str, is_image: bool = False) -> JSONResponse:
    return JSONResponse({"error": line, "is_image": is_image}, status)
