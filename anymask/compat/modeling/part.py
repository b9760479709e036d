"""A part of the network as the official package shows it."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from torch import nn

Module = TypeVar("Module", bound=nn.Module)


class Part(Generic[Module]):
    """A module of ours behind official names; every other attribute is the module's own.

    So ``parameters()``, ``state_dict()`` and the rest are there, and the names in a state dict are
    the official ones.
    """

    def __init__(self, module: Module) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        if name == "module":  # asked for before it is set, when copied or unpickled
            raise AttributeError(name)
        return getattr(self.module, name)

    def __repr__(self) -> str:
        numbers = sum(parameter.numel() for parameter in self.module.parameters())
        return f"{type(self).__name__}({numbers:,} numbers)"
