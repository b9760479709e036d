"""Pictures are there whole or not at all."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest
from PIL import Image

from anymask.core.drawing.picture_files import save_picture
from anymask.errors import OutputError

REFUSED = 3


@pytest.mark.parametrize("name", ["picture.jpg", "picture.png"])
def test_a_picture_on_a_full_disk_is_an_error(tmp_path: Path, name: str) -> None:
    """Pillow alone writes a JPEG of one piece short, and says nothing."""
    picture = Image.effect_noise((240, 180), 60)
    child = os.fork()
    if child == 0:  # the limit is of this process alone
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        try:
            save_picture(picture, tmp_path / name)
        except OutputError:
            os._exit(REFUSED)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == REFUSED
    assert list(tmp_path.iterdir()) == []
