"""Rows of a configuration of 10,000 lines: the reading alone, in a process that does it again and again, and lxc-info -c."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench import timing
from bench.interface import PEER_PYTHON
from bench.sides import Lxc, Side
from bench.timing import Row

LINES = 10_000
ROWS = ("read-plain", "read-mixed", "info-c")
MIXED = (  # as large configurations have them: mostly mounts and devices
    "lxc.mount.entry = /srv/data/{n} srv/data/{n} none bind,ro,create=dir,optional 0 0",
    "# the line {n} of a configuration that a program wrote",
    "lxc.cgroup2.devices.allow = c {n}:* rwm",
    "lxc.environment = VARIABLE_{n}=value of it",
    "lxc.mount.entry = tmpfs run/{n} tmpfs rw,nosuid,nodev,size=64k,create=dir",
    "lxc.hook.start = /usr/bin/true {n}",
    "lxc.sysctl.net.ipv4.conf.eth{n}.forwarding = 1",
    "lxc.group = group{n}",
    "lxc.net.{net}.type = empty",
    "",
)
PLAIN = (MIXED[3], MIXED[2], MIXED[0], MIXED[1], "")  # what the peer is quickest at: it keeps these as they are
OURS = """
import sys
from lxc.config import document
def read(path): document.load(path)
"""
PEERS = """
import sys, os, lxc
def read(path):
    assert lxc.Container("nobody", os.path.dirname(path)).load_config(path)
"""
READER = """
import time
for _ in sys.stdin:
    begin = time.perf_counter()
    read(sys.argv[1])
    print((time.perf_counter() - begin) * 1000, flush=True)
"""


class Reader:
    """A process that reads the file once for each question, and answers how long it took."""

    def __init__(self, python: str, code: str, path: Path) -> None:
        command = [python, "-I", "-c", code + READER, str(path)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Reader:
        return self

    def ms(self) -> float:
        assert self.process.stdin
        assert self.process.stdout
        print(file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


@contextmanager
def reading(sides: list[Side]) -> Iterator[list[Row]]:
    lxcs = [each for each in sides if isinstance(each, Lxc)]
    rows = []
    with ExitStack() as stack:
        for what, pattern in (("plain", PLAIN), ("mixed", MIXED)):
            path = lxcs[0].work / what / "big/config"
            path.parent.mkdir(parents=True)
            path.write_text(_configuration(pattern))
            takes: dict[str, Callable[[], float]] = {}
            for each in (it for it in lxcs if it.key != "cold"):
                python, code = (PEER_PYTHON, PEERS) if each.key == "lxc" else (str(each.bin / "python"), OURS)
                takes[each.key] = stack.enter_context(Reader(python, code, path)).ms
            rows.append(Row(f"read-{what}", takes))
        info = {each.key: partial(_info, each, path.parent.parent) for each in lxcs}
        yield [*rows, Row("info-c", info)]


def _info(side: Lxc, lxcpath: Path) -> float:
    return timing.milliseconds(side.argv("lxc-info", "-n", "big", "-c", "lxc.uts.name", path=lxcpath), side.environment)


def _configuration(pattern: tuple[str, ...]) -> str:
    body = (pattern[n % len(pattern)].format(n=n, net=n // len(pattern)) for n in range(LINES - 1))
    return "\n".join(("lxc.uts.name = big", *body, ""))
