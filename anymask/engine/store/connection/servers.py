"""Servers: whether several work on one database of PostgreSQL, which they may."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from anymask.engine.store.connection.database import POSTGRES_OPTIONS

LOCK = 0x616E7973  # "anys": a number that PostgreSQL knows our servers by


@contextmanager
def counted_among_servers(engine: Engine) -> Iterator[bool]:
    """Be known as a server while this one runs; gives whether there is another.

    Each has a share of one lock, which whoever is alone can have whole. Nothing hangs on it: a
    database that was gone for a while counts no more.
    """
    own = create_engine(
        engine.url,
        connect_args=POSTGRES_OPTIONS,
        poolclass=NullPool,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",  # no transaction stays open
    )
    try:
        connection = own.connect()
    except DBAPIError:  # the store's own connections say what is wrong
        yield False
        return
    with connection:
        given = {"lock": LOCK}
        is_alone = connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), given)
        connection.execute(text("SELECT pg_advisory_lock_shared(:lock)"), given)
        if is_alone:
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), given)
        yield not is_alone
