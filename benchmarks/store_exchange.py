"""How much memory export and import take, of a store that is large.

    python benchmarks/store_exchange.py [--images 20000] [--masks 50] [--format coco]

Makes a store of so many images with so many masks each, exports it as the page and as the command
do, and imports what was exported into a fresh store, each in a process of its own whose peak is
printed, less what it has when it begins. Ends with 1 where an export's is more than ``--most-mb``.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from large_store import HW, fill
from PIL import Image

from anymask.datasets.writing.folder import ImageFiles
from anymask.datasets.writing.formats import DatasetFormat, write
from anymask.datasets.writing.losses import losses
from anymask.engine.exporting import annotated_images_of, write_zip
from anymask.engine.importing.importing import import_masks
from anymask.engine.importing.reading import MaskFiles
from anymask.engine.importing.report import ImportReport
from anymask.engine.store.annotators import local_annotator
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import list_images
from anymask.engine.store.store import Store

from machine import describe

KB_A_MB = 1024
Task = Callable[[Path, DatasetFormat], str]
Measure = tuple[str, float, float]  # what was done, MB, seconds


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--masks", type=int, default=50, help="in each image")
    parser.add_argument("--format", type=DatasetFormat, default=DatasetFormat.coco)
    parser.add_argument("--most-mb", type=float, default=500)
    parser.add_argument("--export-only", action="store_true")
    parser.add_argument("--folder", type=Path, help="where all of it lies meanwhile")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="exchange", dir=arguments.folder))
    try:
        with Store.open(root / "large.anymask") as store:
            fill(store, arguments.images, arguments.masks)
        print(f"{describe(1)}\n")
        masks = arguments.images * arguments.masks
        print(f"{arguments.images:,} images, {masks:,} masks, {arguments.format}\n")
        print("| done | more MB at its peak | s |\n|---|---:|---:|")
        exports = [apart(task, root, arguments.format) for task in (counted, packed, written)]
        if not arguments.export_only:
            apart(brought, root, arguments.format)
            apart(brought, root, arguments.format)
    finally:
        shutil.rmtree(root)
    return int(max(exports) > arguments.most_mb)


def apart(task: Task, root: Path, form: DatasetFormat) -> float:
    """Do something in a process of its own; how many MB more it has at its peak."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        name, more_mb, seconds = pool.apply(measured, (task, root, form))
    print(f"| {name} | {more_mb:,.0f} | {seconds:.0f} |", flush=True)
    return more_mb


def measured(
    task: Callable[[Path, DatasetFormat], str], root: Path, form: DatasetFormat
) -> Measure:
    """What was done, what it took at its peak, and for how long."""
    before, began = peak_mb(), time.perf_counter()
    name = task(root, form)
    return name, peak_mb() - before, time.perf_counter() - began


def peak_mb() -> float:
    """Of this process so far; what it was before it ran Python does not count."""
    status = Path("/proc/self/status").read_text()
    return float(status.partition("VmHWM:")[2].split()[0]) / KB_A_MB


def counted(root: Path, form: DatasetFormat) -> str:
    """What the format would lose."""
    with Store.open(root / "large.anymask") as store:
        losses(annotated_images_of(store), form)
    return "losses counted"


def packed(root: Path, form: DatasetFormat) -> str:
    """As the page exports."""
    with Store.open(root / "large.anymask") as store:
        images = write_zip(store, form, root / "out.zip")
    size = (root / "out.zip").stat().st_size
    (root / "out.zip").unlink()
    return f"zip file of {images:,} images, {size / 1e6:,.0f} MB"


def written(root: Path, form: DatasetFormat) -> str:
    """As the command exports."""
    with Store.open(root / "large.anymask") as store:
        images = write(annotated_images_of(store), root / "out", form, ImageFiles.none)
    size = sum(path.stat().st_size for path in (root / "out").rglob("*") if path.is_file())
    return f"folder of {images:,} images, {size / 1e6:,.0f} MB"


def brought(root: Path, form: DatasetFormat) -> str:
    """Import what was exported."""
    photos, report = root / "photos", ImportReport()
    with Store.open(root / "fresh.anymask") as store:
        if not photos.exists():
            picture(root, photos)
            scan_folder(store, photos)
        me = store.write(local_annotator)
        import_masks(store, me, MaskFiles.open(str(root / "out"), photos), report)
    return f"import: {report.masks:,} masks added, {report.already:,} there already"


def picture(root: Path, photos: Path) -> None:
    """An image file for each image of the large store, all the same."""
    content = io.BytesIO()
    Image.new("1", HW[::-1]).save(content, "PNG")
    with Store.open(root / "large.anymask") as store:
        after: str | None = None
        while True:
            page = store.read(list_images, after=after, limit=1000)
            for image in page.images:
                path = photos / image.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.getvalue())
            after = page.next
            if after is None:
                return


if __name__ == "__main__":
    sys.exit(main())
