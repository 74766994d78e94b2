"""What tests need of a machine, and what this one has.

A test says by markers what it needs. What the machine at hand does not have is looked at once; what needs it is not selected, and the
last lines say so. `make vm-test` runs a virtual machine that has most of it (`tests/vm`); what neither has is named, test by test.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests import debian

CGROUPS = Path("/sys/fs/cgroup")
VM_KERNEL = (6, 1)  # Debian 12's


class Need(NamedTuple):
    """What a marker says of a test."""

    says: str
    is_here: Callable[..., bool]  # with the marker's arguments
    in_vm: Callable[..., bool] = lambda *words: True  # run by `make vm-test`, as root or as a user


def _is_root() -> bool:
    return os.geteuid() == 0


def _has_peer() -> bool:
    return _is_root() and Path("/usr/bin/lxc-start").exists()


def _is_unified() -> bool:
    controllers = CGROUPS / "cgroup.controllers"
    return controllers.exists() and {"cpu", "memory", "pids"} <= set(controllers.read_text().split())


def _is_hybrid() -> bool:
    return (CGROUPS / "memory").is_dir() and (CGROUPS / "unified/cgroup.procs").exists()


def _has_apparmor() -> bool:
    enabled = Path("/sys/module/apparmor/parameters/enabled")
    return (
        enabled.exists()
        and enabled.read_text() == "Y\n"
        and Path("/sys/kernel/security/apparmor/profiles").exists()
        and shutil.which("apparmor_parser", path="/usr/sbin:/sbin") is not None
    )


def _has_selinux() -> bool:
    enforces = Path("/sys/fs/selinux/enforce")
    return enforces.exists() and enforces.read_text() == "1" and ":" in Path("/proc/self/attr/current").read_text()


def _has_systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def _has_criu() -> bool:
    criu = shutil.which("criu", path="/usr/sbin:/usr/bin")
    return bool(criu and _is_root() and _succeeds(criu, "check"))


def _is_user_session() -> bool:
    """Whether we are a user with a systemd of their own, subordinate ids, and cgroups delegated to us."""
    if _is_root() or not Path(f"/run/user/{os.getuid()}/systemd/private").exists():
        return False
    own = [line.removeprefix("0::") for line in Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::"]
    return bool(own) and f"/user@{os.getuid()}.service/" in own[0] and shutil.which("newuidmap") is not None


def _has_link_kind(kind: str) -> bool:
    """Whether the kernel makes network devices of this kind (tried in a network namespace of its own)."""
    needs_lower = kind in ("vlan", "macvlan", "ipvlan")
    lower = "ip link add lower type veth && " if needs_lower else ""
    on = "link lower" if needs_lower else ""
    more = "id 7" if kind == "vlan" else ""
    apart = ("unshare", "-n") if _is_root() else ("unshare", "-rn")
    return _succeeds(*apart, "sh", "-c", f"{lower}ip link add {on} name upper type {kind} {more}")


def _has_radios() -> bool:
    """Whether there are simulated radios; only a machine that is the tests' own is given some."""
    if "LXC_TESTS_IN_VM" not in os.environ or not _is_root() or not _has_command("iw"):
        return False
    return _succeeds("modprobe", "mac80211_hwsim", "radios=4")


def _has_file_system(kind: str) -> bool:
    if _is_root():
        _succeeds("modprobe", kind)
    return any(line.split()[-1] == kind for line in Path("/proc/filesystems").read_text().splitlines())


def _has_volumes() -> bool:
    """Whether logical volumes can be made; only a machine that is the tests' own is given some."""
    return (
        "LXC_TESTS_IN_VM" in os.environ and _is_root() and _has_command("lvcreate") and _succeeds("modprobe", "dm_mod")
    )


def _has_command(name: str) -> bool:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is not None


def _has_landlock() -> bool:
    from lxc.kernel import landlock

    return landlock.abi() > 0


def _has_beside() -> bool:
    from lxc.kernel import beside

    return beside.is_available()


def _is_kernel(least: str) -> bool:
    return _version(os.uname().release) >= _version(least)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int("".join(filter(str.isdecimal, part)) or 0) for part in text.split("-")[0].split(".")[:2])


def _succeeds(*command: str) -> bool:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


NEEDS = {
    "root": Need("root (uid 0) on the host", _is_root),
    "parity": Need("Debian's lxc, which is run beside ours, and root", _has_peer),
    "unified": Need("unified cgroups with controllers (cpu, memory, pids)", _is_unified),
    "hybrid": Need("cgroup v1 hierarchies beside an unified one", _is_hybrid, lambda: False),
    "apparmor": Need("AppArmor, enforcing", _has_apparmor),
    "selinux": Need("SELinux, enforcing the policy tests/vm/selinux.cil", _has_selinux),
    "systemd": Need("a host that was booted by systemd", _has_systemd),
    "criu": Need("CRIU, and a kernel it works on; root", _has_criu),
    "user_session": Need(
        "a user's session: not root, systemd of one's own, delegated cgroups, subids", _is_user_session
    ),
    "link_kind": Need("link_kind(kind): a kernel with such network devices: vlan, ipvlan …", _has_link_kind),
    "radios": Need("simulated radios: mac80211_hwsim, in the virtual machine", _has_radios),
    "file_system": Need("file_system(name): a kernel with this file system: btrfs, overlay …", _has_file_system),
    "volumes": Need("logical volumes: LVM, in the virtual machine", _has_volumes),
    "landlock": Need("a kernel with Landlock", _has_landlock),
    "fuse": Need("/dev/fuse, at which a file system of the test's own can be served", Path("/dev/fuse").exists),
    "beside": Need("a processor that native/beside was written for", _has_beside),
    "command": Need("command(name): a program of the host's that need not be there", _has_command),
    "debian": Need("a Debian root with systemd, made by debootstrap or unpacked (tests/debian.py)", debian.can_be_made),
    "kernel": Need(
        'kernel("6.3"): this version of Linux, or a later one',
        _is_kernel,
        lambda least: _version(least) <= VM_KERNEL,
    ),
}
RARE = {
    "unified",
    "apparmor",
    "selinux",
    "systemd",
    "criu",
    "user_session",
    "link_kind",
    "radios",
    "volumes",
    "command(ovs-vsctl)",
    "command(criu)",
}


@functools.cache
def _is_here(name: str, words: tuple[str, ...]) -> bool:
    return NEEDS[name].is_here(*words)


def _needs(item: pytest.Item) -> Iterator[tuple[str, tuple[str, ...]]]:
    for mark in item.iter_markers():
        if mark.name in NEEDS:
            yield mark.name, mark.args


def _written(name: str, words: tuple[str, ...]) -> str:
    return f"{name}({', '.join(words)})" if words else name


def missing(item: pytest.Item) -> list[str]:
    """What the test needs and this machine does not have."""
    needs = dict.fromkeys(_needs(item))
    return [_written(name, words) for name, words in needs if not _is_here(name, words)]


def is_rare(item: pytest.Item) -> bool:
    """Whether the test needs what is there for it in the virtual machine only, as a rule."""
    return any(not RARE.isdisjoint((name, _written(name, words))) for name, words in _needs(item))


def in_vm(item: pytest.Item) -> bool:
    """Whether `make vm-test` can run the test."""
    needs = list(_needs(item))
    apart = {name for name, _ in needs} >= {"root", "user_session"}
    return not apart and all(NEEDS[name].in_vm(*words) for name, words in needs)
