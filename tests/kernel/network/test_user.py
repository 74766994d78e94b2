"""Containers of an ordinary user on a bridge of the host's, by lxc-user-nic, which is installed setuid in a host of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
from tests.conftest import until
from tests.hosts import Host
from tests.native.test_user_nic import FAKE_OVS
from tests.user import FIRST, NAME, User

from lxc.network import grant

pytestmark = pytest.mark.root

IDS = f"lxc.idmap = u 0 {FIRST} 65536\nlxc.idmap = g 0 {FIRST} 65536\n"
PEER = Path("/usr/libexec/lxc/lxc-user-nic")


class Tenant(User):
    """Runs commands as the user, on a host with a bridge br0, 10.79.0.1."""

    def __init__(self, top: Path, host: Host) -> None:
        super().__init__(top)
        self.host = host
        host.ok("ip", "link", "add", "br0", "type", "bridge")
        host.ok("ip", "address", "add", "10.79.0.1/24", "dev", "br0")
        host.ok("ip", "link", "set", "br0", "up")
        self.allow(f"{NAME} veth br0 2\n{NAME} veth none 1\n")

    def prefix(self) -> list[str]:
        return self.host.argv(*super().prefix())

    def allow(self, text: str) -> None:
        self.host.write("/etc/lxc/lxc-usernet", text)

    def install(self, program: Path, mode: int = 0o4755) -> None:
        copy = f"{self.host.stage}/{program.parent.name}-lxc-user-nic"
        shutil.copyfile(program, self.host.path(copy))
        self.host.path(copy).chmod(mode)
        self.host.ok("mount", "--bind", copy, grant.OURS)

    def box(self, *lines: str, link: str = "br0") -> str:
        keys = (f"link = {link}", "flags = up", "ipv4.address = 10.79.0.5/24", "ipv4.gateway = 10.79.0.1", *lines)
        text = "lxc.net.0.type = veth\n" + "".join(f"lxc.net.0.{line}\n" for line in keys)
        return self.create(config=text.replace("lxc.net.0.link = \n", "") + IDS)

    def ends(self) -> list[str]:
        """The host's ends that there are."""
        return [name for name in self.host.links() if name.startswith("veth")]

    def notes(self) -> list[str]:
        files = self.host.path("/run/lxc").glob("nics*")  # with a number: this is not the network of process 1
        return [line for file in files for line in file.read_text().splitlines()]


@pytest.fixture
def bare() -> Iterator[Tenant]:
    """Without lxc-user-nic."""
    top = Path(tempfile.mkdtemp(prefix="lx", dir="/tmp"))
    top.chmod(0o755)
    with Host() as host:
        user = Tenant(top, host)
        yield user
        for name in user.run("lxc-ls", "-1", "--active").stdout.split():
            user.run("lxc-stop", "-n", name, "-k")
        until(lambda: not user.leftovers(), f"nothing of the user's containers is left: {user.leftovers()}")
    shutil.rmtree(top)


@pytest.fixture
def tenant(bare: Tenant) -> Tenant:
    bare.install(Path(grant.OURS))
    return bare


def test_it_reaches_the_bridge_and_has_its_names_while_it_runs_and_leaves_nothing(tenant: Tenant) -> None:
    box = tenant.box("name = net7", "hwaddr = 10:66:6a:1:2:3")
    tenant.start(box)
    [end] = tenant.ends()
    assert tenant.notes() == [f"{NAME} veth br0 {end}"]
    code = "import lxc, sys; print(lxc.Container(*sys.argv[1:]).get_running_config_item('lxc.net.0.veth.pair'))"
    words = [*tenant.prefix(), sys.executable, "-c", code, box, str(tenant.path)]
    assert subprocess.run(words, capture_output=True, text=True, timeout=60).stdout == f"{end}\n"
    assert tenant.ok("lxc-info", "-n", box, "-i", "-H") == "10.79.0.5\n"
    assert "10:66:6a:01:02:03" in tenant.attach(box, "ip", "link", "show", "net7").lower()
    tenant.attach(box, "ping", "-c", "1", "-w", "5", "10.79.0.1")
    tenant.ok("lxc-stop", "-n", box, "-k")
    assert (tenant.ends(), tenant.notes()) == ([], [])


def test_without_a_link_it_is_on_no_bridge(tenant: Tenant) -> None:
    tenant.start(tenant.box(link=""))
    [end] = tenant.ends()
    assert tenant.notes() == [f"{NAME} veth none {end}"]
    assert "master" not in tenant.host.ok("ip", "-o", "link", "show", end)


def test_a_reboot_takes_no_more_of_the_quota(tenant: Tenant) -> None:
    tenant.allow(f"{NAME} veth br0 1\n")
    box = tenant.box()
    tenant.start(box)
    for _ in range(3):
        pid = tenant.init_pid(box)
        tenant.ok("lxc-stop", "-n", box, "-r")
        until(lambda pid=pid: tenant.init_pid(box) != pid, "it has rebooted")  # type: ignore[misc]
        until(lambda: len(tenant.ends()) == 1, "it has its device")
    tenant.attach(box, "ping", "-c", "1", "-w", "5", "10.79.0.1")


def test_when_its_monitor_is_killed_nothing_is_left(tenant: Tenant) -> None:
    box = tenant.box()
    tenant.start(box)
    monitor = int(Path(f"/proc/{tenant.init_pid(box)}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(monitor, SIGKILL)
    until(lambda: tenant.ends() == [], "the device goes with its namespace")
    until(lambda: tenant.state(box) == "STOPPED", "it has ended")
    tenant.start(box)
    assert len(tenant.notes()) == 1


def test_scripts_are_told_what_was_made(tenant: Tenant) -> None:
    told = tenant.top / "told"
    told.mkdir()
    told.chmod(0o777)
    box = tenant.box(
        f"script.up = sh -c 'echo up $0 $@ >>{told}/it'", f"script.down = sh -c 'echo down $0 $@ >>{told}/it'"
    )
    tenant.start(box)
    [end] = tenant.ends()
    tenant.ok("lxc-stop", "-n", box, "-k")
    up, down = (told / "it").read_text().splitlines()
    assert up.endswith(f"net up veth br0 {end}")
    assert down.endswith(f"net down veth br0 {end}")


@pytest.mark.parametrize(
    ("allowed", "says"),
    [
        ("", f"/etc/lxc/lxc-usernet has no line for {NAME}, or a group of his, and veth on br0"),
        (f"{NAME} veth br0 0\n", "quota reached"),
    ],
)
def test_what_is_not_allowed_is_told_in_its_words_and_leaves_nothing(tenant: Tenant, allowed: str, says: str) -> None:
    tenant.allow(allowed)
    box = tenant.box()
    done = tenant.run("lxc-start", "-n", box)
    assert done.returncode == 1
    first, second, *_ = done.stderr.splitlines()
    assert first.startswith(
        f"lxc-start: {box}: cannot lxc-user-nic create {tenant.path} {box} INIT veth br0 eth0: {says}"
    )
    assert second.startswith("  set in ")
    assert (tenant.ends(), tenant.state(box)) == ([], "STOPPED")


def test_without_a_setuid_program_it_is_told_how_to_make_it_one(bare: Tenant) -> None:
    if not PEER.exists():
        box = bare.box()
        done = bare.run("lxc-start", "-n", box)
        assert f"chown root:root {grant.OURS}; chmod 4755 {grant.OURS}" in done.stderr
        return
    bare.host.ok("sh", "-c", f"mount -t tmpfs none {PEER.parent}")
    box = bare.box()
    done = bare.run("lxc-start", "-n", box)
    assert done.returncode == 1
    assert f"chown root:root {grant.OURS}; chmod 4755 {grant.OURS}" in done.stderr


def test_open_vswitch_is_told_to_forget_the_port_even_when_the_monitor_is_killed(tenant: Tenant) -> None:
    tenant.host.write("/run/bin/ovs-vsctl", FAKE_OVS, 0o755)
    tenant.host.ok("mount", "--bind", "/run/bin", "/usr/local/sbin")
    tenant.host.ok("ip", "link", "add", "ovs0", "type", "veth", "peer", "name", "x")
    tenant.allow(f"{NAME} veth ovs0 1\n")
    box = tenant.create(config=f"lxc.net.0.type = veth\nlxc.net.0.link = ovs0\n{IDS}")
    said = tenant.host.path("/run/ovs")
    for kill in (False, True):
        tenant.start(box)
        end = said.read_text().split()[-1]
        if kill:
            stat = Path(f"/proc/{tenant.init_pid(box)}/stat").read_text()
            os.kill(int(stat.rpartition(")")[2].split()[1]), SIGKILL)
        else:
            tenant.ok("lxc-stop", "-n", box, "-k")
        until(lambda end=end: said.read_text().endswith(f"del-port ovs0 {end}\n"), "the port is deleted")  # type: ignore[misc]
        until(lambda: tenant.state(box) == "STOPPED", "it has ended")


@pytest.mark.parity
def test_debians_lxc_user_nic_does_as_well(bare: Tenant) -> None:
    bare.install(PEER)
    box = bare.box()
    bare.start(box)
    assert len(bare.ends()) == 1
    bare.attach(box, "ping", "-c", "1", "-w", "5", "10.79.0.1")
    bare.ok("lxc-stop", "-n", box, "-k")
    until(lambda: bare.ends() == [], "the device goes with its namespace")


@pytest.mark.parity
@pytest.mark.parametrize("allowed", ["", f"{NAME} veth br0 0\n", f"other veth br0 2\n{NAME} veth br1 2\n"])
def test_what_debians_does_not_allow_is_told_with_what_to_do(bare: Tenant, allowed: str) -> None:
    bare.install(PEER)
    bare.allow(allowed)
    if not allowed:
        bare.host.path("/etc/lxc/lxc-usernet").unlink()
    done = bare.run("lxc-start", "-n", bare.box())
    assert done.returncode == 1
    assert "Quota reached" in done.stderr
    assert done.stderr.endswith(
        f"the administrator allows it, or more, with a line in /etc/lxc/lxc-usernet: {NAME} veth br0 10\n"
    )
