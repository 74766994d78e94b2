"""Namespaces of somebody else's: by name, pid and file, each kind, with ids of its own or the other's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc
from tests.unified import is_unified

pytestmark = pytest.mark.root

FIRST = 100000
MAP = f"lxc.idmap = u 0 {FIRST} 65536\nlxc.idmap = g 0 {FIRST} 65536\n"
ALL = ("user", "mnt", "pid", "uts", "ipc", "net", "cgroup", "time")


def spaces(pid: int) -> dict[str, str]:
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in ALL}


def same(one: int, other: int) -> list[str]:
    return [name for name in ALL if spaces(one)[name] == spaces(other)[name]]


@pytest.mark.parametrize("kind", ["pid", "uts", "ipc", "net", "cgroup"])
@pytest.mark.parametrize("ids", ["", MAP])
def test_one_kind_is_shared_and_no_other(lxc: Lxc, ids: str, kind: str) -> None:
    """What is shared belongs to the host's users: who has ids of its own joins it before those."""
    owner, guest = lxc.create("owner"), lxc.create("guest", CONFIG + ids)
    lxc.start(owner)
    words = ["-s", f"lxc.namespace.share.{kind} = {owner}"]
    refused = {
        "pid": "not the container's own: lxc.mount.entry = /",
        "net": "not the container's own: lxc.mount.entry = /",
    }
    if is_unified():
        refused["cgroup"] = "a cgroup namespace that its users own"
    if ids and kind in refused:  # proc, sysfs and cgroups are mounted by who owns what they show
        said = lxc.run("lxc-start", "-n", guest, *words)
        assert (said.returncode, refused[kind] in said.stderr) == (1, True), said
        mounts = (
            "lxc.mount.auto =",
            "lxc.mount.entry = /proc proc none rbind",
            "lxc.mount.entry = /sys sys none rbind",
        )
        words += [word for mount in mounts for word in ("-s", mount)]
    if ids and kind == "cgroup" and is_unified():  # docs/architecture.md, "Known and not mended": nsdelegate
        assert lxc.run("lxc-start", "-n", guest, *words).returncode == 1
        return
    lxc.start(guest, *words, "--", "/bin/sleep", "600")
    here, there = lxc.init_pid(owner), lxc.init_pid(guest)
    assert same(here, there) == [name for name in ALL if name in (kind, "time", "" if ids else "user")]


@pytest.mark.parametrize("how", ["name", "pid", "file"])
def test_by_name_pid_and_file(lxc: Lxc, how: str) -> None:
    owner, guest = lxc.create("owner"), lxc.create("guest")
    lxc.start(owner)
    pid = lxc.init_pid(owner)
    value = {"name": owner, "pid": str(pid), "file": f"/proc/{pid}/ns/ipc"}[how]
    lxc.start(guest, "-s", f"lxc.namespace.share.ipc = {value}")
    assert "ipc" in same(pid, lxc.init_pid(guest))


def test_the_users_of_another_container_are_shared(lxc: Lxc) -> None:
    owner = lxc.create("owner", CONFIG + MAP)
    guest = lxc.create("guest", CONFIG + MAP)
    text = lxc.config(guest).read_text()
    lxc.config(guest).write_text("".join(line for line in text.splitlines(True) if not line.startswith("lxc.idmap")))
    lxc.start(owner)
    lxc.start(
        guest,
        "-s",
        f"lxc.namespace.share.user = {owner}",
        "-s",
        f"lxc.namespace.share.net = {owner}",
        "-s",
        "lxc.tty.max = 2",
    )
    here, there = lxc.init_pid(owner), lxc.init_pid(guest)
    assert same(here, there) == ["user", "net", "time"]
    assert lxc.attach(
        guest, "sh", "-c", "id -u; stat -c %u /; echo words >/dev/console; mount -t tmpfs none /mnt && echo mine"
    ).split() == ["0", "0", "mine"]
    assert (Path(f"/proc/{there}/root/dev/console").stat().st_uid, Path(f"/proc/{there}/root").stat().st_uid) == (
        FIRST,
        FIRST,
    )
    lxc.ok("lxc-stop", "-n", guest)
    lxc.ok("lxc-stop", "-n", owner)


@pytest.mark.parametrize("sees", ["share", "keep"])
def test_who_shares_users_and_sees_processes_sees_no_file_of_the_hosts_while_another_starts(
    lxc: Lxc, sees: str
) -> None:
    """Its init waits for a script of the host's here, and has not given up anything yet."""
    owner, guest = lxc.create("owner", CONFIG + MAP), lxc.create("guest", CONFIG)
    mounts = ("mount.auto =", "mount.entry = /proc proc none rbind")
    keeps = (*mounts, "namespace.keep = pid") if sees == "keep" else ()
    lxc.start(owner, *(word for each in keeps for word in ("-s", f"lxc.{each}")), "--", "/bin/sleep", "600")
    lxc.path.chmod(0o755)
    dear, script, seen = lxc.path / "dear", lxc.path / "script", lxc.path / "seen"
    dear.touch()
    look = f"for each in /proc/[0-9]*; do cat $each/comm; ls $each/root{dear}; readlink $each/exe; done; true"
    script.write_text(f"#!/bin/sh\n{' '.join(lxc.command('lxc-attach', '-n', owner))} -- sh -c '{look}' >{seen} 2>&1\n")
    script.chmod(0o755)
    words = (f"namespace.share.user = {owner}", f"net.0.script.up = {script}")
    words = words if keeps else (*words, f"namespace.share.pid = {owner}")
    lxc.start(guest, *(word for each in (*words, *mounts) for word in ("-s", f"lxc.{each}")), "--", "/bin/sleep", "600")
    assert "lxc" in seen.read_text().replace("lxc-init", "")  # it was there
    assert not [line for line in seen.read_text().splitlines() if line.endswith(str(dear)) and "can" not in line]


def test_all_at_once(lxc: Lxc) -> None:
    owner, guest = lxc.create("owner", CONFIG + MAP), lxc.create("guest", CONFIG + MAP)
    lxc.start(owner, "-s", "lxc.time.offset.boot = 3h")
    kinds = ("user", "pid", "uts", "ipc", "net", "cgroup", "time")
    words = [word for kind in kinds for word in ("-s", f"lxc.namespace.share.{kind} = {owner}")]
    words += [
        "-s",
        "lxc.mount.auto =",
        "-s",
        "lxc.mount.auto = proc",
    ]  # unified cgroups are mounted in a namespace of one's own
    lxc.start(guest, *words, "--", "/bin/sleep", "600")
    assert same(lxc.init_pid(owner), lxc.init_pid(guest)) == [kind for kind in ALL if kind in kinds]
    lxc.ok("lxc-stop", "-n", guest, "-k")
    assert lxc.state(owner) == "RUNNING"


def test_what_is_not_there_is_said(lxc: Lxc, box: str) -> None:
    said = lxc.run("lxc-start", "-n", box, "-s", "lxc.namespace.share.net = nobody")
    assert (said.returncode, "cannot share the net namespace of nobody" in said.stderr) == (1, True)
    said = lxc.run("lxc-start", "-n", box, "-s", f"lxc.namespace.share.net = /proc/{os.getpid()}/ns/uts")
    assert (
        said.returncode,
        f"cannot share the net namespace /proc/{os.getpid()}/ns/uts: it is no net namespace" in said.stderr,
    ) == (
        1,
        True,
    ), said
