from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lxc

PACKAGE = Path(lxc.__file__).parent
TELL = """
import sys
sys.path.insert(0, sys.argv[1])
from lxc import loading
loading.hasten()
import lxc.thing.inner as it
print(it.WORD, type(it.__loader__).__module__, *it.__spec__.parent.split("."), it.__file__, it.__cached__)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory with a package `lxc` that has a package in it, with one module."""
    inner = tmp_path / "lxc/thing"
    inner.mkdir(parents=True)
    for name in ("__init__.py", "loading.py"):
        shutil.copy(PACKAGE / name, tmp_path / "lxc")
    (inner / "__init__.py").touch()
    (inner / "inner.py").write_text("WORD = 'first'\n")
    return tmp_path


def told(tree: Path, *, caches: bool = True) -> list[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-S", *([] if caches else ["-B"]), "-c", TELL, str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.split()


def test_a_module_is_what_python_would_have_made_of_it(tree: Path) -> None:
    file = tree / "lxc/thing/inner.py"
    cached = file.parent / f"__pycache__/inner.{sys.implementation.cache_tag}.pyc"
    assert told(tree) == ["first", "lxc.loading", "lxc", "thing", str(file), str(cached)]
    assert cached.exists()


def test_what_was_kept_is_taken(tree: Path) -> None:
    told(tree)
    source = tree / "lxc/thing/inner.py"
    times = source.stat()
    source.write_text("WORD = 'other'\n")
    os.utime(source, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert told(tree)[0] == "first"


@pytest.mark.parametrize("seconds", [-1, 1 << 33])
def test_a_source_may_be_of_any_time(tree: Path, seconds: int) -> None:
    os.utime(tree / "lxc/thing/inner.py", (seconds, seconds))
    assert [told(tree)[0], told(tree)[0]] == ["first", "first"]


def test_a_source_that_has_changed_is_read_again(tree: Path) -> None:
    told(tree)
    (tree / "lxc/thing/inner.py").write_text("WORD = 'second one'\n")
    assert told(tree)[0] == "second"


def test_nothing_has_to_be_kept(tree: Path) -> None:
    assert told(tree, caches=False)[0] == "first"
    assert not list(tree.rglob("*.pyc"))


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, b"short"])
def test_what_is_no_code_is_not_taken_for_it(tree: Path, damage: bytes) -> None:
    told(tree)
    next((tree / "lxc/thing/__pycache__").glob("inner.*")).write_bytes(damage)
    assert told(tree)[0] == "first"


def test_a_missing_module_is_missing(tree: Path) -> None:
    (tree / "lxc/thing/inner.py").unlink()
    with pytest.raises(subprocess.CalledProcessError) as failed:
        told(tree)
    assert "ModuleNotFoundError: No module named 'lxc.thing.inner'" in failed.value.stderr
