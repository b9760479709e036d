"""SA-1B's samples: pairs in folders, and shards whole, gzipped, far away and cut anywhere."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import tarfile
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.annotations import Annotation, ImageRecord, Record
from anymask.datasets import sa1b_dataset, sa1b_record
from anymask.datasets.listing import list_files
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Sample
from anymask.errors import DatasetError

HW = (6, 8)
NAMES = [f"s/sa_{n}.jpg" for n in range(1, 6)]


def photograph(number: int) -> bytes:
    """The bytes of a picture, others for each number."""
    content = io.BytesIO()
    Image.new("RGB", HW[::-1], (number, 0, 0)).save(content, "PNG")
    return content.getvalue()


def record(number: int, *areas: int) -> bytes:
    """A record with a mask of each area, of two pixels if none is given."""
    annotations: list[Annotation] = []
    for area in areas or (2,):
        mask = np.zeros(HW, bool)
        mask.flat[:area] = True
        annotations.append(
            Annotation(
                id=len(annotations), segmentation=rle.encode(mask), bbox=[0.0, 0.0, 2.0, 1.0],
                area=area, predicted_iou=0.9, stability_score=0.9,
                crop_box=[0.0, 0.0, 8.0, 6.0], point_coords=[[0.5, 0.5]],
            )
        )  # fmt: skip
    image = ImageRecord(image_id=number, file_name=f"sa_{number}.jpg", width=HW[1], height=HW[0])
    return sa1b_record.to_bytes(Record(image=image, annotations=annotations))


def pairs(count: int = 5) -> list[tuple[str, bytes]]:
    """The files of SA-1B: each image with its record."""
    return [
        file
        for n in range(1, count + 1)
        for file in ((f"./sa_{n}.jpg", photograph(n)), (f"./sa_{n}.json", record(n)))
    ]


def tar_of(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A tar of these files, in this order."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def make(folder: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """A folder with these files."""
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def read_all(location: Path | str) -> list[Sample | Unread]:
    """All samples, each of a copy of its part; those of ``pairs`` are whole."""
    dataset = sa1b_dataset.read(list_files(str(location)))
    assert dataset is not None
    found = [sample for part in dataset.parts for sample in pickle.loads(pickle.dumps(part)).read()]
    for sample in found:
        if isinstance(sample, Sample):
            number = int(sample.name.rpartition("_")[2].partition(".")[0])
            assert sample.content == photograph(number)
            assert sample.pixels().shape == (*HW, 3)
            assert [rle.area(mask) for mask in sample.masks] == [2]
            assert sample.groups == (None,)
    return found


def in_shard(path: Path, content: bytes) -> tuple[list[str], list[Unread]]:
    """The names of the samples of a shard, and what is unread."""
    path.write_bytes(content)
    found = read_all(path)
    samples = [sample.name for sample in found if isinstance(sample, Sample)]
    return samples, [one for one in found if isinstance(one, Unread)]


def test_pairs_are_found_to_the_bottom(tmp_path: Path) -> None:
    make(tmp_path, pairs(2))
    make(tmp_path / "deep" / "er", pairs(1))
    make(tmp_path, [("about.json", b"{}"), ("notes.txt", b"")])
    assert [sample.name for sample in read_all(tmp_path)] == [
        "deep/er/sa_1.jpg",
        "sa_1.jpg",
        "sa_2.jpg",
    ]
    dataset = sa1b_dataset.read(list_files(str(tmp_path)))
    assert dataset
    assert (dataset.kind, len(dataset)) == ("SA-1B records", 3)


def test_pairs_that_are_broken_or_empty_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    make(tmp_path, [*pairs(1), ("sa_2.jpg", b""), ("sa_3.jpg", b""), ("sa_3.json", b"{")])
    make(tmp_path, [("sa_4.jpg", b""), ("sa_4.json", record(4, 0))])
    one, two, three, four = read_all(tmp_path)
    assert isinstance(one, Sample)
    assert two == Unread("sa_2.jpg", "has no record beside it")
    assert isinstance(three, Unread)
    assert three.reason.startswith("sa_3.json is no JSON")
    assert four == Unread("sa_4.jpg", "has no object in its mask")
    dataset = sa1b_dataset.read(list_files(str(tmp_path)))
    (tmp_path / "sa_1.jpg").unlink()
    assert dataset
    assert list(dataset.parts[0].read()) == [
        Unread("sa_1.jpg", "can't be read: No such file or directory")
    ]


@pytest.mark.parametrize("other", [b"{}", b'{"shapes": [], "imagePath": "sa_1.jpg"}'])
def test_records_of_others_are_no_pairs(tmp_path: Path, other: bytes) -> None:
    make(tmp_path, [("sa_1.jpg", photograph(1)), ("sa_1.json", other)])
    assert sa1b_dataset.read(list_files(str(tmp_path))) is None


@pytest.mark.parametrize("name", ["s.tar", "s.tar.gz", "s.tgz", "s.TAR"])
def test_a_shard_is_a_part_with_samples_in_their_order(tmp_path: Path, name: str) -> None:
    content = tar_of(reversed(pairs()))
    gzipped = name not in ("s.tar", "s.TAR")
    found = in_shard(tmp_path / name, gzip.compress(content) if gzipped else content)
    assert found == (NAMES[::-1], [])
    dataset = sa1b_dataset.read(list_files(str(tmp_path)))
    assert dataset
    assert [part.name for part in dataset.parts] == [name]
    assert dataset.kind == "SA-1B shards"
    assert [len(list(dataset.parts[0].read())) for _ in range(2)] == [5, 5]


def test_shards_in_folders_globs_and_far_away(tmp_path: Path) -> None:
    make(tmp_path, [("deep/s.tar", tar_of(pairs(1))), ("t.tar", tar_of(pairs(1)))])
    assert [sample.name for sample in read_all(tmp_path)] == ["deep/s/sa_1.jpg", "t/sa_1.jpg"]
    assert [one.name for one in read_all(tmp_path / "*.tar")] == ["t/sa_1.jpg"]
    fsspec.filesystem("memory").pipe("/far_shards/s.tar.gz", gzip.compress(tar_of(pairs(1))))
    for location in (
        "memory://far_shards",
        "memory://far_shards/*",
        "memory://far_shards/s.tar.gz",
    ):
        assert [sample.name for sample in read_all(location)] == ["s/sa_1.jpg"]


def test_shards_and_pairs_together_but_not_what_was_unpacked(tmp_path: Path) -> None:
    make(tmp_path, [("s.tar", tar_of(pairs(2))), ("t.tar", tar_of(pairs(1)))])
    make(tmp_path / "s", pairs(2))
    names = [sample.name for sample in read_all(tmp_path)]
    assert names == ["s/sa_1.jpg", "s/sa_2.jpg", "t/sa_1.jpg"]
    dataset = sa1b_dataset.read(list_files(str(tmp_path)))
    assert dataset
    assert dataset.kind == "SA-1B records and SA-1B shards"


def test_shards_of_one_name_are_refused(tmp_path: Path) -> None:
    make(tmp_path, [("s.tar", tar_of(pairs(1))), ("s.tar.gz", gzip.compress(tar_of(pairs(1))))])
    with pytest.raises(DatasetError, match="a shard both plain and gzipped"):
        sa1b_dataset.read(list_files(str(tmp_path)))


def test_what_is_not_whole_in_a_shard_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    files = [
        ("info.txt", b"x"), ("._sa_1.jpg", b"x"), *pairs(1), ("sa_2.jpg", photograph(2)),
        ("sa_3.json", b"{}"), ("sa_3.png", photograph(3)), ("sa_4.json", record(4)), *pairs(1),
        ("../sa_5.jpg", photograph(5)), ("notes.md", b"x"), ("/sa_5.json", record(5)),
    ]  # fmt: skip
    samples, unread = in_shard(tmp_path / "s.tar", tar_of(files))
    assert samples == [NAMES[0], NAMES[4]]
    assert unread == [
        Unread("s/sa_2.jpg", "has no record beside it"),
        Unread("s/sa_3.png", "s/sa_3.json is no SA-1B record: it lacks 'image'"),
        Unread("s/sa_4.json", "has no image beside it"),
        Unread("s/sa_1.jpg", "is in its shard twice"),
    ]


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_shard_cut_anywhere_gives_what_precedes_the_cut(tmp_path: Path, gzipped: bool) -> None:
    whole = tar_of(pairs())
    content = gzip.compress(whole) if gzipped else whole.rstrip(b"\0")
    cuts = {
        *random.Random(0).sample(range(len(content)), 60),
        *range(0, len(content), tarfile.BLOCKSIZE),
    }
    before = 0
    for cut in sorted(cuts):
        samples, unread = in_shard(tmp_path / "s.tar", content[:cut])
        assert samples == NAMES[: len(samples)]
        assert len(samples) >= before
        before = len(samples)
        if unread:
            assert [shard.name for shard in unread] == ["s.tar"]
        else:  # only zeros and a checksum are lost
            assert gzipped
            assert samples == NAMES
    assert before >= 4


def test_damage_in_the_middle_is_named(tmp_path: Path) -> None:
    content = bytearray(tar_of(pairs()))
    third = content.index(b"./sa_3.jpg")
    content[third + 150] ^= 0xFF
    samples, unread = in_shard(tmp_path / "s.tar", bytes(content))
    assert samples == NAMES[:2]
    assert unread == [Unread("s.tar", f"is damaged at byte {third}")]


def test_damage_within_a_gzipped_shard_is_named(tmp_path: Path) -> None:
    noise = [(f"{n}.bin", random.Random(n).randbytes(5000)) for n in range(9)]
    content = bytearray(gzip.compress(tar_of([*pairs(2), *noise, *pairs(2)])))
    content[len(content) // 2 :] = b"\xff" * (len(content) // 2)
    samples, unread = in_shard(tmp_path / "s.tar.gz", bytes(content))
    assert samples == NAMES[:2]
    assert [shard.name for shard in unread] == ["s.tar.gz"]


def test_where_a_shard_is_cut_is_said(tmp_path: Path) -> None:
    content = tar_of(pairs(1))
    inside = content.index(b'{"image"') + 9
    assert in_shard(tmp_path / "s.tar", content[:inside]) == (
        [],
        [Unread("s.tar", "is cut off within sa_1.json")],
    )
    cut = content.rstrip(b"\0")
    cut += b"\0" * (-len(cut) % tarfile.BLOCKSIZE)
    assert in_shard(tmp_path / "s.tar", cut) == (
        NAMES[:1],
        [Unread("s.tar", "is cut off: it lacks the mark at a tar file's end")],
    )


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1f\x8b", b"\x1f\x8bhello", b"x" * 2000])
def test_what_is_no_tar_is_named(tmp_path: Path, content: bytes) -> None:
    samples, unread = in_shard(tmp_path / "s.tar", content)
    assert samples == []
    assert len(unread) == 1
    assert unread[0].reason.startswith("is no tar file, or damaged: ")


def test_a_shard_that_is_gone_is_named(tmp_path: Path) -> None:
    dataset = sa1b_dataset.read(list_files(str(make(tmp_path, [("s.tar", b"")]))))
    (tmp_path / "s.tar").unlink()
    assert dataset
    (gone,) = dataset.parts[0].read()
    assert gone == Unread("s.tar", "can't be read: No such file or directory")


@pytest.mark.parametrize("gzipped", [False, True])
def test_a_large_shard_is_not_held_in_memory(tmp_path: Path, gzipped: bool) -> None:
    large = b"\0" * (4 << 20)
    files = [file for n in range(10) for file in ((f"sa_{n}.jpg", large), (f"{n}.bin", large))]
    content = tar_of(files)
    (tmp_path / "s.tar").write_bytes(gzip.compress(content, 1) if gzipped else content)
    del content, files
    dataset = sa1b_dataset.read(list_files(str(tmp_path)))
    assert dataset
    tracemalloc.start()
    try:
        found = sum(1 for _ in dataset.parts[0].read())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == 10
    assert peak < 5 * len(large)


def test_a_shard_is_read_from_a_stream_that_can_not_go_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *where: int) -> int:
            raise io.UnsupportedOperation("seek")

        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size, 700) if size and size > 0 else size)

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            return super().readinto(memoryview(buffer)[:700])

    content = tar_of(pairs())
    make(tmp_path, [("s.tar", content)])
    for sent in (content, gzip.compress(content)):
        monkeypatch.setattr(sa1b_dataset, "open_binary", lambda url, sent=sent: Pipe(sent))
        assert [sample.name for sample in read_all(tmp_path)] == NAMES
