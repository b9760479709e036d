"""Words: what they name in an image, to be accepted or not."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from anymask.core.annotations import Annotation
from anymask.engine.api import schema
from anymask.engine.api.messages.words import NamedSuggestion, WordsFound, WordsRequest
from anymask.engine.api.model import ModelId
from anymask.engine.api.workplace import Asking, Here, ImageId
from anymask.engine.model.suggestion import suggestion
from anymask.engine.store.labels import list_labels
from anymask.engine.store.values import Label
from anymask.engine.words.naming import label_named

router = APIRouter(prefix="/api", tags=["words"])


@router.post("/images/{image_id}/words")
def words(
    here: Here,
    annotator: Asking,
    image_id: ImageId,
    request: WordsRequest,
    model: ModelId = "",
) -> WordsFound:
    """The masks that words name in the image, each with its label; none, and why, for none."""
    served = here.models.of(model).model
    answer = here.words.find(served, here.file(image_id), request.text)
    labels = here.store.read(list_labels)
    masks = [named for one in answer.masks if (named := _named(one, labels)) is not None]
    return WordsFound(masks=masks, reasons=[*answer.reasons], answered_by=answer.answered_by)


def _named(found: Annotation, labels: Sequence[Label]) -> NamedSuggestion | None:
    """A mask with the label of its name; None for one without a pixel."""
    made = suggestion(found["segmentation"], found["predicted_iou"])
    if made is None:
        return None
    name = str(found["label"])
    label = label_named(name, labels) or Label(None, name, "", None)
    facts = schema.Suggestion.model_validate(made).model_dump()
    return NamedSuggestion(**facts, label=label.name, label_id=label.id)
