"""The section of an experiment that has none of its own: all metrics as they are."""

from __future__ import annotations

from collections.abc import Sequence

from anymask.evaluation.report.departures import UNPUBLISHED, PublishedProtocol, notes, variants
from anymask.evaluation.report.layout import Blocks, Labels
from anymask.evaluation.report.markdown import escaped, table
from anymask.evaluation.result import Result


def all_metrics(
    results: Sequence[Result], labels: Labels, protocol: PublishedProtocol | None = None
) -> Blocks:
    """A table a result; with a protocol, above it what is not as there."""
    for title, members in variants(results, protocol or UNPUBLISHED):
        if title:
            yield f"### {title}"
        if protocol:
            yield " ".join(notes(members, protocol))
        for result in members:
            yield f"{labels.title(result)}:"
            rows = [[escaped(name), f"{value:.4g}"] for name, value in result.metrics.items()]
            yield table(["metric", "figure"], rows)
