"""Monitoring: whether the tool runs, what it costs, and how the work goes."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

import anymask
from anymask.engine.api import schema
from anymask.engine.api.workplace import Asking, Here
from anymask.engine.store.settings import PROJECT_ID, setting
from anymask.engine.store.tallies import status as tallies_of
from anymask.engine.store.tallies import summed

router = APIRouter(tags=["monitoring"])


@router.get("/health")
def health(here: Here) -> schema.Health:
    """That the tool answers and its store can be read."""
    here.store.read(setting, PROJECT_ID)  # a row: every page asks every few seconds
    return schema.Health(status="ok", version=anymask.__version__)


@router.get("/metrics", response_class=Response)
def metrics(here: Here, annotator: Asking) -> Response:
    """For Prometheus."""
    return Response(here.metrics.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/api/status")
def status(here: Here, annotator: Asking) -> schema.Status:
    """Seconds per mask and masks per image: by day, annotator and model, and of all."""
    tallies = here.store.read(tallies_of)
    return schema.Status(
        total=[schema.Tally.model_validate(tally) for tally in summed(tallies)],
        by_day=[schema.Tally.model_validate(tally) for tally in summed(tallies, ["day"])],
        by_annotator=[
            schema.Tally.model_validate(tally) for tally in summed(tallies, ["annotator"])
        ],
        by_model=[schema.Tally.model_validate(tally) for tally in summed(tallies, ["model_id"])],
        tallies=[schema.Tally.model_validate(tally) for tally in tallies],
    )
