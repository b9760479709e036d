"""Read options: which page and bands of an image file are looked at, and which values are light."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from anymask.errors import ImageError

Window = tuple[float, float] | Literal["auto"]


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How an image is read where its file leaves a choice; None: there must be none.

    page: of a TIFF, or frame of an animation, counted from 1. bands: three for red, green and blue,
    or one that is shown in grey, counted from 1; bands that are not named are not looked at, alpha
    neither. window: the values that become black and white, or "auto": percentiles
    (``rasters.scale.AUTO_PERCENTILES``).

    Raises ``ImageError`` for numbers that choose nothing.
    """

    page: int | None = None
    bands: tuple[int, ...] | None = None
    window: Window | None = None

    def __post_init__(self) -> None:
        if self.page is not None and self.page < 1:
            raise ImageError(f"pages count from 1: there is no page {self.page}")
        if self.bands is not None:
            self._check_bands(self.bands)
        if self.window is not None and self.window != "auto":
            self._check_window(self.window)

    def to_json(self) -> dict[str, Any]:
        """What is set, as plain JSON values; {} where nothing is."""
        plain = {
            "page": self.page,
            "bands": None if self.bands is None else list(self.bands),
            "window": list(self.window) if isinstance(self.window, tuple) else self.window,
        }
        return {name: value for name, value in plain.items() if value is not None}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ReadOptions:
        """What ``to_json`` gave. Raises ``ImageError``."""
        bands, window = plain.get("bands"), plain.get("window")
        return cls(
            plain.get("page"),
            None if bands is None else tuple(bands),
            tuple(window) if isinstance(window, list) else window,
        )

    @staticmethod
    def _check_bands(bands: tuple[int, ...]) -> None:
        if len(bands) not in (1, 3) or min(bands) < 1:
            shown = ",".join(map(str, bands))
            raise ImageError(
                f"bands are three numbers from 1 on (red, green, blue), or one, not {shown}"
            )

    @staticmethod
    def _check_window(window: tuple[float, float]) -> None:
        if len(window) != 2 or not all(map(math.isfinite, window)) or window[0] >= window[1]:
            shown = ",".join(f"{value:g}" for value in window)
            raise ImageError(f"a window is a lower and a higher value, not {shown}")


AS_STORED = ReadOptions()


def bands_of(text: str) -> tuple[int, ...]:
    """Bands as a person writes them: ``1,2,3`` or ``1``. Raises ``ValueError``."""
    return tuple(int(band) for band in text.split(","))


def window_of(text: str) -> Window:
    """A window as a person writes it: ``0,4095`` or ``auto``. Raises ``ValueError``."""
    if text == "auto":
        return "auto"
    low, high = (float(value) for value in text.split(","))
    return low, high
