"""Project: what a page shows first, and the labels."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

import anymask
from anymask.engine.api import schema
from anymask.engine.api.numbers import numbers_of
from anymask.engine.api.workplace import Asking, Here, Reviewing
from anymask.engine.store.images import count_images, next_image
from anymask.engine.store.labels import list_labels, put_labels
from anymask.engine.store.values import Label

router = APIRouter(prefix="/api", tags=["project"])


@router.get("/project")
def project(request: Request, here: Here, annotator: Asking) -> schema.Project:
    """The project, and who asks."""
    counts = here.store.read(count_images)
    first = here.store.read(next_image, annotator)
    if first is not None:
        here.embeddings.expect_first(first.id)
    return schema.Project(
        id=here.project_id,
        name=here.name,
        annotator=schema.Annotator(id=annotator.id, name=annotator.name, role=annotator.role),
        signed_in=here.is_signed_in(request),
        model_id=here.model.id,
        labels=[schema.Label.model_validate(label) for label in here.store.read(list_labels)],
        counts=dict(counts.states),
        images=counts.images,
        masks=counts.masks,
        review=here.review,
        version=anymask.__version__,
    )


@router.put("/labels")
def labels(
    here: Here,
    reviewer: Reviewing,
    drafts: list[schema.LabelDraft],
    remove: Annotated[str, Query(description="ids, with commas between")] = "",
) -> list[schema.Label]:
    """Change labels and add new ones; those that are not named stay."""
    given = [Label(draft.id, draft.name, draft.color, draft.hotkey) for draft in drafts]
    kept = here.store.write(put_labels, given, numbers_of(remove, "labels to remove"))
    return [schema.Label.model_validate(label) for label in kept]
