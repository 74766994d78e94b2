"""Debian's lxc-update-config and lxc-checkconfig beside ours."""

from __future__ import annotations

import subprocess
from glob import glob
from pathlib import Path

import pytest
from tests.conftest import BIN, PEER

from lxc.config import lint, recorder
from lxc.runtime.check import survey

pytestmark = pytest.mark.parity

OLD = {
    "names": (
        "# an old one\nlxc.utsname = web\nlxc.tty=4\n  lxc.pts = 1024\nlxc.devttydir = lxc\n#lxc.aa_profile = unconfined\n"
        "lxc.aa_allow_incomplete = 1\nlxc.se_context = x\nlxc.mount = /etc/fstab\nlxc.mount.entry = a b c\n"
        "lxc.seccomp = /x\nlxc.console = none\nlxc.console.logfile = /log\nlxc.haltsignal = SIGPWR\n"
        "lxc.rebootsignal = SIGINT\nlxc.stopsignal = SIGKILL\nlxc.syslog = daemon\nlxc.loglevel = 3\nlxc.logfile = /l\n"
        "lxc.init_cmd = /bin/sh\nlxc.init_uid = 3\nlxc.init_gid = 4\nlxc.id_map = u 0 100000 65536\nlxc.kmsg = 0\n"
        "lxc.pivotdir = x\nlxc.cap.drop = mknod\n\nlxc.arch = amd64\n"
    ),
    "root": "lxc.rootfs = /var/lib/lxc/web/rootfs\nlxc.autodev = 1\n",
    "root of a driver": "lxc.rootfs = /dev/vg/web\nlxc.rootfs.backend = lvm\n",
    "networks": (
        "lxc.network.type = veth\nlxc.network.link = br0\nlxc.network.flags = up\nlxc.network.ipv4 = 10.0.3.5/24\n"
        "lxc.network.ipv4.gateway = 10.0.3.1\nlxc.network.ipv6 = fd00::5/64\n# lxc.network.hwaddr = 00:16:3e:xx:xx:xx\n"
        "lxc.network.type=macvlan\nlxc.network.macvlan.mode = bridge\nlxc.network.script.up = /up\n"
    ),
    "numbered networks": "lxc.network.0.type = veth\nlxc.network.0.link = br0\nlxc.network.11.type = phys\n",
    "without an end": "lxc.tty = 4",
    "up to date": "lxc.uts.name = web\nlxc.net.0.type = empty\nlxc.cgroup.memory.limit_in_bytes = 1G\n",
}


@pytest.mark.parametrize("text", OLD.values(), ids=OLD)
def test_old_files_become_what_debian_makes_of_them(tmp_path: Path, text: str) -> None:
    results = []
    for directory in (BIN, PEER):
        config = tmp_path / directory.parent.name / "config"
        config.parent.mkdir()
        config.write_text(text)
        done = subprocess.run([directory / "lxc-update-config", "-c", config], capture_output=True, check=False)
        assert (done.returncode, config.with_name("config.backup").read_text()) == (0, text)
        results.append(config.read_text())
    assert results[0] == results[1]


def labels(command: Path, config: Path | None = None) -> list[str]:
    """The lines of lxc-checkconfig but what 7.0 has and 5.0 has not: limits of namespaces, and the version."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"} | ({"CONFIG": str(config)} if config else {})
    done = subprocess.run([command / "lxc-checkconfig"], env=environment, capture_output=True, text=True, check=True)
    other = ("LXC version", "Namespace limits:", "  ", "usage")
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(other)]
    # 5.0.2 says of the first, too, whether it is loaded, which is no module; and of the others not, which are.
    alike = ("Advanced netfilter", *(f"CONFIG_{kind}_DIAG" for kind in ("INET", "NETLINK", "PACKET", "UNIX")))
    return [line.partition(",")[0] if line.startswith(alike) else line for line in lines]


def test_this_kernel_has_what_debian_says_it_has() -> None:
    differences = {(ours, theirs) for ours, theirs in zip(labels(BIN), labels(PEER), strict=True) if ours != theirs}
    for _ in range(2):  # a module may have been loaded in between
        differences.intersection_update(zip(labels(BIN), labels(PEER), strict=True))
    assert differences == set()


@pytest.mark.parametrize(
    "text", ["", "CONFIG_NAMESPACES=m\nCONFIG_VETHX=y\n CONFIG_PID_NS=y\n# CONFIG_UTS_NS is not set\nCONFIG_SMP=y\n"]
)
@pytest.mark.parametrize("version", ["", "6.18.44", "5.1.0", "5.0.0", "4.14.7"])
def test_any_configuration_is_read_alike(tmp_path: Path, text: str, version: str) -> None:
    config = tmp_path / "kernel"
    config.write_text(f"# Linux/x86 {version} Kernel Configuration\n{text}" if version else text)
    assert labels(BIN, config) == labels(PEER, config)


@pytest.mark.parametrize("path", sorted(glob("/usr/share/lxc/config/*.conf")))
def test_what_debian_ships_has_no_errors(path: str) -> None:
    reading = recorder.record(path)
    found = lint.findings(reading, survey.survey(reading), is_whole=False)
    assert {f"{each.place}: {each.message}" for each in found if each.rule.severity == "error"} == set()
