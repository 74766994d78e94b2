"""A host of the benchmark's own: namespaces of mounts, network and pids, in either layout of control groups.

    hybrid    the machine's own hierarchies, as they are
    unified   a cgroup namespace whose /sys/fs/cgroup is a cgroup of version 2, with the controllers that the machine
              leaves to that version; the first process is in /init.scope, as with systemd

In both there is a bridge, `benchbr0`, and what commands keep in /run is in a file system of its own; so is the
working directory, and all is gone when the first process ends, cgroups apart, which `leave` removes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.results import UNIFIED

_CGROUPS = Path("/sys/fs/cgroup")
_SETUP = """
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=755 work {work}
{cgroups}
ip link set lo up
ip link add benchbr0 type bridge
ip address add 10.88.0.1/16 dev benchbr0
ip link set benchbr0 up
"$@"; exit $?
"""
_HYBRID = """
old=$(mktemp -d -p {work})
mount --rbind /sys/fs/cgroup $old
mount -t sysfs sysfs /sys
mount --rbind $old /sys/fs/cgroup
umount -l $old
"""
_ROOT = """
echo $$ > {base}/cgroup.procs
exec unshare --cgroup sh -ec 'echo $$ > {base}/../cgroup.procs; exec "$@"' sh "$@"
"""
_UNIFIED = """
echo $$ > {base}/init.scope/cgroup.procs
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
"""


def is_unified() -> bool:
    """Whether the machine itself has that layout."""
    return (_CGROUPS / "cgroup.controllers").exists()


@contextmanager
def session(layout: str, words: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run `python -m bench.session WORK words` on a host of `layout`; what it prints can be read."""
    with tempfile.TemporaryDirectory(prefix="lxb", dir="/tmp") as work:
        before = _cgroups("lxc.pivot")
        base = (_CGROUPS if is_unified() else _CGROUPS / "unified") / Path(work).name
        cgroups = _HYBRID.format(work=work)
        argv = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if layout == UNIFIED:
            (base / "init.scope").mkdir(parents=True)
            cgroups = _UNIFIED.format(base=base)
            argv = ["sh", "-ec", _ROOT.format(base=base), "sh", *argv]
        setup = _SETUP.format(work=work, cgroups=cgroups)
        argv += ["sh", "-ec", setup, "sh", sys.executable, "-m", "bench.session", work, *words]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            _remove({*_cgroups(Path(work).name), *(_cgroups("lxc.pivot") - before)})


def _cgroups(part: str) -> set[str]:
    """All cgroups whose names have `part` in them."""
    return {os.path.join(path, name) for path, names, _ in os.walk(_CGROUPS) for name in names if part in name}


def _remove(cgroups: set[str]) -> None:
    """Remove them and what is below; their processes have been killed, and may need a moment to be gone."""
    for top in cgroups:
        for path, _, _ in os.walk(top, topdown=False):
            for _ in range(200):
                try:
                    os.rmdir(path)
                except FileNotFoundError:
                    pass
                except OSError:
                    time.sleep(0.01)
                    continue
                break
