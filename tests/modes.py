"""Modes of files and folders, as programs have to obey them who are not root."""

from __future__ import annotations

import os
import shutil

import pytest


def obeying_modes() -> tuple[str, ...]:
    """What goes before a command; nothing where the tests are not run by root. Skips elsewhere."""
    if os.name != "posix":
        pytest.skip("modes are not what keeps people out here")
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root may write anywhere, and there is no setpriv")
    return "setpriv", "--bounding-set", "-dac_override,-dac_read_search"
