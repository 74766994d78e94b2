"""What confines a container's first process, beside Debian's LXC: sets of privileges, limits, parameters, the outcome of system calls.

Looked at from outside, in /proc/PID, but for the calls, which a program in the container makes.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.conftest import Lxc, ignored, until

pytestmark = [pytest.mark.parity, pytest.mark.root]

PROBE = Path(__file__).parents[1] / "kernel/security/probe.c"
COMMON = "lxc.net.0.type = empty\nlxc.init.cmd = /script\nlxc.mount.auto = proc:rw\nlxc.autodev = 0\nlxc.console.path = none\n"
SCRIPT = "#!/bin/sh\n/probe > /seen/calls\ncat /proc/sys/{parameters} > /seen/parameters\necho > /seen/done\nexec sleep 600\n"
PARAMETERS = (
    "kernel/hostname", "kernel/msgmax", "kernel/msgmnb", "kernel/sem", "kernel/shmmax", "kernel/domainname",
    "net/ipv4/ip_forward", "net/ipv4/ip_default_ttl", "net/ipv4/ip_unprivileged_port_start", "net/core/somaxconn",
)  # fmt: skip
STATUS = (
    "Uid", "Gid", "Groups", "NSpid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters",
    "SigIgn", "SigBlk", "SigCgt", "Cpus_allowed_list", "CoreDumping", "THP_enabled",
)  # fmt: skip
POLICIES = {
    "deny": "2\ndenylist\nkeyctl\nbpf errno 1\nptrace trap\n", "words": "2\nblacklist\n[all]\nmknod errno 38\nkcmp trap\n",
    "arguments": "2\ndenylist\npersonality errno 18 [0,8,SCMP_CMP_EQ]\numount2 errno 18 [1,0,SCMP_CMP_MASKED_EQ,1]\n",
    "force": "2\ndenylist\nreject_force_umount\n", "common": Path("/usr/share/lxc/config/common.seccomp").read_text(),
    "sections": "2\ndenylist\n[x86_64]\nfsync errno 18\n[arm]\nftruncate errno 18\n[all]\nfchdir errno 0\n",
    "ranges": "2\ndenylist\nptrace errno 5 [0,2,SCMP_CMP_GE][1,9,SCMP_CMP_GE]\nkcmp errno 6 [0,1,SCMP_CMP_NE]\n",
}  # fmt: skip
MANY = "".join(f"lxc.environment = V{number}={'x' * number}\n" for number in range(40))
CASES = [
    "",
    "lxc.no_new_privs = 1\n",
    "lxc.no_new_privs = 1\nlxc.init.uid = 1000\nlxc.init.gid = 1000\n",
    *(f"lxc.cap.drop = {names}\n" for names in ("mknod", "sys_admin sys_module sys_rawio", "net_raw net_admin", "setpcap", "37")),
    *(f"lxc.cap.keep = {names}\n" for names in ("chown kill", "none", "sys_admin net_admin setuid setgid", "0 1 2 3 4 5 6 7")),
    "lxc.cap.drop = chown\nlxc.cap.drop = fowner\n",
    "lxc.cap.keep = chown\nlxc.cap.keep = kill sys_chroot\n",
    "lxc.init.uid = 1000\n", "lxc.init.gid = 1000\n", "lxc.init.uid = 1000\nlxc.init.gid = 100\n",
    "lxc.init.groups = 4,24\n", "lxc.init.uid = 7\nlxc.init.gid = 8\nlxc.init.groups = 9\n",
    "lxc.init.uid = 65534\nlxc.cap.keep = none\nlxc.no_new_privs = 1\n",
    "lxc.init.cwd = /seen\n", "lxc.init.cwd = /new/below\n",
    *(f"lxc.arch = {name}\n" for name in ("i686", "x86_64", "linux32", "amd64", "armhf")),
    *(f"lxc.prlimit.{name} = {value}\n" for name, value in (
        ("nofile", "64:128"), ("core", "0"), ("stack", "1048576"), ("nproc", "500:600"), ("memlock", "65536"), ("fsize", "unlimited"),
        ("rtprio", "0"), ("nice", "0"), ("sigpending", "10:20"), ("as", "unlimited"), ("cpu", "3600"), ("locks", "5"),
    )),
    "lxc.prlimit.nofile = 100\nlxc.prlimit.core = 0:0\nlxc.prlimit.data = unlimited\n",
    *(f"lxc.sysctl.{name} = {value}\n" for name, value in (
        ("kernel.msgmax", "4096"), ("kernel.shmmax", "1048576"), ("kernel.sem", "100 200 30 40"), ("net.ipv4.ip_forward", "1"),
        ("net.ipv4.ip_default_ttl", "33"), ("net.core.somaxconn", "77"), ("kernel.domainname", "example.org"),
    )),
    *(f"lxc.proc.{name} = {value}\n" for name, value in (("oom_score_adj", "17"), ("oom_score_adj", "1000"), ("coredump_filter", "3"))),
    "lxc.uts.name = other\n",
    "lxc.environment = A=1\n", "lxc.environment = A=1\nlxc.environment = A=2\nlxc.environment = B=x y = z\n",
    "lxc.environment = EMPTY=\nlxc.environment = HOME\n", MANY,
    "lxc.keyring.session = 1\n", "lxc.monitor.signal.pdeath = SIGTERM\n", "lxc.monitor.unshare = 1\n",
    *(f"lxc.namespace.clone = {names}\n" for names in ("mount pid", "mount pid net", "mount pid uts ipc net cgroup")
      if "mount" not in names),
    *(f"lxc.namespace.clone = {names}\n" for names in ("mnt pid", "mnt pid net uts", "mnt pid uts ipc net cgroup", "mnt ipc")),
    *(f"lxc.namespace.keep = user {names}\n" for names in ("ipc", "uts", "net", "cgroup", "pid", "ipc uts net cgroup")),
    *(f"lxc.seccomp.profile = LXCPATH/{name}\n" for name in POLICIES),
    "lxc.seccomp.profile = LXCPATH/deny\nlxc.no_new_privs = 1\nlxc.init.uid = 1000\nlxc.cap.keep = none\n",
    "lxc.seccomp.profile = LXCPATH/deny\nlxc.arch = i686\nlxc.prlimit.nofile = 99\nlxc.cap.drop = sys_admin\n",
]  # fmt: skip
# What differs on purpose: where, for which configurations ("" is all), and why.  docs/differences.toml tells it, too.
DIFFERENT = {
    "namespace time": ("lxc.namespace.keep", "5.0.2 makes a time namespace then, which nobody has offsets for"),
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("probe") / "probe"
    subprocess.run(["gcc", "-O1", "-static", "-o", built, PROBE], check=True)
    return built


def make(lxc: Lxc, program: Path, config: str) -> str:
    """A container with nothing but busybox, the program, and a script that uses it."""
    name = f"box-{lxc.tag}"
    root = lxc.path / name / "rootfs"
    for directory in ("bin", "dev", "proc", "sys", "tmp"):
        (root / directory).mkdir(parents=True)
    (root / "seen").mkdir()
    (root / "seen").chmod(0o777)
    for link in ("sh", "cat", "sleep"):
        (root / "bin" / link).symlink_to("busybox")
    shutil.copy("/bin/busybox", root / "bin/busybox")
    shutil.copy(program, root / "probe")
    script = root / "script"
    script.write_text(SCRIPT.format(parameters=" /proc/sys/".join(PARAMETERS)))
    script.chmod(0o755)
    for kind, text in POLICIES.items():
        (lxc.path / kind).write_text(text)
    named = (
        "" if "lxc.namespace" in config else "lxc.uts.name = box\n"
    )  # 5.0.2 names the host if that namespace is kept
    text = f"lxc.rootfs.path = dir:{root}\n{COMMON}{named}{config}".replace("LXCPATH", str(lxc.path))
    (lxc.path / name / "config").write_text(text)
    return name


def view(lxc: Lxc, name: str, *, peer: bool) -> dict[str, str]:
    """All that confines init, by what it is."""
    seen = lxc.path / name / "rootfs/seen"
    lxc.ok("lxc-start", "-n", name, peer=peer)
    try:
        until((seen / "done").exists, "the calls are made")
        pid = int(lxc.ok("lxc-info", "-n", name, "-p", "-H"))
        until(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n", "init is what it stays")
        fields = dict(
            line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        found = {key: fields.get(key, "") for key in STATUS}
        found["NSpid"] = str(len(found["NSpid"].split()))
        found["SigIgn"] = ignored(found["SigIgn"])
        found |= {f"call {line.split(' ', 1)[0]}": line for line in (seen / "calls").read_text().splitlines()}
        found |= {f"limit {line[:25].strip()}": line for line in Path(f"/proc/{pid}/limits").read_text().splitlines()}
        found |= {
            file: Path(f"/proc/{pid}/{file}").read_text()
            for file in ("personality", "oom_score_adj", "coredump_filter")
        }
        found["environment"] = Path(f"/proc/{pid}/environ").read_text().replace("\0", "\n")
        found["parameters"] = (seen / "parameters").read_text()
        found["cwd"] = os.readlink(f"/proc/{pid}/cwd").replace(str(lxc.path), "LXCPATH")
        found["cgroup"] = "".join(
            sorted(line.partition(":")[2] + "\n" for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
        )
        for kind in ("user", "mnt", "pid", "uts", "ipc", "net", "cgroup", "time"):
            found[f"namespace {kind}"] = str(
                os.stat(f"/proc/{pid}/ns/{kind}").st_ino == os.stat(f"/proc/self/ns/{kind}").st_ino
            )
        return found
    finally:
        lxc.ok("lxc-stop", "-n", name, "-k", peer=peer)
        for file in seen.iterdir():
            file.unlink()


@pytest.mark.parametrize("config", CASES, ids=lambda config: config[:60].strip().replace("\n", "; ") or "nothing")
def test_a_container_is_confined_alike(lxc: Lxc, program: Path, config: str) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert hard >= 1024
    name = make(lxc, program, config)
    ours, theirs = view(lxc, name, peer=False), view(lxc, name, peer=True)
    assert len([key for key in ours if key.startswith("call ")]) > 40
    if "lxc.namespace" in config:  # see the last but one test
        ours["parameters"], theirs["parameters"] = (it["parameters"].partition("\n")[2] for it in (ours, theirs))
    differing = {key: (ours.get(key), theirs.get(key)) for key in ours | theirs if ours.get(key) != theirs.get(key)}
    meant = {key for key, (where, _) in DIFFERENT.items() if where in config}
    assert {key: pair for key, pair in differing.items() if key not in meant} == {}


def test_without_a_name_a_container_has_its_own(lxc: Lxc, program: Path) -> None:
    """5.0.2 leaves it the host's name, by which nobody can tell where they are."""
    name = make(lxc, program, "lxc.uts.name =\n")
    assert view(lxc, name, peer=False)["parameters"].splitlines()[0] == name
    assert view(lxc, name, peer=True)["parameters"].splitlines()[0] == os.uname().nodename


def test_there_are_enough() -> None:
    assert len(set(CASES)) >= 60
