"""A group of commands that are made when they are wanted, and known by name before."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from typer.core import TyperGroup

Command = Any  # click's; some versions of typer bring a click of their own
Context = Any


class CommandGroup(TyperGroup):
    """``list_commands`` says all there is; for a name that is none, one like it is suggested."""

    def resolve_command(
        self, context: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """The command that the first argument names, and the others. Raises ``UsageError``."""
        names = self.list_commands(context)
        if args[0] not in names and not args[0].startswith("-"):
            near = get_close_matches(args[0].lower(), names)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            context.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(context, args)
