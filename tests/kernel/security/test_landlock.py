"""lxc.x-landlock: what is not allowed to files, ports and others' processes is denied, to init and to what is attached."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest
from tests.conftest import Lxc, forked

from lxc.kernel import landlock
from lxc.security.landlock import inside, plan

pytestmark = [pytest.mark.root, pytest.mark.landlock]

SYSTEM = ("read,execute /bin", "read,execute /lib optional", "read,execute /lib64 optional", "read,execute /usr", "read,write /dev",
          "read /proc", "read /etc")  # fmt: skip


def start(lxc: Lxc, box: str, *rules: str) -> None:
    with lxc.config(box).open("a") as file:
        file.writelines(f"lxc.x-landlock = {rule}\n" for rule in (*SYSTEM, *rules))
        file.write("lxc.init.cmd = /bin/sleep 600\n")
    lxc.start(box)


def test_files_are_denied_but_for_what_is_allowed(lxc: Lxc, box: str) -> None:
    start(lxc, box, "read,write,make /tmp")
    assert lxc.sh(box, "echo a > /tmp/a && cat /tmp/a") == "a"
    assert "ermission denied" in lxc.sh(box, "rm /tmp/a")
    assert "ermission denied" in lxc.sh(box, "echo a > /mnt/a")
    assert "ermission denied" in lxc.sh(box, "ls /mnt")
    assert "ermission denied" in lxc.sh(box, "cp /bin/busybox /tmp/b && chmod 755 /tmp/b && /tmp/b true")
    assert (
        "ermission denied" in lxc.sh(box, "mknod /tmp/n c 1 3; ls /tmp/n") or not (lxc.rootfs(box) / "tmp/n").exists()
    )
    assert lxc.sh(box, "ls /mnt", "--elevated-privileges=LSM") == ""  # without, since that was asked for


def ask_for_size(path: Path) -> None:
    try:
        os.get_terminal_size(os.open(path, os.O_RDONLY))
    except OSError as error:
        if error.errno != errno.ENOTTY:  # that is the device's answer
            raise


ACTS = {
    "list": lambda at: os.listdir(at),
    "read": lambda at: (at / "file").read_bytes(),
    "open to write": lambda at: os.close(os.open(at / "file", os.O_WRONLY)),
    "truncate": lambda at: os.truncate(at / "file", 0),
    "mkdir": lambda at: (at / "made").mkdir(),
    "touch": lambda at: os.mknod(at / "touched", stat.S_IFREG | 0o600),
    "mkfifo": lambda at: os.mkfifo(at / "fifo"),
    "bind": lambda at: socket.socket(socket.AF_UNIX).bind(str(at / "socket")),
    "symlink": lambda at: (at / "link").symlink_to("file"),
    "unlink": lambda at: (at / "old").unlink(),
    "rmdir": lambda at: (at / "directory").rmdir(),
    "mknod c": lambda at: os.mknod(at / "null", stat.S_IFCHR | 0o600, os.makedev(1, 3)),
    "mknod b": lambda at: os.mknod(at / "loop", stat.S_IFBLK | 0o600, os.makedev(7, 0)),
    "move": lambda at: (at / "moved").rename(at / "kept/moved"),
    "ioctl": lambda at: ask_for_size(at / "zero"),
}  # fmt: skip


@pytest.mark.kernel("6.10")
@pytest.mark.parametrize(("words", "allowed"), [
    ("read", {"list", "read"}), ("write", {"open to write", "truncate"}), ("execute", set()),
    ("make", {"mkdir", "touch", "mkfifo", "bind", "symlink"}), ("remove", {"unlink", "rmdir"}),
    ("device", {"mknod c", "mknod b"}), ("device,read", {"mknod c", "mknod b", "list", "read", "ioctl"}),
    ("refer,make,remove", {"mkdir", "touch", "mkfifo", "bind", "symlink", "unlink", "rmdir", "move"}), ("all", set(ACTS)),
])  # fmt: skip
def test_each_word_allows_what_it_says_and_no_more(tmp_path: Path, words: str, allowed: set[str]) -> None:
    for name in ("file", "old", "moved"):
        (tmp_path / name).write_text("text")
    for name in ("directory", "kept"):
        (tmp_path / name).mkdir()
    os.mknod(tmp_path / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    made, _ = plan.plan(((tuple(words.split(",")), str(tmp_path), False, "here"),), landlock.abi())

    def work() -> list[str]:
        inside.restrict(made, -1)
        done = []
        for name, act in ACTS.items():
            try:
                act(tmp_path)
            except PermissionError:
                continue
            done.append(name)
        return done

    assert forked(work) == [name for name in ACTS if name in allowed]


def test_init_is_restricted_as_what_is_attached_is(lxc: Lxc, box: str) -> None:
    script = lxc.rootfs(box) / "etc/script"
    script.write_text("echo no > /mnt/no; echo yes > /tmp/yes; exec sleep 600\n")
    with lxc.config(box).open("a") as file:
        file.writelines(f"lxc.x-landlock = {rule}\n" for rule in (*SYSTEM, "all /tmp"))
        file.write("lxc.init.cmd = /bin/sh /etc/script\nlxc.hook.start = sh -c 'echo no > /mnt/hook; true' #\n")
    lxc.start(box)
    assert lxc.sh(box, "until [ -e /tmp/yes ]; do sleep 0.1; done; cat /tmp/yes") == "yes"
    assert list((lxc.rootfs(box) / "mnt").iterdir()) == []


def test_mounts_are_not_changed_any_more(lxc: Lxc, box: str) -> None:
    start(lxc, box, "all /tmp")
    assert "ermitted" in lxc.sh(box, "mount -t tmpfs x /tmp") or "denied" in lxc.sh(box, "mount -t tmpfs x /tmp")


def test_a_path_that_is_not_there_fails_the_start_unless_it_is_optional(lxc: Lxc, box: str) -> None:
    done = lxc.run("lxc-start", "-n", box, "-s", "lxc.x-landlock=read /nowhere")
    assert done.returncode == 1
    assert "No such file or directory: nowhere" in done.stderr
    start(lxc, box, "read /nowhere optional")


def test_a_link_is_not_followed(lxc: Lxc, box: str) -> None:
    (lxc.rootfs(box) / "link").symlink_to("/mnt")
    done = lxc.run("lxc-start", "-n", box, "-s", "lxc.x-landlock=read /link")
    assert done.returncode == 1
    assert "/link is a symbolic link" in done.stderr


@pytest.mark.kernel("6.7")
def test_ports_are_denied_but_for_those_that_are_named(lxc: Lxc, box: str) -> None:
    start(lxc, box, "tcp-bind 7777", "tcp-connect 7777")
    assert "ermission denied" in lxc.sh(box, "nc -l -p 7778 -w 1")
    assert "ermission denied" in lxc.sh(box, "nc -w 1 127.0.0.1 7778 < /dev/null")
    assert "refused" in lxc.sh(box, "nc -w 1 127.0.0.1 7777 < /dev/null")
    assert "ermission denied" not in lxc.sh(box, "nc -l -p 7777 -w 1 < /dev/null")


@pytest.mark.kernel("6.12")
def test_signals_stay_inside(lxc: Lxc, box: str) -> None:
    """An attached command has a domain of its own: it may signal what comes of it, and nothing else."""
    start(lxc, box, "scope signals")
    assert "ermitted" in lxc.sh(box, "kill -0 1")
    assert lxc.sh(box, "sleep 9 & kill $! && echo done") == "done"


def test_the_dry_run_shows_it(lxc: Lxc, box: str) -> None:
    shown = lxc.ok("lxc-start", "-n", box, "--dry-run", "-s", "lxc.x-landlock=read,execute /usr")
    assert "landlock read,execute /usr\n" in shown


def test_a_command_can_be_executed_under_it(lxc: Lxc, box: str) -> None:
    words = [word for rule in SYSTEM for word in ("-s", f"lxc.x-landlock={rule}")]
    assert lxc.ok("lxc-execute", "-n", box, *words, "--", "cat", "/etc/passwd").startswith("root")
    assert os.path.exists(lxc.rootfs(box) / "root")
