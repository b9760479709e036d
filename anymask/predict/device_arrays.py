"""An embedding's arrays that stay on the device where they were computed.

Prompts about an image usually go to the device that encoded it, and nobody reads its numbers on the
host: then they are never copied there. No deep-learning library is imported here.

Shape legend: C channels, h w embedding grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from anymask.core.embedding import shapes_said
from anymask.core.geometry import Floats


class Shaped(Protocol):
    """An array of some library on some device."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its size along each axis."""
        ...


Array = TypeVar("Array", bound=Shaped)


class DeviceArrays(Mapping[str, Floats], Generic[Array]):
    """Named arrays as NumPy has them, each copied from its device when it is first read.

    on_device: the arrays where they are, such as ``image_embed`` (C, h, w). They stay there as long
    as the embedding lives; a pickled copy is NumPy alone.
    """

    def __init__(self, on_device: Mapping[str, Array], to_numpy: Callable[[Array], Floats]) -> None:
        self.on_device = on_device
        self._to_numpy = to_numpy
        self._on_host: dict[str, Floats] = {}

    def __getitem__(self, name: str) -> Floats:
        if name not in self._on_host:
            self._on_host[name] = self._to_numpy(self.on_device[name])
        return self._on_host[name]

    def __contains__(self, name: object) -> bool:
        return name in self.on_device

    def __iter__(self) -> Iterator[str]:
        return iter(self.on_device)

    def __len__(self) -> int:
        return len(self.on_device)

    def __repr__(self) -> str:
        return shapes_said(shapes(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


def shapes(arrays: Mapping[str, Floats]) -> dict[str, tuple[int, ...]]:
    """The shape of each array; none is copied from its device for it."""
    named: Mapping[str, Shaped] = arrays.on_device if isinstance(arrays, DeviceArrays) else arrays
    return {name: tuple(array.shape) for name, array in named.items()}
