#!/usr/bin/env bash
# Pillow saves a JPEG on a disk that has room for a part of it, and says nothing: the file is cut off.
#
# For a file with a descriptor Pillow's encoder writes to that itself, 64 KiB at a time, and takes
# any answer of write(2) but -1 for all bytes. Where room runs out within a piece, write(2) says how
# many bytes it took; only the next call fails. After the last piece there is no next call, so
# Image.save returns, and the end of the image is missing. Of an image below 64 KiB, a thumbnail or
# most photographs of COCO's size, the last piece is the only one: no size of the disk gives an
# error unless it takes no byte at all. Uncompressed TIFF is the same. PNG is not: its end is
# written by Python.
# One would expect an OSError, as open(path, "wb").write(content) raises one. So a job that fills a
# disk, images with faces blurred for instance, ends well and leaves images whose lower part is grey
# or that can't be read. Saved to an io.BytesIO first and written by Python, it is an error.
# A limit on the size of files stands for the full disk here: write(2) answers alike.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import io
import os
import resource
import sys
from importlib.metadata import version

from PIL import Image

image = Image.effect_noise((240, 180), 60)
content = io.BytesIO()
image.save(content, "JPEG")
size = len(content.getvalue())


def ends(write) -> tuple[str, int]:
    """What becomes of a file on a disk with room for half of it: how the call ends, and its bytes."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, size // 2))
        try:
            write()
        except OSError:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    there = os.path.getsize("image.jpg") if os.path.exists("image.jpg") else 0
    return ("an OSError" if status else "no error"), there


by_pillow = ends(lambda: image.save("image.jpg"))
by_python = ends(lambda: open("image.jpg", "wb").write(content.getvalue()))
print(f"a JPEG of {size} bytes, and room for {size // 2}")
print(f"Image.save(path): {by_pillow[0]}, {by_pillow[1]} bytes in the file")
print(f"open(path, 'wb').write(…): {by_python[0]}")
print(f"pillow {version('pillow')}, Python {sys.version.split()[0]}")
if by_pillow == ("no error", size // 2) and by_python[0] == "an OSError":
    print("as found: the image is cut off, and nobody is told")
else:
    sys.exit("this has changed: look again")
PYTHON
