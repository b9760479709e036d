"""Application: what the HTTP of every page of ours has in common."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI

import anymask
from anymask.engine.api.refusals import REFUSALS, explain_refusals


def application(title: str, routers: Iterable[APIRouter]) -> FastAPI:
    """The routes under one schema, at ``/api/openapi.json``, with refusals as lines for people."""
    app = FastAPI(
        title=title,
        version=anymask.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        generate_unique_id_function=lambda route: route.name,
        responses=REFUSALS,
    )
    explain_refusals(app)
    for router in routers:
        app.include_router(router)
    return app
