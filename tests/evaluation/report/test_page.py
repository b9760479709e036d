"""The report: what stands on the page, what does not, and what is refused."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from anymask.errors import OutputError, ResultError
from anymask.evaluation.discovery import sections
from anymask.evaluation.report import page as pages
from anymask.evaluation.report.markdown import bare, escaped, three_decimals
from anymask.evaluation.report.origins import pasteable, plain_command
from anymask.evaluation.report.page import Report, write
from anymask.evaluation.result import Result
from tests.evaluation import invented
from tests.evaluation.invented import HOME, MODEL, OTHER_MODEL

DASH = "–"


def report(results: Sequence[Result], model_id: str | None = None, compare: bool = False) -> Report:
    return pages.report(results, sections(), model_id, compare)


def page(*results: Result) -> str:
    return report(results).markdown()


def row(text: str, *starts: str) -> list[str]:
    """The cells of the only row that starts so."""
    start = "| " + " | ".join(starts) + " |"
    (line,) = (line for line in text.splitlines() if line.startswith(start))
    return [cell.strip() for cell in line.strip("|").split("|")]


def figures(metrics: Sequence[float]) -> list[str]:
    return [f"{100 * value:.1f}" for value in metrics]


def test_every_experiment_has_its_section_beside_the_papers_table() -> None:
    text = page(*invented.all_results())
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert titles == [
        "Single point",
        "Interactive segmentation",
        "Edges",
        "Object proposals",
        "Instance segmentation from boxes",
        "Fairness",
        "Representation",
        "How the figures were made",
    ]
    for number in range(1, 6):
        assert f"Table {number}: " in text
    assert "made by `anymask evaluate report` from 11 results" in text
    assert text.startswith("# Evaluation of mobile-sam\n")
    assert f"`{MODEL}`" in text


def test_only_what_was_evaluated_has_a_section() -> None:
    text = page(invented.proposals())
    assert "## Object proposals" in text
    assert "## Edges" not in text


def test_single_points_have_intervals_and_a_mean() -> None:
    coins, leaves = invented.points("coins"), invented.points("leaves")
    text = page(coins, leaves)
    cells = row(text, "coins")
    assert cells[1:3] == ["20", "60"]
    assert re.fullmatch(r"[\d.]+ \([\d.]+–[\d.]+\)", cells[3])
    names = ("miou_2", "miou_3", "miou_5", "miou_9", "oracle_1")
    assert cells[4:9] == figures([coins.metrics[name] for name in names])
    assert cells[9] == DASH  # nothing was asked for a single mask
    mean = (coins.metrics["miou_1"] + leaves.metrics["miou_1"]) / 2
    assert row(text, "**mean of 2**")[3] == f"{100 * mean:.1f}"
    assert "2 datasets instead of 23" in text


def test_a_set_of_the_suite_has_the_papers_difference_beside_it() -> None:
    text = page(invented.points("ppdls"), invented.points("coins"))
    assert row(text, "ppdls")[-1] == "+46.9"
    assert row(text, "coins")[-1] == DASH


def test_one_image_has_no_interval() -> None:
    one = invented.points()
    rows = [row for row in one.rows if row["image"] == "0.png"]
    cells = row(page(replace(one, rows=rows, images=1)), "coins")
    assert cells[3] == f"{100 * one.metrics['miou_1']:.1f}"


def test_results_with_other_options_have_tables_of_their_own() -> None:
    one = invented.points()
    other = replace(one, options={**one.options, "first": "random"})
    text = page(one, other)
    assert "### First point (centre)" in text
    assert "### First point (random)" in text
    assert "first point (random, not centre)" in text
    assert "single-point-2.png" in text


def test_clicks_have_their_counts_and_their_curve() -> None:
    films = invented.clicks("films")
    text = page(films)
    noc = [row.split("|") for row in text.splitlines() if row.startswith("| films |")]
    assert noc[0][3].strip() == f"{films.metrics['noc_85']:.2f}"
    assert noc[0][5].strip() == f"{100 * films.metrics['failures_85']:.1f}"
    assert noc[1][7].strip() == f"{100 * films.metrics['miou_after_20']:.1f}"
    assert "RITM" in text


def test_edges_have_three_decimals_and_detectors_stand_beside_the_model() -> None:
    text = page(invented.edges(), invented.edges("canny"))
    assert row(text, "**mobile-sam**")[1:3] == ["bsds500, val split (20 images)", ".679"]
    assert row(text, "**mobile-sam**")[-1] == DASH
    assert row(text, "**canny, computed here**")[2] == ".500"
    assert row(text, "Table 3: SAM")[2:] == [".768", ".786", ".794", ".928"]
    assert "split (val, not test)" in text


def test_edges_of_two_grids_are_told_apart_and_nothing_is_said_of_both() -> None:
    one = invented.edges()
    text = page(one, replace(one, options={**one.options, "points_per_side": 32}))
    assert row(text, "**mobile-sam, points a side of the grid (16)**")
    assert row(text, "**mobile-sam, points a side of the grid (32)**")
    assert "grid (16)," not in text


def test_proposals_say_which_grid_they_are_of() -> None:
    text = page(invented.proposals())
    assert "points a side of the grid (32, not 64)" in text
    assert row(text, "**mobile-sam**")[2:6] == ["45.7", "25.0", "50.0", "70.0"]
    assert row(text, "**mobile-sam**")[6:] == [DASH] * 3
    assert row(text, "Table 4: SAM")[2] == "59.3"


def test_true_boxes_are_said_to_be_true_ones() -> None:
    text = page(invented.boxes())
    assert "true boxes instead of ViTDet-H's" in text
    assert "upper bound" in text
    assert row(text, "Table 5: SAM")[1:3] == ["COCO, validation split", "46.5"]
    lvis = invented.boxes()
    text = page(replace(lvis, options={**lvis.options, "lvis": True}))
    assert row(text, "Table 5: SAM")[1:3] == ["LVIS v1, validation split", "44.7"]


def test_groups_of_the_paper_stand_beside_ours() -> None:
    text = page(invented.fairness())
    assert row(text, "gender", "feminine")[-2:] == ["54.4 ± 1.7", "90.4 ± 0.6"]
    assert row(text, "hat", "red")[-2:] == [DASH, DASH]
    assert "(" in row(text, "hat", "red")[3]
    assert "(" not in row(text, "hat", "green")[3]  # too few for an interval
    assert "the intervals overlap" in text


def test_regions_stand_beside_those_of_the_paper() -> None:
    cells = row(page(invented.representation()), "Europe")
    assert cells[1:5] == ["90.0", "81", "3 of 54", "0.50"]
    assert cells[5:] == ["49.8", "47", "34.2", "36.2"]


def test_an_experiment_without_a_table_in_the_paper_has_its_metrics() -> None:
    text = page(replace(invented.proposals(), experiment="ratings", metrics={"mean": 7.25}))
    assert "## ratings" in text
    assert row(text, "mean")[1] == "7.25"


@pytest.mark.parametrize("made", invented.all_results(), ids=lambda one: str(one.experiment))
def test_a_result_without_figures_or_rows_still_has_a_page(made: Result) -> None:
    text = page(replace(made, metrics={}, rows=()))
    assert DASH in text or "metric" in text


def test_a_limit_is_told() -> None:
    text = page(replace(invented.clicks(), limit=20, seed=3))
    assert "at most 20 images of coins (drawn by seed 3)" in text


def test_where_figures_come_from_is_told() -> None:
    broken = [{"name": f"{number}.png", "reason": "is broken"} for number in range(7)]
    text = page(replace(invented.proposals(), passed_over=broken, limit=30))
    cells = row(text, "proposals")
    assert cells[2:] == ["20", "7", "30", "0", "110", "10.0", "abc1234", "2026-11-21"]
    assert "0.png, 1.png, 2.png, 3.png, 4.png, 2 others" in text
    assert "python 3.11.7" in text


def test_machines_are_told_apart_where_they_differ() -> None:
    text = page(invented.clicks(), replace(invented.proposals(), machine="Another one"))
    assert "1. A processor" in text
    assert "2. Another one" in text
    assert row(text, "proposals")[-1] == "2"


@pytest.mark.parametrize("home", [HOME, "~", "..", r"C:\Users\somebody"])
def test_no_folder_of_anybody_gets_onto_the_page(home: str) -> None:
    results = [
        replace(
            one,
            data=f"{home}/data/{one.data}",
            model=one.model if one.model == "none" else f"{home}/weights/{one.model}",
            options={**one.options, "detections": f"{home}/found.json"},
            command=f"'{home}/bin/anymask' evaluate x --set 'detections={home}/found.json' "
            f"--data='{home}/my data' --out '{home}/out.json'",
            passed_over=[{"name": f"{home}/a.png", "reason": f"{home}/a.png is broken"}],
        )
        for one in invented.all_results()
    ]
    text = report(results).markdown("results")
    assert "somebody" not in text
    outside, _, commands = text.partition("```sh")
    assert f"{home}/" not in outside
    start = '"$HOME"' if "somebody" in home else home
    assert f"--out {start}/out.json" in commands.replace("'", "")
    labels = [str(figure.draw) for figure in report(results).figures]
    assert not any(f"{home}/" in label or "somebody" in label for label in labels)


@pytest.mark.parametrize(
    ("command", "plain"),
    [
        ("anymask evaluate points", "anymask evaluate points"),
        ("/usr/bin/anymask x --data s3://bucket/set/", "anymask x --data set"),
        ("anymask x --weights vit_b:/home/me/x.pth", "anymask x --weights x.pth"),
        ("anymask x --data 'un/closed", "anymask x --data closed"),
    ],
)
def test_commands_keep_base_names_only(command: str, plain: str) -> None:
    assert plain_command(command) == plain


@pytest.mark.parametrize(
    ("command", "pasted"),
    [
        ("anymask x --data 'my data/a' --set k=1,2", "anymask x --data 'my data/a' --set k=1,2"),
        ("anymask x --data /sets/coco", "anymask x --data /sets/coco"),
        ("anymask x --data s3://bucket/set/", "anymask x --data s3://bucket/set/"),
        ("anymask x --set d=/home/me/y.json", 'anymask x --set d="$HOME"/y.json'),
        ("anymask x --data '/home/me/my data'", "anymask x --data \"$HOME\"'/my data'"),
        (r"anymask x --data 'C:\Users\me\a'", 'anymask x --data "$HOME"/a'),
    ],
)
def test_commands_can_be_pasted_back(command: str, pasted: str) -> None:
    assert pasteable(command) == pasted
    shell = ["sh", "-c", f"printf '%s\\n' {pasted}"]
    words = subprocess.run(shell, capture_output=True, text=True, env={"HOME": "/home/me"}).stdout
    if "Users" not in command:
        assert words.splitlines() == shlex.split(command)


def test_a_result_of_other_weights_is_refused() -> None:
    other = replace(invented.clicks(), model=OTHER_MODEL)
    with pytest.raises(ResultError, match=OTHER_MODEL) as refused:
        report([invented.points(), other])
    assert MODEL in str(refused.value)
    with pytest.raises(ResultError, match=f"is of {MODEL}, not of {OTHER_MODEL}"):
        report([invented.points()], OTHER_MODEL)
    report([other], OTHER_MODEL)


def test_the_hash_is_what_counts_not_the_name() -> None:
    renamed = replace(invented.clicks(), model=MODEL.replace("mobile-sam", "mine"))
    report([invented.points(), renamed], MODEL)
    with pytest.raises(ResultError):
        report([replace(invented.points(), model="mobile-sam@0000000000000000")], MODEL)


def test_models_stand_side_by_side_on_purpose_only() -> None:
    results = [invented.points(), replace(invented.points(), model=OTHER_MODEL)]
    text = report(results, compare=True).markdown()
    assert text.startswith("# Evaluation of mobile-sam, sam-vit-b\n")
    assert row(text, "coins", "mobile-sam")[1:3] == ["mobile-sam", "20"]
    assert row(text, "coins", "sam-vit-b")
    with pytest.raises(ResultError, match="no result is of x@0"):
        report(results, "x@0", compare=True)


def test_models_of_one_name_are_told_apart_by_their_hash() -> None:
    other = replace(invented.proposals(), model="mobile-sam@fedcba9876543210")
    text = report([invented.proposals(), other], compare=True).markdown()
    assert row(text, "**mobile-sam@0123456789abcdef**")
    assert row(text, "**mobile-sam@fedcba9876543210**")


def test_detectors_alone_need_no_model() -> None:
    text = page(invented.edges("canny"))
    assert text.startswith("# Evaluation\n")
    assert "points a side of the grid" not in text


def test_two_results_of_the_same_are_refused() -> None:
    with pytest.raises(ResultError, match="two results are of points on coins"):
        report([invented.points(), invented.points()])
    with pytest.raises(ResultError, match="no result"):
        report([])


def test_marks_in_names_change_nothing_of_the_page() -> None:
    text = page(replace(invented.proposals(), data="a|b*<c>"))
    assert "a\\|b\\*\\<c>" in text


def test_the_page_and_its_pictures_are_written(tmp_path: Path) -> None:
    write(report(invented.all_results()), tmp_path / "docs" / "results.md")
    text = (tmp_path / "docs" / "results.md").read_text()
    links = re.findall(r"!\[[^]]*\]\(([^)]*)\)", text)
    assert links == [
        f"results/{name}.png"
        for name in ("single-point", "iou-histograms", "interactive", "edges", "fairness")
    ]
    for link in links:
        Image.open(tmp_path / "docs" / link).verify()
    assert sorted(path.name for path in (tmp_path / "docs").iterdir()) == ["results", "results.md"]
    assert len(list((tmp_path / "docs" / "results").iterdir())) == len(links)


def test_a_page_without_pictures_has_no_folder(tmp_path: Path) -> None:
    write(report([invented.proposals()]), tmp_path / "page.md")
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]


def test_a_page_that_can_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write(report([invented.points()]), tmp_path / "file" / "page.md")
    with pytest.raises(ResultError, match=r"page\.md"):
        write(report([invented.points()]), tmp_path / "page")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_numbers_and_names() -> None:
    assert three_decimals(0.7684) == ".768"
    assert three_decimals(1.0) == "1.000"
    assert three_decimals(None) == DASH
    assert bare("/a/b/") == bare(r"C:\a\b") == bare("b") == "b"
    assert escaped("a\nb") == "a b"
