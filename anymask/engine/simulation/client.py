"""Client: the annotation tool's HTTP, as a program asks it.

A request is sent until it is answered: while the server is away, or busy, the client waits for it.
All that it sends may be sent twice, because actions have ids of their own.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from anymask.core.rle import RLE
from anymask.errors import Error

JSON = dict[str, Any]
TIMEOUT_S = 60.0
PATIENCE_S = 180.0  # that a server may be away
AGAIN_S = 0.5
NO_ANSWER = (OSError, http.client.HTTPException)
NOT_NOW = ("busy", "newer", "storage")


class RefusedError(Error):
    """What the server does not do. kind: as it says it."""

    def __init__(self, line: str, kind: str) -> None:
        super().__init__(line)
        self.kind = kind


class Client:
    """Somebody at a server. token: theirs; None on loopback, where one person needs none.

    patience_s: how long it may be away. stopping: set to wait for it no more.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        patience_s: float = PATIENCE_S,
        stopping: threading.Event | None = None,
    ) -> None:
        address = urlsplit(url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise Error(f"{url} is no address of `anymask annotate`: http://…")
        self._url, self._address = url, address
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._patience_s = patience_s
        self._stopping = stopping or threading.Event()
        self._connection: http.client.HTTPConnection | None = None

    def project(self) -> JSON:
        """The project, and who asks."""
        return self._object("GET", "/api/project")

    def next_image(self, after: int | None = None) -> JSON | None:
        """The next image to work on that nobody else has; None if there is none."""
        where = "" if after is None else f"?after={after}"
        image: JSON | None = self._ask("GET", f"/api/next{where}")
        return image

    def document(self, image_id: int) -> JSON:
        """An image with its masks and its log."""
        return self._object("GET", f"/api/images/{image_id}")

    def lease(self, image_id: int) -> str:
        """The token of the right to change an image."""
        lease = self._object("POST", f"/api/images/{image_id}/lease", {"token": None})
        return str(lease["token"])

    def release(self, image_id: int, token: str) -> None:
        """Let go of an image."""
        self._ask("DELETE", f"/api/images/{image_id}/lease?token={token}")

    def decode(
        self, image_id: int, points: Sequence[JSON], model_id: str, mask: RLE | None = None
    ) -> list[JSON]:
        """A model's masks for clicks, best first: the one that the image was begun with.

        mask: that it goes on from.
        """
        where = f"/api/images/{image_id}/decode?model={quote(model_id)}"
        suggestions: list[JSON] = self._ask("POST", where, {"points": list(points), "mask": mask})
        return suggestions

    def act(self, image_id: int, token: str, actions: Sequence[JSON]) -> None:
        """Append actions to the image's log, all or none."""
        body = {"token": token, "actions": list(actions)}
        self._object("POST", f"/api/images/{image_id}/actions", body)

    def close(self) -> None:
        """Ask nothing more."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _object(self, method: str, path: str, body: Any = None) -> JSON:
        answer: JSON = self._ask(method, path, body)
        return answer

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer. Raises ``RefusedError``, and ``Error`` where none comes."""
        content = None if body is None else json.dumps(body)
        end = time.monotonic() + self._patience_s
        while True:
            try:
                status, answer = self._answer(method, path, content)
            except NO_ANSWER as error:
                refused = Error(f"{self._url} does not answer: {error}")
            else:
                if status < 400:
                    return answer
                refused = _refusal(status, answer)
                if not isinstance(refused, RefusedError) or refused.kind not in NOT_NOW:
                    raise refused
            if time.monotonic() > end or self._stopping.wait(AGAIN_S):
                raise refused

    def _answer(self, method: str, path: str, content: str | None) -> tuple[int, Any]:
        if self._connection is None:
            secure = self._address.scheme == "https"
            connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            hostname = self._address.hostname or ""
            self._connection = connect(hostname, self._address.port, timeout=TIMEOUT_S)
        try:
            self._connection.request(method, path, content, self._headers)
            response = self._connection.getresponse()
            received = response.read()
            return response.status, json.loads(received) if received else None
        except (*NO_ANSWER, ValueError) as error:
            self.close()
            if isinstance(error, ValueError):  # another program answers
                raise http.client.HTTPException("what it says is no JSON") from None
            raise


def _refusal(status: int, answer: Any) -> Error:
    if isinstance(answer, dict) and "error" in answer:
        return RefusedError(str(answer["error"]), str(answer.get("kind", "")))
    return RefusedError(f"the server answers with status {status}", "")
