"""Who the first process of a container with ids of its own is, and which namespaces are new, beside Debian's LXC.

Looked at from outside, in /proc/PID: ids, groups, the five sets of capabilities, maps, environment, limits, clocks.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import MAPPED, Lxc, ignored
from tests.parity.test_inside_view import make_root

pytestmark = [pytest.mark.parity, pytest.mark.root]

NO_ROOT = "lxc.idmap = u 1000 101000 10\nlxc.idmap = g 1000 101000 10\nlxc.init.uid = 1000\nlxc.init.gid = 1000\n"
SHOWN = (
    "Uid",
    "Gid",
    "Groups",
    "CapInh",
    "CapPrm",
    "CapEff",
    "CapBnd",
    "CapAmb",
    "NoNewPrivs",
    "SigIgn",
    "SigBlk",
    "Umask",
)
SPACES = ("user", "mnt", "pid", "uts", "ipc", "net", "cgroup", "time")
WHO = [
    "", "lxc.init.uid = 1000\nlxc.init.gid = 1000\n", "lxc.init.uid = 33\n", "lxc.init.gid = 33\n", "lxc.init.groups = 5,6,7\n",
    "lxc.init.uid = 1000\nlxc.init.gid = 1000\nlxc.init.groups = 44\n", "lxc.no_new_privs = 1\n",
    "lxc.init.cwd = /tmp\n", "lxc.init.uid = 1000\nlxc.no_new_privs = 1\n",
]  # fmt: skip
CAPABILITIES = [
    "lxc.cap.drop = sys_admin\n", "lxc.cap.drop = 21 sys_time\nlxc.cap.drop = mknod\n", "lxc.cap.keep = chown kill\n",
    "lxc.cap.keep = none\n", "lxc.cap.keep = net_raw\nlxc.cap.keep = 13 14\n", "lxc.cap.drop = sys_admin\nlxc.cap.drop =\n",
    "lxc.cap.keep = chown\nlxc.init.uid = 1000\n", "lxc.cap.drop = setuid setgid\n", "lxc.cap.drop = setpcap\n",
]  # fmt: skip
NAMESPACES = [
    "lxc.namespace.keep = user time\n", "lxc.namespace.keep = net user time\n", "lxc.namespace.keep = ipc uts user time\n",
    "lxc.namespace.clone = mnt pid\n", "lxc.namespace.clone = mnt pid uts ipc net cgroup\n", "lxc.namespace.clone = mnt pid cgroup\n",
    "lxc.time.offset.boot = 1h\n", "lxc.time.offset.monotonic = 1h\n",
]  # fmt: skip
REST = [
    "lxc.environment = A=1\nlxc.environment = B=two words\n", "lxc.environment = A=\n",
    "lxc.tty.max = 3\nlxc.pty.max = 8\n", "lxc.prlimit.nofile = 100:200\nlxc.prlimit.core = 0\n", "lxc.proc.oom_score_adj = 10\n",
    "lxc.arch = i686\n", "lxc.namespace.keep = net\n", "lxc.namespace.clone = user mnt pid\n", "lxc.time.offset.boot = 1h\n",
]  # fmt: skip
CASES = [*NAMESPACES, *(MAPPED + text for text in (*WHO, *CAPABILITIES, *REST)), NO_ROOT,
         "lxc.idmap = u 0 100000 1000\nlxc.idmap = u 1000 0 1\nlxc.idmap = u 1001 101001 9\nlxc.idmap = g 0 100000 65536\n"]  # fmt: skip

DIFFERENT = {  # configuration -> (what, Debian's, ours, why)
    f"{MAPPED}lxc.init.groups = 5,6,7\n": ("Groups", " ", "100005 100006 100007 ", "5.0.2 forgets them where it drops the starter's"),
    f"{MAPPED}lxc.init.uid = 1000\nlxc.init.gid = 1000\nlxc.init.groups = 44\n": ("Groups", " ", "100044 ", "the same"),
    f"{MAPPED}lxc.tty.max = 3\nlxc.pty.max = 8\n": (
        "environment", "\ncontainer=lxc", "\ncontainer=lxc\ncontainer_ttys=pts/1 pts/2 pts/3", "5.0.2 does not tell them; 7.0 does",
    ),
    f"{MAPPED}lxc.namespace.keep = net\n": ("ns/time", "new", "same", "nobody asked for other clocks"),
}  # fmt: skip


def view(lxc: Lxc, config: str, *, peer: bool) -> dict[str, str]:
    name = f"box-{lxc.tag}"
    directory = lxc.path / name
    make_root(directory / "rootfs")
    owner = re.search(r"lxc.idmap = u (\d+) (\d+)", config)
    if owner:
        subprocess.run(["chown", "-hR", f"{owner[2]}:{owner[2]}", directory], check=True)
    common = "lxc.net.0.type = empty\nlxc.init.cmd = /bin/busybox sleep 600\n"
    (directory / "config").write_text(f"lxc.rootfs.path = dir:{directory}/rootfs\n{common}{config}")
    lxc.ok(
        "lxc-start", "-n", name, peer=peer, env={"PATH": "/usr/sbin:/sbin"}
    )  # where the peer finds no newuidmap: it is root
    try:
        pid = int(lxc.ok("lxc-info", "-n", name, "-p", "-H"))
        return seen(pid)
    finally:
        lxc.ok("lxc-stop", "-n", name, "-k", peer=peer)
        shutil.rmtree(directory)


def seen(pid: int) -> dict[str, str]:
    proc = Path(f"/proc/{pid}")
    status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines() if ":\t" in line)
    found = {key: status[key] for key in SHOWN}
    found["SigIgn"] = ignored(status["SigIgn"])
    found |= {
        file: (proc / file).read_text()
        for file in ("uid_map", "gid_map", "setgroups", "oom_score_adj", "limits", "personality", "timens_offsets")
    }
    found |= {
        f"ns/{name}": "same" if os.readlink(proc / f"ns/{name}") == os.readlink(f"/proc/self/ns/{name}") else "new"
        for name in SPACES
    }
    found["environment"] = "\n".join(sorted((proc / "environ").read_text().split("\0")))
    found["cwd"] = os.readlink(proc / "cwd")
    found["session"] = " ".join(map(str, (proc / "stat").read_text().rpartition(")")[2].split()[2:4]))
    for key in ("cwd", "session"):
        found[key] = found[key].replace(str(pid), "PID")
    return found


@pytest.mark.parametrize(
    "config",
    [case for case in CASES if case not in DIFFERENT],
    ids=lambda config: config.strip().replace("\n", "; ") or "nothing",
)
def test_the_first_process_is_the_same(lxc: Lxc, config: str) -> None:
    assert view(lxc, config, peer=False) == view(lxc, config, peer=True)


@pytest.mark.parametrize("config", list(DIFFERENT), ids=lambda config: config.strip().replace("\n", "; "))
def test_what_is_different_is_meant_to_be(lxc: Lxc, config: str) -> None:
    what, theirs, ours, _ = DIFFERENT[config]
    debian, own = view(lxc, config, peer=True), view(lxc, config, peer=False)
    assert (debian.pop(what), own.pop(what)) == (theirs, ours)
    assert debian == own
