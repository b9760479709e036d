"""Server: an address of this machine, and an application that answers there until Ctrl-C."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from anymask.errors import Error

FIRST_PORT, PORTS_TRIED = 8420, 20
BACKLOG = 128
GRACE_S = 2  # for answers under way


def listen(host: str, port: int | None = None) -> socket.socket:
    """A socket that listens; requests wait in it until they are served.

    port: None for the first free one from 8420 on, 0 for any. Raises ``Error`` for a port or a host
    that can't be had.
    """
    candidates = range(FIRST_PORT, FIRST_PORT + PORTS_TRIED) if port is None else (port,)
    for candidate in candidates:
        try:
            return _bound(host, candidate)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                reason = error.strerror or str(error)
                raise Error(f"can't listen on {host}, port {candidate}: {reason}") from None
    if port is None:
        raise Error(
            f"the ports {FIRST_PORT} to {candidates[-1]} of {host} are all in use: give another "
            "with --port"
        )
    raise Error(f"port {port} of {host} is in use: give another, or no --port for the next free")


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere two programs could share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def url_of(listening: socket.socket) -> str:
    """The address for a browser on this machine."""
    host, port = listening.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:  # every interface, loopback among them
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(app: ASGIApp, listening: socket.socket, on_ready: Callable[[], None]) -> None:
    """Answer until Ctrl-C or SIGTERM; the socket is closed then.

    on_ready: called before the first request is answered.
    """
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
    )
    on_ready()
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn hands it on when all is closed
        return
    finally:
        listening.close()
