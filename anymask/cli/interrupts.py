"""Ctrl-C: a line instead of a traceback, whatever it breaks off. Imports next to nothing itself."""

from __future__ import annotations

import atexit
import os
import signal
from types import FrameType

EXIT_INTERRUPTED = 130
STOPPED = "anymask: stopped"
IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


def listen() -> None:
    """From now on Ctrl-C raises ``KeyboardInterrupt``, or ends the process while it imports.

    An import that is broken off has nothing to clean up, but all kinds of ways to go wrong: native
    modules report other errors, and Python drops what is raised where it takes a module's lock.
    Where Ctrl-C is ignored or handled by somebody else, that stays so.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _stop)
        # Nothing is left to clean up when Python shuts down; the signal then simply kills.
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_DFL)


def unlisten() -> None:
    """Undo ``listen``, for a program that goes on after the command."""
    if signal.getsignal(signal.SIGINT) is _stop:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _stop(number: int, frame: FrameType | None) -> None:
    if not _imports(frame):
        raise KeyboardInterrupt
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(EXIT_INTERRUPTED)


def _imports(frame: FrameType | None) -> bool:
    """Whether something is being imported at this moment."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORT_SYSTEM:
            return True
        frame = frame.f_back
    return False
