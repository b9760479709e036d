#!/usr/bin/env bash
# A shard of which the end is missing reads as a shorter shard, and names with dots lose samples.
#
# Image and record pairs in a tar, as SA-1B ships them. (1) A download that broke off on the border
# between two files is still a readable tar, only without its closing zeros. Python's tarfile and
# webdataset both take that for the end: a training run sees fewer images, counts nothing and says
# nothing, also with a handler that would warn. (2) webdataset's key is the name up to its *first*
# dot, so "leaf.1.jpg" and "leaf.2.jpg" are one sample, whose second image is called "2.jpg"; asking
# for jpg and json finds neither. Whoever counts masks has to count what was promised, not what came.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check webdataset==1.0.2 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import io
import sys
import tarfile
import warnings
from importlib.metadata import version
from pathlib import Path

import webdataset

BLOCK = 512


def write(path: str, stems: list[str]) -> None:
    with tarfile.open(path, "w") as tar:
        for stem in stems:
            for ending in ("jpg", "json"):
                entry = tarfile.TarInfo(f"{stem}.{ending}")
                entry.size = 100
                tar.addfile(entry, io.BytesIO(b"x" * 100))


def read(path: str) -> tuple[int, int, int]:
    """Samples, samples with image and record, warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        shard = webdataset.WebDataset(path, shardshuffle=False, handler=webdataset.warn_and_continue)
        samples = list(shard)
    said = [one for one in caught if one.category is not ResourceWarning]  # of its own open file
    return len(samples), sum({"jpg", "json"} <= set(one) for one in samples), len(said)


write("whole.tar", [f"sa_{number}" for number in range(10)])
# Each file is a header and a block of data: cut after the fourth pair.
Path("cut.tar").write_bytes(Path("whole.tar").read_bytes()[: 4 * 2 * 2 * BLOCK])
write("dots.tar", ["leaf.1", "leaf.2", "leaf.3"])
whole, cut, dots = (read(f"{name}.tar") for name in ("whole", "cut", "dots"))
print(f"webdataset {version('webdataset')}")
for name, seen in (("10 pairs", whole), ("cut after 4 of 10", cut), ("3 pairs with dots", dots)):
    print(f"{name}: {seen[0]} samples, {seen[1]} with image and record, {seen[2]} warnings")
if (whole, cut, dots) == ((10, 10, 0), (4, 4, 0), (1, 0, 0)):
    print("as found: fewer samples, and nothing said")
else:
    sys.exit("this has changed: look again")
PYTHON
