"""Origins: what the report says of how each result came about, and nothing of anybody's folders."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from anymask.evaluation.report.layout import Labels
from anymask.evaluation.report.markdown import DASH, bare, count, escaped, table
from anymask.evaluation.result import NO_MODEL, Result

NAMED = 5  # of what was passed over


def origins(results: Sequence[Result], labels: Labels) -> Iterator[str]:
    """The last section: a row a result, the machines, the commands."""
    machines = list(dict.fromkeys(_machine(result) for result in results))
    several = len(machines) > 1
    head = ["experiment", *labels.heads, "passed over", "limit", "seed", "seconds", "overhead"]
    head += ["commit", "date", *["machine"] * several]
    rows = []
    for result in results:
        cells = [_experiment(result), *labels.cells(result), count(len(result.unread))]
        cells += [DASH if result.limit is None else count(result.limit), str(result.seed)]
        cells += [count(result.seconds), _overhead(result)]
        cells += [result.commit or DASH, result.date or DASH]
        rows.append([*cells, *[str(machines.index(_machine(result)) + 1)] * several])
    yield table(head, rows, texts=1 + labels.texts)
    yield (
        "Seconds are those of all processes together; overhead is the time outside the model, as "
        "a share of the time in it (%)."
    )
    left_out = [_passed_over(result, labels) for result in results if result.unread]
    if left_out:
        yield "\n".join(["Passed over:", "", *left_out])
    if several:
        lines = [f"{number}. {machine}" for number, machine in enumerate(machines, start=1)]
        yield "\n".join(["Machines:", "", *lines])
    else:
        yield f"Made on {machines[0]}."
    commands = [plain_command(result.command) for result in results if result.command]
    if commands:
        yield "\n".join(["```sh", *dict.fromkeys(commands), "```"])


def plain_command(command: str) -> str:
    """A command without folders: what has a separator in it is known by its last name."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return shlex.join(map(_plain_word, words)).replace("```", "'''")


def _plain_word(word: str) -> str:
    name, equals, value = word.partition("=")
    if equals and bare(name) == name:
        return f"{name}={bare(value)}"
    return bare(word)


def _experiment(result: Result) -> str:
    detector = result.options.get("detector") if result.model == NO_MODEL else None
    return escaped(f"{result.experiment} ({detector})" if detector else result.experiment)


def _passed_over(result: Result, labels: Labels) -> str:
    """The names of the first, and how many more."""
    names = [_within(str(unread.get("name", ""))) for unread in result.unread]
    more = [f"{len(names) - NAMED} others"] * (len(names) > NAMED)
    what = ", ".join([_experiment(result), *labels.cells(result)[: labels.texts]])
    return f"- {what}: {', '.join([*map(escaped, names[:NAMED]), *more])}"


def _within(name: str) -> str:
    """A sample's name, which may have folders of the dataset in it, but no others."""
    is_outside = name.startswith(("/", "\\", "~", "..")) or ":" in name
    return bare(name) if is_outside else name


def _overhead(result: Result) -> str:
    if result.model_seconds <= 0:
        return DASH
    return f"{100 * (result.seconds - result.model_seconds) / result.model_seconds:.1f}"


def _machine(result: Result) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    return escaped("; ".join(filter(None, [result.machine or "a machine unknown", versions])))
