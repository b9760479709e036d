"""Compiles the same loops once for each instruction set: the processor at hand decides later."""

from __future__ import annotations

import platform
import sys

from setuptools import Extension, setup

OPTIONS = ["-O3", "-ffp-contract=fast", "-Wall", "-Wextra", "-Wno-psabi"]
AVX2 = ["-mavx2", "-mfma"]
# The names that torch gives them (``torch.backends.cpu.get_cpu_capability``), in lower case.
INSTRUCTIONS = {
    "avx2": AVX2,
    "avx512": [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"],
}


def libraries() -> list[Extension]:
    """One of each instruction set; none where GCC's vectors or x86-64 are not at hand."""
    if platform.machine() not in ("x86_64", "AMD64") or sys.platform == "win32":
        return []
    return [
        Extension(
            f"anymask_native.few_rows_{name}",
            ["anymask_native/few_rows.c"],
            depends=["anymask_native/products.h"],
            extra_compile_args=[*OPTIONS, *options],
            py_limited_api=True,  # not a Python module at all: loaded by ctypes
        )
        for name, options in INSTRUCTIONS.items()
    ]


setup(ext_modules=libraries(), options={"bdist_wheel": {"py_limited_api": "cp311"}})
