"""Work in threads: in order, bounded, and torch left as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from anymask.predict.threads import each_in_its_thread


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_answers_come_in_the_order_of_the_pieces(threads: int) -> None:
    def work(piece: int) -> int:
        time.sleep(0.01 * (piece % 3))
        return piece * piece

    assert list(each_in_its_thread(work, range(20))) == [i * i for i in range(20)]


def test_each_piece_has_one_thread_of_torch_and_everybody_else_what_they_had(threads: int) -> None:
    assert set(each_in_its_thread(lambda _: torch.get_num_threads(), range(8))) == {1}
    assert torch.get_num_threads() == threads
    other: list[int] = []
    later = threading.Thread(target=lambda: other.append(torch.get_num_threads()))
    later.start()
    later.join(10)
    assert other == [threads]


def test_few_pieces_are_begun_before_they_are_wanted(threads: int) -> None:
    begun: list[int] = []

    def work(piece: int) -> int:
        begun.append(piece)
        return piece

    answers = each_in_its_thread(work, range(1000))
    assert next(answers) == 0
    time.sleep(0.05)
    assert len(begun) <= 2 * threads + 1
    answers.close()  # type: ignore[attr-defined]
    assert torch.get_num_threads() == threads


def test_an_error_reaches_who_asked(threads: int) -> None:
    def work(piece: int) -> int:
        if piece == 5:
            raise ValueError("no five")
        return piece

    with pytest.raises(ValueError, match="no five"):
        list(each_in_its_thread(work, range(20)))
    assert torch.get_num_threads() == threads
