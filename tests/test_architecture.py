"""The layering of docs/architecture.md: who may import whom, read off the source."""

from __future__ import annotations

import ast
import runpy
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "anymask"
FILES = sorted(PACKAGE.rglob("*.py"))

# Arrows go down only: a part imports parts of lower layers, and itself.
LAYERS = {
    "errors": 0,
    "core": 0,
    "models": 1,
    "datasets": 1,
    "weights": 2,
    "predict": 3,
    "jobs": 4,
    "compat": 4,
    "export": 4,
    "training": 5,
    "evaluation": 5,
    "engine": 6,
    "retraining": 7,
    "cli": 8,
    "__main__": 9,
}
STRANGERS = ("training", "evaluation", "engine", "export")  # talk through files only
DEEP_LEARNING = {"torch", "safetensors", "onnx", "onnxruntime", "transformers"}
ONE_FILE_EACH = ("anymask_native", "ray", "onnxruntime", "transformers", "open_clip", "clip")
DATABASES = {"sqlalchemy", "alembic", "psycopg", "sqlite3"}
TOOLS = {"onnxruntime.quantization"}
NEVER = {"torchvision", "timm", "open_clip", "lightning", "pytorch_lightning"}
CORE_MAY = {"numpy", "cv2", "PIL", "pycocotools", "filelock", "tifffile", "imagecodecs"}
LINES_AT_MOST, BODY_LINES_AT_MOST, FILES_AT_MOST = 400, 60, 20
VAGUE = {"utils", "helpers", "misc", "base", "common"}


def part(path: Path) -> str:
    """The part of the package that a file belongs to: ``core`` or, for a lone file, its name."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Every module that a file imports, wherever in the file, by its full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} has a relative import"
            assert node.module is not None
            if node.module in ("anymask", *(f"anymask.{name}" for name in LAYERS)):
                yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)
            else:
                yield node.module, node


def own_imports(path: Path) -> set[str]:
    """The parts of anymask that a file imports."""
    names = [name.split(".") for name, _ in imports(path)]
    return {name[1] for name in names if name[0] == "anymask" and len(name) > 1} & set(LAYERS)


def foreign_imports(path: Path) -> set[str]:
    """The packages, other than anymask and Python's own, that a file imports."""
    roots = {name.split(".")[0] for name, _ in imports(path)}
    return roots - set(sys.stdlib_module_names) - {"anymask"}


def test_every_part_has_a_layer() -> None:
    assert {part(path) for path in FILES} - {"__init__"} <= set(LAYERS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_arrows_go_down_only(path: Path) -> None:
    here = part(path)
    if here == "__init__":
        return  # only names, imported when first used
    for other in own_imports(path) - {here}:
        assert LAYERS[other] < LAYERS[here] or other == "errors", f"{path} imports {other}"


def test_models_import_nothing_of_anymask_but_themselves() -> None:
    for path in (PACKAGE / "models").rglob("*.py"):
        assert own_imports(path) <= {"models"}, path
        assert foreign_imports(path) <= {"torch"}, path


def test_core_needs_no_deep_learning_library() -> None:
    for path in (PACKAGE / "core").rglob("*.py"):
        assert own_imports(path) <= {"core", "errors"}, path
        assert foreign_imports(path) <= CORE_MAY, path


def test_datasets_need_no_deep_learning_library() -> None:
    for path in (PACKAGE / "datasets").rglob("*.py"):
        assert own_imports(path) <= {"datasets", "core", "errors"}, path
        assert not foreign_imports(path) & DEEP_LEARNING, path


def test_training_evaluation_engine_and_export_never_import_each_other() -> None:
    for path in FILES:
        if part(path) in STRANGERS:
            assert not own_imports(path) & set(STRANGERS) - {part(path)}, path


def test_heavy_libraries_are_imported_in_one_file_each() -> None:
    for library in ONE_FILE_EACH:
        users = [path for path in FILES if library in foreign_imports(path)]
        # The quantiser rewrites files; it lies in onnxruntime's package but runs nothing of it.
        tools = {path for path in users if {name for name, _ in imports(path)} & TOOLS}
        assert len(set(users) - tools) <= 1, (library, users)
        assert len(tools) <= 1, (library, tools)


def test_only_the_store_speaks_to_databases() -> None:
    for path in FILES:
        if PACKAGE / "engine" / "store" not in path.parents:
            roots = {name.split(".")[0] for name, _ in imports(path)}
            assert not roots & DATABASES, path


def test_libraries_that_replace_torch_are_not_imported() -> None:
    for path in FILES:
        assert not foreign_imports(path) & NEVER, path


def test_no_files_import_each_other_in_a_circle() -> None:
    """Imports inside functions and those for types alone count: they are knowledge, too."""
    modules = {module_name(path): path for path in FILES}
    edges = {
        name: {known for one in imports_by_name(path) if (known := nearest(one, modules)) != name}
        for name, path in modules.items()
    }
    assert circle(edges) is None


def imports_by_name(path: Path) -> Iterator[str]:
    """Every module or name in a module that a file imports, by its full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_name(path: Path) -> str:
    """``anymask.core.rle`` of ``anymask/core/rle.py``; a package has its folder's."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def nearest(name: str, modules: Collection[str]) -> str | None:
    """The module that a name is, or is in; of a package's own names the package is passed over."""
    for module in (name, name.rpartition(".")[0]):
        if module in modules:
            return None if module == "anymask" else module
    return None


def circle(edges: Mapping[str, Collection[str | None]]) -> list[str] | None:
    """A path that ends where it began, if there is one: depth first, each module once."""
    done: set[str] = set()

    def below(path: list[str]) -> list[str] | None:
        for other in sorted(filter(None, edges.get(path[-1], ()))):
            if other in path:
                return [*path[path.index(other) :], other]
            if other not in done and (found := below([*path, other])):
                return found
        done.add(path[-1])
        return None

    return next(filter(None, (below([name]) for name in edges if name not in done)), None)


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({"a": ["b"], "b": ["c"], "c": []}, None),
        ({"a": ["b", "c"], "b": ["c"], "c": []}, None),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c", "b"]),
    ],
)
def test_circles_are_seen(edges: dict[str, list[str]], expected: list[str] | None) -> None:
    assert circle(edges) == expected


def test_folders_are_small() -> None:
    for folder in {path.parent for path in FILES}:
        files = [path for path in folder.glob("*.py") if path.stem != "__init__"]
        assert len(files) <= FILES_AT_MOST, (folder, len(files))


def test_files_are_short_and_have_names_that_say_something() -> None:
    for path in FILES:
        assert len(path.read_text().splitlines()) <= LINES_AT_MOST, path
        assert path.stem not in VAGUE, path


def test_functions_are_short() -> None:
    """Their bodies: a command's options stand in its signature."""
    long = {
        f"{path.relative_to(PACKAGE)}:{node.name}": length
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := (node.end_lineno or 0) - node.body[0].lineno + 1) > BODY_LINES_AT_MOST
    }
    assert not long


def test_the_command_line_imports_deep_learning_only_inside_functions() -> None:
    for path in (PACKAGE / "cli").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                root = (getattr(node, "module", None) or node.names[0].name).split(".")[0]
                assert root not in DEEP_LEARNING, path


@pytest.mark.parametrize(
    "code",
    [
        "import anymask.cli.main",
        "import anymask; anymask.Prompts",
        "import anymask.jobs.many_images",
        "import anymask.predict.load",
        "import anymask.predict.onnx_runtime",
    ],
)
def test_light_entry_points_load_no_torch(code: str) -> None:
    check = f"{code}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_the_picture_of_the_house_shows_its_imports() -> None:
    """``make docs`` draws it again."""
    script = runpy.run_path(str(PACKAGE.parent / "docs" / "architecture.py"))
    drawn = (PACKAGE.parent / "docs" / "architecture.svg").read_text()
    assert script["drawing"](script["imports"]()) == drawn
