"""What is done by a process of its own, with the rights of the container's root, is done by that alone."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from lxc.errors import LxcError
from lxc.idmap.plan import IdMapPlan
from lxc.kernel import process
from lxc.runtime import as_root

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.root


def test_a_process_that_cannot_begin_does_not_go_on_as_its_starter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    undone = tmp_path / "undone"

    def start() -> None:
        try:
            as_root.run_apart(IdMapPlan(), lambda: None)
        finally:  # what a starter does when it has failed
            with undone.open("a") as file:
                file.write(f"{os.getpid()}\n")

    monkeypatch.setattr(process, "prctl", fails)
    with pytest.raises(LxcError, match="Operation not permitted"):
        start()
    assert undone.read_text() == f"{os.getpid()}\n"
