"""``anymask engine stage``: which of the three stages a project is in, and the way to the next."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.serving.stores import StoreArgument, open_store
from anymask.errors import Error

if TYPE_CHECKING:
    from anymask.engine.stages.entering import Standing
    from anymask.engine.store.automation.stages import StageEntry
    from anymask.engine.store.store import Store


class StageName(StrEnum):
    """The stages of *Segment Anything* §4."""

    assisted_manual = "assisted-manual"
    semi_automatic = "semi-automatic"
    fully_automatic = "fully-automatic"


def stage(
    where: StoreArgument,
    enter: Annotated[
        StageName | None,
        typer.Option(help="Enter this stage, if its rule is fulfilled.", show_default=False),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Enter it whatever its rule says.")
    ] = False,
    reason: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Why; kept in the history.", show_default=False),
    ] = "",
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NUMBER",
            help="Change the rule of the next stage, or of the one to enter; 0 asks for nothing.",
            show_default=False,
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Print the stage, what was done in each, and what the next one's rule still wants.

    Stage 1, assisted-manual: people draw, the model helps. Stage 2, semi-automatic: a detector
    pre-fills what it is sure of (`anymask engine prefill`), and images with suggestions come to
    annotators first. Stage 3, fully-automatic: the model works alone (`anymask engine automatic`).
    """
    with open_store(where) as store:
        from anymask.engine.stages.entering import enter as enter_stage
        from anymask.engine.stages.entering import set_rule, standing
        from anymask.engine.store.automation.stages import stage_history

        if rule:
            goal = enter.value if enter is not None else standing(store).next
            if goal is None:
                raise Error("there is no stage behind fully-automatic: say with --enter which rule")
            set_rule(store, goal, _numbers(rule))
        if enter is not None:
            enter_stage(store, enter.value, force=force, reason=reason)
        now, history = standing(store), store.read(stage_history)
        if json_:
            typer.echo(json.dumps(_facts(now, history), indent=2, default=str))
            return
        _tell(store, now, history)


def _numbers(rules: list[str]) -> dict[str, float]:
    """``NAME=NUMBER`` as names and numbers. Raises ``Error``."""
    numbers = {}
    for text in rules:
        name, _, number = text.partition("=")
        try:
            numbers[name.strip()] = float(number)
        except ValueError:
            raise Error(f"--rule {text}: write NAME=NUMBER, such as masks=500") from None
    return numbers


def _tell(store: Store, now: Standing, history: tuple[StageEntry, ...]) -> None:
    from anymask.cli.running.figures import print_stages
    from anymask.engine.store.automation.figures import stage_figures

    since = f", since {history[-1].entered_at.astimezone():%Y-%m-%d %H:%M}" if history else ""
    typer.echo(f"stage: {now.stage}{since}")
    print_stages(store.read(stage_figures))
    if now.next is None:
        typer.echo("it is the last stage")
        return
    typer.echo(f"{now.next}, the next stage, wants:")
    for condition in now.rule:
        typer.echo(f"  {'yes' if condition.is_fulfilled else 'no '}  {condition}")
    if not now.missing:
        typer.echo(f"it can be entered: --enter {now.next}")


def _facts(now: Standing, history: tuple[StageEntry, ...]) -> dict[str, object]:
    rule = [asdict(one) | {"is_fulfilled": one.is_fulfilled} for one in now.rule]
    entries = [asdict(entry) for entry in history]
    return {"stage": now.stage, "next": now.next, "rule": rule, "history": entries}
