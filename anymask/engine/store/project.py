"""Project: which one a store is of, and how it is worked on."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from anymask.engine.store.settings import project_id, put_setting, setting

REVIEW = "review"


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """id: a UUID, made with the store. review: whether what is done is reviewed."""

    id: str
    review: bool


def project_facts(session: Session, review: bool | None = None) -> ProjectFacts:
    """The facts of a project. review: set from now on; None leaves it as it is."""
    if review is not None:
        put_setting(session, REVIEW, review)
    return ProjectFacts(project_id(session), bool(setting(session, REVIEW, False)))
