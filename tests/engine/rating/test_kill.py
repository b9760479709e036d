"""The server of ratings is killed at any moment: what was acknowledged is there, nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anymask.core.ratings.rating_file import read_rating_file
from tests.engine.api.remote import NO_ANSWER, ROOT, Browser, free_port
from tests.engine.rating.conftest import save_set
from tests.engine.rating.server import COUNT

ROUNDS = 8
LONGEST_S = 0.5


@contextmanager
def serving(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.engine.rating.server", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


class Rater:
    """Rates one mask after the other; what nobody acknowledged is sent again under its id."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._given = 0
        self.acknowledged: dict[str, int] = {}

    def work(self) -> None:
        """Until no answer comes."""
        browser = Browser(self._port)
        try:
            _, progress = browser.ask("GET", "/api/progress?rater=Ada")
            while progress["current"] is not None:
                number = progress["current"]["number"]
                given = {"id": f"rating-{number:06}", "rater": "Ada", "showing": number}
                given.update(rating=1 + number % 10, seconds=1.0)
                status, progress = browser.ask("POST", "/api/ratings", given)
                assert status == 200, progress
                self.acknowledged[given["id"]] = number
        except NO_ANSWER:
            return


@pytest.mark.slow
def test_what_was_acknowledged_survives_any_kill(tmp_path: Path) -> None:
    dice, port = random.Random(0), free_port()
    folder, ratings = save_set(tmp_path / "set", 3), tmp_path / "ratings.jsonl"
    rater = Rater(port)
    for _ in range(ROUNDS):
        with serving(folder, ratings, port) as process:
            worker = threading.Thread(target=rater.work)
            worker.start()
            worker.join(dice.uniform(0.05, LONGEST_S))
            process.kill()
            worker.join()
    kept = read_rating_file(ratings).ratings
    print(f"{len(rater.acknowledged)} acknowledged, {len(kept)} there")
    ids = Counter(rating.id for rating in kept)
    assert len(rater.acknowledged) > ROUNDS
    assert set(rater.acknowledged) <= set(ids)
    assert len(set(ids) - set(rater.acknowledged)) <= ROUNDS  # killed before the answer
    assert set(ids.values()) == {1}
    assert all(rating.rating == 1 + rating.showing % 10 for rating in kept)
    assert len(kept) <= 4 * COUNT
