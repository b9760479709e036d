"""Tables of prompts: lines of one object are one prompt; what is wrong is named by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from anymask.datasets.prompting.object_prompt import ObjectPrompt
from anymask.datasets.prompting.prompt_table import read_prompts, unused_columns
from anymask.errors import DatasetError, Error, PromptError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "p.csv"


def read(table: Path, *lines: str) -> dict[str, list[ObjectPrompt]]:
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_prompts(table)


def test_lines_of_one_image_and_object_are_one_prompt(table: Path) -> None:
    prompts = read(
        table,
        "image,object,x,y,label,x0,y0,x1,y1",
        "a.jpg,1,5,6,,,,,",
        "b.jpg,1,7,8,1,,,,",
        "a.jpg,1,9,10,0,,,,",
        "a.jpg,1,,,,1,2,30,40",
        "a.jpg,cat,3,4,1,,,,",
    )
    assert list(prompts) == ["a.jpg", "b.jpg"]
    first, cat = prompts["a.jpg"]
    assert first.points == ((5, 6, 1), (9, 10, 0))
    assert first.box == (1, 2, 30, 40)
    assert "line 2 and 4 and 5" in first.source
    assert cat.points == ((3, 4, 1),)
    sparse = first.sparse()
    assert sparse is not None
    assert sparse.labels.tolist() == [[1, 0, 2, 3]]


def test_a_line_without_an_object_is_one_of_its_own(table: Path) -> None:
    prompts = read(table, "X,Y,Image", "5,6,a.jpg", "7,8,a.jpg")
    assert [asked.points for asked in prompts["a.jpg"]] == [((5, 6, 1),), ((7, 8, 1),)]
    boxes = read(table, "image,x0,y0,x1,y1", "a.jpg,1,2,3,4", "a.jpg,5,6,7,8")
    assert [asked.box for asked in boxes["a.jpg"]] == [(1, 2, 3, 4), (5, 6, 7, 8)]


def test_files_lie_beside_the_table(table: Path) -> None:
    prompts = read(table, "image,mask,scribble", "a.jpg,m/a.png,", "b.jpg,,s.png")
    assert prompts["a.jpg"][0].mask == table.parent / "m" / "a.png"
    assert prompts["b.jpg"][0].scribble == table.parent / "s.png"
    assert prompts["b.jpg"][0].files == [table.parent / "s.png"]


def test_columns_that_mean_nothing_are_known(table: Path) -> None:
    read(table, "image,x,y,annotator,score", "a.jpg,1,2,me,3")
    assert unused_columns(table) == ["annotator", "score"]


@pytest.mark.parametrize(
    ("lines", "kind", "message"),
    [
        (["image,x", "a.jpg,1"], DatasetError, "expected is"),
        (["image,x,y,x0", "a.jpg,1,2,3"], DatasetError, "x0,y0,x1,y1 together"),
        (["x,y", "1,2"], DatasetError, "expected is image"),
        (["image,x,y"], PromptError, "no line below its header"),
        (["image,x,y", "a.jpg,1,two"], PromptError, "line 2: x,y must be numbers, not 1,two"),
        (["image,x,y", "a.jpg,1,2", "a.jpg,1,"], PromptError, "line 3: x,y must be numbers"),
        (["image,x,y", "a.jpg,1,nan"], PromptError, "line 2: x,y must be numbers"),
        (["image,x,y", ",1,2"], PromptError, "line 2, names no image"),
        (["image,x,y,label", "a.jpg,1,2,3"], PromptError, "line 2: a label is 1"),
        (["image,x,y,label", "a.jpg,1,2,0"], PromptError, "line 2: there are only points of what"),
        (["image,x,y", "a.jpg,,"], PromptError, "line 2, says nothing"),
        (
            ["image,object,x0,y0,x1,y1", "a.jpg,1,1,2,3,4", "a.jpg,1,1,2,3,5"],
            PromptError,
            "line 2 and 3: one object has 2 boxes",
        ),
        (
            ["image,mask,scribble", "a.jpg,m.png,s.png"],
            PromptError,
            "line 2: a mask and a scribble",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_line(
    table: Path, lines: list[str], kind: type[Error], message: str
) -> None:
    with pytest.raises(kind) as refused:
        read(table, *lines)
    assert message in str(refused.value)
    assert "p.csv" in str(refused.value)


def test_a_table_that_is_not_there_is_named(table: Path) -> None:
    with pytest.raises(DatasetError, match=r"p\.csv can't be read"):
        read_prompts(table)
