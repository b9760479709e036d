"""Which images come to annotators first, with embeddings made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import update

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import ResizeMap
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.stages.choosing import (
    Looking,
    choose,
    count_looks,
    pooled,
    uncertainty,
)
from anymask.engine.stages.kept_embeddings import KeptEmbeddings
from anymask.engine.store.folder import add_images, scan_folder
from anymask.engine.store.images import list_images, next_image, set_size
from anymask.engine.store.leases import release_lease
from anymask.engine.store.store import Store
from anymask.engine.store.tables import ImageRow
from anymask.engine.store.values import Action, Annotator
from anymask.predict.disk_cache import DiskCache
from tests.engine.store.steps import HW, Page, add, annotator, become, new_id

NAMES = [f"{n}.png" for n in range(6)]
INPUT_PX, GRID = 64, 4


@dataclass
class GreySegmenter:
    """Its embedding turns with an image's grey, and it is the surer the darker the image is."""

    model_id: str = "grey@1"
    encoded: list[int] = field(default_factory=list)

    def encode(self, pixels: Any) -> ImageEmbedding:
        grey = int(np.asarray(pixels)[0, 0, 0])
        self.encoded.append(grey)
        turn = grey / 255
        channels = np.array([np.cos(turn), np.sin(turn)], np.float32)
        features = np.broadcast_to(channels[:, None, None], (2, GRID, GRID))
        mapped = ResizeMap(np.asarray(pixels).shape[:2], INPUT_PX)
        return ImageEmbedding({"image_embed": features}, mapped, self.model_id)

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        assert multimask_output
        sure = float(embedding.arrays["image_embed"][0, 0, 0])
        ious = np.tile(np.array([0.1, sure, 0.2], np.float32), (len(prompts), 1))
        logits = np.zeros((len(prompts), 3, GRID, GRID), np.float32)
        return Masks(logits, ious, embedding.resize_map)


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    """What databases do alike is tested with the ranks themselves."""
    return sqlite_store


@pytest.fixture
def folder(tmp_path: Path, store: Store) -> ImageFolder:
    """Six images, each of another grey: 0, 50, …, 250."""
    images = tmp_path / "images"
    images.mkdir()
    for n, name in enumerate(NAMES):
        Image.new("RGB", HW[::-1], (50 * n,) * 3).save(images / name)
    scan_folder(store, images)
    return ImageFolder(images)


@pytest.fixture
def sam() -> GreySegmenter:
    return GreySegmenter()


@pytest.fixture
def looking(tmp_path: Path, folder: ImageFolder, sam: GreySegmenter) -> Looking:
    caches = (DiskCache(tmp_path / name, 1 << 20) for name in ("pictures", "embeddings"))
    return Looking(folder, KeptEmbeddings(cast(Any, sam), Pictures(next(caches)), next(caches)))


def draw_in(store: Store, *names: str) -> None:
    """Somebody does these images."""
    ann = annotator(store, f"who did {names[0]}")
    for image in store.read(list_images).images:
        if image.name in names:
            draw(store, image.id, ann, add(), become("done"))


def draw(store: Store, image_id: int, ann: Annotator, *actions: Action) -> None:
    store.write(set_size, image_id, HW[1], HW[0])
    desk = Page(store, image_id, ann)
    desk.send(*actions)
    store.write(release_lease, image_id, ann, desk.token)


def queue(store: Store) -> list[str]:
    """The images as they come to an annotator who skips each."""
    ann = annotator(store, new_id())
    names: list[str] = []
    after = None
    while (image := store.read(next_image, ann, after)) and image.name not in names:
        names.append(image.name)
        after = image.id
    return names


def hold_out(store: Store, *names: str) -> None:
    query = update(ImageRow).where(ImageRow.name.in_(names)).values(is_held_out=True)
    store.write(lambda session: session.execute(query))


def test_the_mean_is_over_the_image_and_not_over_its_padding() -> None:
    features = np.zeros((2, 4, 4), np.float32)
    features[0, :2] = 3  # the image is wide: its lower half is padding
    features[1, 2:] = 9
    embedding = ImageEmbedding({"image_embed": features}, ResizeMap((32, 64), 64), "m")
    assert pooled(embedding).tolist() == [1, 0]


def test_uncertainty_is_of_the_surest_mask_of_each_click(sam: GreySegmenter) -> None:
    embedding = sam.encode(np.full((6, 8, 3), 128, np.uint8))
    assert uncertainty(cast(Any, sam), embedding) == pytest.approx([1 - np.cos(128 / 255)])


def test_the_least_sure_come_first(store: Store, looking: Looking, sam: GreySegmenter) -> None:
    chosen = choose(store, "uncertain", looking)
    assert chosen.order == NAMES[::-1]
    assert queue(store) == NAMES[::-1]
    assert len(sam.encoded) == 6
    choose(store, "uncertain", looking)
    assert len(sam.encoded) == 6, "what is known is kept"


def test_the_least_like_what_is_annotated_come_first(store: Store, looking: Looking) -> None:
    draw_in(store, "0.png")
    assert count_looks(store, "unlike", 100) == 6
    looks: list[int] = []
    chosen = choose(store, "unlike", looking, on_image=looks.append)
    assert chosen.order[0] == "5.png"
    assert chosen.order[1] in ("2.png", "3.png"), "the middle between 0 and 5"
    assert queue(store) == chosen.order
    assert looks == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("folder")
def test_random_by_seed_needs_no_model(store: Store) -> None:
    first = choose(store, "random", seed=1).order
    assert queue(store) == first
    assert sorted(first) == NAMES
    assert choose(store, "random", seed=2).order != first
    assert choose(store, "name").order == NAMES
    assert queue(store) == NAMES


def test_only_so_many_are_looked_at(store: Store, looking: Looking, sam: GreySegmenter) -> None:
    drawn = choose(store, "random", seed=3).order
    chosen = choose(store, "uncertain", looking, seed=3, among=2)
    assert len(sam.encoded) == 2
    assert sorted(chosen.order[:2]) == sorted(drawn[:2])
    assert chosen.order[2:] == drawn[2:], "the others are as they were drawn"


def test_held_out_images_are_spread_over_the_order(store: Store, looking: Looking) -> None:
    hold_out(store, "0.png", "1.png")
    chosen = choose(store, "uncertain", looking)
    assert [name for name in chosen.order if name > "1.png"] == NAMES[:1:-1]
    assert {chosen.order.index(name) for name in ("0.png", "1.png")} == {1, 4}


def test_what_cannot_be_looked_at_comes_later(
    store: Store, folder: ImageFolder, looking: Looking
) -> None:
    (folder.path / "5.png").write_bytes(b"broken")
    (folder.path / "4.png").unlink()
    chosen = choose(store, "uncertain", looking)
    assert chosen.order[:4] == NAMES[3::-1]
    reasons = dict(chosen.passed_over)
    assert sorted(reasons) == ["4.png", "5.png"]
    assert "there is no file" in reasons["4.png"]


def test_what_comes_after_a_choice_comes_last(store: Store, looking: Looking) -> None:
    chosen = choose(store, "uncertain", looking)
    store.write(add_images, ["00.png"])
    assert queue(store) == [*chosen.order, "00.png"]
    choose(store, "name")
    assert queue(store)[1] == "00.png", "as the list has it"


def test_what_was_begun_comes_before_what_was_chosen(store: Store, looking: Looking) -> None:
    choose(store, "uncertain", looking)
    ann = annotator(store)
    third = store.read(list_images).images[3]
    draw(store, third.id, ann, add())
    choose(store, "uncertain", looking)
    first = store.read(next_image, ann)
    assert first is not None
    assert first.name == "3.png"
