"""House rules that a reader of the source relies on."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src/lxc"
NOT_OURS = {".git", ".venv", "build", "libexec", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache"}
HEAVY = {
    "argparse",
    "asyncio",
    "contextlib",
    "ctypes",
    "dataclasses",
    "enum",
    "gettext",
    "inspect",
    "json",
    "logging",
    "pathlib",
}
HEAVY |= {"re", "shutil", "signal", "socket", "string", "subprocess", "tempfile", "threading", "typing", "uuid"}


def files(*suffixes: str, below: Path = ROOT) -> Iterator[Path]:
    for path in sorted(below.rglob("*")):
        ours = not NOT_OURS & set(path.relative_to(ROOT).parts) and not path.is_symlink() and path.is_file()
        if ours and (not suffixes or path.suffix in suffixes):
            yield path


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in files(".py", below=SRC):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def test_no_source_file_is_longer_than_400_lines() -> None:
    lengths = {str(path): len(path.read_text().splitlines()) for path in files(".py", ".c", below=SRC)}
    lengths |= {str(path): len(path.read_text().splitlines()) for path in files(".c", below=ROOT / "native")}
    assert {path: length for path, length in lengths.items() if length > 400} == {}


def test_every_source_file_says_what_it_is_for() -> None:
    assert [path for path, tree in sources() if tree.body and not ast.get_docstring(tree)] == []


def test_what_a_container_can_name_ends_no_line() -> None:
    """str.splitlines() takes a form feed and others for ends of lines: names of cgroups and processes may contain them."""
    own_words = {
        "errors",
        "programs",
        "hooks/process",
        "images/template",
        "network/grant",
        "network/outside",
        "storage/block",
    }
    own_words |= {"checkpoint/outside", "checkpoint/plan", "security/apparmor/plan"}
    own_words |= {f"runtime/lists/{name}" for name in ("inventory", "nested", "running")}  # values, one in each line
    found = {
        path
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "splitlines"
    }
    assert found == {f"src/lxc/{name}.py" for name in own_words}


def test_no_file_is_called_after_nothing() -> None:
    vague = {"base", "common", "core", "helper", "helpers", "manager", "misc", "util", "utils"}
    assert [path for path in files(".py") if path.stem in vague] == []


def test_nothing_heavy_is_imported_at_the_top_of_a_file() -> None:
    """The price is paid by every command that loads the file; a function that is rarely run may import what it wants."""

    def top_level(tree: ast.Module) -> Iterator[str]:
        for node in tree.body:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module or ""

    assert [f"{path}: {name}" for path, tree in sources() for name in top_level(tree) if name in HEAVY] == []


def test_only_the_kernel_folder_knows_c() -> None:
    def imported(tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module or ""

    outside = [(path, tree) for path, tree in sources() if not path.startswith("src/lxc/kernel/")]
    assert [path for path, tree in outside if {"ctypes", "_ctypes"} & set(imported(tree))] == []


def test_what_is_caught_broadly_is_raised_again_or_ends_the_process() -> None:
    def is_broad(handler: ast.ExceptHandler) -> bool:
        return (handler.type and ast.unparse(handler.type)) in (None, "Exception", "BaseException")

    def passes_on(handler: ast.ExceptHandler) -> bool:
        return isinstance(handler.body[-1], ast.Raise)

    def ends_the_process(function: ast.FunctionDef) -> bool:
        return ast.unparse(function.body[-1]).splitlines()[-1].strip().startswith("os._exit(")

    functions = [
        (path, node) for path, tree in sources() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    ]
    assert [
        f"{path}:{node.lineno}"
        for path, function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.ExceptHandler)
        and is_broad(node)
        and not passes_on(node)
        and not ends_the_process(function)
    ] == []


def test_a_silenced_type_error_is_named() -> None:
    pattern = re.compile(r"type: ignore(?!\[[a-z-]+\])")
    assert [path for path in files(".py", below=SRC) if pattern.search(path.read_text())] == []


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError")
    assert [path for path in files(".py", ".c", below=SRC) if later.search(path.read_text())] == []


def test_what_installs_names_packages_not_places() -> None:
    installing = [ROOT / "Makefile", ROOT / "meson.build", ROOT / "pyproject.toml", *files(below=ROOT / "tools")]
    installing += files(below=ROOT / ".ci")
    place = re.compile(r"https?://|--(extra-)?index-url|--find-links|--trusted-host")
    assert [path for path in installing if place.search(path.read_text())] == []


def test_no_file_knows_where_it_was_written() -> None:
    checkout = re.compile(r"(^|[\s\"'=(])/(work|home|root|Users)/\w")
    texts = files(".py", ".c", ".md", ".toml", ".build", ".sh", ".in", "")
    assert [
        f"{path}: {found[0]}" for path in texts if (found := checkout.search(path.read_text("utf-8", "replace")))
    ] == []


def test_files_that_documents_name_are_there() -> None:
    """By their whole path, or by as much of its end as says which."""
    there = [f"/{path.relative_to(ROOT)}" for path in files(".py", ".c", ".h", below=ROOT)]
    named = {
        (document.name, name)
        for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for name in re.findall(r"`([\w/.-]+\.(?:py|c|h))`", document.read_text())
    }
    assert len(named) > 50
    assert {
        (document, name) for document, name in named if not any(path.endswith(f"/{name}") for path in there)
    } == set()
