"""A Debian with systemd as init: it boots, does what an administrator does with it, and stops."""

import subprocess
from collections.abc import Container
from pathlib import Path

import pytest
from tests import debian
from tests.conftest import SLOWNESS, Lxc, until

pytestmark = [pytest.mark.root, pytest.mark.debian, pytest.mark.timeout(1200 * SLOWNESS)]

BOOT = 90 * SLOWNESS  # seconds
# Of a systemd that shares hybrid cgroups with a host on which processes come and go; it goes on.
MIGRATION = "Failed to migrate controller cgroups from /, ignoring: Input/output error"
OWN_IDS = """\
lxc.include = {config}/userns.conf
lxc.idmap = u 0 200000 65536
lxc.idmap = g 0 200000 65536
lxc.rootfs.path = dir:{root}
lxc.rootfs.options = idmap=container
"""


IN_A_USER_NAMESPACE = {  # units that may fail there, and why
    "sys-kernel-debug.mount": "debugfs is the host's alone",
    "sys-kernel-tracing.mount": "and so is tracefs",
    "sys-kernel-config.mount": "and so is configfs",
}
CONFIG = Path(__file__).parents[2] / "src/lxc/share/config"


@pytest.fixture(scope="module")
def root() -> Path:
    return debian.root()


class Machine:
    """A container whose root is an overlay on `root`."""

    def __init__(self, lxc: Lxc, root: Path, more: str = "") -> None:
        self.lxc, self.name = lxc, f"deb-{lxc.tag}"
        self.directory = lxc.path / self.name
        for name in ("rootfs", "delta"):
            (self.directory / name).mkdir(parents=True)
        self.console = self.directory / "console.log"
        (self.directory / "config").write_text(
            f"lxc.include = {CONFIG}/common.conf\n"
            f"lxc.rootfs.path = overlay:{root}:{self.directory}/delta\n"
            f"lxc.console.logfile = {self.console}\n"
            "lxc.net.0.type = empty\nlxc.uts.name = deb\nlxc.tty.dir =\n"
            # As in Debian's default.conf: systemd mounts what it gives to services.
            "lxc.apparmor.profile = generated\nlxc.apparmor.allow_nesting = 1\n" + more
        )

    def boot(self, may_fail: Container[str] = ()) -> None:
        self.lxc.start(self.name)
        self.is_up(may_fail)

    def is_up(self, may_fail: Container[str] = ()) -> None:
        """Wait until all that belongs to multi-user.target has been started; nothing else than `may_fail` has failed."""
        until(lambda: self.run("systemctl", "is-active", "multi-user.target").stdout == "active\n", "it boots", BOOT)
        state = self.run("systemctl", "is-system-running", "--wait").stdout
        failed = self.run("systemctl", "list-units", "--failed", "--plain", "--no-legend").stdout.splitlines()
        assert [line for line in failed if line.split()[0] not in may_fail] == [], self.said()
        assert state == ("degraded\n" if failed else "running\n")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.lxc.run("lxc-attach", "-n", self.name, "--", *command)

    def said(self) -> str:
        return self.console.read_text(errors="replace") if self.console.exists() else ""


def test_it_boots_to_multi_user_target_and_stops_cleanly(lxc: Lxc, root: Path) -> None:
    machine = Machine(lxc, root)
    machine.boot()
    assert machine.run("cat", "/proc/1/comm").stdout == "systemd\n"
    assert machine.run("systemd-detect-virt", "--container").stdout == "lxc\n"
    assert "Reached target multi-user.target" in machine.said()
    assert machine.run("systemctl", "is-active", "systemd-logind", "dbus").stdout == "active\nactive\n"
    lxc.ok("lxc-stop", "-n", machine.name, "-t", str(int(BOOT)), timeout=2 * BOOT)
    assert lxc.state(machine.name) == "STOPPED"
    assert "Reached target shutdown.target" in machine.said()
    said = machine.said().replace(MIGRATION, "")
    assert "Failed" not in said


def test_it_reboots_and_powers_off_from_inside(lxc: Lxc, root: Path) -> None:
    machine = Machine(lxc, root)
    machine.boot()
    first = lxc.init_pid(machine.name)
    machine.run("systemctl", "reboot")
    until(lambda: lxc.init_pid(machine.name) != first, "another init", BOOT)
    machine.is_up()
    machine.run("systemctl", "poweroff")
    lxc.ok("lxc-wait", "-n", machine.name, "-s", "STOPPED", "-t", str(int(BOOT)), timeout=2 * BOOT)


def test_it_is_asked_to_reboot_and_does(lxc: Lxc, root: Path) -> None:
    machine = Machine(lxc, root)
    machine.boot()
    first = lxc.init_pid(machine.name)
    lxc.ok("lxc-stop", "-n", machine.name, "-r", "-t", str(int(BOOT)), timeout=2 * BOOT)
    until(lambda: lxc.init_pid(machine.name) != first, "another init", BOOT)
    machine.is_up()


def test_its_services_have_cgroups_of_their_own_and_the_hosts_are_out_of_reach(lxc: Lxc, root: Path) -> None:
    machine = Machine(lxc, root)
    machine.boot()
    started = machine.run("systemd-run", "--unit=probe", "-p", "TasksMax=7", "sleep", "1000")
    assert started.returncode == 0, started.stderr
    listed = machine.run("systemd-cgls", "--no-pager").stdout
    assert "probe.service" in listed
    assert machine.name not in listed
    for line in machine.run("cat", "/proc/1/cgroup").stdout.splitlines():
        assert ".." not in line


def test_its_terminals_have_logins(lxc: Lxc, root: Path) -> None:
    machine = Machine(lxc, root)
    machine.boot()
    until(lambda: "login:" in machine.said(), "a login on the console", BOOT)
    gettys = machine.run("systemctl", "list-units", "--plain", "--no-legend", "container-getty@*").stdout.splitlines()
    assert len(gettys) == 4


def test_with_ids_of_its_own_it_boots_and_stops_as_well(lxc: Lxc, root: Path) -> None:
    copy = lxc.path / "root"
    subprocess.run(["cp", "-a", root, copy], check=True)  # there is no overlay on directories with mapped ids
    machine = Machine(lxc, root, OWN_IDS.format(config=CONFIG, root=copy))
    machine.boot(IN_A_USER_NAMESPACE)
    pid = lxc.init_pid(machine.name)
    assert Path(f"/proc/{pid}/uid_map").read_text().split() == ["0", "200000", "65536"]
    assert Path(f"/proc/{pid}").stat().st_uid == 200000
    assert machine.run("stat", "-c", "%u:%g", "/etc/passwd", "/proc/1").stdout == "0:0\n0:0\n"
    assert machine.run("systemctl", "is-active", "systemd-logind", "dbus").stdout == "active\nactive\n"
    started = machine.run("systemd-run", "--unit=probe", "-p", "TasksMax=7", "sleep", "1000")
    assert started.returncode == 0, started.stderr
    lxc.ok("lxc-stop", "-n", machine.name, "-t", str(int(BOOT)), timeout=2 * BOOT)
    assert lxc.state(machine.name) == "STOPPED"
    assert "Reached target shutdown.target" in machine.said()
    machine.boot(IN_A_USER_NAMESPACE)
