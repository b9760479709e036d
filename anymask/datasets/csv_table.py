"""CSV tables that people bring: a header, and rows by the names of their columns."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from anymask.errors import DatasetError

Cells = dict[str, str]


def read_table(path: Path) -> Iterator[tuple[int, Cells]]:
    """The rows of a CSV file (UTF-8) with the numbers of their lines, cells without outer blanks.

    Names of columns are lower-case; a row's missing cells are empty. Raises ``DatasetError`` for
    a file that can't be read, has no header, two columns of a name, or a row with too many cells.
    """
    with _explained(path), path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = _header(path, next(reader, []))
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, _row(path, header, cells, reader.line_num)


def columns_of(path: Path) -> tuple[str, ...]:
    """The names of a table's columns. Raises ``DatasetError`` as ``read_table``."""
    with _explained(path), path.open(encoding="utf-8-sig", newline="") as file:
        return _header(path, next(csv.reader(file, strict=True), []))


def missing(path: Path, columns: Collection[str], expected: str) -> DatasetError:
    """The error of a table that lacks a column."""
    there = ", ".join(columns) or "nothing"
    return DatasetError(f"{path} has the columns {there}; expected is {expected}")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Whatever keeps a table from being read, as a ``DatasetError``."""
    try:
        yield
    except OSError as error:
        raise DatasetError(f"{path} can't be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DatasetError(f"{path} is no text in UTF-8; save the table as CSV in UTF-8") from None
    except csv.Error as error:
        raise DatasetError(f"{path} can't be read as a CSV table: {error}") from None


def _header(path: Path, cells: list[str]) -> tuple[str, ...]:
    names = tuple(cell.strip().lower() for cell in cells)
    if not any(names):
        raise DatasetError(f"{path} is no CSV table: its first line has no names of columns")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError(f"{path} has more than one column {twice[0]!r}")
    return names


def _row(path: Path, header: tuple[str, ...], cells: list[str], line: int) -> Cells:
    if len(cells) > len(header):
        raise DatasetError(
            f"{path}, line {line}, has {len(cells)} cells for {len(header)} columns; "
            f"put a cell that has commas in it between quotes"
        )
    padded = [*cells, *[""] * (len(header) - len(cells))]
    return {name: cell.strip() for name, cell in zip(header, padded)}
