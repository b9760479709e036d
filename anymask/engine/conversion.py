"""Conversion: pictures that browsers can't read, or read wrongly, as 8-bit PNG.

Browsers know no TIFF, and keep the upper 8 of a file's 16 bits, which shows 12-bit pictures black.
"""

from __future__ import annotations

from io import BytesIO

from anyio import Lock, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from PIL import Image

from anymask.core.image import decode_image
from anymask.errors import Error

LARGEST_BYTES = 512 * 1024**2  # of a file
FAST = 1  # of zlib's levels: it goes no further than this machine
UNREADABLE, TOO_LARGE, FORBIDDEN = 422, 413, 403


def conversion_route() -> APIRouter:
    """``POST /picture?name=``: the content of a file in, an 8-bit PNG out; else ``error``, a line.

    One picture at a time, because a large one takes gigabytes.
    """
    router, turn = APIRouter(), Lock()

    @router.post("/picture")
    async def convert(request: Request, name: str = "the picture") -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _refusal(FORBIDDEN, "pictures are read for this page alone")
        content = await _body(request)
        if content is None:
            limit = f"{LARGEST_BYTES // 1024**2} MB"
            return _refusal(TOO_LARGE, f"{name} is larger than the {limit} that the page reads")
        async with turn:
            try:
                png = await to_thread.run_sync(to_png, content, name)
            except Error as error:
                return _refusal(UNREADABLE, str(error))
        return Response(png, media_type="image/png", headers={"Cache-Control": "no-store"})

    return router


def to_png(content: bytes, name: str) -> bytes:
    """The bytes of any image file as those of an 8-bit RGB PNG. Raises ``ImageError``."""
    png = BytesIO()
    Image.fromarray(decode_image(content, name)).save(png, "PNG", compress_level=FAST)
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


def _refusal(status: int, line: str) -> JSONResponse:
    return JSONResponse({"error": line}, status)
