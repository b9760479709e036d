"""Pickle names: which classes and functions a pickle asks for, read off it without running it."""

from __future__ import annotations

import pickletools
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

PICKLES_IN_A_FILE = 4  # of PyTorch's before 1.6: two numbers and the machine, then the content
LARGEST_PICKLE = 1 << 28  # bytes; beside it lie the tensors
STRINGS = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "SHORT_BINSTRING", "STRING")
KEPT, FETCHED = ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"), ("BINGET", "LONG_BINGET", "GET")


@dataclass(frozen=True)
class PickleNames:
    """What a pickle names.

    classes: classes and functions, by module and name, once each, in their order. strings: every
    string, such as keys of dictionaries.
    """

    classes: tuple[str, ...]
    strings: tuple[str, ...]


def pickle_names(path: Path) -> PickleNames:
    """The names in a PyTorch file of either format; of a damaged one, those before the damage."""
    classes: dict[str, None] = {}
    strings: dict[str, None] = {}
    for stream in _pickles(path):
        with suppress(Exception):  # whatever a damaged or hostile pickle has in store
            for kind, name in _names(stream):
                (classes if kind == "class" else strings)[name] = None
    return PickleNames(tuple(classes), tuple(strings))


def _pickles(path: Path) -> Iterator[IO[bytes]]:
    """The pickles of a file, each from where the last one ends."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if info.filename.endswith("/data.pkl") and info.file_size <= LARGEST_PICKLE:
                    yield BytesIO(archive.read(info))
        return
    with path.open("rb") as file:
        for _ in range(PICKLES_IN_A_FILE):
            yield file


def _names(stream: IO[bytes]) -> Iterator[tuple[str, str]]:
    """``class`` or ``string``, and the name. A class may be named by the last two strings."""
    memo: dict[int, str] = {}
    strings: list[str] = []
    memoized, is_string = 0, False
    argument: Any
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in KEPT:
            number = memoized if opcode.name == "MEMOIZE" else int(argument)
            memoized += 1
            if is_string:
                memo[number] = strings[-1]
            continue
        is_string = opcode.name in STRINGS or (opcode.name in FETCHED and int(argument) in memo)
        if opcode.name in STRINGS:
            strings.append(str(argument))
            yield "string", strings[-1]
        elif is_string:
            strings.append(memo[int(argument)])
        elif opcode.name == "GLOBAL":
            yield "class", _of_python_3(*str(argument).split(" ", 1))
        elif opcode.name == "STACK_GLOBAL":
            yield "class", ".".join(strings[-2:])


def _of_python_3(module: str, name: str = "") -> str:
    """A class by its name of today: the pickles that PyTorch writes have Python 2's."""
    if (module, name) in NAME_MAPPING:
        return ".".join(NAME_MAPPING[module, name])
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"
