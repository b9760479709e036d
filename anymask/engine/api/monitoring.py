"""Monitoring: whether the tool runs, what it costs, and how the work goes."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

import anymask
from anymask.engine.api import schema
from anymask.engine.api.messages.status import Run, StageFigures, Status, Tally
from anymask.engine.api.workplace import Asking, Here
from anymask.engine.stages.running import runs_now
from anymask.engine.store import values
from anymask.engine.store.automation.figures import stage_figures
from anymask.engine.store.automation.stages import current_stage
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
def status(here: Here, annotator: Asking) -> Status:
    """Seconds per mask and masks per image: by day, annotator, model and stage, and of all."""
    tallies = here.store.read(tallies_of)
    return Status(
        total=_messages(summed(tallies)),
        by_day=_messages(summed(tallies, ["day"])),
        by_annotator=_messages(summed(tallies, ["annotator"])),
        by_model=_messages(summed(tallies, ["model_id"])),
        by_stage=[
            StageFigures(
                stage=one.stage,
                tally=Tally.model_validate(one.tally),
                accepted=one.accepted,
                share_accepted=one.share_accepted,
            )
            for one in here.store.read(stage_figures, tallies)
        ],
        stage=here.store.read(current_stage),
        runs=[
            Run(
                kind=run.kind,
                state=run.state,
                started_at=run.started_at,
                ended_at=run.ended_at,
                done=run.done,
                total=run.total,
            )
            for run in runs_now(here.store)
        ],
    )


def _messages(tallies: Sequence[values.Tally]) -> list[Tally]:
    return [Tally.model_validate(tally) for tally in tallies]
