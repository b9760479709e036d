"""Frames of films: of images in the order of their numbers, and of a video file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from anymask.datasets.filming.frames import VideoFrames, open_frames
from anymask.errors import Error, ImageError

LIGHTS = (10, 80, 150, 220)


def video(path: Path, fps: float = 10) -> Path:
    """Four frames, each lighter than the one before."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (48, 32))
    for light in LIGHTS:
        writer.write(np.full((32, 48, 3), light, np.uint8))
    writer.release()
    return path


def test_nine_comes_before_ten(tmp_path: Path) -> None:
    for number in (10, 9, 1, 100):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / f"frame{number}.png")
    frames = open_frames([str(tmp_path)])
    assert frames.names == ("frame1", "frame9", "frame10", "frame100")
    assert [int(frames.pixels(number)[0, 0, 0]) for number in range(4)] == [1, 9, 10, 100]
    assert frames.number_of(str(tmp_path / "frame9.png")) == 1
    assert frames.number_of(str(tmp_path)) is None


def test_a_video_is_read_to_and_fro(tmp_path: Path) -> None:
    frames = open_frames([str(video(tmp_path / "a.mp4"))])
    assert isinstance(frames, VideoFrames)
    assert frames.names == ("00001", "00002", "00003", "00004")
    assert frames.fps == pytest.approx(10)
    for number in (0, 1, 3, 2, 0, 3):
        assert frames.pixels(number).mean() == pytest.approx(LIGHTS[number], abs=6)
    assert frames.pixels(1).dtype == np.uint8


def test_what_is_no_film_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ImageError, match="no video"):
        open_frames([str(tmp_path / "text.mp4")])
    with pytest.raises(Error, match="there is no file"):
        open_frames([str(tmp_path / "lost.mp4")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(Error, match="no frames in"):
        open_frames([str(tmp_path / "empty")])
    for folder in "ab":
        (tmp_path / folder).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / folder / "1.png")
    with pytest.raises(Error, match="two frames called 1"):
        open_frames([str(tmp_path / "a"), str(tmp_path / "b")])
