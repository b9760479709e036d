"""``anymask dataset check``: every fault of a dataset, with its file and its mask."""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial
from typing import Annotated

import typer

from anymask.cli.options import CrowdsOption, ImagesOption
from anymask.cli.progress import work_bar
from anymask.datasets.checking.check import Checkable, check_chunk, open_checkable
from anymask.datasets.checking.faults import MOST_NAMED, Findings
from anymask.datasets.checking.records import CheckOptions
from anymask.datasets.dataset_options import DatasetOptions
from anymask.jobs.processes import in_order

EXIT_FAULTS = 1

ProcessesOption = Annotated[
    int, typer.Option(min=1, metavar="N", help="How many processes of this machine share the work.")
]
DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="A folder, file, glob or URL of a dataset in any format that anymask reads.",
        show_default=False,
    ),
]


def check(
    data: DataArgument,
    images: ImagesOption = "",
    crowds: CrowdsOption = None,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Decode every image; otherwise its header is read.")
    ] = False,
    stripped: Annotated[
        bool, typer.Option("--stripped", help="EXIF, GPS, XMP and IPTC in an image are faults.")
    ] = False,
    allow_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="A key that SA-1B records may have beside SA-1B's own; may be given again.",
            show_default=False,
        ),
    ] = None,
    processes: ProcessesOption = 1,
    most: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many faults of a kind are named.")
    ] = MOST_NAMED,
    json_: Annotated[
        bool, typer.Option("--json", help="Print counts and faults as JSON on standard output.")
    ] = False,
) -> None:
    """Look for faults in a dataset; exit 1 if there are any.

    Of SA-1B's records each key of each mask is held against its run lengths and its image; of other
    formats, what can't be read or would be left out is a fault. Where there is a manifest.json,
    each file is held against its SHA-256.
    """
    options = DatasetOptions(images=images, crowds=crowds.value if crowds else "")
    checkable = open_checkable(data, options)
    for note in checkable.notes:
        typer.echo(f"note: {note}", err=True)
    chosen = CheckOptions(pixels, stripped, tuple(allow_key or ()), most)
    findings = _findings(checkable, chosen, processes)
    if json_:
        typer.echo(json.dumps({"data": data, "data_kind": checkable.kind, **findings.to_json()}))
    else:
        _print(checkable, findings)
    if findings.faults:
        raise typer.Exit(EXIT_FAULTS)


def _findings(checkable: Checkable, options: CheckOptions, processes: int) -> Findings:
    findings = Findings(options.most_named)
    findings.add(checkable.faults)
    work = partial(check_chunk, options=options)
    # Closed, so that its processes end before anything is said of being stopped.
    outcomes = closing(in_order(work, checkable.chunks, processes))
    with work_bar(len(checkable), "files") as step, outcomes as each:
        for chunk, outcome in zip(checkable.chunks, each):
            findings.merge(outcome)
            for _ in range(len(chunk)):
                step(True, f", {findings.faults} faults" if findings.faults else "")
    return findings


def _print(checkable: Checkable, findings: Findings) -> None:
    for line in findings.lines():
        typer.echo(line)
    counts = [
        (findings.images, "image", ""),
        (findings.masks, "mask", ""),
        *((count, "image", f" with {what}") for what, count in findings.metadata.items()),
        (findings.without_masks, "record", " without masks"),
        (findings.without_scores, "mask", " without scores"),
        (findings.files_hashed, "file", " hashed"),
    ]
    told = ", ".join(
        f"{count:,} {noun}{'s' * (count != 1)}{rest}"
        for count, noun, rest in counts
        if count or not rest
    )
    faults = "1 fault" if findings.faults == 1 else f"{findings.faults or 'no'} faults"
    typer.echo(f"{checkable.kind}: {told}; {faults}")
