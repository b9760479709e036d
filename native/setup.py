"""Compiles the same loops for each set of instructions: the processor at hand decides later."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("anymask_native")
OPTIONS = ["-O3", "-ffp-contract=fast", "-fno-math-errno", "-Wall", "-Wextra", "-Wno-psabi"]
AVX2 = ["-mavx2", "-mfma"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"]
INSTRUCTIONS = {"avx2": AVX2, "avx512": AVX512, "avx512_bf16": [*AVX512, "-mavx512bf16"]}


def libraries() -> list[Extension]:
    """One of each set; none where GCC's vectors or x86-64 are not at hand."""
    if platform.machine() not in ("x86_64", "AMD64") or sys.platform == "win32":
        return []
    return [
        Extension(
            f"anymask_native.loops_{name}",
            [str(SOURCES / "few_rows.c"), str(SOURCES / "upscaling.c")],
            depends=[str(path) for path in sorted(SOURCES.glob("*.h"))],
            extra_compile_args=[*OPTIONS, *options],
            py_limited_api=True,  # not a Python module at all: loaded by ctypes
        )
        for name, options in INSTRUCTIONS.items()
    ]


setup(ext_modules=libraries(), options={"bdist_wheel": {"py_limited_api": "cp311"}})
