"""Page: the application that serves the built page, a model, a sample, and pictures converted.

Nothing else is served: neither files beside the page's own nor those of a model that the page does
not need.
"""

from __future__ import annotations

import os
from collections.abc import Collection, MutableMapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.exceptions import HTTPException
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anymask.engine.conversion import conversion_route
from anymask.engine.sample import SamplePicture
from anymask.errors import Error
from anymask.weights.graph_pair import EXPORT_FILE, PAGE_FILES

STATIC = Path(__file__).parent / "static"
INDEX = "index.html"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {
    # WebAssembly threads share memory, which browsers allow only to pages isolated by these two.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# Said here because each system's own table says something else of them, or nothing.
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".onnx": "application/octet-stream",
    ".safetensors": "application/octet-stream",
}
FOREVER = "public, max-age=31536000, immutable"
ASK_FIRST = "no-cache"  # the copy is good if its ETag is


def built_page(folder: Path = STATIC) -> Path:
    """The folder of the built page. Raises ``Error`` where it was not built."""
    if not (folder / INDEX).is_file():
        raise Error(
            "the page is not built: run `make web` in the checkout, which takes Node.js, "
            "or install a released anymask, which carries it"
        )
    return folder


def page_app(static: Path, model: Path, sample: SamplePicture, host: str = LOOPBACK[0]) -> FastAPI:
    """The application: ``/``, ``/model/``, ``/sample`` and ``POST /picture``.

    static: the built page. model: a folder that ``anymask export onnx`` wrote. host: where it
    listens; on loopback only requests that name it are answered, so that no other page can pose as
    this one under a name of its own.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(conversion_route())

    @app.get("/sample")
    def sample_file() -> Response:
        named = f'inline; filename="{sample.name}"'
        headers = {"Content-Disposition": named, "Cache-Control": ASK_FIRST}
        return Response(sample.content, media_type="image/png", headers=headers)

    app.mount("/model", Files(model, only=(EXPORT_FILE, *PAGE_FILES)))
    app.mount("/", Files(static, forever="assets/"))
    if host in LOOPBACK:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])
    app.add_middleware(Isolated)
    return app


class Files(StaticFiles):
    """The files of a folder, with their right types, and how long a browser may keep them.

    only: the names that are served, where not all are. forever: the beginning of paths whose names
    change with their content.
    """

    def __init__(self, folder: Path, only: Collection[str] = (), forever: str = "") -> None:
        super().__init__(directory=folder, html=True)
        self.only, self.forever = only, forever

    async def get_response(self, path: str, scope: Scope) -> Response:
        """As Starlette's, which refuses what lies outside of the folder."""
        if self.only and path not in self.only:
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        kept = self.forever and path.replace(os.sep, "/").startswith(self.forever)
        response.headers["Cache-Control"] = FOREVER if kept else ASK_FIRST
        return response

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """As Starlette's, with our types."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        media_type = MEDIA_TYPES.get(Path(full_path).suffix)
        if media_type is not None and response.status_code == 200:
            response.headers["Content-Type"] = media_type
        return response


class Isolated:
    """Puts the headers of an isolated page on every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

        async def send_isolated(message: Message) -> None:
            await send(_with_headers(message, added))

        await self.app(scope, receive, send_isolated)


def _with_headers(
    message: MutableMapping[str, Any], added: list[tuple[bytes, bytes]]
) -> MutableMapping[str, Any]:
    if message["type"] != "http.response.start":
        return message
    return {**message, "headers": [*message.get("headers", ()), *added]}
