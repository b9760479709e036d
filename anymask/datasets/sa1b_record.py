"""SA-1B record: the annotation file of one image, a JSON object (``docs/formats.md``).

Of records that others wrote, only what is used must be there: a mask's ``segmentation``.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Collection, Iterator, Sequence
from typing import Any, cast

from anymask.core import rle
from anymask.core.annotations import Record
from anymask.core.rle import RLE
from anymask.datasets.coco.segmentation import rle_of
from anymask.datasets.labelling.numbers import number_of, size_of
from anymask.datasets.labelling.objects import Objects
from anymask.datasets.listing import NamedContent
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import NO_DETAIL, Detail, Sample
from anymask.errors import Error, RecordError, clipped


def to_bytes(record: Record) -> bytes:
    """A record as its file holds it: the same bytes for the same record."""
    return json.dumps(record, allow_nan=False).encode() + b"\n"


def from_bytes(content: bytes, name: str) -> Record:
    """A record from its file; nothing of its annotations is proved.

    A list of annotations alone, as the official generator returns it, is a record, too, whose
    ``image`` is empty. name: what errors call the file. Keys that anymask does not know are kept.
    Raises ``RecordError``.
    """
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{name} is no JSON: {error}") from None
    if isinstance(record, list):
        if not record or not all(_is_annotation(one) and "image_id" not in one for one in record):
            raise RecordError(f"{name} is no SA-1B record: its list is none of masks")
        record = {"image": {}, "annotations": record}
    try:
        _check(record)
    except RecordError as error:
        raise RecordError(f"{name} is no SA-1B record: {error}") from None
    return cast(Record, {"image": {}, **record})


def objects_of(record: Record) -> Objects:
    """The masks of a record, and why some of its annotations are none.

    Their size is the image's by the record; where that is missing, or none of them has it, the one
    that most have.
    """
    objects, image = Objects(), cast(dict[str, Any], record["image"])
    annotations = cast(list[Any], record["annotations"])
    hw = _size(size_of(image.get("height"), image.get("width")), annotations)
    for number, annotation in enumerate(annotations):
        which = annotation_name(annotation, number)
        try:
            objects.add(which, _mask(annotation, hw), _group(annotation), _detail(annotation))
        except Error as error:
            objects.lost.add(str(error), which)
    return objects


def is_record(content: bytes) -> bool:
    """Whether a file is a record, as ``from_bytes`` takes it."""
    try:
        from_bytes(content, "")
    except RecordError:
        return False
    return True


def image_name(content: bytes) -> str:
    """The file of the image by its record, or "" where that is none or does not say it."""
    try:
        return _image_name(from_bytes(content, ""))
    except RecordError:
        return ""


def _image_name(record: Record) -> str:
    name = cast(dict[str, Any], record["image"]).get("file_name")
    return name.replace("\\", "/") if isinstance(name, str) else ""


def samples_of(
    image: NamedContent, records: Sequence[NamedContent], others: Collection[str] = ()
) -> Iterator[Sample | Unread]:
    """An image with the masks of the first of its records, and an ``Unread`` for what it lacks.

    records: the files that may be it, the likeliest first; what is no record is passed over if
    there is another. others: the names of images that may be meant as well; where there are any,
    the record must say which is.
    """
    objects: Objects | None = None
    reasons: list[str] = []
    for name, content in records:
        try:
            record = from_bytes(content, name)
            _check_image(record, name, image[0], others)
        except RecordError as error:
            reasons.append(str(error))
            continue
        if objects is None:
            objects = objects_of(record)
        else:
            objects.notes.append(f"has another record, {name}, which is passed over")
    if objects is None:
        yield Unread(image[0], "; ".join(reasons))
    else:
        yield from objects.samples(*image)


def _check_image(record: Record, name: str, image: str, others: Collection[str]) -> None:
    """Raises ``RecordError`` for a record that may be another image's."""
    if not others:
        return
    meant = posixpath.basename(_image_name(record))
    if meant in map(posixpath.basename, others):
        raise RecordError(f"has no record beside it: {name} is that of {meant}")
    if meant != posixpath.basename(image):
        raise RecordError(f"shares {name} with {', '.join(others)}, and it says not whose it is")


def annotation_name(annotation: Any, number: int) -> str:
    """What an annotation is called: by its id, or by its number in the list, from 0."""
    value = annotation.get("id") if isinstance(annotation, dict) else None
    return f"annotation {clipped(value)}" if value is not None else f"annotation number {number}"


def _check(record: Any) -> None:
    """Raises ``RecordError`` for what is no record, whatever else it is."""
    if not isinstance(record, dict):
        raise RecordError(f"it is {clipped(record)}")
    if "annotations" not in record:
        raise RecordError("it lacks 'annotations'")
    if not isinstance(record["annotations"], list):
        raise RecordError(f"its annotations are {clipped(record['annotations'])}")
    if "images" in record or "categories" in record:
        raise RecordError("it has 'images', as COCO's files have, which are of many")
    if "image" not in record and not any(map(_is_annotation, record["annotations"])):
        raise RecordError("it lacks 'image'")
    if not isinstance(record.get("image", {}), dict):
        raise RecordError(f"its image is {clipped(record['image'])}")


def _detail(annotation: Any) -> Detail:
    predicted_iou = number_of(annotation.get("predicted_iou"))
    stability_score = number_of(annotation.get("stability_score"))
    if predicted_iou is None and stability_score is None:
        return NO_DETAIL
    return Detail(predicted_iou=predicted_iou, stability_score=stability_score)


def _group(annotation: Any) -> str | None:
    """Its label, as anymask writes it of what is like an example."""
    label = annotation.get("label") if isinstance(annotation, dict) else None
    return str(label) if isinstance(label, (int, str)) and not isinstance(label, bool) else None


def _is_annotation(value: Any) -> bool:
    return isinstance(value, dict) and "segmentation" in value


def _size(stated: tuple[int, int] | None, annotations: list[Any]) -> tuple[int, int] | None:
    """(H, W) of the masks. stated: by the record."""
    sizes = [size for size in map(_own_size, annotations) if size]
    if not sizes or stated in sizes:
        return stated
    return max(sizes, key=sizes.count)


def _own_size(annotation: Any) -> tuple[int, int] | None:
    """(H, W) by the run lengths of an annotation, if it has any."""
    segmentation = annotation.get("segmentation") if isinstance(annotation, dict) else None
    size = segmentation.get("size") if isinstance(segmentation, dict) else None
    return size_of(*size) if isinstance(size, list) and len(size) == 2 else None


def _mask(annotation: Any, hw: tuple[int, int] | None) -> RLE:
    """Raises ``Error``, with a reason that stands after a colon."""
    if not isinstance(annotation, dict):
        raise RecordError(f"it is {clipped(annotation)}")
    if "segmentation" not in annotation:
        raise RecordError("it lacks 'segmentation'")
    if hw is None:
        raise RecordError("nothing says the image's size")
    segmentation = annotation["segmentation"]
    if not isinstance(segmentation, dict):
        return rle_of(segmentation, hw)
    size, counts = _own_size(annotation) or hw, segmentation.get("counts")
    if size != hw:
        raise RecordError(f"it is not of the image's size: {[*size]}, and that is {[*hw]}")
    if isinstance(counts, list):
        return rle.from_counts(counts, hw)
    if "counts" not in segmentation:
        raise RecordError("its run lengths are missing: it has a size and no 'counts'")
    if not isinstance(counts, str):
        raise RecordError(f"its run lengths are {clipped(counts)}")
    mask = RLE(size=[*hw], counts=counts)
    rle.area(mask)  # which proves the encoding
    return mask
