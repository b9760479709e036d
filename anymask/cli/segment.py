"""``anymask segment``: images, prompts about each, masks out."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from anymask.cli.by_example.example_options import (
    LikeOption,
    UnlikeOption,
    examples_of,
    named_files,
    refuse_with_like,
)
from anymask.cli.by_words.among import AmongOption
from anymask.cli.by_words.text_options import TextOption, refuse_with_text, texts_of
from anymask.cli.options import (
    BandsOption,
    DeviceOption,
    DtypeOption,
    OfflineOption,
    PageOption,
    WeightsOption,
    WindowOption,
    read_options,
)
from anymask.cli.progress import work_bar
from anymask.cli.segmenting.answering import Wanted, answer, load_model, not_given, read
from anymask.cli.segmenting.answers import Rendering
from anymask.cli.segmenting.idle_options import idle_notes
from anymask.cli.segmenting.inputs import Inputs, inputs_alike, inputs_of_table, seems_wrong
from anymask.cli.segmenting.object_options import objects_of
from anymask.cli.segmenting.targets import Format, check_target, file_for, files_for, format_of
from anymask.core.atomic import make_folder
from anymask.datasets.photographs import Photograph, Unread
from anymask.datasets.prompting.candidate_file import CandidateFile
from anymask.datasets.prompting.examples import Examples
from anymask.datasets.prompting.object_prompt import ObjectPrompt
from anymask.errors import Error
from anymask.predict.load import ModelSource
from anymask.weights.registry import DEFAULT

EXIT_BROKEN = 1


def segment(
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="IMAGE",
            help="Images, folders, quoted globs, tar shards, or URLs of these; - for an image on "
            "standard input. Without any, those that --prompts names.",
            show_default=False,
        ),
    ] = None,
    point: Annotated[
        list[str],
        typer.Option(
            help="X,Y of the object in pixels; X,Y,0 for what does not belong to it. "
            "Several points are about one object.",
            metavar="X,Y[,0|1]",
            show_default=False,
        ),
    ] = [],  # noqa: B006 (typer copies it)
    box: Annotated[
        list[str],
        typer.Option(
            help="Box around the object. Several boxes are several objects.",
            metavar="X0,Y0,X1,Y1",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    mask: Annotated[
        list[Path],
        typer.Option(
            help="Rough mask of nearly the object's extent: a picture as large as the image, white "
            "on black, or opaque on transparent. For strokes there is --scribble.",
            metavar="PNG",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    scribble: Annotated[
        list[Path],
        typer.Option(
            help="Strokes on an empty picture as large as the image: white, green or yellow on the "
            "object; red, black, grey or blue on what does not belong to it; a single colour is "
            "the object.",
            metavar="PNG",
            show_default=False,
        ),
    ] = [],  # noqa: B006
    prompts: Annotated[
        Path | None,
        typer.Option(
            help="A table of prompts: columns image and x,y,label or x0,y0,x1,y1 or mask or "
            "scribble; lines with the same object are one.",
            metavar="CSV",
            show_default=False,
        ),
    ] = None,
    like: LikeOption = None,
    unlike: UnlikeOption = None,
    text: TextOption = None,
    among: AmongOption = None,
    weights: WeightsOption = DEFAULT,
    all_masks: Annotated[
        bool, typer.Option("--all-masks", help="Three masks for each object, best first.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write; its ending decides: .png picture, .json SA-1B record, "
            ".coco.json, .geojson, .svg polygons, .npz arrays. A file that is there is replaced. "
            "Without --out, IMAGE_mask.png in this folder, or IMAGE_mask_2.png and so on where "
            "that is there. For several images a folder.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format",
            help="The ending of files in a folder; png if not given.",
            show_default=False,
        ),
    ] = None,
    picture: Annotated[
        Rendering | None,
        typer.Option(
            help="What a .png shows. overlay, if not given: masks over the image; mask: what any "
            "object covers, white on black; labels: 16-bit numbers of objects, from 1; cutout: "
            "the object on transparent ground.",
            show_default=False,
        ),
    ] = None,
    clean: Annotated[
        bool | None,
        typer.Option(
            "--clean/--no-clean",
            help="Drop small islands and fill small holes of masks. On in pictures over the image, "
            "off in all else.",
            show_default=False,
        ),
    ] = None,
    json_: Annotated[
        bool,
        typer.Option(
            "--json", help="Print the SA-1B record on standard output, a line for each image."
        ),
    ] = False,
    page: PageOption = None,
    bands: BandsOption = None,
    window: WindowOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    offline: OfflineOption = False,
) -> None:
    """Segment what points, boxes, scribbles and masks point at, what examples show, or words name.

    A single click may mean a part or the whole: its picture shows three masks with their scores.
    With --like, a SegGPT answers where --weights names one, else what needs no training. With
    --text, everything in the image is ranked by the words; beside a point or box, they say which
    of its masks is meant. Who answered, and how sure it is, is told.
    """
    objects = objects_of(point, box, mask, scribble)
    reading = read_options(page, bands, window)
    examples = examples_of(like or [], unlike or [], reading)
    if examples is not None:
        refuse_with_like({"all-masks": all_masks})
    texts = texts_of(text)
    if texts:
        refuse_with_text({"all-masks": all_masks, "like": like, "prompts": prompts})
    if among is not None and (objects or not texts):
        raise typer.BadParameter("--among goes with --text, and without points and boxes")
    inputs = _inputs(images or [], objects, prompts, examples, texts, out)
    targets = _targets(images or [], inputs, out, form, json_)
    for target in targets:
        read_too = [*inputs.files(), *([prompts] if prompts else []), *named_files(like, unlike)]
        read_too += [Path(among)] if among else []
        check_target(target, read_too)
    written = format_of(targets[0]) if targets else None
    counts = [len(asked) for _, asked in inputs.asked]
    for note in idle_notes(written, picture, all_masks, clean, json_, counts):
        typer.echo(f"note: {note}", err=True)
    given = None if among is None else CandidateFile.read(among)
    wanted = Wanted(
        reading, picture or Rendering.overlay, all_masks, clean, json_, examples, texts, given
    )
    source = ModelSource(weights, device, dtype, offline or None)
    if len(inputs.asked) == 1 and not inputs.unread:
        _segment_one(source, inputs, targets, wanted)
    else:
        _segment_several(source, inputs, targets, wanted, out)


def _inputs(
    images: list[str],
    objects: list[ObjectPrompt],
    table: Path | None,
    examples: Examples | None,
    texts: tuple[str, ...],
    out: Path | None,
) -> Inputs:
    """Which images are asked what; notes are told. Raises ``BadParameter`` and ``Error``."""
    if table is None and not images:
        raise typer.BadParameter("say which image; - is standard input")
    if table is None and not objects and examples is None and not texts:
        raise typer.BadParameter(
            "say what to segment: --point, --box, --mask, --scribble, --like, --text or --prompts"
        )
    if objects and len(texts) > 1:
        raise typer.BadParameter("points, boxes, masks and scribbles go with one --text")
    if examples is not None and (objects or table is not None):
        raise typer.BadParameter(
            "--like takes the place of --point, --box, --mask, --scribble and --prompts"
        )
    if table is not None and objects:
        raise typer.BadParameter("--prompts takes the place of --point, --box, --mask, --scribble")
    if table is None:
        inputs = inputs_alike(images, objects, out)
    else:
        inputs = inputs_of_table(table, images, out)
    for note in inputs.notes:
        typer.echo(f"note: {note}", err=True)
    if not inputs.asked:
        unread = "".join(f"; {file.name} {file.reason}" for file in inputs.unread)
        raise Error(f"there are no images in {', '.join(images) or table}{unread}")
    return inputs


def _targets(
    images: list[str], inputs: Inputs, out: Path | None, form: Format | None, as_json: bool
) -> list[Path]:
    """A file for each image, or none where records are only printed."""
    photographs = inputs.photographs
    is_single = len(photographs) == 1 and not inputs.unread
    if (out is None and as_json) or (out is None and not is_single):
        if form is not None:
            raise typer.BadParameter(f"--format {form} goes with --out and a folder")
        if not as_json:
            raise typer.BadParameter("several images need a folder to write to: --out, or --json")
        return []
    named = [argument for argument in images if os.path.isdir(argument)]
    if out is not None and (not is_single or out.is_dir() or (named and not format_of(out))):
        return files_for(photographs, out, form or Format.png)
    if form is not None:
        raise typer.BadParameter(f"--format {form} goes with a folder; here --out decides")
    return [file_for(photographs[0], out)]


def _segment_one(source: ModelSource, inputs: Inputs, targets: list[Path], wanted: Wanted) -> None:
    """The only image: what is wrong with it is found before the weights are loaded."""
    photograph, objects = inputs.asked[0]
    asked = read(photograph, objects, wanted)
    answered = answer(load_model(source, wanted), photograph, objects, asked, wanted, image_id=0)
    for target in targets:
        make_folder(target.parent)
        answered.write(target, wanted.rendering)
        typer.echo(str(target), err=wanted.as_json)
    if wanted.as_json:
        typer.echo(json.dumps(answered.record()))


def _segment_several(
    source: ModelSource, inputs: Inputs, targets: list[Path], wanted: Wanted, out: Path | None
) -> None:
    """Image by image; what can't be done is told at the end, and all the rest is done."""
    broken = _broken_at_once(inputs, wanted)
    if len(broken) == len(inputs.asked):
        return _report(0, list(broken.values()), inputs.unread)
    model = load_model(source, wanted)
    with work_bar(len(inputs.asked) + len(inputs.unread)) as step:
        for _ in inputs.unread:
            step(False, "")
        for number, (photograph, objects) in enumerate(inputs.asked):
            if number in broken:
                step(False, "")
                continue
            try:
                asked = read(photograph, objects, wanted)
                answered = answer(model, photograph, objects, asked, wanted, photograph.image_id)
            except (Error, MemoryError) as error:
                broken[number] = _unread(photograph, error)
                step(True, "")
                continue
            if targets:
                make_folder(targets[number].parent)
                answered.write(targets[number], wanted.rendering)
            if wanted.as_json:
                typer.echo(json.dumps(answered.record()))
            step(True, "")
    if targets:
        typer.echo(str(out), err=wanted.as_json)
    _report(len(inputs.asked) - len(broken), [broken[n] for n in sorted(broken)], inputs.unread)


def _broken_at_once(inputs: Inputs, wanted: Wanted) -> dict[int, Unread]:
    """What can't be done, as the headers of files show, by number; told before all other work."""
    broken = {}
    for number, (photograph, objects) in enumerate(inputs.asked):
        if seems_wrong(photograph, objects) or not_given(photograph, wanted):
            try:
                read(photograph, objects, wanted)
            except (Error, MemoryError) as error:
                broken[number] = _unread(photograph, error)
    if broken:
        first = broken[min(broken)]
        typer.echo(
            f"note: {len(broken)} of {len(inputs.asked)} images can't be asked this and are left "
            f"out: {first.name}{' and others' if len(broken) > 1 else ''} ({first.reason})",
            err=True,
        )
    return broken


def _unread(photograph: Photograph, error: Error | MemoryError) -> Unread:
    """Why an image was not segmented, said once with its name."""
    if isinstance(error, MemoryError):
        return Unread(photograph.name, "does not fit in memory")
    return Unread(photograph.name, str(error).removeprefix(photograph.name).lstrip(": "))


def _report(done: int, broken: list[Unread], unread: Sequence[Unread]) -> None:
    """Say on stderr how it went; what is wrong comes last, where a person looks first."""
    wrong = [*broken, *unread]
    images = "1 image" if done + len(wrong) == 1 else f"{done + len(wrong)} images"
    typer.echo(f"{images}: {done} done, {len(wrong)} not", err=True)
    for file in wrong:
        typer.echo(f"  {file.name}: {file.reason}", err=True)
    if wrong:
        raise typer.Exit(EXIT_BROKEN)
