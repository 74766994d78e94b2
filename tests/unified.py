"""A host of the unified layout on a machine that has another: a private view, whose /sys/fs/cgroup is a cgroup of version 2.

A process keeps namespaces of mounts, pids and cgroups, as a system's init would: it is pid 1 there, in /init.scope. All
that a host of that layout does works there, but for the controllers that the machine has mounted as version 1.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conftest import BIN, Lxc, until

_MOUNTED = Path("/sys/fs/cgroup/unified")
_INIT = """\
echo $$ > {scope}/cgroup.procs && umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec sleep 100000
"""
_ENTER = 'echo $$ > {scope}/cgroup.procs && exec nsenter -t {pid} --mount --pid --cgroup -- "$@"'


def is_unified() -> bool:
    """Whether the machine itself is a host of that layout."""
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()


class UnifiedLxc(Lxc):
    """Containers on such a host; commands are run there."""

    def __init__(self, lxcpath: Path, bin_: Path = BIN) -> None:
        super().__init__(lxcpath, bin_)
        self.base = _MOUNTED / f"test-{self.tag}"  # the host's whole /sys/fs/cgroup, seen from the machine
        self.below = ""  # what names of cgroups begin with, as configurations have them, that are below `base`
        self._scope = self.base / "init.scope"
        self._scope.mkdir(parents=True)
        enter = 'echo $$ > "$0"/cgroup.procs && exec "$@"'
        unshare = ["unshare", "--cgroup", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        script = _INIT.format(scope=self._scope)
        self._host = subprocess.Popen(["sh", "-c", enter, str(self.base), *unshare, "sh", "-c", script])
        children = Path(f"/proc/{self._host.pid}/task/{self._host.pid}/children")
        until(lambda: children.read_text(), "the host's first process is there")
        self._init = children.read_text().split()[0]
        until(lambda: Path(f"/proc/{self._init}/comm").read_text() == "sleep\n", "the host is set up")

    def on_host(self, *words: str) -> list[str]:
        """The command line that runs `words` on the host."""
        return ["sh", "-c", _ENTER.format(scope=self._scope, pid=self._init), "sh", *words]

    def command(self, tool: str, *words: str) -> list[str]:
        return self.on_host(*super().command(tool, *words))

    def peer_command(self, tool: str, *words: str) -> list[str]:
        return self.on_host(*super().peer_command(tool, *words))

    def sh(self, script: str) -> str:
        """What a shell on the host prints."""
        return subprocess.run(
            self.on_host("sh", "-c", script), capture_output=True, text=True, check=True, timeout=60
        ).stdout

    def cgroup(self, name: str) -> Path:
        """The unified cgroup `name` of that host."""
        return self.base / name

    def leftovers(self) -> list[str]:
        ours = {self.base, self._scope}
        return [
            each for each in super().leftovers() if Path(each) not in ours and f"process {self._host.pid}:" not in each
        ]

    def shut_down(self) -> None:
        """End the host; what is still there of its cgroups is removed."""
        self._host.kill()
        self._host.wait()
        for path, _, _ in os.walk(self.base, topdown=False):
            until(lambda path=path: not Path(path, "cgroup.procs").read_text(), f"{path} is empty")  # type: ignore[misc]
            os.rmdir(path)


class RealLxc(Lxc):
    """The same on a machine that is such a host."""

    def __init__(self, lxcpath: Path, bin_: Path = BIN) -> None:
        super().__init__(lxcpath, bin_)
        self.base = Path("/sys/fs/cgroup") / f"test-{self.tag}"  # a cgroup for a test to use
        self.below = f"{self.base.name}/"
        self.base.mkdir()

    def on_host(self, *words: str) -> list[str]:
        return [*words]

    def leftovers(self) -> list[str]:
        return [each for each in super().leftovers() if Path(each) != self.base]

    def sh(self, script: str) -> str:
        return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=60).stdout

    def cgroup(self, name: str) -> Path:
        return Path("/sys/fs/cgroup") / name

    def shut_down(self) -> None:
        self.base.rmdir()
