"""``anymask rate``: the page on which people say how good masks are, blind to whose they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.options import ImagesOption
from anymask.cli.serving.announcing import NoOpenOption, PortOption, announce
from anymask.errors import Error, MissingExtraError

if TYPE_CHECKING:
    from anymask.core.ratings.attention import Attention
    from anymask.core.ratings.rating import Rating
    from anymask.datasets.sample import Dataset
    from anymask.evaluation.result import Result


def rate(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT...",
            help="Results of `anymask evaluate points --set keep_masks=N`, of one model or several "
            "on the same data.",
            show_default=False,
        ),
    ],
    data: Annotated[
        list[str],
        typer.Option(
            metavar="PATH",
            help="The data that the results are of, once for each data set.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[
        Path, typer.Option(metavar="JSONL", help="The file of ratings; it goes on where it ended.")
    ] = Path("ratings.jsonl"),
    images: ImagesOption = "",
    rater: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Who rates; without it the page asks.", show_default=False
        ),
    ] = "",
    per_mask: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="How many raters each mask is to have. By default each rater rates all.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="So many objects of each data set, drawn by the seed.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of the draw and of the orders.")] = 0,
    port: PortOption = None,
    no_open: NoOpenOption = False,
) -> None:
    """Rate masks of models and of the truth, from 1 to 10, blind; Ctrl-C ends it.

    One mask at a time is shown, with the point that was to find it. A rating is kept as soon as it
    is given: the same command goes on where it ended. Several people can rate at once, each under
    a name and in an order of their own.
    """
    try:
        from anymask.engine.page import built_page
        from anymask.engine.rating.items import items_of
        from anymask.engine.rating.journal import Journal
        from anymask.engine.rating.photographs import Photographs
        from anymask.engine.rating.rate import RatingPlace, rate_app
        from anymask.engine.rating.room import Room, head_of, rater_named
        from anymask.engine.server import listen, serve, url_of
    except ModuleNotFoundError as missing:
        raise MissingExtraError(missing.name or "fastapi", "engine") from None
    from anymask.evaluation.questions import questions_of
    from anymask.evaluation.result import read_result

    static = built_page()
    read = [read_result(path) for path in results]
    drawn = questions_of(read, limit, seed)
    items = items_of(drawn.questions, seed)
    pictures = [item.picture for item in items]
    photographs = Photographs(_datasets(read, data, images), pictures, seed)
    models = list(dict.fromkeys(result.model for result in read))
    head = head_of(items, models, seed)
    name = rater_named(rater) if rater else ""
    with Journal(out, head) as journal, listen("127.0.0.1", port) as listening:
        room = Room(items, journal, seed, per_mask)
        app = rate_app(RatingPlace(room, photographs, head.plan, name), static)
        _tell(len(drawn.questions), drawn.unpaired, models, len(journal.ratings))
        url = url_of(listening)
        serve(app, listening, lambda: announce(url, open_it=not no_open))
        _report(room.ratings, out)


def _datasets(results: Sequence[Result], paths: Sequence[str], images: str) -> dict[str, Dataset]:
    """The data sets of results by name, opened. Raises ``Error``."""
    from anymask.core.read_options import ReadOptions
    from anymask.datasets.recognise import open_dataset
    from anymask.evaluation.report.markdown import bare

    named = {bare(path): path for path in paths}
    wanted = {result.data: result for result in results}
    if len(wanted) == 1 and len(paths) == 1:  # it may be called otherwise here
        named = dict.fromkeys(wanted, paths[0])
    if missing := [name for name in wanted if name not in named]:
        raise Error(f"results are of {missing[0]}: say with --data where it is")
    return {
        name: open_dataset(
            named[name], images=images or None, options=ReadOptions.from_json(result.reading)
        )
        for name, result in wanted.items()
    }


def _tell(objects: int, unpaired: int, models: Sequence[str], there: int) -> None:
    """What is rated, on standard error."""
    told = [f"{objects} object{'s' * (objects != 1)}"]
    told.append(f"masks of {', '.join(models)} and the truth")
    told += [f"{unpaired} objects left out that not all models answered"] if unpaired else []
    told += [f"{there} ratings there already"] if there else []
    typer.echo("; ".join(told), err=True)


def _report(ratings: Sequence[Rating], out: Path) -> None:
    """How each rater did, on standard error."""
    from anymask.core.ratings.attention import attention_of

    for one in attention_of(ratings):
        typer.echo(_shown(one), err=True)
    typer.echo(f"anymask: ended; all ratings are in {out}", err=True)


def _shown(one: Attention) -> str:
    passed = f"{one.checks - one.failed} of {one.checks} checks passed" if one.checks else ""
    words = [f"{one.ratings} ratings", f"{one.seconds:.1f} s each", passed]
    words.append("did not look closely enough" if one.is_inattentive else "")
    return f"{one.rater}: {', '.join(filter(None, words))}"
