"""The server is killed at any moment: what was acknowledged is there, nothing is there twice."""

from __future__ import annotations

import random
import threading
from collections import Counter
from pathlib import Path

import pytest

from anymask.engine.store.documents import document
from anymask.engine.store.store import Store
from anymask.engine.store.values import Action
from tests.engine.api.page import as_json
from tests.engine.api.remote import NO_ANSWER, Browser, free_port, serving
from tests.engine.store.conftest import database, postgres, where
from tests.engine.store.steps import add

__all__ = ["database", "postgres", "where"]
ROUNDS = 20
LONGEST_S = 1.5


class Annotator:
    """Adds masks to an image, one after the other; what nobody acknowledged is sent again."""

    def __init__(self, port: int) -> None:
        self._port, self._token = port, ""
        self._pending: Action | None = None
        self.acknowledged: list[Action] = []

    def work(self) -> None:
        """Until no answer comes."""
        browser = Browser(self._port)
        try:
            browser.ask("GET", "/api/images/1")
            status, lease = browser.ask(
                "POST", "/api/images/1/lease", {"token": self._token or None}
            )
            assert status == 200, lease
            self._token = lease["token"]
            while True:
                self._pending = self._pending or add()
                body = {"token": self._token, "actions": [as_json(self._pending)]}
                status, answer = browser.ask("POST", "/api/images/1/actions", body)
                assert status == 200, answer
                self.acknowledged.append(self._pending)
                self._pending = None
        except NO_ANSWER:
            return

    def sent(self) -> list[Action]:
        """Those that were acknowledged, and one that may have been saved before the end."""
        return [*self.acknowledged, *([self._pending] if self._pending else [])]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_was_acknowledged_survives_any_kill(photos: Path, where: str) -> None:
    dice, port = random.Random(0), free_port()
    annotator = Annotator(port)
    for _ in range(ROUNDS):
        with serving(photos, where, port) as process:
            worker = threading.Thread(target=annotator.work)
            worker.start()
            threading.Event().wait(dice.uniform(0.05, LONGEST_S))
            process.kill()
            worker.join()
    with Store.open(where) as store:
        whole = store.read(document, 1)
    masks = Counter(mask.id for mask in whole.masks)
    logged = Counter(entry.id for entry in whole.log)
    print(f"{len(annotator.acknowledged)} acknowledged, {len(whole.masks)} there")
    assert len(annotator.acknowledged) > ROUNDS
    for action in annotator.acknowledged:
        assert logged[action.id] == 1
        assert masks[action.changes[0].mask_id] == 1
    assert set(logged) <= {action.id for action in annotator.sent()}
    assert [entry.number for entry in whole.log] == list(range(1, len(whole.log) + 1))
