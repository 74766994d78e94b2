"""An ordinary user of this host, made for a test and gone with it: ids, a home, subordinate ids; cgroups, if they are delegated.

Nothing of the host is changed for that: the user's /etc/passwd, /etc/subuid and /etc/subgid are seen in a mount
namespace of their own, by what is run as the user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc, until
from tests.unified import is_unified

UID, FIRST, COUNT = 47110, 700000, 65536
NAME = "lxcuser"
_AS_USER = """
for file in passwd subuid subgid; do mount --bind "$0/$file" "/etc/$file" || exit 99; done
for cgroup in $CGROUPS; do echo $$ >"$cgroup/cgroup.procs" || exit 99; done
unset CGROUPS XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS SUDO_UID SUDO_GID SUDO_USER
export HOME="$0/home" USER="$1"; uid=$2; shift 2
cd "$HOME" && exec setpriv --reuid "$uid" --regid "$uid" --clear-groups "$@"
"""


class User(Lxc):
    """Runs commands as the user, on the containers in the user's own place."""

    def __init__(self, top: Path, *, delegated: bool = False) -> None:
        super().__init__(top / "home/.local/share/lxc")
        self.top, self.tag, self.delegated = top, top.name.removeprefix("lx"), delegated
        self.cgroups: list[Path] = []
        (top / "home").mkdir()
        os.chown(top / "home", UID, UID)
        (top / "home").chmod(0o700)
        (top / "passwd").write_text(f"{Path('/etc/passwd').read_text()}{NAME}:x:{UID}:{UID}::{top}/home:/bin/sh\n")
        for file in ("subuid", "subgid"):
            (top / file).write_text(f"{NAME}:{FIRST}:{COUNT}\n")
        if delegated:
            self._delegate()

    def command(self, tool: str, *words: str) -> list[str]:
        return [*self.prefix(), str(self.bin / tool), *words]

    def prefix(self) -> list[str]:
        """What runs a command as the user."""
        variables = [f"CGROUPS={' '.join(map(str, self.cgroups))}"]
        unshare = ["unshare", "-m", "--propagation", "slave", "sh", "-c", _AS_USER, str(self.top), NAME, str(UID)]
        return ["env", *variables, *unshare]

    def create(self, name: str = "box", config: str | None = None) -> str:
        full = f"{name}-{self.tag}"
        file = self.top / f"{full}.conf"
        ids = f"lxc.idmap = u 0 {FIRST} {COUNT}\nlxc.idmap = g 0 {FIRST} {COUNT}\n"
        file.write_text("lxc.net.0.type = empty\n" + (ids if config is None else config))
        self.ok("lxc-create", "-n", full, "-t", "busybox", "-f", str(file))
        return full

    def undelegate(self) -> None:
        for cgroup in self.cgroups:
            cgroup.rmdir()

    def _delegate(self) -> None:
        top = Path("/sys/fs/cgroup")
        for hierarchy in [top] if is_unified() else top.iterdir():
            if not (hierarchy / "cgroup.procs").exists():
                continue
            cgroup = hierarchy / f"delegated-{self.tag[::-1]}"  # not `leftovers` of containers
            cgroup.mkdir()
            self.cgroups.append(cgroup)
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (hierarchy / file).exists():  # a unified one has them without that
                    (cgroup / file).write_text((hierarchy / file).read_text())
            for file in ("", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"):
                if (cgroup / file).exists():
                    os.chown(cgroup / file, UID, UID)


def made(*, delegated: bool) -> Iterator[User]:
    """The user; all containers are killed afterwards, and nothing may be left of them."""
    top = Path(tempfile.mkdtemp(prefix="lx", dir="/tmp"))
    top.chmod(0o755)
    user = User(top, delegated=delegated)
    yield user
    for name in user.run("lxc-ls", "-1", "--active").stdout.split():
        user.run("lxc-stop", "-n", name, "-k")
    try:
        until(lambda: not user.leftovers(), "nothing of the user's containers is left", patience=5)
        user.undelegate()
    except AssertionError:
        pytest.fail("left behind:\n" + "\n".join(user.leftovers()))
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", top], check=False)
        shutil.rmtree(top)
