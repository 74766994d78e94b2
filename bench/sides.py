"""The runtimes that are compared, each with what it calls executing, starting, stopping, entering and looking.

All run the same root, a directory with busybox; those that read LXC's configuration the same text, with Debian's
common.conf: terminals, dropped capabilities, device rules, mounts, a system-call filter.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench import timing
from bench.timing import Failed

CONFIG = """\
lxc.include = /usr/share/lxc/config/common.conf
lxc.rootfs.path = dir:{root}
lxc.uts.name = bench
lxc.init.cmd = /bin/sleep 100000
"""
EMPTY = "lxc.net.0.type = empty\n"
VETH = "lxc.net.0.type = veth\nlxc.net.0.link = benchbr0\nlxc.net.0.flags = up\nlxc.net.0.ipv4.address = 10.88.{high}.{low}/16\n"
_APPLETS = ("sh", "true", "sleep")


def make_root(root: Path) -> None:
    """A root with busybox in it."""
    for directory in ("bin", "dev", "etc", "proc", "sys", "tmp", "run", "usr/bin"):
        (root / directory).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", root / "bin/busybox")
    for applet in _APPLETS:
        (root / "bin" / applet).symlink_to("busybox")


def entitled(title: str) -> list[int]:
    """The pids of processes of this host that call themselves so."""
    return [
        int(each.name) for each in Path("/proc").glob("[0-9]*") if title.encode() in (each / "cmdline").read_bytes()
    ]


class Side:
    """A runtime: which verbs it has are methods that give a command line for a container's name."""

    environment: Mapping[str, str] | None = None

    def __init__(self, key: str, work: Path) -> None:
        """`work` is a directory for all sides; what this one makes is in one of its own, or has its key in its name."""
        self.key, self.work, self.root = key, work, work / "root"
        self.tag = work.name

    def ms(self, verb: str, name: str = "") -> float:
        """Do it; how long it took.  Raises Failed."""
        return timing.milliseconds(getattr(self, verb)(name or self.name), self.environment)

    @property
    def name(self) -> str:
        """A container that is always there."""
        return self.named(0)

    def named(self, number: int) -> str:
        return f"{self.key}{number}-{self.tag}"

    def execute(self, name: str) -> list[str]:
        raise Failed("it executes nothing")

    def probe(self) -> str:
        """Why it does not run here; "" if it does."""
        try:
            self.ms("execute")
        except (Failed, OSError) as error:
            return str(error)
        return ""


class Lxc(Side):
    def __init__(self, key: str, work: Path, bin_: Path, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(key, work)
        self.bin, self.path = bin_, work / key
        self.environment = {**os.environ, **(environment or {})}
        self.make()

    def make(self, number: int = 0, more: str = EMPTY, path: Path | None = None) -> str:
        """A container's configuration, in `path` if not in ours; its name."""
        directory = (path or self.path) / self.named(number)
        directory.mkdir(parents=True)
        (directory / "config").write_text(CONFIG.format(root=self.root) + more)
        return directory.name

    def argv(self, tool: str, *words: str, path: Path | None = None) -> list[str]:
        return [str(self.bin / tool), "-P", str(path or self.path), *words]

    def execute(self, name: str) -> list[str]:
        return self.argv("lxc-execute", "-n", name, "--", "/bin/true")

    def start(self, name: str) -> list[str]:
        return self.argv("lxc-start", "-n", name)

    def traced_start(self, name: str) -> list[str]:
        """A start of ours that leaves a trace in the working directory."""
        return self.argv("lxc-start", "-n", name, "--trace", str(self.work / "trace.json"))

    def attach(self, name: str) -> list[str]:
        return self.argv("lxc-attach", "-n", name, "--", "/bin/true")

    def info(self, name: str) -> list[str]:
        return self.argv("lxc-info", "-n", name)

    def stop(self, name: str) -> list[str]:
        return self.argv("lxc-stop", "-n", name, "-k")

    def monitors(self) -> list[int]:
        """The pids of the monitors of all its containers."""
        return entitled(f"[lxc monitor] {self.path}")


class Oci(Side):
    """crun and runc: no monitor stays, nobody waits, no state but a file."""

    def __init__(self, key: str, work: Path, *, has_device_rules: bool) -> None:
        super().__init__(key, work)
        self.bundles = {"true": ["/bin/true"], "sleep": ["/bin/sleep", "100000"]}
        for bundle, argv in self.bundles.items():
            directory = work / key / bundle
            directory.mkdir(parents=True)
            subprocess.run([key, "spec"], cwd=directory, check=True)
            spec = json.loads((directory / "config.json").read_text())
            spec["process"].update(terminal=False, args=argv, rlimits=[])
            spec["root"] = {"path": str(self.root), "readonly": False}
            if not has_device_rules:
                spec["linux"]["resources"].pop("devices")
            (directory / "config.json").write_text(json.dumps(spec))

    def execute(self, name: str) -> list[str]:
        return [self.key, "run", "-b", str(self.work / self.key / "true"), name]

    def start(self, name: str) -> list[str]:
        return [self.key, "run", "-d", "-b", str(self.work / self.key / "sleep"), name]

    def attach(self, name: str) -> list[str]:
        return [self.key, "exec", name, "/bin/true"]

    def info(self, name: str) -> list[str]:
        return [self.key, "state", name]

    def stop(self, name: str) -> list[str]:
        return [self.key, "delete", "-f", name]


class Bwrap(Side):
    """No cgroup, no device rules, no filter of system calls."""

    def execute(self, name: str) -> list[str]:
        return [
            "bwrap",
            "--bind",
            str(self.root),
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
            "--unshare-all",
            "/bin/true",
        ]


class Nspawn(Side):
    def execute(self, name: str) -> list[str]:
        own = ["--register=no", "--keep-unit", "--private-network", "--console=pipe", f"--machine={self.key}"]
        return ["systemd-nspawn", "--quiet", *own, "-D", str(self.root), "/bin/true"]


class Floor(Side):
    """floor.c.  What it enters is a container of ours."""

    def __init__(self, key: str, work: Path, program: Path, cgroups: Path) -> None:
        super().__init__(key, work)
        self.program, self.cgroups = program, cgroups
        self.init = 0  # whose namespaces are entered

    def execute(self, name: str) -> list[str]:
        return [str(self.program), "run", str(self.cgroups / name), str(self.root), "/bin/true"]

    def attach(self, name: str) -> list[str]:
        return [str(self.program), "enter", str(self.init), "/bin/true"]
