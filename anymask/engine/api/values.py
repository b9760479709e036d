"""Values: the store's as messages, and messages as the store's."""

from __future__ import annotations

from typing import Any

from anymask.core.rle import RLE
from anymask.engine.api import schema
from anymask.engine.store import values


def summary(image: values.ImageSummary) -> schema.ImageSummary:
    """An image in a list."""
    return schema.ImageSummary.model_validate(image)


def document(
    whole: values.ImageDocument, fingerprint: str, *, is_replaced: bool
) -> schema.ImageDocument:
    """All of an image. fingerprint: of its file. is_replaced: since its masks were drawn."""
    image = schema.ImageSummary.model_validate(whole.image)
    facts: dict[str, Any] = {
        name: getattr(image, name) for name in schema.ImageSummary.model_fields if name != "masks"
    }
    return schema.ImageDocument(
        **facts,
        file=fingerprint,
        is_replaced=is_replaced,
        masks=[mask(one) for one in whole.masks],
        log=[schema.LogEntry.model_validate(entry) for entry in whole.log],
        notes=[schema.Note.model_validate(note) for note in whole.notes],
        is_audited=whole.is_audited,
    )


def mask(given: values.Mask) -> schema.Mask:
    """A mask as it is now."""
    return schema.Mask(id=given.id, version=version(given.version))


def version(given: values.Version) -> schema.Version:
    """A state of a mask."""
    return schema.Version.model_validate(given)


def stored_action(given: schema.Action) -> values.Action:
    """An action as the store takes it."""
    effort = given.effort
    return values.Action(
        id=given.id,
        kind=given.kind,
        at=given.at,
        changes=tuple(_stored_change(change) for change in given.changes),
        effort=values.Effort(
            seconds=effort.seconds,
            clicks_add=effort.clicks_add,
            clicks_remove=effort.clicks_remove,
            boxes=effort.boxes,
            strokes=effort.strokes,
            chosen=effort.chosen,
            model_id=effort.model_id,
            events=tuple(effort.events),
        ),
        target=given.target,
        state=given.state,
    )


def _stored_change(given: schema.Change) -> values.Change:
    after = given.after
    if after is None:
        return values.Change(given.mask_id, given.before, None)
    drawn = values.Version(
        id=after.id,
        segmentation=RLE(size=[*after.segmentation.size], counts=after.segmentation.counts),
        label_id=after.label_id,
        group=after.group,
        order=after.order,
        source=after.source,
        predicted_iou=after.predicted_iou,
        stability_score=after.stability_score,
        is_suggested=after.is_suggested,
    )
    return values.Change(given.mask_id, given.before, drawn)
