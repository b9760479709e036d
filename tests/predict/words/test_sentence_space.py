"""Pictures as the sentences that name them, words as sentences: one space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anymask.errors import UnknownWeightsError
from anymask.predict.words.known_encoders import load_text_encoder, text_config
from anymask.predict.words.sentence_space import LIKELIEST, NAMES_WEIGH, names_config, pictures

CLASSES, NAMES = np.eye(40, 60, dtype=np.float32), np.eye(3, 60, 50, dtype=np.float32)


def test_a_picture_is_what_its_classes_and_its_names_say() -> None:
    shares = np.zeros((2, 40), np.float32)
    shares[0, 4], shares[1, [1, 2]] = 1, (0.75, 0.25)
    named = np.array([[0, 1, 0], [0.6, 0, 0.8]], np.float32)
    seen = pictures(shares, CLASSES, named, NAMES)
    np.testing.assert_allclose(np.linalg.norm(seen, axis=1), 1, atol=1e-6)
    assert seen[0, 51] / seen[0, 4] == pytest.approx(NAMES_WEIGH)
    assert seen[1, 1] / seen[1, 2] == pytest.approx(3)
    assert seen[1, 52] / seen[1, 50] == pytest.approx(0.8 / 0.6)


def test_only_the_likeliest_classes_are_heard() -> None:
    shares = np.linspace(1, 2, 40, dtype=np.float32)[None]
    seen = pictures(shares / shares.sum(), CLASSES, np.eye(1, 3, dtype=np.float32), NAMES)
    assert np.flatnonzero(seen[0, :40]).tolist() == list(range(40 - LIKELIEST, 40))


def test_a_space_is_of_its_adapter(tmp_path: Path) -> None:
    other = tmp_path / "other.npz"
    other.write_bytes(b"others")
    assert text_config("names") == names_config()
    assert text_config(str(other)) == names_config(other)
    assert names_config(other).space != names_config().space
    for wrong in (str(tmp_path / "none.npz"), "nothing", ""):
        with pytest.raises(UnknownWeightsError, match="no text encoder"):
            load_text_encoder(wrong)
