"""Import: a file of masks that exist already, sent by an admin: what it would add, or adding it."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import AsyncIterator
from pathlib import Path, PurePath
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from anymask.core.atomic import explain_os_errors
from anymask.engine.api import schema
from anymask.engine.api.workplace import Administering, Here, Workplace
from anymask.engine.importing.importing import import_masks
from anymask.engine.importing.reading import MaskFiles
from anymask.engine.importing.report import ImportReport
from anymask.engine.importing.unpacking import laid_out
from anymask.engine.store.values import Annotator
from anymask.errors import DatasetError, Error, StoreError

router = APIRouter(prefix="/api/import", tags=["import"])

LONGEST_NAME = 1_000
# What the command says of its options, and of where else files may lie.
OF_THE_COMMAND = re.compile(r"; give [^;]*\(--images\)|\. Expected is one of: .*", re.DOTALL)
TURN = threading.Lock()  # one import at a time: it may take all of a disk, and minutes
BODY = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


@router.post("", name="import_file", openapi_extra={"requestBody": {**BODY, "required": True}})
async def import_file(
    here: Here,
    admin: Administering,
    request: Request,
    name: Annotated[str, Query(min_length=1, max_length=LONGEST_NAME)],
    trial: Annotated[bool, Query(description="only say what would be done")] = False,
) -> schema.ImportReport:
    """Add the masks of one file, which is the body: of COCO, or a zip file of any other format."""
    with explain_os_errors(Path(tempfile.gettempdir())):
        scratch = tempfile.TemporaryDirectory(prefix="anymask-import-", ignore_cleanup_errors=True)
    with scratch as folder:
        sent = Path(folder) / "sent"
        await _keep(request.stream(), sent)
        report = await run_in_threadpool(_import, here, admin, sent, name, is_trial=trial)
    return schema.ImportReport(
        images=report.images,
        masks=report.masks,
        already=report.already,
        labels=list(report.labels),
        missing=report.missing.images,
        lines=report.lines(),
    )


async def _keep(stream: AsyncIterator[bytes], path: Path) -> None:
    """Write what is sent to a file as it comes."""
    with explain_os_errors(path), path.open("wb") as file:
        async for chunk in stream:
            await run_in_threadpool(file.write, chunk)


def _import(
    here: Workplace, admin: Annotator, sent: Path, name: str, *, is_trial: bool
) -> ImportReport:
    report = ImportReport()
    if not TURN.acquire(blocking=False):
        raise StoreError("busy", "another import is under way; try again when it is done")
    try:
        folder = sent.parent / "files"
        folder.mkdir()
        files = _opened(laid_out(sent, name, folder), name, here.folder.path)
        import_masks(here.store, admin, files, report, is_trial=is_trial)
    finally:
        TURN.release()
    return report


def _opened(location: Path, name: str, images: Path) -> MaskFiles:
    """The masks at a place. Raises ``DatasetError``, which says the sender's name for it."""
    try:
        return MaskFiles.open(str(location), images)
    except Error as error:
        line = str(error).replace(str(location), PurePath(name).name)
        raise DatasetError(OF_THE_COMMAND.sub("", line)) from None
