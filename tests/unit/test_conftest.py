"""What all tests have in common."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TEST = """import os
def test_forks() -> None:
    if not (pid := os.fork()):
        raise RuntimeError("in the child")
    assert os.waitpid(pid, 0)[1] == 0x100
def test_follows() -> None:
    with open("ran", "a") as file:
        file.write("once")
"""


def test_a_forked_child_that_fails_does_not_go_on_with_the_tests(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", "-n", "0", "test_it.py")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, (tmp_path / "ran").read_text()) == (0, "once"), done.stdout
