#!/usr/bin/env bash
# A mask saved by tifffile as an array of bool comes back as its complement in other programs.
#
# tifffile.imwrite("mask.tif", mask) of a bool array writes one bit a pixel and, without being asked,
# PhotometricInterpretation 0: the value 0 is white. It reads its own file back as it was, because
# it never applies that tag. Pillow and OpenCV do: True is black there, False is white. The same
# mask as uint8 (0 and 1, or 0 and 255) is called 1, black is zero, and comes back alike everywhere.
# One would expect a mask to survive a lossless format, or white to be True; as it is, the object
# and its surroundings change places between the program that made a data set and the one that
# learns from it, and the area of "the object" is the rest of the image.
# scikit-image's imsave hands its TIFF files to tifffile, bool arrays included.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tifffile==2026.3.3 \
    imagecodecs==2026.3.6 pillow==13.0.0 opencv-python-headless==4.14.0.94 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import cv2
import numpy as np
import tifffile
from PIL import Image

mask = np.zeros((40, 60), bool)
mask[10:20, 10:30] = True  # 200 of 2400 pixels
tifffile.imwrite("bool.tif", mask)
tifffile.imwrite("uint8.tif", mask.astype(np.uint8) * 255)
seen = {}
for name in ("bool.tif", "uint8.tif"):
    tag = tifffile.TiffFile(name).pages[0].photometric.name
    readings = {
        "tifffile": tifffile.imread(name),
        "Pillow": np.asarray(Image.open(name)),
        "OpenCV": cv2.imread(name, cv2.IMREAD_UNCHANGED),
    }
    seen[name] = {reader: int(np.count_nonzero(values)) for reader, values in readings.items()}
    print(f"{name} ({tag}): pixels of the object, of 200: {seen[name]}")
print(", ".join(f"{name} {version(name)}" for name in ("tifffile", "pillow", "numpy")), cv2.__version__)
inverted = {"tifffile": 200, "Pillow": 2200, "OpenCV": 2200}
if seen == {"bool.tif": inverted, "uint8.tif": dict.fromkeys(inverted, 200)}:
    print("as found: of an array of bool, other readers see the complement")
else:
    sys.exit("this has changed: look again")
PYTHON
