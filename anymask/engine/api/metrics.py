"""Metrics: what Prometheus is told of a running tool."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anymask.engine.embeddings.embeddings import Embeddings

LATENCIES_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30)
BATCHES = (1, 2, 4, 8, 16)
ELSEWHERE = "other"  # files and what is no address: as many labels as people can think of


class Metrics:
    """Counts and times of one tool, apart from those of others in the process.

    now: the embeddings of the model in use.
    """

    def __init__(self, now: Callable[[], Embeddings]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "anymask_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "anymask_request_seconds",
            "How long requests took.",
            ("route",),
            buckets=LATENCIES_S,
            registry=self._registry,
        )
        self._saved = Counter(
            "anymask_actions_saved", "Actions that were saved.", registry=self._registry
        )
        self._batches = Histogram(
            "anymask_decode_batch",
            "Prompts answered in one pass.",
            buckets=BATCHES,
            registry=self._registry,
        )
        self._gauge("waiting", "Images whose embedding is to come.", lambda: now().waiting)
        self._gauge("computed", "Embeddings made since the start.", lambda: now().computed)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def saved(self, actions: int) -> None:
        """Actions were saved."""
        self._saved.inc(actions)

    def decoded(self, prompts: int) -> None:
        """Prompts were answered in one pass."""
        self._batches.observe(prompts)

    def _gauge(self, what: str, about: str, value: Callable[[], float]) -> None:
        gauge = Gauge(f"anymask_embeddings_{what}", about, registry=self._registry)
        gauge.set_function(value)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)


class Timed:
    """Tells metrics of every answer: which route, how it ended, how long it took."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, start = 500, time.perf_counter()

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_seen)
        finally:
            route = getattr(scope.get("route"), "path", ELSEWHERE)
            seconds = time.perf_counter() - start
            self.metrics.answered(scope["method"], route, status, seconds)
