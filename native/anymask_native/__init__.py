"""The loops of anymask that PyTorch runs at half of a processor's rate, compiled.

anymask asks ``few_rows`` and goes on without if this is not installed (docs/adr/0027).
"""

from __future__ import annotations

from anymask_native.few_rows import INTERFACE, FewRows, few_rows

__all__ = ["INTERFACE", "FewRows", "few_rows"]
