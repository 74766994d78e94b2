"""With LXC_TESTS_KILL_SERVER=1, what runs beside the tests: it kills their fork servers at random moments.

No command and no container may notice.  Servers are those of the installation that is tested, of this UTS namespace:
tests of the server itself have theirs in another.  It is a process of its own, as tests look at those they are in.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

LONGEST = 0.6  # seconds between two
_running: list[subprocess.Popen[bytes]] = []


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("LXC_TESTS_KILL_SERVER") == "1" and not hasattr(config, "workerinput"):
        from tests.conftest import BIN

        interpreter = (BIN / "lxc-info").read_text().splitlines()[0].removeprefix("#!")
        title = f"[lxc fork server] {Path(interpreter).resolve().parents[2]}"
        _running.append(subprocess.Popen([sys.executable, __file__, title], stdin=subprocess.PIPE))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that insist on a server (LXC_FORKSERVER=only, by a parameter) have none to insist on; nor where no command leaves one."""
    if os.environ.get("LXC_TESTS_KILL_SERVER") == "1" or os.environ.get("LXC_FORKSERVER") == "0":
        items[:] = [item for item in items if not item.name.endswith(("[only]", "-only]"))]


def pytest_unconfigure() -> None:
    for process in _running:
        process.kill()
        process.wait()


def servers(title: str) -> Iterator[int]:
    """Those that call themselves so: a server has the lock of its socket, which its workers have not."""
    here = os.readlink("/proc/self/ns/uts")
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                is_ours = (entry / "cmdline").read_bytes().rstrip(b"\0") == os.fsencode(title)
                if is_ours and os.readlink(entry / "ns/uts") == here and os.readlink(entry / "fd/3").endswith(".lock"):
                    yield int(entry.name)


def main(title: str) -> None:
    """Until whoever started us has ended."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(random.uniform(0, LONGEST))
        for pid in servers(title):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
