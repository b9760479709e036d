"""``anymask dataset stats``: what the masks of datasets are like, side by side."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from anymask.cli.measuring.check import ProcessesOption
from anymask.cli.options import CrowdsOption, ImagesOption
from anymask.cli.progress import work_bar
from anymask.core.atomic import check_file_writable, check_writable, make_folder, writing
from anymask.datasets.dataset_options import DatasetOptions
from anymask.datasets.measuring.comparison import MeasuredDataset, to_json, write_pictures
from anymask.datasets.measuring.dataset_measures import DatasetMeasures
from anymask.datasets.measuring.image_measures import ImageMeasures, measure_part
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part
from anymask.errors import Error
from anymask.jobs.processes import in_order

CHUNK = 16  # parts that a process takes at once

SeveralDataArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA...",
        help="Datasets to compare, each a folder, file, glob or URL in any format that anymask "
        "reads.",
        show_default=False,
    ),
]


def stats(
    data: SeveralDataArgument,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="What a dataset is called, in the order of DATA; otherwise its folder's name.",
            show_default=False,
        ),
    ] = None,
    images: ImagesOption = "",
    crowds: CrowdsOption = None,
    processes: ProcessesOption = 1,
    out: Annotated[
        Path | None,
        typer.Option(metavar="JSON", help="Where to write all numbers.", show_default=False),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to draw them, as SVG.", show_default=False),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print all numbers as JSON on standard output.")
    ] = False,
) -> None:
    """Where masks lie, how many, how large and how concave they are, as in the SAM paper's §5.

    Concavity is 1 - area / area of the convex hull; of several datasets it is compared after
    sampling masks of equal sizes.
    """
    names = _names(data, name or [])
    if out:
        check_file_writable(out)
    if pictures:
        check_writable(pictures)
    options = DatasetOptions(images=images, crowds=crowds.value if crowds else "")
    opened = [options.open(location) for location in data]
    measured = [
        MeasuredDataset(label, dataset, _measures(dataset, processes))
        for label, dataset in zip(names, opened)
    ]
    for one in measured:
        if not one.measures.masks:
            raise Error(f"there is no mask in {one.dataset.location}")
    numbers = to_json(measured)
    if out:
        make_folder(out.parent)
        with writing(out) as part:
            part.write_text(json.dumps(numbers) + "\n")
    if pictures:
        for path in write_pictures(measured, pictures):
            typer.echo(str(path), err=True)
    if json_:
        typer.echo(json.dumps(numbers))
    else:
        for dataset in numbers["datasets"]:
            _print(dataset)


def _names(data: Sequence[str], names: Sequence[str]) -> list[str]:
    """What the datasets are called, each unlike the others. Raises ``BadParameter``."""
    if names and len(names) != len(data):
        raise typer.BadParameter(f"there are {len(data)} datasets and {len(names)} --name")
    chosen = list(names) or [location.rstrip("/").rsplit("/", 1)[-1] for location in data]
    counts = Counter(chosen)
    return [label if counts[label] == 1 else location for label, location in zip(chosen, data)]


def _measures(dataset: Dataset, processes: int) -> DatasetMeasures:
    measures = DatasetMeasures(dataset.notes)
    chunks = [dataset.parts[n : n + CHUNK] for n in range(0, len(dataset), CHUNK)]
    outcomes = closing(in_order(_measure_chunk, chunks, processes))
    with work_bar(len(dataset)) as step, outcomes as each:
        for chunk, images in zip(chunks, each):
            for image in images:
                measures.add(image)
            for _ in chunk:
                step(True, "")
    return measures


def _measure_chunk(parts: Sequence[Part]) -> list[ImageMeasures | Unread]:
    return [image for part in parts for image in measure_part(part)]


def _print(numbers: dict[str, Any]) -> None:
    """A dataset in a few lines; what can't be read, on stderr."""
    size, concavity = numbers["relative_size"], numbers["concavity"]
    typer.echo(
        f"{numbers['name']}: {numbers['images']:,} images, {numbers['masks']:,} masks, "
        f"{numbers['mean_masks_per_image']:.1f} an image ({numbers['data_kind']})"
    )
    crowding = ", ".join(
        f"{name} {100 * share:.1f} %" for name, share in numbers["images_by_masks"].items()
    )
    typer.echo(f"  images by number of masks: {crowding}")
    for title, values in (("relative size", size), ("concavity", concavity)):
        typer.echo(
            f"  {title}: mean {values['mean']:.4f}, median {values['median']:.4f}, "
            f"5 % to 95 % {values['5 %']:.4f} to {values['95 %']:.4f}"
        )
    if concavity["mean_stratified"] is not None:
        typer.echo(f"  concavity at equal sizes: mean {concavity['mean_stratified']:.4f}")
    for title in ("broken", "left_out"):
        counted = numbers[title] or {}
        for reason, number in counted.items():
            typer.echo(f"  {title.replace('_', ' ')}: {reason}: {number}", err=True)
