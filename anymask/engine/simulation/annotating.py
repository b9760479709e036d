"""Annotating: a simulated annotator works on one image, as the page would have a person do it.

First they say of each suggestion whether it is right. One that is nearly an object they accept, and
go on with it by clicks and the brush. What is suggested and is no object of the truth is rejected,
also where it is one that nobody labelled: seconds per mask are then an upper bound where the truth
is not complete, as COCO's is not. Then they draw what is missing, the largest first, until a mask
takes longer than their patience, and go on to the next image.

All ids follow from the project, the image and the truth. Whoever was killed and starts again finds
what they did, and does nothing twice.
"""

from __future__ import annotations

import threading
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.interaction import Click
from anymask.core.rle import RLE
from anymask.engine.simulation.annotator import Costs, Habits
from anymask.engine.simulation.client import JSON, Client, RefusedError
from anymask.engine.simulation.drawing import Answer, Clock, Drawn, Mask, correct, draw
from anymask.errors import DatasetError


@dataclass(frozen=True)
class Person:
    """A simulated annotator. seed: of what chance has in store, which differs by image alone."""

    costs: Costs
    habits: Habits
    seed: int = 0


@dataclass
class Work:
    """What was done. masks: made. accepted: suggestions, of which so many were ``corrected`` then.
    left: objects that have no mask in the end.

    iou: the sum over the masks, each with its object.
    """

    images: int = 0
    masks: int = 0
    accepted: int = 0
    corrected: int = 0
    rejected: int = 0
    left: int = 0
    seconds: float = 0.0
    clicks: int = 0
    strokes: int = 0
    iou: float = 0.0

    def add(self, other: Work) -> None:
        """What another did, too."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass
class Desk:
    """An image that somebody holds. objects: its truth. work: what they did in it so far."""

    client: Client
    person: Person
    model_id: str
    namespace: uuid.UUID
    image: JSON
    token: str
    objects: Sequence[RLE]
    work: Work = field(default_factory=Work)

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width of the image."""
        return int(self.image["height"]), int(self.image["width"])

    def named(self, text: str) -> str:
        """An id that is the same each time."""
        return str(uuid.uuid5(self.namespace, text))

    def act(self, actions: Sequence[JSON]) -> None:
        """Send actions, if there are any."""
        if actions:
            self.client.act(self.image["id"], self.token, actions)


def annotate(
    client: Client,
    project: JSON,
    image: JSON,
    objects: Sequence[RLE],
    person: Person,
    stopping: threading.Event,
) -> Work | None:
    """Work on an image until it is done, or ``stopping`` is set; None if another holds it.

    objects: what a person means, the most prominent first. Raises ``DatasetError`` where they are
    of another size than the image, ``RefusedError``, and ``Error`` where the server is gone.
    """
    try:
        token = client.lease(image["id"])
    except RefusedError as refused:
        if refused.kind == "lease":
            return None
        raise
    namespace = uuid.uuid5(uuid.UUID(project["id"]), f"{image['name']} {person.seed}")
    whole = client.document(image["id"])
    desk = Desk(client, person, project["model_id"], namespace, whole, token, objects)
    if any((int(one["size"][0]), int(one["size"][1])) != desk.hw for one in objects):
        raise DatasetError(f"{image['name']} is of another size than the masks of its truth")
    missing = _judged(desk)
    _drawn(desk, missing, stopping)
    client.release(image["id"], token)
    return desk.work


def skip(client: Client, project: JSON, image: JSON) -> None:
    """Say of an image that it can't be worked on; of one that another holds, nothing."""
    try:
        token = client.lease(image["id"])
    except RefusedError:
        return
    named = uuid.uuid5(uuid.UUID(project["id"]), f"skip {image['name']} {image['revision']}")
    action = {"id": str(named), "kind": "state", "state": "skipped", "at": _now()}
    client.act(image["id"], token, [action])
    client.release(image["id"], token)


def _judged(desk: Desk) -> list[int]:
    """Say of each suggestion whether it is right; the objects that have no mask then."""
    masks = [one for one in desk.image["masks"] if not one["version"]["is_suggested"]]
    known = {change["mask_id"] for entry in desk.image["log"] for change in entry["changes"]}
    missing = [i for i in range(len(desk.objects)) if desk.named(f"mask {i}") not in known]
    habits = desk.person.habits
    there = _overlaps(desk, [one["version"]["segmentation"] for one in masks])
    missing = [i for i in missing if not (there[:, i] >= habits.same_iou).any()]
    suggested = [one for one in desk.image["masks"] if one["version"]["is_suggested"]]
    overlaps = _overlaps(desk, [one["version"]["segmentation"] for one in suggested])
    actions: list[JSON] = []
    nearly: list[tuple[int, JSON]] = []
    for mask, overlap in zip(suggested, overlaps):
        best = max(missing, key=lambda i: overlap[i], default=None)
        iou = 0.0 if best is None else float(overlap[best])
        is_taken = iou >= min(habits.nearly_iou, habits.enough_iou)
        verdict = _verdict(desk, mask, is_taken=is_taken, order=len(masks) + len(actions))
        actions.append(verdict)
        desk.work.seconds += desk.person.costs.verdict_s
        desk.work.rejected += not is_taken
        if best is None or not is_taken:
            continue
        missing.remove(best)
        desk.work.accepted += 1
        if iou < habits.enough_iou:
            nearly.append((best, verdict["changes"][0]))
        else:
            desk.work.masks += 1
            desk.work.iou += iou
    desk.act(actions)
    for i, change in nearly:
        _corrected(desk, i, change["mask_id"], change["after"])
    return missing


def _corrected(desk: Desk, i: int, mask_id: str, version: JSON) -> None:
    """Go on with a mask that is nearly an object's; it goes if nothing comes of it."""
    person, seed = desk.person, _seed(desk, i)
    truth, start = (
        rle.decode(one).astype(bool) for one in (desk.objects[i], version["segmentation"])
    )
    ask = partial(_asked, desk, start=version["segmentation"])
    drawn = correct(ask, start, truth, person.costs, person.habits, np.random.default_rng(seed))
    change = {"mask_id": mask_id, "before": version["id"], "after": None}
    if drawn.mask is not None:
        after = _version(desk, f"corrected {i}", drawn, drawn.mask, version["order"])
        change["after"] = after
    kind = "delete" if drawn.mask is None else "edit"
    desk.act([_action(desk, f"{kind} {i}", kind, [change], drawn.clock)])
    desk.work.corrected += drawn.mask is not None
    _count(desk, drawn)


def _drawn(desk: Desk, missing: Sequence[int], stopping: threading.Event) -> None:
    """Draw the objects that are missing, and say that the image is done, unless it is stopped."""
    order = len(desk.image["masks"])
    dropped = Clock()  # what was spent on masks that nobody keeps
    for number, i in enumerate(missing):
        if stopping.is_set():
            return
        if desk.work.seconds > desk.person.habits.image_s:
            desk.work.left += len(missing) - number
            break
        truth = rle.decode(desk.objects[i]).astype(bool)
        dice = np.random.default_rng(_seed(desk, i))
        person = desk.person
        drawn = draw(partial(_asked, desk), truth, person.costs, person.habits, dice)
        if drawn.mask is None:
            dropped.add(drawn.clock)
        else:
            desk.act([_added(desk, i, drawn, drawn.mask, order + number)])
        _count(desk, drawn)
    _done(desk, dropped)


def _seed(desk: Desk, i: int) -> list[int]:
    """Of what chance has in store for an object."""
    return [desk.person.seed, zlib.crc32(desk.image["name"].encode()), i]


def _count(desk: Desk, drawn: Drawn) -> None:
    """What a mask took, and whether one came of it."""
    is_kept = drawn.mask is not None
    desk.work.masks += is_kept
    desk.work.left += not is_kept
    desk.work.iou += drawn.iou * is_kept
    desk.work.seconds += drawn.clock.seconds
    desk.work.clicks += drawn.clock.count("click")
    desk.work.strokes += drawn.clock.count("stroke")


def _done(desk: Desk, clock: Clock) -> None:
    """Say that the image is done, and what was spent that no mask tells."""
    clock.did(desk.person.costs.leave_s)
    desk.work.seconds += desk.person.costs.leave_s
    done = _action(desk, f"done {len(desk.image['log'])}", "state", [], clock)
    desk.act([done | {"state": "done"}])
    desk.work.images = 1


def _asked(desk: Desk, clicks: Sequence[Click], start: RLE | None = None) -> list[Answer]:
    """What the model answers to clicks, or makes of a mask by them."""
    points = [{"x": x, "y": y, "label": label} for (x, y), label in clicks]
    answers = desk.client.decode(desk.image["id"], points, desk.model_id, start)
    return [
        Answer(rle.decode(one["segmentation"]).astype(bool), one["predicted_iou"])
        for one in answers
    ]


def _overlaps(desk: Desk, masks: Sequence[RLE]) -> npt.NDArray[np.float64]:
    """IoU of masks (N,) and objects (K,): (N, K)."""
    if not masks or not desk.objects:
        return np.zeros((len(masks), len(desk.objects)))
    return np.asarray(rle.iou(list(masks), list(desk.objects)), np.float64)


def _verdict(desk: Desk, mask: JSON, *, is_taken: bool, order: int) -> JSON:
    version = mask["version"]
    kind = "accept" if is_taken else "reject"
    name = f"{kind} {mask['id']} {version['id']}"
    after = version | {"id": desk.named(f"version {name}"), "is_suggested": False, "order": order}
    change = {
        "mask_id": mask["id"], "before": version["id"], "after": after if is_taken else None,
    }  # fmt: skip
    return _action(desk, name, kind, [change], Clock(desk.person.costs.verdict_s))


def _added(desk: Desk, i: int, drawn: Drawn, mask: Mask, order: int) -> JSON:
    after = _version(desk, f"version {i}", drawn, mask, order)
    change = {"mask_id": desk.named(f"mask {i}"), "before": None, "after": after}
    added = _action(desk, f"add {i}", "add", [change], drawn.clock)
    added["effort"]["chosen"] = drawn.chosen
    return added


def _version(desk: Desk, name: str, drawn: Drawn, mask: Mask, order: int) -> JSON:
    is_painted = drawn.clock.count("stroke") > 0
    return {
        "id": desk.named(name),
        "segmentation": rle.encode(mask),
        "bbox": (0, 0, 0, 0),
        "area": 0,
        "label_id": None,
        "group": None,
        "order": order,
        "source": "brush" if is_painted else "model",
        "predicted_iou": drawn.predicted_iou,
    }


def _action(desk: Desk, name: str, kind: str, changes: Sequence[JSON], clock: Clock) -> JSON:
    effort = {
        "seconds": round(clock.seconds, 3),
        "clicks_add": clock.count("click", add=True),
        "clicks_remove": clock.count("click", add=False),
        "strokes": clock.count("stroke"),
        "model_id": desk.model_id,
        "events": clock.events,
    }
    return {
        "id": desk.named(name),
        "kind": kind,
        "at": _now(),
        "changes": list(changes),
        "effort": effort,
    }


def _now() -> str:
    return datetime.now().astimezone().isoformat()
