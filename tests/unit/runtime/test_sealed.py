"""After `seal`, no import finds anything: tried in a process of its own, which cannot be unsealed."""

import subprocess
import sys
from pathlib import Path

import pytest

import lxc

HEAD = """
import sys
from lxc.runtime import sealed
sealed.seal()
"""


def sealed(program: str, *, cwd: str | None = None) -> subprocess.CompletedProcess[str]:
    sources = Path(lxc.__path__[0]).parent
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(sources)!r}){HEAD}{program}"],
        capture_output=True,
        text=True,
        cwd=cwd,
    )


@pytest.mark.parametrize("module", ["json", "ctypes.util", "encodings.idna", "lxc.config.container", "no_such_module"])
def test_a_module_that_is_not_loaded_is_refused_with_its_name(module: str) -> None:
    done = sealed(f"import {module}")
    assert done.returncode == 1
    assert f"{module.split('.')[0]}" in done.stderr.splitlines()[-1]
    assert "must be imported before" in done.stderr.splitlines()[-1]


def test_a_module_in_the_working_directory_is_not_executed(tmp_path: Path) -> None:
    (tmp_path / "innocent.py").write_text("print('gotcha')")
    done = sealed("import innocent", cwd=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")


def test_a_codec_that_is_not_loaded_is_not_looked_for() -> None:
    done = sealed("'x'.encode('cp037')")
    assert done.stderr.splitlines()[-1] == "LookupError: unknown encoding: cp037"


def test_what_is_loaded_still_can_be_imported() -> None:
    done = sealed("import os, lxc.runtime; from lxc.runtime import sealed; print(os.getpid() > 0)")
    assert done.stdout == "True\n", done.stderr


def test_putting_something_on_the_path_again_does_not_help() -> None:
    done = sealed("sys.path.append('/usr/lib/python3'); import json")
    assert done.returncode == 1


BESIDE = """
import _thread
from lxc.runtime import sealed
said, done = [], _thread.allocate_lock()

def other():
    sealed.seal(shares_memory=True)
    try:
        import json
        said.append("loaded")
    except ImportError:
        said.append("refused")
    done.release()

done.acquire()
_thread.start_new_thread(other, ())
done.acquire()
import json
print(*said, json.__name__)
"""


def test_of_processes_that_share_memory_only_the_one_that_has_entered_is_refused() -> None:
    sources = Path(lxc.__path__[0]).parent
    program = f"import sys; sys.path.insert(0, {str(sources)!r}){BESIDE}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "refused json\n", done.stderr
