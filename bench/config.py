"""Reading a configuration of 10,000 lines, by us and by a peer's LXC, in turn.

    config.py OURS PEER [--rounds N] [--lines N]          OURS, PEER: directories of lxc-info

Two ways: the reading alone, in one process for each side that reads the file again and again (ours: lxc.config, the
peer's: load_config() of python3-lxc on a new object), and `lxc-info -c` from its start to its end.  A round takes one
sample of each side, the side that begins alternating.  Shown are medians of wall-clock milliseconds, and the middle
half of the samples.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEER_PYTHON = "/usr/bin/python3"  # has python3-lxc
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
PLAIN = (  # what the peer is quickest at: it keeps these as they are
    MIXED[3],
    MIXED[2],
    MIXED[0],
    MIXED[1],
    "",
)
OURS = """
import sys
sys.path.insert(0, sys.argv[2])
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
    print(time.perf_counter() - begin, flush=True)
"""


class Reader:
    """A process that reads the file once for each question, and answers how long it took."""

    def __init__(self, python: str, code: str, *words: str) -> None:
        command = [python, "-I", "-c", code + READER, *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def sample_ms(self) -> float:
        assert self.process.stdin
        assert self.process.stdout
        print(file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline()) * 1000

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


class Info:
    """A command that reads the file once."""

    def __init__(self, bin_: Path, lxcpath: str) -> None:
        self.command = [bin_ / "lxc-info", "-P", lxcpath, "-n", "big", "-c", "lxc.uts.name"]

    def sample_ms(self) -> float:
        begin = time.perf_counter()
        done = subprocess.run(self.command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        end = time.perf_counter()
        if done.returncode or done.stdout != "lxc.uts.name = big\n":
            sys.exit(f"{self.command[0]}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return (end - begin) * 1000


def configuration(lines: int, pattern: tuple[str, ...]) -> str:
    body = (pattern[n % len(pattern)].format(n=n, net=n // len(pattern)) for n in range(lines - 1))
    return "\n".join(("lxc.uts.name = big", *body, ""))


def samples(sides: tuple[Reader | Info, Reader | Info], rounds: int) -> tuple[list[float], list[float]]:
    found: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds + 1):
        for side in (0, 1) if turn % 2 else (1, 0):
            taken = sides[side].sample_ms()
            if turn:  # the first round warms the caches
                found[side].append(taken)
    return found


def row(name: str, ours: list[float], peers: list[float]) -> str:
    def shown(values: list[float]) -> str:
        low, middle, high = statistics.quantiles(values, n=4)
        return f"{middle:7.1f} ({low:.1f}-{high:.1f})"

    ratio = statistics.median(ours) / statistics.median(peers)
    return f"{name:36} {shown(ours):>22} {shown(peers):>22} {ratio:10.2f}"


def packages(bin_: Path) -> str:
    """Where the package is that the commands in `bin_` belong to."""
    code = "import lxc, os; print(os.path.dirname(os.path.dirname(lxc.__file__)))"
    return subprocess.run([bin_ / "python", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", type=Path)
    parser.add_argument("peer", type=Path)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--lines", type=int, default=10000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lx", dir="/tmp") as directory:
        os.mkdir(f"{directory}/big")
        path = f"{directory}/big/config"
        read = []
        for pattern in (PLAIN, MIXED):
            Path(path).write_text(configuration(arguments.lines, pattern))
            readers = (
                Reader(str(arguments.ours / "python"), OURS, path, packages(arguments.ours)),
                Reader(PEER_PYTHON, PEERS, path),
            )
            read.append(samples(readers, arguments.rounds))
            for reader in readers:
                reader.close()
        info = samples((Info(arguments.ours, directory), Info(arguments.peer, directory)), arguments.rounds)
    print(f"a configuration of {arguments.lines} lines, {arguments.rounds} rounds; median (middle half) in ms\n")
    print(f"{'':36} {'ours':>22} {'peer':>22}  ours/peer")
    print(row("reading it, plain keys only", *read[0]))
    print(row("reading it, all kinds of keys", *read[1]))
    print(row("lxc-info -c lxc.uts.name", *info))


if __name__ == "__main__":
    main()
