"""The loops of anymask that PyTorch runs at half of a processor's rate, compiled.

anymask asks ``loops`` and goes on without if this is not installed (docs/adr/0027).
"""

from __future__ import annotations

from anymask_native.loops import INTERFACE, Loops, loops

__all__ = ["INTERFACE", "Loops", "loops"]
