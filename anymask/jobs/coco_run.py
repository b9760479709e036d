"""One COCO file for all images of a folder of results, gathered from a part for each of them."""

from __future__ import annotations

import filecmp
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from anymask.core.atomic import explain_os_errors
from anymask.core.mask_files.coco import CocoImage, categories_of, category_ids
from anymask.core.mask_files.sa1b import Label
from anymask.datasets.photographs import hashed_id
from anymask.errors import OutputError
from anymask.jobs.folder import JobFolder
from anymask.jobs.results import LABEL, RECORDS_FOLDER

COCO_FILE = "instances.json"
GATHERING = ".gathering"  # what is claimed while the file is made; nothing shows under this name


def gather(folder: JobFolder) -> None:
    """Write ``instances.json`` of all parts that are there, in the order of their names.

    Any process may do so at any time; the last one to end has all parts before it. A file that is
    the same already stays as it is. Raises ``OutputError``.
    """
    folder.wait_for(folder.path / COCO_FILE, lambda target: _gathered(folder, target), _give_up)


def _gathered(folder: JobFolder, target: Path) -> bool | None:
    """True once the file is there; None while another process makes it."""
    with folder.claim(folder.path / GATHERING) as part:
        if part is None:
            return None
        _write(folder.path / RECORDS_FOLDER, part)
        with explain_os_errors(target):
            if target.is_file() and filecmp.cmp(part, target, shallow=False):
                part.unlink()
            else:
                os.replace(part, target)
    return True


def _give_up(target: Path) -> bool:
    raise OutputError(f"{target} has been locked by another process for too long")


def _write(records: Path, part: Path) -> None:
    """Part by part: all masks of a large folder need not fit in memory."""
    paths = sorted(records.rglob("*.json"))  # once: another process may add some meanwhile
    images: list[CocoImage] = []
    labels: set[Label | None] = set()
    for image, found in _parts(paths):
        images.append(image)
        labels.update(one.get(LABEL) for one in found)
    _number(images)
    ids = category_ids(labels)
    with part.open("w") as file:
        about = {"info": {"description": "masks by anymask"}, "licenses": [], "images": images}
        file.write(json.dumps(about)[:-1] + ', "annotations": [')
        count = 0
        for image, (_, annotations) in zip(images, _parts(paths)):
            for annotation in annotations:
                count += 1
                annotation["id"], annotation["image_id"] = count, image["id"]
                annotation["category_id"] = ids[annotation.pop(LABEL, None)]
                file.write((", " if count > 1 else "") + json.dumps(annotation))
        file.write(f'], "categories": {json.dumps(categories_of(ids))}}}\n')
        file.flush()
        os.fsync(file.fileno())


def _parts(paths: Iterable[Path]) -> Iterator[tuple[CocoImage, list[dict[str, Any]]]]:
    for path in paths:
        try:
            content: Any = json.loads(path.read_bytes())
            yield content["image"], content["annotations"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{path} can't be read: {error!r}; delete it and run again") from None


def _number(images: list[CocoImage]) -> None:
    """Images whose names hold the same number get a number from a hash of their name and folder."""
    count = Counter(image["id"] for image in images)
    for image in images:
        if count[image["id"]] > 1:
            image["id"] = hashed_id(image["file_name"])
