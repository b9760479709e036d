"""The file of one of anymask's own rows, from the checkpoint of a run.

    .venv/bin/python benchmarks/distill_ship.py RUN/best anymask-small

Writes what the checkpoint has that the row's other weights have not.
"""

from __future__ import annotations

import argparse

from anymask.weights.adapters.adapter import write_adapter
from anymask.weights.load import load_checkpoint
from anymask.weights.registry import ROWS, find


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("row")
    asked = parser.parse_args()
    row = find(asked.row)
    (given,) = (one.name for one in ROWS if one.files == row.files and not one.adapter)
    file = row.adapter_file
    assert file is not None, f"{row.name} has no adapter"
    count = write_adapter(load_checkpoint(asked.checkpoint), load_checkpoint(given), file)
    print(f"{file}: {count} tensors, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
