"""A host of a test's own: a network namespace, in which containers have devices and traffic."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Lxc, until

# A host of its own: a bridge with addresses of both families, and a pair of which either end can be given away.
SETUP = """
sys=$(mktemp -d)
mount -t sysfs sysfs $sys
for below in fs/cgroup kernel/security; do
    [ ! -d /sys/$below ] || mount --rbind /sys/$below $sys/$below
done
mount --move $sys /sys
rmdir $sys
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
ip link set lo up
ip link add br0 type bridge
ip address add 10.77.0.1/24 dev br0
ip address add fd77::1/64 dev br0
ip link set br0 up
ip link add wire0 type veth peer name wire1
ip link set wire0 up
ip link set wire1 up
echo ready && exec sleep 10000
"""


class Lab(Lxc):
    """Lxc, with all commands run on a host of its own: a network and a mount namespace, kept by a process."""

    def __init__(self, lxcpath: Path, host: int) -> None:
        super().__init__(lxcpath)
        self.host = host

    def command(self, tool: str, *words: str) -> list[str]:
        return [*self.enter(), *super().command(tool, *words)]

    def run(self, tool: str, *words: str, peer: bool = False, **options: object) -> subprocess.CompletedProcess[str]:
        if not peer:
            return super().run(tool, *words, **options)
        ours, self.bin = self.bin, Path("/usr/bin")
        try:
            return super().run(tool, *words, **options)
        finally:
            self.bin = ours

    def at_home(self, *argv: str, check: bool = True) -> str:
        """What a command prints that is run on the host."""
        return _output([*self.enter(), *argv], check)

    def inside(self, name: str, *argv: str, check: bool = True) -> str:
        """What a command of the host's prints that is run in the container's network."""
        return _output(["nsenter", f"--net=/proc/{self.init_pid(name)}/ns/net", *argv], check)

    def links(self, name: str = "") -> dict[str, dict[str, Any]]:
        """The devices, of the container `name` or of the host, as `ip -d -j link` shows them, by their names."""
        argv = ("ip", "-d", "-j", "link")
        shown = json.loads(self.inside(name, *argv) if name else self.at_home(*argv))
        return {each["ifname"]: each for each in shown}

    def box(self, *lines: str, kind: str, name: str = "box") -> str:
        """The name of a container with one network device, lxc.net.0, which is up; `lines` are more of its keys."""
        keys = "".join(f"lxc.net.0.{line}\n" for line in (f"type = {kind}", "flags = up", *lines))
        return self.box_of(keys, name)

    def box_of(self, text: str, name: str = "box") -> str:
        """The name of a container with this network."""
        full = f"{name}-{self.tag}"
        shutil.copytree(self.path / "template", self.path / full, symlinks=True)
        self.config(full).write_text(
            f"lxc.rootfs.path = dir:{self.rootfs(full)}\nlxc.uts.name = {name}\nlxc.init.cmd = /bin/sleep 10000\n"
            f"lxc.signal.halt = SIGKILL\n{text}lxc.apparmor.profile = unconfined\n"
        )
        return full

    def reaches(self, name: str, *addresses: str) -> None:
        """Packets go from the container to each of `addresses` and back."""
        for address in addresses:
            kind = "-6" if ":" in address else "-4"
            ping = ("busybox", "ping", kind, "-c", "1", "-W", "1", address)
            until(lambda ping=ping: "1 packets received" in self.inside(name, *ping, check=False), f"{name} reaches {address}")  # type: ignore[misc]  # fmt: skip

    def is_reached(self, *addresses: str) -> None:
        """Packets go from the host to each of `addresses` and back."""
        for address in addresses:
            ping = ("busybox", "ping", "-6" if ":" in address else "-4", "-c", "1", "-W", "1", address)
            until(lambda ping=ping: "1 packets received" in self.at_home(*ping, check=False), f"{address} is reached")  # type: ignore[misc]  # fmt: skip

    def monitor(self, name: str) -> int:
        """The pid of the container's monitor."""
        status = Path(f"/proc/{self.init_pid(name)}/status").read_text()
        return int(status.partition("PPid:")[2].split()[0])

    def enter(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.host}/ns/net", f"--mount=/proc/{self.host}/ns/mnt"]


def kill_init(lab: Lab, name: str) -> None:
    os.kill(lab.init_pid(name), signal.SIGKILL)


def kill_monitor(lab: Lab, name: str) -> None:
    os.kill(lab.monitor(name), signal.SIGKILL)


def stop(lab: Lab, name: str) -> None:
    lab.ok("lxc-stop", "-n", name)


def _output(argv: list[str], check: bool) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert not check or done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@pytest.fixture
def lab(lxc: Lxc) -> Iterator[Lab]:
    """A host of its own."""
    argv = ["unshare", "--net", "--mount", "sh", "-ec", SETUP]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    root = lxc.path / "template/rootfs"
    for directory in ("bin", "dev", "proc", "sys", "tmp", "etc"):
        (root / directory).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", root / "bin/busybox")
    for applet in ("sh", "sleep", "ip", "reboot"):
        (root / "bin" / applet).symlink_to("busybox")
    it = Lab(lxc.path, child.pid)
    yield it
    for name in it.ok("lxc-ls", "-1", "--active").split():
        it.run("lxc-stop", "-n", name, "-k")
    shutil.rmtree(lxc.path / "template")
    child.kill()
    child.communicate()
