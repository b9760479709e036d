"""``anymask``: where the command line begins, and how its errors reach a person.

Next to nothing is imported before ``main`` runs, so that Ctrl-C is heard from the first moment.
"""

from __future__ import annotations

import os
import sys

from anymask.cli.interrupts import EXIT_INTERRUPTED, STOPPED, listen, unlisten

TYPE_CHECKING = False  # typing takes long to import
if TYPE_CHECKING:
    from anymask.cli.commands import app as app

EXIT_ERROR = 1


def main() -> None:
    """Run the command line: exit 0, 1 for an error explained in a line, 2 for wrong usage."""
    listen()
    try:
        _run()
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    finally:
        unlisten()


def _run() -> None:
    from anymask.cli.commands import app
    from anymask.errors import Error

    try:
        app()
    except Error as error:
        print(f"anymask: {error}", file=sys.stderr)
        sys.exit(EXIT_ERROR)
    except BrokenPipeError:  # a reader such as `head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)


def __getattr__(name: str) -> object:
    """``app``, imported when it is first used: by ``typer anymask.cli.main utils docs``."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from anymask.cli.commands import app

    return app


def __dir__() -> list[str]:
    return sorted([*globals(), "app"])
