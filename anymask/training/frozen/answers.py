"""A teacher's answers to clicks, kept in files: a student learns from them for as long as it likes.

A teacher may be anything that answers clicks (``predict.load``), in whatever frame; its masks are
kept in the student's. On each image a grid of clicks is answered, and one click in each of some
true masks. What chance decides follows from the image's name.

Kept answers name the teacher, the clicks and the bytes of the image; others are stale, and refused.

Shape legend: N clicks, K masks of a click, h w the student's low-resolution grid.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.atomic import make_folder, writing
from anymask.core.geometry import Floats, ResizeMap, deepest_point
from anymask.core.interaction import random_points
from anymask.core.prompts import Prompts
from anymask.datasets.sample import Sample
from anymask.errors import StaleCacheError
from anymask.predict.promptable import Promptable

LEVELS = 17  # above 0 of a certainty that are kept: finer ones cost more room than they teach
STEP = 255 // LEVELS
NEAR_MIDDLE = 0.5  # of clicks in true masks that are at their deepest point
GRID = -1  # the number of the mask of a click that is in none


@dataclass(frozen=True, eq=False)
class Answered:
    """A teacher's answers to N clicks on an image.

    points_xy: (N, 2) pixels of the image. mask_number: (N,) the true mask of the sample that the
    click is in, or ``GRID``. certainty: (N, K, h, w) uint8, 0 to 255, how surely each cell of the
    student's input is in the mask. predicted_iou: (N, K), the teacher's own. image_hw: (H, W).
    """

    points_xy: Floats
    mask_number: npt.NDArray[np.int64]
    certainty: npt.NDArray[np.uint8]
    predicted_iou: Floats
    image_hw: tuple[int, int]

    def __len__(self) -> int:
        return len(self.points_xy)


class Answers:
    """What a teacher says to clicks on images.

    load: gives the teacher, when it is first needed: kept answers need none. teacher_id: its
    ``model_id``. student_px, student_side: of the student's input and its mask logits. per_side: of
    the grid of clicks; in_masks: true masks that are clicked in, at most. folder: where to keep
    answers; None for nowhere.
    """

    def __init__(
        self,
        load: Callable[[], Promptable],
        teacher_id: str,
        student_px: int,
        student_side: int,
        per_side: int,
        in_masks: int,
        folder: Path | None = None,
    ) -> None:
        self._load, self._lock = load, Lock()
        self.student_px, self.student_side = student_px, student_side
        self.per_side, self.in_masks, self.folder = per_side, in_masks, folder
        self.maker = f"{teacher_id}, {per_side}x{per_side}+{in_masks} clicks, {student_side} cells"
        self.computed = 0
        if folder is not None:
            make_folder(folder)

    @cached_property
    def teacher(self) -> Promptable:
        """Loaded."""
        return self._load()

    def of(self, sample: Sample) -> Answered:
        """Those about an image. Raises ``StaleCacheError``, ``ImageError``, ``OutputError``."""
        maker = f"{self.maker}, of image {sample.fingerprint}"
        path = self._path(sample.name)
        if path is not None and path.exists():
            return _read(path, maker, sample.name)
        with self._lock:  # scenes are made ready by many threads; a teacher takes all of them
            answered = self._asked(sample)
        self.computed += 1
        if path is not None:
            with writing(path) as part:
                part.write_bytes(_to_bytes(answered, maker))
        return answered

    def _asked(self, sample: Sample) -> Answered:
        pixels = sample.pixels()
        hw = (pixels.shape[0], pixels.shape[1])
        digest = hashlib.sha256(sample.name.encode(errors="surrogateescape")).digest()
        rng = np.random.default_rng(list(digest[:16]))
        inside, numbers = _clicks_in_masks(sample, self.in_masks, rng)
        points = np.concatenate([inside, grid_clicks(hw, self.per_side, rng)]).astype(np.float32)
        mask_number = np.full(len(points), GRID)
        mask_number[: len(numbers)] = numbers
        answer = self.teacher.predict(
            self.teacher.encode(pixels), Prompts.of_points(points[:, None]), True
        )
        to = ResizeMap(hw, self.student_px)
        certainty = [
            certain(masks, answer.resize_map, self.teacher.input_px, to, self.student_side)
            for masks in answer.logits
        ]
        return Answered(points, mask_number, np.stack(certainty), answer.predicted_iou, hw)

    def _path(self, name: str) -> Path | None:
        if self.folder is None:
            return None
        digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
        return self.folder / f"{digest[:32]}.answers.npz"


def grid_clicks(hw: tuple[int, int], per_side: int, rng: np.random.Generator) -> Floats:
    """One pixel, by chance, of each cell of a regular grid over an (H, W) image: XY (n², 2)."""
    rows, columns = np.divmod(np.arange(per_side**2), per_side)
    share = (np.stack([columns, rows], axis=1) + rng.random((per_side**2, 2))) / per_side
    return np.asarray(np.floor(share * np.array(hw[::-1])), np.float32)


def certain(
    logits: Floats, its: ResizeMap, its_px: int, to: ResizeMap, side: int
) -> npt.NDArray[np.uint8]:
    """(K, h', w') logits in one model's frame, as certainties (K, side, side) in another's.

    its, its_px: where the image is in the one frame and that frame's side; to: where in the other.
    Outside of the image nothing is certain: 0. Levels are ``STEP`` apart.
    """
    cell, own_cell = to.input_px / side, its_px / logits.shape[-1]
    scales = [np.array(m.content_hw[::-1]) / np.array(m.image_hw[::-1]) for m in (its, to)]
    ratio = (
        cell / own_cell * scales[0] / scales[1]
    )  # of the teacher's cells to one of the student's
    move = np.array([[ratio[0], 0, 0.5 * ratio[0] - 0.5], [0, ratio[1], 0.5 * ratio[1] - 0.5]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = np.stack(
        [
            cv2.warpAffine(one, move, (side, side), flags=how, borderMode=cv2.BORDER_REPLICATE)
            for one in np.asarray(logits, np.float32)
        ]
    )
    with np.errstate(over="ignore"):
        share = 1 / (1 + np.exp(-moved))
    height, width = (max(1, round(length / cell)) for length in to.content_hw)
    share[:, height:], share[:, :, width:] = 0, 0
    return (np.rint(share * LEVELS) * STEP).astype(np.uint8)


def _clicks_in_masks(
    sample: Sample, most: int, rng: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """A click in each of some objects, half of them in the middle: XY (n, 2), and their numbers."""
    there = [i for i, mask in enumerate(sample.masks) if sample.is_object[i] and rle.area(mask)]
    chosen = np.sort(rng.permutation(np.array(there, np.int64))[:most])
    points = []
    for number in chosen:
        mask = rle.decode(sample.masks[number]).astype(bool)
        middle, place, within = rng.random() < NEAR_MIDDLE, rng.random(1), rng.random((1, 2))
        points.append(
            deepest_point(mask) if middle else random_points(mask[None], place, within)[0]
        )
    return np.array(points, np.float32).reshape(-1, 2), chosen


def _to_bytes(answered: Answered, maker: str) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        maker=np.array(maker),
        points_xy=answered.points_xy,
        mask_number=answered.mask_number,
        certainty=answered.certainty,
        predicted_iou=answered.predicted_iou,
        image_hw=np.array(answered.image_hw),
    )
    return buffer.getvalue()


def _read(path: Path, maker: str, name: str) -> Answered:
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["maker"]) == maker:
                height, width = kept["image_hw"].tolist()
                return Answered(
                    kept["points_xy"],
                    kept["mask_number"],
                    kept["certainty"],
                    kept["predicted_iou"],
                    (height, width),
                )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise StaleCacheError(f"the kept answers {path} about {name}: {error}; remove it") from None
    raise StaleCacheError(
        f"the answers about {name} that are kept in {path.parent} are another teacher's, to other "
        f"clicks or about another image; remove that folder or name another with --set cache=FOLDER"
    )
