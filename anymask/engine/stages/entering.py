"""Entering: what has to be so before a project goes on to the next stage (§4).

The paper's team had 4.3 million masks of 120 thousand images when it went on from stage 1, and 10.2
million of 300 thousand from stage 2; the defaults here are for two people on their own photographs:
a day of work for the first step, two weeks for the second. Each is a number that can be set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anymask.engine.store.automation.audits import latest_figures
from anymask.engine.store.automation.figures import stage_figures
from anymask.engine.store.automation.models import model_in_use
from anymask.engine.store.automation.stages import StageEntry, current_stage, enter_stage
from anymask.engine.store.images import count_images
from anymask.engine.store.settings import put_setting, setting
from anymask.engine.store.store import Store
from anymask.engine.store.values import STAGES, Stage
from anymask.errors import StoreError

STAGE_RULES = "stage_rules"  # the setting: what was set of the rules, by stage
RULES: Mapping[Stage, Mapping[str, float]] = {
    STAGES[0]: {},
    # A detector that learned from 500 masks is sure of some; of fewer, it guesses. Suggestions have
    # to save more time than it takes to answer them.
    STAGES[1]: {"masks": 500, "images": 30, "saved": 1},
    # Automatic masks are for good, so people must have agreed with most of what was suggested. In
    # the paper's audit, 94 % of the masks had an IoU above 0.9.
    STAGES[2]: {"masks": 5_000, "images": 300, "accepted": 0.7, "audit": 0.8},
}
WORDS = {
    "masks": "masks in all",
    "images": "images done",
    "saved": "seconds that suggestions save in an image, on held-out images",
    "accepted": "share of suggestions that people accepted",
    "audit": "share of audited masks with an IoU above 0.9",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of a rule: something of the project is to be at least so much.

    name: as the rule calls it. has: None where it was not measured yet.
    """

    name: str
    wanted: float
    has: float | None

    @property
    def is_fulfilled(self) -> bool:
        """Whether it is so; 0 asks for nothing."""
        return self.wanted <= 0 or (self.has is not None and self.has >= self.wanted)

    def __str__(self) -> str:
        has = "not known yet" if self.has is None else _number(self.has)
        return f"{WORDS[self.name]}: {has}, {_number(self.wanted)} wanted"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a project stands. next: the stage to come; None in the last. rule: of its entry."""

    stage: Stage
    next: Stage | None
    rule: tuple[Condition, ...]

    @property
    def missing(self) -> tuple[Condition, ...]:
        """What the next stage's rule still wants."""
        return tuple(condition for condition in self.rule if not condition.is_fulfilled)


def standing(store: Store) -> Standing:
    """Where the project stands. Raises ``StoreError``."""
    now = store.read(current_stage)
    behind = STAGES[STAGES.index(now) + 1 :]
    return Standing(now, behind[0] if behind else None, rule_of(store, behind[0]) if behind else ())


def rule_of(store: Store, stage: Stage) -> tuple[Condition, ...]:
    """What the entry of a stage wants, and what there is of it. Raises ``StoreError``."""
    wanted = dict(RULES[stage]) | store.read(setting, STAGE_RULES, {}).get(stage, {})
    return tuple(
        Condition(name, number, MEASURES[name](store)) for name, number in wanted.items() if number
    )


def set_rule(store: Store, stage: Stage, numbers: Mapping[str, float]) -> None:
    """Set numbers of a stage's rule; the others stay, and 0 asks for nothing.

    Raises ``StoreError`` for a name that the stage's rule has not, and for a negative number.
    """
    known = RULES[stage]
    for name, number in numbers.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise StoreError("invalid", f"the rule of {stage} has no {name!r}; it has {names}")
        is_share = known[name] < 1
        if not 0 <= number <= (1 if is_share else float("inf")):
            least = "from 0 to 1" if is_share else "0 or more"
            raise StoreError("invalid", f"{name} is {least}, not {number:g}")
    rules = store.read(setting, STAGE_RULES, {})
    rules[stage] = rules.get(stage, {}) | dict(numbers)
    store.write(put_setting, STAGE_RULES, rules)


def enter(store: Store, stage: Stage, *, force: bool = False, reason: str = "") -> StageEntry:
    """Enter the next stage where its rule is fulfilled, or one that was entered before.

    force: whatever the rule says. reason: a person's; kept behind what the rule said. Raises
    ``StoreError`` with what is missing.
    """
    now = store.read(current_stage)
    step = STAGES.index(stage) - STAGES.index(now)
    if step == 0:
        raise StoreError("invalid", f"the project is in {stage} already")
    if step > 1 and not force:
        raise StoreError("invalid", f"{STAGES[STAGES.index(now) + 1]} comes before {stage}")
    rule = rule_of(store, stage) if step > 0 else ()
    missing = [str(condition) for condition in rule if not condition.is_fulfilled]
    if missing and not force:
        raise StoreError("invalid", f"{stage} is not entered yet: {'; '.join(missing)}")
    return store.write(enter_stage, stage, _reason(step, rule, bool(missing), reason), now)


def _reason(step: int, rule: tuple[Condition, ...], is_forced: bool, reason: str) -> str:
    if step < 0:
        said = "back to an earlier stage"
    else:
        said = "; ".join(map(str, rule)) or "its rule asks for nothing"
    parts = ["forced" if is_forced else "", said, reason.strip()]
    return ". ".join(part for part in parts if part)


def _masks(store: Store) -> float:
    return store.read(count_images).masks


def _images(store: Store) -> float:
    states = store.read(count_images).states
    return states["done"] + states["accepted"]


def _saved(store: Store) -> float | None:
    """By the detector in use, at its threshold."""
    detector = store.read(model_in_use, "detector")
    return None if detector is None else _figure(detector.figures, "saved_s")


def _accepted(store: Store) -> float | None:
    """Of the suggestions that people answered in stage 2."""
    figures = {one.stage: one for one in store.read(stage_figures)}
    return figures[STAGES[1]].share_accepted if STAGES[1] in figures else None


def _audit(store: Store) -> float | None:
    audit = store.read(latest_figures)
    return None if audit is None else _figure(audit[1], "share_above", "0.9", "share")


def _figure(figures: Any, *names: str) -> float | None:
    """What lies in figures under names in one another, as in JSON; None where nothing does."""
    for name in names:
        figures = figures.get(name) if isinstance(figures, Mapping) else None
    return float(figures) if isinstance(figures, int | float) else None


def _number(value: float) -> str:
    return f"{value:g}" if value < 100 else f"{value:,.0f}"


MEASURES: Mapping[str, Callable[[Store], float | None]] = {
    "masks": _masks,
    "images": _images,
    "saved": _saved,
    "accepted": _accepted,
    "audit": _audit,
}
