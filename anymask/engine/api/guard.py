"""Guard: what no route needs to see: other pages' requests, bodies that are too large.

A browser says where a request comes from (``Sec-Fetch-Site``, ``Origin``) and no page can make it
say otherwise; a program that is no browser says nothing, and has no cookie that others could use.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anymask.engine.api.refusals import refusal
from anymask.engine.api.workplace import Workplace
from anymask.errors import StoreError

LARGEST_BODY = 64 << 20  # ten times what a thousand actions take
LARGEST_FILE = 512 << 20  # of masks, which is written to the disk as it comes
FILES = "/api/import"
OWN_SITES = ("same-origin", "none")
ANSWERS, MODEL = ("/api", "/metrics"), "/model"
TOO_LARGE = 413


class Guard:
    """Refuses requests of other origins, bodies that are too large, and the model to strangers.

    workplace: None where there is no model.
    """

    def __init__(self, app: ASGIApp, workplace: Workplace | None = None) -> None:
        self.app, self.workplace = app, workplace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        path = request.url.path
        if path.startswith(ANSWERS) and is_foreign(request):
            await refusal("forbidden", "another page asks; this one answers its own alone")(
                scope, receive, send
            )
            return
        if path.startswith(MODEL) and self.workplace and self.workplace.local is None:
            try:
                await run_in_threadpool(self.workplace.annotator_asking, request)
            except StoreError as error:
                await refusal(error.kind, str(error))(scope, receive, send)
                return
        await self._limited(request, receive, send)

    async def _limited(self, request: Request, receive: Receive, send: Send) -> None:
        most = LARGEST_FILE if request.url.path == FILES else LARGEST_BODY
        line = f"more than {most >> 20} MB at once are not taken"
        announced = request.headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > most:
            await refusal("invalid", line, TOO_LARGE)(request.scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:  # whatever was announced
                raise HTTPException(TOO_LARGE, line)
            return message

        await self.app(request.scope, receive_some, send)


def is_foreign(request: Request) -> bool:
    """Whether a page of another origin asks."""
    if request.headers.get("sec-fetch-site", "none") not in OWN_SITES:
        return True
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
