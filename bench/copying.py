"""The row of a copy: a root of 500 MB in 11,650 files, on tmpfs, where a disk does not decide."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import timing
from bench.sides import EMPTY, Lxc, Side
from bench.timing import Row

ROWS = ("copy",)
FILES, SIZE = 11_650, 43_000


@contextmanager
def copying(sides: list[Side]) -> Iterator[list[Row]]:
    lxcs = [each for each in sides if isinstance(each, Lxc) and each.key != "cold"]
    path = lxcs[0].work / "copies"
    tree = path / "big/rootfs"
    _fill(tree)
    (path / "big/config").write_text(f"lxc.rootfs.path = dir:{tree}\nlxc.uts.name = big\n{EMPTY}")
    takes: dict[str, Callable[[], float]] = {each.key: partial(_copy, each, path) for each in lxcs}
    takes["cp -a"] = partial(_cp, tree)
    yield [Row(ROWS[0], takes)]


def _fill(tree: Path) -> None:
    content = os.urandom(SIZE)
    for i in range(FILES):
        directory = tree / f"{i % 100:02}"
        if i < 100:
            directory.mkdir(parents=True)
        (directory / f"{i}").write_bytes(content)


def _copy(side: Lxc, path: Path) -> float:
    took = timing.milliseconds(side.argv("lxc-copy", "-n", "big", "-N", "copy", path=path), side.environment)
    shutil.rmtree(path / "copy")
    return took


def _cp(tree: Path) -> float:
    target = tree.parent / "copied"
    took = timing.milliseconds(["cp", "-a", str(tree), str(target)])
    shutil.rmtree(target)
    return took
