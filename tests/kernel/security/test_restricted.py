"""lxc.x-monitor-landlock: the monitor's loop may write to few places, and a container lives its whole life so."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from tests.conftest import Lxc, until

from lxc.runtime.life import restricted

pytestmark = pytest.mark.root


@pytest.mark.landlock
def test_a_restricted_thread_writes_where_it_may_and_the_others_everywhere(tmp_path: Path) -> None:
    (allowed := tmp_path / "allowed").mkdir()
    (tmp_path / "there").write_text("old")
    (tmp_path / "directory").mkdir()
    denied = []

    def run() -> None:
        (allowed / "a").write_text("a")
        (allowed / "a").rename(allowed / "b")
        (allowed / "c").symlink_to("b")
        (allowed / "c").unlink()
        os.mkfifo(allowed / "c")
        (allowed / "d").mkdir()
        (allowed / "d").rmdir()
        socket.socket(socket.AF_UNIX).bind(str(allowed / "e"))
        for name, attempt in {
            "make": lambda: os.mknod(tmp_path / "new", stat.S_IFREG),
            "write": lambda: os.open(tmp_path / "there", os.O_WRONLY),
            "unlink": lambda: (tmp_path / "there").unlink(),
            "mkdir": lambda: (tmp_path / "new").mkdir(),
            "rmdir": lambda: (tmp_path / "directory").rmdir(),
            "symlink": lambda: (tmp_path / "new").symlink_to("there"),
            "mkfifo": lambda: os.mkfifo(tmp_path / "new"),
            "bind": lambda: socket.socket(socket.AF_UNIX).bind(str(tmp_path / "new")),
            "mknod c": lambda: os.mknod(allowed / "null", stat.S_IFCHR, os.makedev(1, 3)),
            "mknod b": lambda: os.mknod(allowed / "loop", stat.S_IFBLK, os.makedev(7, 0)),
            "execute": lambda: os.execv("/bin/true", ["true"]),
        }.items():
            try:
                attempt()
            except PermissionError:
                denied.append(name)

    restricted.serve(run, (str(allowed), "/nowhere"))
    assert denied == [
        "make", "write", "unlink", "mkdir", "rmdir", "symlink", "mkfifo", "bind", "mknod c", "mknod b", "execute",
    ]  # fmt: skip
    assert (allowed / "b").read_text() == "a"
    (tmp_path / "there").write_text("new")


@pytest.mark.landlock
def test_what_happens_in_it_is_raised_outside() -> None:
    with pytest.raises(ZeroDivisionError):
        restricted.serve(lambda: 1 // 0 and None, ())


@pytest.mark.landlock
def test_a_life_with_it(lxc: Lxc, box: str) -> None:
    logfile = lxc.path / "logs/console"
    logfile.parent.mkdir()
    lxc.extend(
        box,
        "lxc.x-monitor-landlock = 1\nlxc.console.size = 4096\nlxc.console.rotate = 1\nlxc.console.buffer.size = 4096\n"
        f"lxc.console.logfile = {logfile}\nlxc.hook.post-stop = touch {lxc.path}/stopped #\n"
        f"lxc.hook.stop = touch {lxc.path}/stopping #\n",
    )
    lxc.start(box)
    pid = lxc.init_pid(box)
    monitor = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    plain = 1 + (os.uname().machine == "x86_64")  # one has made init, and sleeps
    assert len(os.listdir(f"/proc/{monitor}/task")) == plain + 1
    lxc.attach(box, "sh", "-c", "for n in $(seq 900); do echo 0123456789; done > /dev/console")
    until((logfile.parent / "console.1").exists, "the console's log is rotated")
    lxc.ok("lxc-freeze", "-n", box)
    assert lxc.state(box) == "FROZEN"
    lxc.ok("lxc-unfreeze", "-n", box)
    assert lxc.attach(box, "echo", "here") == "here\n"
    lxc.ok("lxc-stop", "-n", box, "-r")
    until(lambda: lxc.state(box) == "RUNNING" and lxc.init_pid(box) != pid, "it has rebooted")
    lxc.ok("lxc-stop", "-n", box, "-k")
    assert (lxc.path / "stopped").exists()
    assert (lxc.path / "stopping").exists()


@pytest.mark.landlock
def test_the_dry_run_shows_it(lxc: Lxc, box: str) -> None:
    shown = lxc.ok("lxc-start", "-n", box, "--dry-run", "-s", "lxc.x-monitor-landlock=1")
    assert "landlock write /sys/fs/cgroup" in shown
