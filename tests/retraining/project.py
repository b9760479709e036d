"""A project that is half done: images of coloured rectangles, and a mask for each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anymask.cli.serving.stores import beside_images
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import list_images, set_size
from anymask.engine.store.leases import release_lease
from anymask.engine.store.store import Store
from anymask.weights.checkpoint import Checkpoint
from tests.conftest import ROOT
from tests.engine.store.steps import HW, Page, add, annotator, become, version

QUICK = ("steps=3", "warmup_steps=1", "batch=2", "images_per_pass=2", "save_every=1", "lr=1e-4")
SAM_QUICK = (*QUICK, "masks_per_pass=4", "ranking_steps=1,1")


def sets(*settings: str) -> list[str]:
    """Options of a command."""
    return [word for setting in settings for word in ("--set", setting)]


class Project:
    """A folder of images with its store, a tiny model, and a cache of its own."""

    def __init__(self, folder: Path, images: int, tiny: Checkpoint) -> None:
        self.folder, self.cache, self.weights = folder / "photos", folder / "cache", folder / "tiny"
        self.models = self.folder / ".anymask" / "models"
        tiny.save(self.weights)
        self.folder.mkdir()
        rng = np.random.default_rng(0)
        for number in range(images):
            pixels = rng.integers(0, 80, (*HW, 3), dtype=np.uint8)
            pixels[5:25, 10:40] += 150
            Image.fromarray(pixels).save(self.folder / f"{number}.png")
        with self.store() as store:
            scan_folder(store, self.folder)

    def store(self) -> Store:
        """Its store, opened."""
        return Store.open(beside_images(self.folder))

    def finish(self, *numbers: int) -> None:
        """Annotate some images, and say that they are done."""
        with self.store() as store:
            ann = annotator(store, f"Ann {numbers[0]}")
            for image in store.read(list_images).images:
                if int(image.name.split(".")[0]) in numbers:
                    store.write(set_size, image.id, HW[1], HW[0])
                    page = Page(store, image.id, ann)
                    page.send(add(version(10, 5, 30, 20)), add(version(2, 2, 8, 8)), become("done"))
                    store.write(release_lease, image.id, ann, page.token)

    def reopen(self, *numbers: int) -> None:
        """Say that some images are not done after all."""
        with self.store() as store:
            ann = annotator(store, "Bob")
            for image in store.read(list_images).images:
                if int(image.name.split(".")[0]) in numbers:
                    page = Page(store, image.id, ann)
                    page.send(become("started"))
                    store.write(release_lease, image.id, ann, page.token)

    @property
    def environment(self) -> dict[str, str]:
        """For a process of its own."""
        return {**os.environ, "ANYMASK_CACHE": str(self.cache), "PYTHONPATH": str(ROOT)}

    def start(self, *words: object) -> subprocess.Popen[str]:
        """``anymask engine`` as a process of its own."""
        command = [sys.executable, "-m", "anymask", "engine", *map(str, words)]
        return subprocess.Popen(
            command,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: object) -> tuple[int, str, str]:
        """The same, to its end: status, output, errors."""
        process = self.start(*words)
        out, errors = process.communicate(timeout=600)
        return process.returncode, out, errors

    def retrain(self, *words: object) -> tuple[Any, ...]:
        """The words of a quick retraining."""
        return ("retrain", self.folder, "--weights", self.weights, *sets(*SAM_QUICK), *words)


def figures_of(out: str) -> dict[str, Any]:
    """What a command printed with --json."""
    said: dict[str, Any] = json.loads(out.splitlines()[-1])
    return said
