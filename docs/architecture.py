"""The picture of docs/architecture.md, read off the imports: who knows whom.

    python docs/architecture.py

A box is a package, as high as its longest way down; an arrow says "imports", and is left out where
a longer way says so already. Names of folders inside a package stand in its box. Files that lie
beside the packages are boxes, too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "anymask"
PICTURE = Path(__file__).with_suffix(".svg")
UNDRAWN = {"__init__", "__main__", "errors"}  # everybody knows errors
BOX_W, BOX_H, GAP_X, GAP_Y, MARGIN = 230, 60, 26, 52, 20
STYLE = (
    "text{font-family:system-ui,sans-serif;fill:#1b2733}"
    ".name{font-size:16px;font-weight:600}.folders{font-size:11px;fill:#52606d}"
    "rect{fill:#f4f7fb;stroke:#9fb3c8;rx:6}path{stroke:#829ab1;fill:none;stroke-width:1.4}"
    "#page{fill:#fff;stroke:none}"
)

Imports = Mapping[str, set[str]]


def main() -> None:
    PICTURE.write_text(drawing(imports()))


def imports() -> dict[str, set[str]]:
    """The parts of anymask, and which others each imports, wherever in a file."""
    parts: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part not in UNDRAWN:
            parts.setdefault(part, set()).update(_imported(path))
    return {part: (known & set(parts)) - {part} for part, known in parts.items()}


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "anymask":
            names = [f"anymask.{alias.name}" for alias in node.names]
        else:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (name.split(".")[1] for name in names if name.startswith("anymask."))


def heights(parts: Imports) -> dict[str, int]:
    """How many parts stand below each other, at most, below each part."""

    def height(part: str) -> int:
        return max((height(other) + 1 for other in parts[part]), default=0)

    return {part: height(part) for part in parts}


def arrows(parts: Imports) -> list[tuple[str, str]]:
    """Who imports whom, without what a way over a third part says already."""
    return [
        (part, other)
        for part, known in parts.items()
        for other in sorted(known)
        if not any(other in _below(third, parts) for third in known - {other})
    ]


def _below(part: str, parts: Imports) -> set[str]:
    return parts[part].union(*(_below(other, parts) for other in parts[part]))


def rows_of(parts: Imports) -> list[list[str]]:
    """The parts row by row, the highest first; in a row near those who import them."""
    height, drawn = heights(parts), arrows(parts)
    middle: dict[str, float] = {}
    rows = []
    for level in range(max(height.values()), -1, -1):
        above = {
            part: [middle[other] for other, known in drawn if known == part] or [0.0]
            for part in parts
            if height[part] == level
        }
        row = sorted(above, key=lambda part: (sum(above[part]) / len(above[part]), part))
        middle.update(zip(row, _middles(len(row))))
        rows.append(row)
    return rows


def _middles(boxes: int) -> list[float]:
    """Of boxes side by side, from the middle of the picture."""
    return [(number - (boxes - 1) / 2) * (BOX_W + GAP_X) for number in range(boxes)]


def drawing(parts: Imports) -> str:
    """The picture as SVG."""
    rows = rows_of(parts)
    width = max(map(len, rows)) * (BOX_W + GAP_X) - GAP_X + 2 * MARGIN
    corner = {
        part: (round(width / 2 + middle - BOX_W / 2), MARGIN + level * (BOX_H + GAP_Y))
        for level, row in enumerate(rows)
        for part, middle in zip(row, _middles(len(row)))
    }
    whole = len(rows) * (BOX_H + GAP_Y) - GAP_Y + 2 * MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{whole}" '
        f'viewBox="0 0 {width} {whole}">',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M1 1 7 4 1 7" /></marker></defs>',
        f'<rect id="page" width="{width}" height="{whole}" />',
        *(_arrow(*corner[part], *corner[other]) for part, other in arrows(parts)),
        *(_box(part, *corner[part]) for part in sorted(parts)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _arrow(x: int, y: int, other_x: int, other_y: int) -> str:
    """From the middle of a box's lower edge to that of the other's upper one."""
    start_x, start_y, end_x = x + BOX_W // 2, y + BOX_H, other_x + BOX_W // 2
    bend = GAP_Y - 8
    return (
        f'<path d="M{start_x} {start_y}C{start_x} {start_y + bend} {end_x} {other_y - bend} '
        f'{end_x} {other_y}" marker-end="url(#tip)" />'
    )


def _box(part: str, x: int, y: int) -> str:
    """Its name, and the folders in it."""
    folders = sorted(one.parent.name for one in (PACKAGE / part).glob("*/__init__.py"))
    middle = x + BOX_W // 2
    below = (
        f'<text class="folders" x="{middle}" y="{y + 46}" text-anchor="middle">'
        f"{escape(', '.join(folders))}</text>"
    )
    return (
        f'<rect x="{x}" y="{y}" width="{BOX_W}" height="{BOX_H}" />'
        f'<text class="name" x="{middle}" y="{y + (27 if folders else 36)}" text-anchor="middle">'
        f"{part}</text>{below if folders else ''}"
    )


if __name__ == "__main__":
    main()
