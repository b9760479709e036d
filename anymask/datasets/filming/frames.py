"""Frames of a film: of a video file that OpenCV reads, or images in the order of their numbers.

Shape legend: H W pixels.
"""

from __future__ import annotations

import hashlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import cv2

from anymask.core.image import RGB
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets.photographs import Photograph, find_photographs
from anymask.errors import Error, ImageError

# What is taken for a video; anything else is an image, a folder or a glob.
ENDINGS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm", ".wmv")
DEFAULT_FPS = 24.0
DIGITS = re.compile(r"(\d+)")


class Frames(ABC):
    """The frames of a film, by their numbers from 0 on. names: of their results, no two alike.

    location: as it was given. fps: frames a second. fingerprint: tells one film from another.
    """

    location: str
    names: tuple[str, ...]
    fps: float = DEFAULT_FPS
    fingerprint: str

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def pixels(self, number: int) -> RGB:
        """(H, W, 3). Raises ``ImageError``."""

    def number_of(self, path: str) -> int | None:
        """The number of the frame that is this file; None where none is."""
        return None

    def files(self) -> list[Path]:
        """All that is read: nothing of it may be written."""
        return [Path(self.location)]


class ImageFrames(Frames):
    """Images as frames, in the order of the numbers in their names: 9 before 10."""

    def __init__(
        self, location: str, photographs: Sequence[Photograph], reading: ReadOptions = AS_STORED
    ) -> None:
        """Raises ``Error`` for two that are told apart by folder or ending alone."""
        self.location, self.reading = location, reading
        self.photographs = sorted(photographs, key=lambda one: _in_order(one.name))
        self.names = tuple(one.stem for one in self.photographs)
        twice = next((name for name in self.names if self.names.count(name) > 1), None)
        if twice is not None:
            raise Error(f"{location} has two frames called {twice}; give the folder of one film")
        listed = "\n".join(one.name for one in self.photographs)
        self.fingerprint = hashlib.sha256(os.fsencode(listed)).hexdigest()[:16]

    def pixels(self, number: int) -> RGB:
        """(H, W, 3). Raises ``ImageError``."""
        return self.photographs[number].pixels(self.reading)

    def number_of(self, path: str) -> int | None:
        """The number of the frame that is this file; None where none is."""
        for number, one in enumerate(self.photographs):
            try:
                if os.path.samefile(one.url, path):
                    return number
            except OSError:
                continue
        return None

    def files(self) -> list[Path]:
        """All that is read."""
        return [Path(one.url) for one in self.photographs]


class VideoFrames(Frames):
    """The frames of a video file, named by their numbers from 1 on: ``00001``."""

    def __init__(self, path: Path) -> None:
        """Counts the frames. Raises ``ImageError`` for a file that is none, or has none."""
        self.location, self._path = str(path), path
        video = self._open()
        fps = video.get(cv2.CAP_PROP_FPS)
        self.fps = float(fps) if 0 < fps < 1_000 else DEFAULT_FPS
        count = 0
        while video.grab():
            count += 1
        if not count:
            raise ImageError(f"{path} has no frames that OpenCV can read")
        self.names = tuple(f"{number:05}" for number in range(1, count + 1))
        size = path.stat().st_size
        self.fingerprint = hashlib.sha256(f"{path.name} {size} {count}".encode()).hexdigest()[:16]
        self._video, self._next = self._open(), 0

    def pixels(self, number: int) -> RGB:
        """(H, W, 3); one behind the other is fastest. Raises ``ImageError``."""
        if number < self._next:
            self._video, self._next = self._open(), 0
        while self._next < number:  # to seek is quicker, and in many files wrong by some frames
            self._video.grab()
            self._next += 1
        there, bgr = self._video.read()
        self._next += 1
        if not there:
            raise ImageError(f"{self.location} can't be read at frame {number + 1}")
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype("uint8")

    def _open(self) -> cv2.VideoCapture:
        video = cv2.VideoCapture(str(self._path))
        if not video.isOpened():
            raise ImageError(f"{self._path} is no video that OpenCV can read")
        return video


def open_frames(arguments: Sequence[str], reading: ReadOptions = AS_STORED) -> Frames:
    """The frames of a video file, or of images, folders and globs. Raises ``Error``."""
    if len(arguments) == 1 and arguments[0].lower().endswith(ENDINGS):
        path = Path(arguments[0])
        if not path.is_file():
            raise Error(f"there is no file {path}")
        return VideoFrames(path)
    listing = find_photographs(arguments)
    if listing.unread:
        first = listing.unread[0]
        raise Error(f"{first.name} {first.reason}")
    location = ", ".join(arguments)
    if not listing.photographs:
        raise Error(f"there are no frames in {location}")
    return ImageFrames(location, listing.photographs, reading)


def _in_order(name: str) -> list[tuple[bool, int, str]]:
    """Numbers in a name by their value."""
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in DIGITS.split(name)
    ]
