"""Simulating: so many annotators work at a server at once, until nothing is left to do.

What is made of an image depends on its seed, the model and the truth; who makes it, on who comes
first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from anymask.engine.simulation.annotating import Person, Work, annotate, skip
from anymask.engine.simulation.client import JSON, PATIENCE_S, Client, RefusedError
from anymask.engine.simulation.truth import Truth
from anymask.errors import DatasetError, Error

MOST_IN_A_ROW = 5  # skipped images: then it is none of their faults
DONE, OPEN = ("done", "accepted"), ("new", "started", "returned")
OnImage = Callable[[str, Work], None]


@dataclass
class Office:
    """Where annotators work. until: end when so many images are done; None for all.

    on_image: told of each image that is done, by one thread at a time. passed: images that were
    skipped, with the reason. patience_s: how long the server may be away.
    """

    url: str
    truth: Truth
    person: Person
    until: int | None = None
    on_image: OnImage = lambda name, work: None
    total: Work = field(default_factory=Work)
    passed: list[tuple[str, str]] = field(default_factory=list)
    patience_s: float = PATIENCE_S
    stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _begun: int = 0
    _in_a_row: int = 0

    def staff(self, tokens: Sequence[str | None]) -> Work:
        """Let an annotator for each token work; what they did in all. Raises ``Error``.

        Where one of them can't go on, all end.
        """
        self._begun = self._counted(tokens[0], DONE)
        with ThreadPoolExecutor(len(tokens), "annotator") as pool:
            futures = [pool.submit(self._work, token) for token in tokens]
            try:
                for future in futures:
                    future.result()
            finally:
                self.stopping.set()
        return self.total

    def count_open(self, token: str | None) -> int:
        """How many images there are to work on. Raises ``Error``."""
        there = self._counted(token, OPEN)
        if self.until is None:
            return there
        return min(there, max(0, self.until - self._counted(token, DONE)))

    def _client(self, token: str | None) -> Client:
        return Client(self.url, token, patience_s=self.patience_s, stopping=self.stopping)

    def _counted(self, token: str | None, states: Sequence[str]) -> int:
        client = self._client(token)
        try:
            counts = client.project()["counts"]
        finally:
            client.close()
        return sum(int(counts[state]) for state in states)

    def _work(self, token: str | None) -> None:
        client = self._client(token)
        try:
            while self._takes_turn():
                image = client.next_image()
                if image is None:
                    return
                if not self._annotates(client, image):
                    self._returns_turn()
        except Error:
            if not self.stopping.is_set():  # else another's error, or Ctrl-C, is what counts
                self.stopping.set()
                raise
        finally:
            client.close()

    def _takes_turn(self) -> bool:
        """Whether there is an image more to work on."""
        with self._lock:
            is_over = self.until is not None and self._begun >= self.until
            self._begun += not is_over
        return not is_over and not self.stopping.is_set()

    def _returns_turn(self) -> None:
        with self._lock:
            self._begun -= 1

    def _annotates(self, client: Client, image: JSON) -> bool:
        """Work on an image; False if another holds or changed it, or it had to be skipped."""
        project = client.project()  # the model may have changed since the last image
        try:
            objects = self.truth.objects(image["name"])
            work = annotate(client, project, image, objects, self.person, self.stopping)
        except RefusedError as refused:
            if refused.kind in ("conflict", "lease"):
                return False
            if refused.kind not in ("invalid", "not_found"):
                raise
            return self._skipped(client, project, image, refused)
        except DatasetError as error:
            return self._skipped(client, project, image, error)
        if work is None:
            return False
        with self._lock:
            self._in_a_row = 0
            self.total.add(work)
            if work.images:
                self.on_image(image["name"], work)
        return True

    def _skipped(self, client: Client, project: JSON, image: JSON, error: Error) -> bool:
        """Skip an image that can't be worked on. Raises ``Error`` where that is so of each."""
        with self._lock:
            self.passed.append((image["name"], str(error)))
            self._in_a_row += 1
            is_each = self._in_a_row >= MOST_IN_A_ROW
        if is_each:
            raise Error(f"{MOST_IN_A_ROW} images in a row can't be worked on; the last: {error}")
        skip(client, project, image)
        return False
