"""Check: a dataset of any layout, unit by unit, in as many processes as wanted.

SA-1B's records are looked at key by key (``records``). Of other layouts, what their reader can't
read or leaves out is a fault, and images are held against their masks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from anymask.datasets.checking.coco_file import check_coco_file
from anymask.datasets.checking.faults import Fault, Findings, Kind
from anymask.datasets.checking.images import broken, head_of, metadata_faults, size_fault
from anymask.datasets.checking.records import CheckOptions, RecordChecks, fault_of
from anymask.datasets.dataset_options import DatasetOptions
from anymask.datasets.listing import Listing, is_image, is_json, list_files, read_file, stem
from anymask.datasets.locations import base_name
from anymask.datasets.photographs import LeftOut, Photograph
from anymask.datasets.release import manifest
from anymask.datasets.release.manifest import ManifestEntry
from anymask.datasets.sa1b_dataset import LoneRecord, RecordPair
from anymask.datasets.sa1b_shards import Shard
from anymask.datasets.sample import Dataset, Part, Sample
from anymask.errors import DatasetError, Error

CROWDS = " marked iscrowd 1 and "  # a decision of the reader, and not a fault
CHUNK = 32  # units that a process takes at once


@dataclass(frozen=True)
class Chunk:
    """Units of a dataset: its parts, and entries of its manifest. Known to pickle.

    files: the folder that the entries' files are in; none of them is listed.
    """

    parts: tuple[Part, ...] = ()
    entries: tuple[ManifestEntry, ...] = ()
    files: Listing | None = None

    def __len__(self) -> int:
        return len(self.parts) + len(self.entries)


@dataclass(frozen=True)
class Checkable:
    """A dataset as it will be checked.

    kind: its layout, in words. notes: what its reader decided. faults: what is known without
    reading its parts.
    """

    kind: str
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...]
    faults: tuple[Fault, ...]

    def __len__(self) -> int:
        return sum(map(len, self.chunks))


def open_checkable(location: str, options: DatasetOptions) -> Checkable:
    """A folder, file, glob or URL, in chunks. Raises ``DatasetError`` for no known layout."""
    files = list_files(location)
    dataset = _dataset(location, files, options)
    decided = [note for note in dataset.notes if not note.annotations or CROWDS in note.reason]
    faults = [fault_of(note) for note in dataset.notes if note not in decided]
    notes = [f"{note.name} {note.reason}" for note in decided]
    if dataset.annotations:
        faults += check_coco_file(dataset.annotations, base_name(dataset.annotations))
    if dataset.kind.startswith("SA-1B"):
        faults += _stray_faults(files, dataset)
    chunks = [Chunk(parts=dataset.parts[n : n + CHUNK]) for n in range(0, len(dataset), CHUNK)]
    entry_chunks, manifest_faults = _manifest(files)
    chunks += entry_chunks
    faults += manifest_faults
    return Checkable(dataset.kind, tuple(chunks), tuple(notes), tuple(faults))


def check_chunk(chunk: Chunk, options: CheckOptions) -> Findings:
    """What is wrong with some units."""
    findings = Findings(options.most_named)
    records = RecordChecks(findings, options)
    for part in chunk.parts:
        if isinstance(part.read, RecordPair):
            records.pair(part.read)
        elif isinstance(part.read, Shard):
            records.shard(part.read)
        elif isinstance(part.read, LoneRecord):
            records.lone(part.read)
        else:
            _check_samples(part, findings, options)
    if chunk.files is not None:
        for entry in chunk.entries:
            findings.files_hashed += 1
            reasons = _differences(chunk.files, entry)
            findings.add(Fault(entry.name, Kind.checksum, reason) for reason in reasons)
    return findings


def _dataset(location: str, files: Listing, options: DatasetOptions) -> Dataset:
    """The dataset; a folder whose records all are broken is still one of records."""
    try:
        return options.open(location)
    except DatasetError:
        images = {stem(name): name for name in files.paths if is_image(name)}
        records = [name for name in files.paths if is_json(name) and stem(name) in images]
        if not records or options.images or options.crowds:
            raise
    pairs = [
        RecordPair(Photograph(files.url(image), image), {name: files.url(name)})
        for name in records
        for image in [images[stem(name)]]
    ]
    parts = tuple(Part(pair.image.name, pair) for pair in pairs)
    return Dataset(location, "SA-1B records", parts)


def _stray_faults(files: Listing, dataset: Dataset) -> Iterator[Fault]:
    """JSON files that belong to no image, and are broken; others are not the dataset's."""
    used = {part.read.name for part in dataset.parts if isinstance(part.read, LoneRecord)}
    for part in dataset.parts:
        if isinstance(part.read, RecordPair):
            used.update(part.read.records)
    for name in files.paths:
        if is_json(name) and name not in used and name != manifest.MANIFEST:
            try:
                json.loads(read_file(files.url(name), name))
            except (ValueError, RecursionError) as error:
                yield Fault(name, Kind.json, f"is no JSON: {error}")
            except Error as error:
                yield Fault(name, Kind.not_read, str(error))


def _manifest(files: Listing) -> tuple[list[Chunk], list[Fault]]:
    """The entries whose files are there, and what is wrong with the others and with the list."""
    try:
        entries = manifest.read_manifest(files)
        if entries is None:
            return [], []
        there = [entry for entry in entries if manifest.is_there(files, entry)]
    except DatasetError as error:
        return [], [Fault(manifest.MANIFEST, Kind.json, str(error))]
    faults = [
        Fault(manifest.MANIFEST, Kind.value, f"lists {name} {count} times")
        for name, count in Counter(entry.name for entry in entries).items()
        if count > 1
    ]
    names = {entry.name for entry in there}
    faults += [
        Fault(entry.name, Kind.file_missing, "is in the manifest, and not there")
        for entry in entries
        if entry.name not in names
    ]
    faults += [
        Fault(name, Kind.not_listed, "is not in the manifest")
        for name in files.paths
        if name not in names and name != manifest.MANIFEST
    ]
    root = Listing(files.location, files.root, {})
    chunks = [
        Chunk(entries=tuple(there[n : n + CHUNK]), files=root) for n in range(0, len(there), CHUNK)
    ]
    return chunks, faults


def _differences(files: Listing, entry: ManifestEntry) -> list[str]:
    try:
        return list(manifest.differences(files, entry))
    except DatasetError as error:
        return [str(error)]


def _check_samples(part: Part, findings: Findings, options: CheckOptions) -> None:
    """The samples of a part, whatever its layout."""
    for sample in part.samples():
        if isinstance(sample, Sample):
            findings.images += 1
            findings.masks += len(sample.masks)
            findings.add(_sample_faults(sample, findings, options))
        elif not isinstance(sample, LeftOut) or sample.annotations:
            findings.add([fault_of(sample)])


def _sample_faults(sample: Sample, findings: Findings, options: CheckOptions) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for number, mask in enumerate(sample.masks):
        if (same := first.setdefault(mask["counts"], number)) != number:
            reason = f"has the same pixels as mask {same}"
            yield Fault(sample.name, Kind.identical, reason, number)
    try:
        head = head_of(sample.content, sample.name)
        if options.pixels:
            sample.pixels()
    except Error as error:
        yield broken(sample.name, error)
        return
    findings.metadata.update(head.metadata)
    if options.stripped:
        yield from metadata_faults(head, sample.name)
    height, width = sample.masks[0]["size"]
    yield from size_fault(head, sample.name, (height, width))


def findings_of(checkable: Checkable, options: CheckOptions) -> Iterator[Findings]:
    """The findings of each chunk, one after the other, in this process."""
    for chunk in checkable.chunks:
        yield check_chunk(chunk, options)
