"""Our commands and a peer's on the same container, timed in turn.

    compare.py OURS PEER [--rounds N] [--pause MS]        OURS, PEER: directories of lxc-*

Both use one configuration text and roots of the same content, each in a container path of its own.  A round runs
every row once on either side, the side that begins alternating, so that a busy neighbour or a warm cache is shared
fairly.  Before each sample there is a pause, as between the commands of a user; `--pause 0` measures them back to back,
where the kernel lets some waits of the one before count for the next.  Shown are medians of wall-clock milliseconds,
from fork to the end of the command, and the middle half of the samples.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = """\
lxc.rootfs.path = dir:{path}/{name}/rootfs
lxc.uts.name = bench
lxc.net.0.type = empty
lxc.mount.auto = proc:mixed sys:mixed
lxc.tty.max = 1
lxc.pty.max = 1024
lxc.init.cmd = /bin/sleep 100000
"""
ROWS = (  # in this order: the container runs from the first to the last
    "lxc-start -n {name}",
    "lxc-info -n {name}",
    "lxc-info -n {name} -s",
    "lxc-ls",
    "lxc-ls -f",
    "lxc-attach -n {name} -- /bin/true",
    "lxc-stop -n {name} -k",
    "lxc-execute -n {name} -- /bin/true",
)


class Side:
    """One installation, with a container of its own."""

    def __init__(self, bin_: Path, rootfs: Path) -> None:
        self.bin = bin_
        self.path = Path(tempfile.mkdtemp(prefix="lx", dir="/tmp"))
        self.path.chmod(0o755)
        self.name = f"bench-{self.path.name}"
        shutil.copytree(rootfs, self.path / self.name / "rootfs", symlinks=True)
        (self.path / self.name / "config").write_text(CONFIG.format(path=self.path, name=self.name))

    def command(self, row: str) -> list[str]:
        tool, *words = row.format(name=self.name).split()
        return [str(self.bin / tool), "-P", str(self.path), *words]

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(self.command("lxc-stop -n {name} -k"), capture_output=True)
        shutil.rmtree(self.path)


def duration_ms(command: list[str]) -> float:
    begin = time.perf_counter()
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    end = time.perf_counter()
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return (end - begin) * 1000


def rootfs(bin_: Path, directory: str) -> Path:
    """A busybox root, made once by our lxc-create."""
    (Path(directory) / "empty.conf").write_text("lxc.net.0.type = empty\n")
    create = [str(bin_ / "lxc-create"), "-P", directory, "-n", "root", "-t", "busybox", "-f", f"{directory}/empty.conf"]
    subprocess.run(create, check=True, stdout=subprocess.DEVNULL)
    return Path(directory) / "root/rootfs"


def samples(sides: tuple[Side, Side], rounds: int, pause_ms: float) -> dict[tuple[str, int], list[float]]:
    found: dict[tuple[str, int], list[float]] = {(row, side): [] for row in ROWS for side in (0, 1)}
    for turn in range(rounds + 1):
        for row in ROWS:
            for side in (0, 1) if turn % 2 else (1, 0):
                time.sleep(pause_ms / 1000)
                taken = duration_ms(sides[side].command(row))
                if turn:  # the first round warms the caches
                    found[row, side].append(taken)
    return found


def shown(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:6.1f} ({low:.1f}-{high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", type=Path)
    parser.add_argument("peer", type=Path)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--pause", type=float, default=30, metavar="MS")
    arguments = parser.parse_args()

    version = subprocess.run([arguments.peer / "lxc-info", "--version"], capture_output=True, text=True).stdout.strip()
    print(
        f"Linux {os.uname().release}, {os.cpu_count()} processors, Python {sys.version.split()[0]}, peer: LXC {version}"
    )
    print(f"{arguments.rounds} rounds, {arguments.pause:.0f} ms before each sample; median (middle half) in ms\n")
    with tempfile.TemporaryDirectory(prefix="lx", dir="/tmp") as directory:
        root = rootfs(arguments.ours, directory)
        with Side(arguments.ours, root) as ours, Side(arguments.peer, root) as peer:
            found = samples((ours, peer), arguments.rounds, arguments.pause)
    print(f"{'':36} {'ours':>20} {'peer':>20}  ours/peer")
    for row in ROWS:
        mine, theirs = found[row, 0], found[row, 1]
        ratio = statistics.median(mine) / statistics.median(theirs)
        print(f"{row.replace(' -n {name}', ''):36} {shown(mine):>20} {shown(theirs):>20} {ratio:10.2f}")
    true = [duration_ms(["/bin/true"]) for _ in range(arguments.rounds)]
    bare = [duration_ms([sys.executable, "-IS", "-c", "pass"]) for _ in range(arguments.rounds)]
    print(f"\nfor comparison: /bin/true {shown(true).strip()}, an empty Python {shown(bare).strip()}")


if __name__ == "__main__":
    main()
