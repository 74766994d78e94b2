"""What lxc-start and lxc-execute share."""

from __future__ import annotations

import os
from pathlib import Path

from lxc import log
from lxc.cli import launching


def test_no_descriptor_stays_open_but_the_standard_ones_and_the_log_s(tmp_path: Path) -> None:
    pid = os.fork()
    if not pid:
        status = 2
        try:
            log.open("lxc-start", "web", str(tmp_path / "log"))
            os.dup2(0, 50)
            launching.close_inherited()
            left = {fd for fd in range(256) if os.path.exists(f"/proc/self/fd/{fd}")}
            status = int(left != {0, 1, 2, *log.descriptors()})
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
