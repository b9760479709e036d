"""The simulated user, who points at an object and then at what the answer got wrong (§3, §A, §D.1).

Training, evaluation and the data engine share it. All randomness is drawn beforehand, as the
``Script`` of each mask: what a user does with a mask then depends on nothing else that happens to
be in the same batch.

Coordinates are XY pixels of the frame that the masks cover. A mask may be coarser than its frame:
``cell_px`` pixels of the frame a side to each of its cells.

Shape legend: P masks, N further points, H W cells of a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats, deepest_point, first_deepest, interior_distance
from anymask.core.prompts import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, OBJECT, PADDING
from anymask.errors import Error

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int64]
Clicks = tuple[Floats, Labels]  # points (P, N, 2) and labels (P, N)
Click = tuple[tuple[float, float], int]  # XY and label
NEVER = 1 << 20  # a round that is not come to
IDLE_ROUNDS = 2  # of those after the first: one among the points, one at the end


@dataclass(frozen=True)
class Habits:
    """How a user goes about it; the defaults are the paper's (§A, training algorithm).

    further_points: after the first prompt. box_share: how often that is a box.
    idle_rounds: whether there are rounds in which nothing new is said.
    box_noise: standard deviation of a box's sides, relative to its length in their direction;
    box_noise_px: at most.
    """

    further_points: int = 8
    box_share: float = 0.5
    idle_rounds: bool = True
    box_noise: float = 0.1
    box_noise_px: float = 20.0

    def __post_init__(self) -> None:
        if self.further_points < 0 or not 0 <= self.box_share <= 1:
            raise Error("further_points must be 0 or more, and box_share between 0 and 1")

    @property
    def rounds(self) -> int:
        """How often the model is asked: 11 times for 8 further points.

        The first prompt, the points, a round without a new one among them and another at the end;
        where there are no points, the first prompt and the end.
        """
        if not self.idle_rounds:
            return 1 + self.further_points
        return 1 + self.further_points + (IDLE_ROUNDS if self.further_points else 1)


@dataclass(frozen=True, eq=False)
class Script:
    """What chance has in store for P masks.

    takes_box: (P,) bool, the first prompt is a box. box_noise: (P, 4) standard normal.
    place: (P, 1 + N) in [0, 1), which of a region's cells each point takes.
    within: (P, 1 + N, 2) in [0, 1), where in the cell.
    idle_round: (P,) the round, counted from 0, before whose end nothing new is said; ``NEVER`` or
        above where there is none.
    """

    takes_box: Mask
    box_noise: npt.NDArray[np.float64]
    place: npt.NDArray[np.float64]
    within: npt.NDArray[np.float64]
    idle_round: Labels

    @classmethod
    def draw(cls, rng: np.random.Generator, masks: int, habits: Habits) -> Script:
        """Draw for P masks. The idle round is equally often before each of the further points."""
        points = 1 + habits.further_points
        first_idle = 1 if habits.idle_rounds else NEVER
        return cls(
            takes_box=rng.random(masks) < habits.box_share,
            box_noise=rng.standard_normal((masks, 4)),
            place=rng.random((masks, points)),
            within=rng.random((masks, points, 2)),
            idle_round=first_idle + rng.integers(0, max(1, habits.further_points), masks),
        )

    @classmethod
    def join(cls, several: Sequence[Script]) -> Script:
        """The scripts of several images' masks, in order."""
        names = [field.name for field in fields(cls)]
        return cls(
            *(np.concatenate([getattr(script, name) for script in several]) for name in names)
        )

    def __len__(self) -> int:
        return len(self.takes_box)

    def __getitem__(self, rows: slice) -> Script:
        return Script(*(getattr(self, field.name)[rows] for field in fields(self)))


def first_prompts(
    truth: Mask, boxes_xyxy: Floats, script: Script, habits: Habits, cell_px: float = 1
) -> Clicks:
    """A point or a box for each of (P, H, W) masks: points (P, 2, 2), labels (P, 2).

    boxes_xyxy: (P, 4), tight around the masks. A point's row has padding behind it.
    Raises ``Error`` for an empty mask.
    """
    points = random_points(truth, script.place[:, 0], script.within[:, 0], cell_px)
    frame_wh = np.array(truth.shape[:0:-1]) * cell_px
    boxes = jittered_boxes(boxes_xyxy, script.box_noise, habits, frame_wh).reshape(-1, 2, 2)
    padded = np.stack([points, np.zeros_like(points)], axis=1)
    corners, point = np.array([BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]), np.array([OBJECT, PADDING])
    xy = np.where(script.takes_box[:, None, None], boxes, padded)
    return xy.astype(np.float32), np.where(script.takes_box[:, None], corners, point)


def next_points(
    truth: Mask, predicted: Mask, script: Script, number: int, cell_px: float = 1
) -> Clicks:
    """What each user adds before round ``number`` (from 1): points (P, 1, 2), labels (P, 1).

    predicted: (P, H, W), the answers so far. A new point is anywhere in the error region: object
    where the answer misses some, background where it has too much. Who finds no error points at the
    object once more. In an idle round, and after the last point, the row is padding.
    """
    spoken = number - 1 - (number > script.idle_round)  # of the further points, before this one
    idle = (number == script.idle_round) | (spoken + 1 >= script.place.shape[1])
    which = np.minimum(spoken + 1, script.place.shape[1] - 1)
    each = np.arange(len(script))
    wrong = truth != predicted
    region = np.where(wrong.any(axis=(1, 2))[:, None, None], wrong, truth)
    cells = random_cells(region, script.place[each, which])
    labels = np.where(truth[each, cells[:, 1], cells[:, 0]], OBJECT, BACKGROUND)
    points = _pixels(cells, script.within[each, which], cell_px)
    points[idle] = 0
    return points[:, None], np.where(idle, PADDING, labels)[:, None].astype(np.int64)


def random_points(
    regions: Mask,
    place: npt.NDArray[np.float64],
    within: npt.NDArray[np.float64],
    cell_px: float = 1,
) -> Floats:
    """A pixel of each of (P, H, W) regions, every one as likely: whole XY numbers (P, 2).

    place: (P,) and within: (P, 2), uniform in [0, 1). Raises ``Error`` for an empty region.
    """
    return _pixels(random_cells(regions, place), within, cell_px)


def random_cells(regions: Mask, place: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """A cell of each of (P, H, W) regions by (P,) numbers uniform in [0, 1): XY (P, 2).

    Raises ``Error`` for an empty region.
    """
    counts = np.count_nonzero(regions, axis=(1, 2))
    if (counts == 0).any():
        raise Error(f"region {int((counts == 0).argmax())} is empty: there is nowhere to point")
    members = np.flatnonzero(regions)  # region by region
    first = np.cumsum(counts) - counts
    # A number just below one, times a large count, may round up to the count itself.
    chosen = members[first + np.minimum((place * counts).astype(np.intp), counts - 1)]
    _, y, x = np.unravel_index(chosen, regions.shape)
    return np.stack([x, y], axis=-1)


def jittered_boxes(
    boxes_xyxy: Floats,
    noise: npt.NDArray[np.float64],
    habits: Habits,
    frame_wh: npt.ArrayLike,
) -> Floats:
    """Boxes (P, 4) as a person draws them, within the frame.

    noise: (P, 4) standard normal. Each side moves by a tenth of the box's length in that direction
    times its noise, at most 20 pixels (§A, training algorithm).
    """
    boxes = np.asarray(boxes_xyxy, np.float64)
    sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    most = habits.box_noise_px
    moved = boxes + np.clip(noise * sides * habits.box_noise, -most, most)
    moved = np.clip(moved, 0, np.tile(np.asarray(frame_wh, np.float64), 2))
    corners = np.sort(moved.reshape(-1, 2, 2), axis=1)  # noise may turn a thin box inside out
    return corners.reshape(-1, 4).astype(np.float32)


def best_click(truth: Mask, predicted: Mask | None = None) -> Click:
    """The one click an evaluation makes on (H, W) masks: XY and label, without chance (§D.1).

    The deepest point of the object or, once there is an answer, of the larger of the two error
    regions. Raises ``Error`` for an empty object, and for an answer without error.
    """
    if predicted is None:
        return deepest_point(truth), OBJECT
    missed, excess = truth & ~predicted, predicted & ~truth
    label = OBJECT if np.count_nonzero(missed) >= np.count_nonzero(excess) else BACKGROUND
    return deepest_point(missed if label == OBJECT else excess), label


def next_click(truth: Mask, predicted: Mask | None = None) -> Click:
    """``best_click``; but who finds no error points at the object once more."""
    is_right = predicted is not None and np.array_equal(truth, predicted)
    return best_click(truth, None if is_right else predicted)


def deepest_click(truth: Mask, predicted: Mask, taken_xy: npt.ArrayLike = ()) -> Click:
    """The next click of RITM's protocol on (H, W) masks: XY and label, without chance.

    The deepest pixel of both error regions that was not clicked before, as the authors' own code
    evaluates (Sofiiuk et al. 2021, arXiv 2102.06583); of two as deep, the one in the background.
    taken_xy: (N, 2), earlier clicks; one outside the masks is no matter. Who finds no such pixel
    points at the deepest one of the object that is left, or at the object's middle once more.
    Raises ``Error`` for an empty object.
    """
    taken = np.asarray(taken_xy, np.intp).reshape(-1, 2)
    missed, missed_xy = _deepest_left(truth & ~predicted, taken)
    excess, excess_xy = _deepest_left(predicted & ~truth, taken)
    if max(missed, excess) > 0:
        return (missed_xy, OBJECT) if missed > excess else (excess_xy, BACKGROUND)
    left, xy = _deepest_left(truth, taken)
    return (xy if left else deepest_point(truth)), OBJECT


def _deepest_left(region: Mask, taken: npt.NDArray[np.intp]) -> tuple[int, tuple[float, float]]:
    """Squared depth and XY of a region's deepest pixel outside ``taken``; 0 if there is none."""
    depth, (left, top) = interior_distance(region)
    if depth.size == 0:
        return 0, (0.0, 0.0)
    x, y = (taken - [left, top]).T
    inside = (x >= 0) & (y >= 0) & (x < depth.shape[1]) & (y < depth.shape[0])
    depth[y[inside], x[inside]] = 0
    column, row = first_deepest(depth)
    return round(float(depth[row, column]) ** 2), (float(column + left), float(row + top))


def _pixels(cells: npt.NDArray[np.intp], within: npt.NDArray[np.float64], cell_px: float) -> Floats:
    return np.floor((cells + within) * cell_px).astype(np.float32)
