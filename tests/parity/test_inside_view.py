"""What a container sees as its file system, beside what Debian's LXC gives one of the same configuration.

Looked at from outside, through /proc/PID: the mounts of init's mount namespace, and all that is in its /dev.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc

pytestmark = [pytest.mark.parity, pytest.mark.root]

COMMON = "lxc.net.0.type = empty\nlxc.init.cmd = /bin/busybox sleep 600\n"
TTYS = "lxc.pty.max = 10\nlxc.tty.max = 2\n"
NO_NAMESPACE = "lxc.namespace.keep = cgroup user\n"  # 5.0.2 makes a user namespace unless told not to
AUTO = [
    "proc", "proc:mixed", "proc:rw", "proc sys", "proc sys:mixed", "sys:rw", "proc cgroup", "proc sys cgroup:mixed",
    "cgroup:ro", "cgroup:rw", "proc sys cgroup:mixed:force", "proc sys cgroup:ro:force", "proc sys cgroup:rw:force",
    "proc sys cgroup-full:mixed:force", "proc sys cgroup-full:ro:force", "proc sys cgroup-full:rw:force",
    "proc sys cgroup:force", "proc sys cgroup-full:force", "proc sys cgroup2", "proc sys cgroup2:ro",
    "shmounts:LXCPATH/src", "shmounts:LXCPATH/src:/mnt", "shmounts:LXCPATH/src:/new/place",
]  # fmt: skip
ALONE = [f"proc sys cgroup{full}:{mode}" for full in ("", "-full") for mode in ("mixed", "ro", "rw")]
ROOT = [
    "ro", "noatime", "nosuid,nodev", "nodiratime", "strictatime", "relatime", "atime", "slave", "private", "rslave",
    "shared", "rshared", "rprivate", "unbindable", "bind,ro", "size=1", "ro,nosuid,nodev,noatime",
]  # fmt: skip
ENTRIES = [
    "LXCPATH/src mnt none bind", "LXCPATH/src mnt none bind,ro", "LXCPATH/src mnt none rbind,ro",
    "LXCPATH/src mnt none bind,ro,nosuid,nodev,noexec", "LXCPATH/src mnt none bind,rw,suid,dev,exec",
    "LXCPATH/odd mnt none bind", "LXCPATH/odd mnt none bind,rw", "LXCPATH/odd mnt none bind,rw,suid,dev,exec",
    "LXCPATH/odd mnt none bind,dev", "LXCPATH/src mnt none bind,shared", "LXCPATH/src mnt none bind,slave",
    "LXCPATH/src mnt none bind,private", "LXCPATH/src mnt none rbind,rshared", "LXCPATH/src mnt none rbind,rslave",
    "LXCPATH/src new/dir none bind,create=dir", "LXCPATH/src/file new/file none bind,create=file",
    "LXCPATH/src/link mnt/x none bind,create=file", "LXCPATH/src ROOT/mnt none bind", "LXCPATH/src /mnt none bind",
    "tmpfs mnt tmpfs size=1m,mode=1777", "tmpfs mnt tmpfs ro,size=1m", "tmpfs mnt tmpfs rslave",
    "tmpfs mnt tmpfs nosuid,nodev,noexec,noatime", "none mnt tmpfs defaults", "/srv mnt none bind,relative",
    "srv mnt none bind,relative", "bin mnt none bind,relative,ro", "/nowhere mnt none bind,optional",
    "LXCPATH/src nowhere none bind,optional", "/dev/null dev/foo none bind,create=file",
    "/sys sys none rbind", "/dev/shm mnt none bind", "/proc mnt none bind", "proc proc proc nodev,noexec,nosuid",
    "mqueue dev/mqueue mqueue rw,relatime,create=dir,optional", "LXCPATH/src mnt none bind,sync,lazytime",
    "overlay mnt overlay lowerdir=LXCPATH/src,upperdir=BOX/o/up,workdir=BOX/o/work",
]  # fmt: skip
CASES = [
    "",
    TTYS,
    "lxc.autodev = 0\n",
    f"lxc.autodev = 0\n{TTYS}",
    f"lxc.tty.dir = lxc\n{TTYS}",
    "lxc.console.path = none\n",
    f"lxc.console.path = none\n{TTYS}",
    "lxc.autodev.tmpfs.size = 1000000\n",
    f"lxc.rootfs.options = ro\n{TTYS}lxc.tty.dir = lxc\nlxc.mount.auto = proc sys\n",
    *(f"lxc.mount.auto = {tokens}\n" for tokens in AUTO),
    *(f"{NO_NAMESPACE}lxc.mount.auto = {tokens}\n" for tokens in ALONE),
    "lxc.cap.drop = sys_admin\nlxc.mount.auto = proc sys cgroup\n",
    "lxc.cap.drop = net_admin\nlxc.mount.auto = proc sys\n",
    *(f"lxc.rootfs.options = {options}\n" for options in ROOT),
    *(f"lxc.mount.entry = {entry}\n" for entry in ENTRIES),
    "lxc.mount.entry = LXCPATH/src mnt none bind\nlxc.mount.entry = /mnt srv none bind,relative\n",
    "lxc.mount.entry = tmpfs mnt tmpfs rw\nlxc.mount.entry = tmpfs mnt/a tmpfs ro,create=dir\n",
]
EVERYWHERE = (  # what is different wherever it occurs: (Debian's, ours, why)
    (r"^(console|lxc/console|pts/0) \S+ \d:\d", "ours is 0600 root:root, as in LXC 6: 5.0.2 leaves it to a group"),
    (r"^pts \S+ 0:0", "5.0.2 makes the directory 0644, which nobody but root can search"),
    (
        r"^/dev/(console|lxc/\S+|tty\d+) \S+ \S+ (master\+)?shared",
        "theirs are slaves of the host's /dev/pts, if that is shared",
    ),
    (r"^/proc/sys /sys \S+", "5.0.2 loses nosuid, nodev and noexec of the /proc that this is a part of"),
)
DIFFERENT = {  # configuration -> (only with Debian's, only with ours, why); "" is a mount that is not there
    "lxc.mount.entry = LXCPATH/src mnt none bind,noatime\n": (
        "/mnt LXCPATH/src rw,relatime", "/mnt LXCPATH/src rw,noatime", "5.0.2 ignores the access time of binds",
    ),
    "lxc.mount.entry = LXCPATH/src mnt none bind,nodiratime\n": (
        "/mnt LXCPATH/src rw,relatime", "/mnt LXCPATH/src rw,nodiratime,relatime", "the same",
    ),
    "lxc.mount.entry = LXCPATH/src mnt none bind,nosymfollow\n": (
        "/mnt LXCPATH/src rw,relatime", "/mnt LXCPATH/src rw,relatime,nosymfollow", "it is new in LXC 7",
    ),
    "lxc.rootfs.options = nosymfollow\n": (
        "/ LXCPATH/BOX/rootfs rw,relatime", "/ LXCPATH/BOX/rootfs rw,relatime,nosymfollow", "it is new in LXC 7",
    ),
    "lxc.mount.entry = LXCPATH/open mnt none rbind,ro\n": (
        "/mnt/below / rw", "/mnt/below / ro", "whoever writes rbind,ro does not want a part of it writable",
    ),
    "lxc.mount.auto = proc sys:ro\n": (
        "sysfs ro", "sysfs rw", "the file system may be the host's own; its mount is read-only in both",
    ),
    "lxc.mount.entry = tmp mnt none bind\n": (
        "/mnt / rw,relatime", "/mnt /tmp rw,relatime", "5.0.2 binds the host's root instead of /tmp below it",
    ),
}  # fmt: skip


def make_root(root: Path) -> None:
    """A root with busybox, and the directories that a distribution would have."""
    for name in ("bin", "dev", "etc", "mnt", "proc", "srv", "sys", "tmp"):
        (root / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")


def mounts(pid: int, lxcpath: Path, name: str) -> list[str]:
    """The mounts that process `pid` sees: where, what of which file system, with which options, who sees changes."""
    seen = []
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, root, point, options, *fields = before.split()
        fstype, source, superoptions = after.split(" ", 2)
        if fstype == "devpts":
            root = re.sub(r"\d+", "N", root)
        kinds = sorted({field.partition(":")[0] for field in fields})
        text = f"{point} {root} {options} {'+'.join(kinds) or 'private'} {fstype} {source} {superoptions}"
        seen.append(text.replace(str(lxcpath), "LXCPATH").replace(name, "BOX"))
    return sorted(seen, key=lambda text: text.split(" ")[0])  # stable: mounts on one place stay in their order


def nodes(pid: int) -> list[str]:
    """What is in the /dev of process `pid`, two levels deep: kind and mode, owner, device or link."""
    top, seen = f"/proc/{pid}/root/dev", []
    names = os.listdir(top)
    for name in sorted(names):
        if stat.S_ISDIR(os.lstat(f"{top}/{name}").st_mode):
            names += [f"{name}/{below}" for below in os.listdir(f"{top}/{name}")]
    for name in sorted(names):
        status = os.lstat(f"{top}/{name}")
        what = f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"
        if stat.S_ISLNK(status.st_mode):
            what += f" -> {os.readlink(f'{top}/{name}')}"
        elif stat.S_ISCHR(status.st_mode):
            major = os.major(status.st_rdev)
            what += f" {major}:{'N' if major == 136 else os.minor(status.st_rdev)}"
        seen.append(f"{name} {what}")
    return seen


def view(lxc: Lxc, config: str, *, peer: bool) -> list[str]:
    """What a new container with a new root sees."""
    name = f"box-{lxc.tag}"
    directory = lxc.path / name
    make_root(directory / "rootfs")
    for word, path in (("LXCPATH", lxc.path), ("ROOT", directory / "rootfs"), ("BOX", directory)):
        config = config.replace(word, str(path))
    (directory / "config").write_text(f"lxc.rootfs.path = dir:{directory}/rootfs\n{COMMON}{config}")
    lxc.ok("lxc-start", "-n", name, peer=peer)
    try:
        pid = int(lxc.ok("lxc-info", "-n", name, "-p", "-H"))
        return [simplified(line) for line in (*mounts(pid, lxc.path, name), *nodes(pid))]
    finally:
        lxc.ok("lxc-stop", "-n", name, "-k", peer=peer)
        shutil.rmtree(directory)


def simplified(line: str) -> str:
    for pattern, _ in EVERYWHERE:
        line = re.sub(pattern, lambda match: match[0].split(" ")[0], line)
    return line


@pytest.fixture
def sources(lxc: Lxc) -> None:
    """What entries bind: a directory, one with a mount in it, and a mount that is restricted."""
    (lxc.path / "src/sub").mkdir(parents=True)
    (lxc.path / "src/file").write_text("host")
    (lxc.path / "src/link").symlink_to("file")
    (lxc.path / "odd").mkdir()
    (lxc.path / "open/below").mkdir(parents=True)


@pytest.fixture
def mounted(lxc: Lxc, sources: None) -> Iterator[None]:
    """`odd` and `open/below` are mounts of the host's."""
    targets = {"odd": "ro,nosuid,nodev,noexec", "open/below": "rw"}
    for target, options in targets.items():
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", lxc.path / target], check=True)
    yield
    for target in targets:
        subprocess.run(["umount", lxc.path / target], check=True)


@pytest.mark.usefixtures("mounted")
@pytest.mark.parametrize("config", CASES, ids=lambda config: config.strip().replace("\n", "; ") or "nothing")
def test_a_container_sees_the_same(lxc: Lxc, config: str) -> None:
    assert view(lxc, config, peer=False) == view(lxc, config, peer=True)


@pytest.mark.usefixtures("mounted")
@pytest.mark.parametrize("config", list(DIFFERENT), ids=str.strip)
def test_what_is_different_is_meant_to_be(lxc: Lxc, config: str) -> None:
    theirs, ours, _ = DIFFERENT[config]
    debian, own = view(lxc, config, peer=True), view(lxc, config, peer=False)
    assert [line.replace(theirs, ours) for line in debian] == own
    assert debian != own
