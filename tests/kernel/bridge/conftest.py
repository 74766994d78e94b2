"""A host of its own with lxc-net, the world behind it, and containers on its bridge."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator

import pytest
from tests.conftest import BIN
from tests.hosts import Host

OUTER = """
ip link set lo up
ip address add 192.0.2.9/24 dev out0 && ip -6 address add 2001:db8::9/64 dev out0 nodad && ip link set out0 up
echo ready; exec sleep infinity
"""


class Net:
    """A host with lxc-net, and what would be containers on its bridge: network namespaces."""

    program = str(BIN / "lxc-net")

    def __init__(self, host: Host) -> None:
        self.host = host
        self.containers = 0

    def call(self, *words: str) -> tuple[int, str, str]:
        done = self.host.run(self.program, *words)
        return done.returncode, done.stdout, done.stderr

    def ok(self, *words: str) -> str:
        code, out, err = self.call(*words)
        assert (code, err) == (0, ""), (words, code, out, err)
        return out

    def status(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.call("status", "--format", "json")[1])
        return found

    def set(self, **values: str) -> None:
        self.host.write("/etc/default/lxc-net", "".join(f'{name}="{value}"\n' for name, value in values.items()))

    def ruleset(self) -> str:
        return re.sub(r"packets \d+ bytes \d+", "", self.host.ok("nft", "list", "ruleset"))

    def occupy_port_53(self, address: str) -> None:
        script = f"import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('{address}', 53)); print('bound', flush=True); s.recv(9)"
        other = self.host.popen(*self.host.argv(sys.executable, "-c", script))
        assert other.stdout
        assert other.stdout.readline() == "bound\n"

    def files(self) -> set[str]:
        """What is in /run/lxc, but for the fork server and the lock, which stays."""
        path = self.host.path("/run/lxc")
        return {each.name for each in path.iterdir()} - {"forkserver", "lxc-net.lock"} if path.exists() else set()

    def addresses(self, device: str = "lxcbr0") -> list[str]:
        lines = self.host.ok("ip", "-o", "address", "show", "dev", device).splitlines()
        return [line.split()[3] for line in lines if " fe80:" not in line]

    def world(self) -> int:
        """A host behind this one, 192.0.2.9 and 2001:db8::9, which knows no way back to the bridge's networks; its pid."""
        host = self.host
        world = host.popen(*host.argv("unshare", "--net", "sh", "-c", "echo unshared; read go;" + OUTER), stdin=-1)
        assert world.stdin
        assert world.stdout
        assert world.stdout.readline() == "unshared\n"
        host.ok("ip", "link", "add", "wan0", "type", "veth", "peer", "name", "out0", "netns", str(world.pid))
        host.ok("ip", "address", "add", "192.0.2.1/24", "dev", "wan0")
        host.ok("ip", "-6", "address", "add", "2001:db8::1/64", "dev", "wan0", "nodad")
        host.ok("ip", "link", "set", "wan0", "up")
        world.stdin.write("go\n")
        world.stdin.flush()
        assert world.stdout.readline() == "ready\n"
        return world.pid

    def container(self) -> tuple[str, ...]:
        """How to run a command in a new network namespace that has an eth0 on the bridge, up, without addresses."""
        self.containers += 1
        pid = self.host.namespace("--net", "--mount", "--uts")
        port = f"port{self.containers}"
        self.host.ok("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        self.host.ok("ip", "link", "set", port, "master", "lxcbr0", "up")
        enter = ("nsenter", f"--target={pid}", "--net", "--mount", "--uts")
        self.host.ok(*enter, "ip", "link", "set", "lo", "up")
        self.host.ok(*enter, "ip", "link", "set", "eth0", "up")
        return enter


@pytest.fixture
def net() -> Iterator[Net]:
    with Host() as host:
        it = Net(host)
        yield it
        it.call("stop")
