"""Export: what would be lost in a format, and all masks in it as one file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from anymask.core.atomic import explain_os_errors
from anymask.datasets.writing.formats import DatasetFormat
from anymask.datasets.writing.losses import losses
from anymask.engine.api import schema
from anymask.engine.api.workplace import Asking, Here
from anymask.engine.exporting import annotated_images_of, write_zip

router = APIRouter(prefix="/api/export", tags=["export"])
Format = Annotated[DatasetFormat, Query(alias="format")]


@router.get("/losses")
def export_losses(here: Here, _: Asking, form: Format) -> schema.ExportLosses:
    """What a format does not keep, in numbers, before anything is written."""
    lost = losses(annotated_images_of(here.store), form)
    return schema.ExportLosses(images=lost.images, masks=lost.masks, lines=lost.lines())


@router.get("", response_class=FileResponse)
def export(here: Here, _: Asking, form: Format) -> FileResponse:
    """All images that were worked on, with their masks, as a zip file."""
    with explain_os_errors(Path(tempfile.gettempdir())):
        handle, name = tempfile.mkstemp(prefix="anymask-export-", suffix=".zip")
    os.close(handle)
    path = Path(name)
    try:
        write_zip(here.store, form, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return FileResponse(
        path,
        media_type="application/zip",
        filename=f"{here.name}-{form}.zip",
        background=BackgroundTask(path.unlink, missing_ok=True),
    )
