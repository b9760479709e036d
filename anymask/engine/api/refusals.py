"""Refusals: whatever goes wrong, as a line for people and a kind for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from anymask.engine.api import schema, values
from anymask.engine.store.refusals import ConflictError, LeaseError
from anymask.errors import Error, StoreError

STATUS: Mapping[schema.ErrorKind, int] = {
    "busy": 503,
    "conflict": 409,
    "forbidden": 403,
    "invalid": 422,
    "lease": 409,
    "newer": 503,
    "not_found": 404,
    "signed_out": 401,
    "storage": 503,
}
KIND_OF_STATUS: Mapping[int, schema.ErrorKind] = {403: "forbidden", 404: "not_found"}
# What every address may answer, for the schema.
REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": schema.ErrorBody, "description": "What is wrong with the request"},
    "5XX": {"model": schema.ErrorBody, "description": "Why not now: it can be asked again"},
}
NOT_KEPT = {"Cache-Control": "no-store"}


def explain_refusals(app: FastAPI) -> None:
    """Have an application answer errors with an ``ErrorBody``."""
    app.add_exception_handler(StoreError, _of_store)
    app.add_exception_handler(Error, _of_ours)
    app.add_exception_handler(OSError, _of_system)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)


def refusal(
    kind: schema.ErrorKind,
    line: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An answer that says why not."""
    return _answer(schema.ErrorBody(error=line, kind=kind), status, headers)


def _answer(
    body: schema.ErrorBody, status: int | None = None, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    content = body.model_dump(mode="json")
    return JSONResponse(content, status or STATUS[body.kind], {**(headers or {}), **NOT_KEPT})


def _of_store(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoreError)
    facts: dict[str, Any] = {"error": str(error), "kind": error.kind}
    if isinstance(error, LeaseError):
        facts["lease"] = error.holder
        return _answer(schema.LeaseErrorBody.model_validate(facts))
    if isinstance(error, ConflictError):
        masks = [
            schema.MaskNow(
                id=mask_id, version=None if mask is None else values.version(mask.version)
            )
            for mask_id, mask in error.masks.items()
        ]
        return _answer(schema.ConflictBody(**facts, masks=masks, revision=error.revision))
    return _answer(schema.ErrorBody(**facts))


def _of_ours(request: Request, error: Exception) -> Response:
    return refusal("invalid", str(error))


def _of_system(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    return refusal("storage", f"a file can't be had: {error.strerror or error}")


def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"][1:]) or "what was sent"
    return refusal("invalid", f"{where}: {first['msg']}")


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = KIND_OF_STATUS.get(error.status_code, "invalid")
    line = f"{request.url.path}: {error.detail}"
    return refusal(kind, line, error.status_code, error.headers)  # such as what a 405 allows
