"""Whoever is killed, the server or the annotators: it goes on, and nothing is done twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from anymask.engine.simulation.annotating import Person
from anymask.engine.simulation.annotator import COSTS, Habits
from anymask.engine.simulation.serving import staff
from anymask.engine.simulation.simulating import Office
from anymask.engine.simulation.truth import Truth
from anymask.engine.store.documents import document
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import list_images
from anymask.engine.store.store import Store
from anymask.engine.store.tallies import status, summed
from tests.engine.api.remote import ROOT, free_port
from tests.engine.simulation.conftest import NAMES, OBJECTS

ROUNDS = 4
PATIENT = ("--habit", "image_s=1e6", "--habit", "mask_s=1e6")


def all_is_there_once(where: str) -> None:
    """Each object has one mask, and the figures say so."""
    with Store.open(where) as store:
        wholes = [store.read(document, one.id) for one in store.read(list_images).images]
        (total,) = summed(store.read(status))
    for whole in wholes:
        kinds = Counter(entry.kind for entry in whole.log)
        assert kinds == {"add": len(OBJECTS), "state": 1}
        assert len(whole.masks) == len(OBJECTS)
        assert whole.image.state == "done"
    assert total.masks == len(NAMES) * len(OBJECTS)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_annotators_are_killed(
    photos: Path, truth: Path, weights: Path, where: str, tmp_path: Path
) -> None:
    with Store.open(where) as store:
        scan_folder(store, photos)
    command = [sys.executable, "-m", "anymask", "engine", "simulate", where, *PATIENT]
    command += ["--truth", str(truth), "--images", str(photos), "--weights", str(weights)]
    dice = random.Random(0)
    for _ in range(ROUNDS):
        with subprocess.Popen(command, cwd=ROOT, env=_env(tmp_path)) as process:
            try:
                process.wait(dice.uniform(3, 12))
            except subprocess.TimeoutExpired:
                process.kill()
    subprocess.run(command, cwd=ROOT, env=_env(tmp_path), check=True, timeout=600)
    all_is_there_once(where)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_server_is_killed(
    photos: Path, truth: Path, weights: Path, where: str, tmp_path: Path
) -> None:
    with Store.open(where) as store:
        tokens = staff(store, 2)
    port, dice = free_port(), random.Random(1)
    person = Person(COSTS, Habits(image_s=1e6, mask_s=1e6))
    url, objects = f"http://127.0.0.1:{port}/", Truth.open(str(truth), photos)
    office = Office(url, objects, person, patience_s=600)
    ended: list[int] = []
    worker = threading.Thread(target=lambda: ended.append(office.staff(tokens).images))
    worker.start()
    command = [sys.executable, "-m", "tests.engine.simulation.server"]
    command += [str(photos), where, str(weights), str(port)]
    for round_ in range(ROUNDS + 1):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            worker.join(dice.uniform(0.1, 3) if round_ < ROUNDS else 600)
            process.kill()
    worker.join(60)
    assert ended == [len(NAMES)]
    all_is_there_once(where)


def _env(cache: Path) -> dict[str, str]:
    return os.environ | {"ANYMASK_CACHE": str(cache / "cache")}
