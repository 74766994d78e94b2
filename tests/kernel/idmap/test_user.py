"""Containers of an ordinary user: made, started, attached to, frozen, stopped, destroyed; and what may be in the way."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import user as users
from tests.conftest import BIN, Lxc, owner, status, until
from tests.user import COUNT, FIRST, NAME, UID, User

from lxc.runtime.monitord import address

pytestmark = pytest.mark.root  # which becomes the user


@pytest.fixture
def delegate() -> Iterator[User]:
    """One who has been given cgroups."""
    yield from users.made(delegated=True)


def test_a_whole_life_without_cgroups(user: User) -> None:
    box = user.create()
    directory = user.path / box
    assert owner(directory) == (FIRST, UID)
    assert {owner(path) for path in (directory / "rootfs").rglob("*")} == {(FIRST, FIRST)}
    user.start(box)
    pid = user.init_pid(box)
    assert status(pid, "Uid") == status(pid, "Gid") == [str(FIRST)] * 4
    assert user.state(box) == "RUNNING"
    listed = user.ok("lxc-ls", "-f").splitlines()[1].split()
    assert (listed[0], listed[1], listed[-1]) == (box, "RUNNING", "true")
    assert user.attach(box, "sh", "-c", "id -u; cat /proc/self/uid_map").split() == ["0", "0", str(FIRST), str(COUNT)]
    assert user.ok("lxc-attach", "-n", box, "-u", "33", "--", "id", "-u") == "33\n"
    said = user.run("lxc-freeze", "-n", box)
    assert (said.returncode, "neither a freezer cgroup nor a unified one" in said.stderr) == (1, True)
    user.ok("lxc-stop", "-n", box)

    user.ok("lxc-destroy", "-n", box)
    assert list(user.path.iterdir()) == []


@pytest.mark.parametrize("by_root", [False, True])
def test_top_says_why_it_has_no_numbers(user: User, by_root: bool) -> None:
    box = user.create()
    user.start(box)
    top = (Lxc(user.path) if by_root else user).spawn("lxc-top", "-b", "-d", "0.2")
    assert top.stdout
    lines = [top.stdout.readline() for _ in range(3)]
    top.kill()
    said = top.communicate()[1]
    assert [line.split(",")[1:3] for line in lines[1:]] == [[box, "0"]] * 2
    assert said == f"lxc-top: not counted, for they have no control groups of their own: {box}\n"


def test_root_sees_the_numbers_of_a_users_container_that_has_cgroups(delegate: User) -> None:
    box = delegate.create()
    delegate.start(box)
    top = Lxc(delegate.path).spawn("lxc-top", "-b", "-d", "0.2")
    assert top.stdout
    line = [top.stdout.readline() for _ in range(2)][1].split(",")
    top.kill()
    assert top.communicate()[1] == ""
    assert line[1] == box
    assert (
        int(line[2]) > 0
    )  # nanoseconds of a processor: not everywhere is the memory of what a user has started counted


def test_a_whole_life_without_a_root(user: User) -> None:
    """Who stands for it has its privileges, and all is theirs: also of copies and of what lies on the source."""
    ids = f"lxc.idmap = u 1000 {FIRST} 10\nlxc.idmap = g 1000 {FIRST} 10\nlxc.init.uid = 1000\nlxc.init.gid = 1000\n"
    box, copy, layer = user.create(config=f"lxc.net.0.type = empty\n{ids}"), f"copy-{user.tag}", f"layer-{user.tag}"
    user.ok("lxc-copy", "-n", box, "-N", copy)
    (user.top / "home").chmod(0o711)  # the container's root is to find the overlay's layers
    for path in (user.top / "home/.local", user.top / "home/.local/share", user.path, user.path / box):
        path.chmod(path.stat().st_mode | 0o011)
    user.ok("lxc-copy", "-n", box, "-N", layer, "-s")
    (user.path / layer).chmod(0o771)
    for name in (box, copy, layer):
        parts = [
            user.path / name,
            *(user.path / name / "overlay").rglob("*"),
            *(user.path / name / "rootfs").rglob("*"),
        ]
        assert {path.lstat().st_uid for path in parts} == {FIRST}
        user.start(name)
        assert user.attach(name, "sh", "-c", "id -u; touch /new; hostname").split() == ["1000", name]
        user.ok("lxc-stop", "-n", name, "-k")
    for name in (layer, copy, box):
        user.ok("lxc-destroy", "-n", name)
    assert list(user.path.iterdir()) == []


def test_a_user_is_shown_that_root_freezes_the_container(delegate: User) -> None:
    box = delegate.create()
    delegate.start(box)
    with subprocess.Popen(delegate.command("lxc-monitor", "-n", box), stdout=subprocess.PIPE, text=True) as watching:
        heard = f"@{address(str(delegate.path)).decode()}\n"
        until(lambda: Path("/proc/net/unix").read_text(errors="replace").count(heard) > 1, "lxc-monitor listens")
        subprocess.run([BIN / "lxc-freeze", "-P", delegate.path, "-n", box], check=True)
        assert watching.stdout
        said = [watching.stdout.readline() for _ in range(2)]
        assert [line.partition("[")[2] for line in said] == ["FREEZING]\n", "FROZEN]\n"]
        subprocess.run([BIN / "lxc-unfreeze", "-P", delegate.path, "-n", box], check=True)
        watching.kill()
    delegate.ok("lxc-monitor", "-Q")


def test_a_whole_life_in_delegated_cgroups(delegate: User) -> None:
    box = delegate.create()
    delegate.start(box, "-s", "lxc.apparmor.profile=unconfined")  # it mounts
    payloads = [cgroup / f"lxc.payload.{box}" for cgroup in delegate.cgroups]
    assert {owner(path) for path in payloads} == {(UID, FIRST)}
    pid = str(delegate.init_pid(box))
    assert all(pid in (path / "cgroup.procs").read_text().split() for path in payloads)
    delegate.ok("lxc-freeze", "-n", box)
    assert delegate.state(box) == "FROZEN"
    delegate.ok("lxc-unfreeze", "-n", box)
    delegate.attach(box, "sh", "-c", "mount -t cgroup2 none /mnt && mkdir -p /mnt/a/b && echo 0 >/mnt/a/b/cgroup.procs")
    delegate.ok("lxc-stop", "-r", "-n", box)
    users.until(lambda: str(delegate.init_pid(box)) != pid, "it has rebooted")
    delegate.attach(box, "sh", "-c", "mount -t cgroup2 none /mnt && mkdir -p /mnt/a/b")
    delegate.ok("lxc-stop", "-n", box, "-k")
    assert [path for cgroup in delegate.cgroups for path in cgroup.iterdir() if path.is_dir()] == []
    delegate.ok("lxc-destroy", "-n", box)


def test_executing_from_a_home_that_is_closed(user: User) -> None:
    box = user.create()
    said = user.run("lxc-execute", "-n", box, "--", "sh", "-c", "id -u; exit 7")
    assert (said.returncode, said.stdout) == (7, "0\n")


@pytest.mark.parametrize("terminals", ["lxc.pty.max = 0\nlxc.tty.max = 2\n", "lxc.pty.max = 1\n", "lxc.pty.max = 9\n"])
def test_terminals_are_the_containers_own(user: User, terminals: str) -> None:
    box = user.create()
    user.extend(box, f"lxc.tty.max =\n{terminals}")
    user.start(box)
    dev = Path(f"/proc/{user.init_pid(box)}/root/dev")
    assert owner(dev / "console")[0] == FIRST
    user.attach(box, "sh", "-c", "echo words >/dev/console")
    if "tty.max = 2" in terminals:
        assert {owner(dev / name)[0] for name in ("tty1", "tty2")} == {FIRST}
        user.attach(box, "sh", "-c", "echo words >/dev/tty2")


def test_an_overlay_is_written_to_as_root_would(user: User) -> None:
    box = user.create()
    delta = user.path / box / "delta"
    words = ("-s", f"lxc.rootfs.path = overlay:{user.rootfs(box)}:{delta}")
    (user.top / "home").chmod(0o711)
    for path in (user.top / "home/.local", user.top / "home/.local/share", user.path, user.path / box):
        path.chmod(path.stat().st_mode | 0o011)
    user.start(box, *words)
    said = user.attach(
        box, "sh", "-c", "rm -r /etc/init.d && mkdir /etc/init.d && ls /etc/init.d; echo new >/file; cat /file"
    )
    assert said == "new\n"
    user.ok("lxc-stop", "-n", box, "-k")
    assert owner(delta / "file") == (FIRST, FIRST)


def test_hooks_are_told_all_namespaces_and_run_as_who_they_are(user: User) -> None:
    box = user.create()
    told = user.top / "told"
    told.mkdir()
    told.chmod(0o777)
    hook = f"lxc.hook.start-host = sh -c 'id -u >{told}/host; readlink $LXC_CGROUP_NS $LXC_USER_NS >>{told}/host'"
    user.start(box, "-s", hook, "-s", f"lxc.hook.mount = sh -c 'id -u >{told}/mount'")
    pid = user.init_pid(box)
    spaces = [os.readlink(f"/proc/{pid}/ns/{name}") for name in ("cgroup", "user")]
    assert (told / "host").read_text().split() == [str(UID), *spaces]
    assert ((told / "mount").read_text(), owner(told / "mount")[0]) == ("0\n", FIRST)


def test_ones_own_two_ids_need_nobodys_help(user: User) -> None:
    """As the kernel lets everybody do it: no newuidmap, no line in /etc/subuid."""
    for file in ("subuid", "subgid"):
        (user.top / file).write_text("")
    name = f"bare-{user.tag}"
    (user.path / name).mkdir(parents=True)
    os.chown(user.path / name, UID, UID)
    user.config(name).write_text(f"lxc.net.0.type = empty\nlxc.idmap = u 0 {UID} 1\nlxc.idmap = g 0 {UID} 1\n")
    said = user.ok(
        "lxc-execute", "-n", name, "--", "sh", "-c", "id -u; cat /proc/self/setgroups; stat -c %u $HOME /etc"
    )
    assert said.split()[:2] == ["0", "deny"]


@pytest.mark.parametrize(
    ("subids", "config", "said"),
    [
        ("", None, [f"lxc.idmap = u 0 {FIRST} {COUNT}: /etc/subuid does not give these ids to {NAME}",
                    f"as root: echo {NAME}:{FIRST}:{COUNT} >> /etc/subuid"]),
        (f"{NAME}:{FIRST}:10\n", None, [f"use what it gives: lxc.idmap = u 0 {FIRST} 10"]),
        (f"{UID}:{FIRST}:{COUNT}\n", "", [f"a container that {NAME} starts needs ids of its own",
                                          f"lxc.idmap = u 0 {FIRST} {COUNT}; lxc.idmap = g 0 {FIRST} {COUNT}"]),
        ("", "", [f"after, as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {NAME}"]),
        (f"{NAME}:{FIRST}:{COUNT}\n", f"lxc.idmap = u 0 0 10\nlxc.idmap = g 0 {FIRST} 10\n",
         [f"lxc.idmap = u 0 0 10: /etc/subuid does not give these ids to {NAME}"]),
    ],
)  # fmt: skip
def test_ids_that_were_not_given_are_named_with_the_line_to_add(
    user: User, subids: str, config: str | None, said: list[str]
) -> None:
    box = user.create()
    text = user.config(box).read_text()
    if config is not None:
        text = "".join(line for line in text.splitlines(True) if not line.startswith("lxc.idmap")) + config
        user.config(box).write_text(text)
    for file in ("subuid", "subgid"):
        (user.top / file).write_text(subids)
    refused = user.run("lxc-start", "-n", box)
    assert refused.returncode == 1
    for words in said:
        assert words in refused.stderr, refused.stderr
    for file in ("subuid", "subgid"):
        (user.top / file).write_text(f"{NAME}:{FIRST}:{COUNT}\n")


def test_ids_may_be_given_by_several_lines(user: User) -> None:
    """As newuidmap takes them."""
    for file in ("subuid", "subgid"):
        lines = (f"{NAME}:{FIRST + 30000}:{COUNT - 30000}", f"other:{FIRST - 10}:10", f"{NAME}:{FIRST}:30000")
        (user.top / file).write_text("\n".join((*lines, "")))
    box = user.create()
    user.start(box)
    assert user.attach(box, "cat", "/proc/self/uid_map").split() == ["0", str(FIRST), str(COUNT)]
    user.ok("lxc-stop", "-n", box, "-k")
    user.ok("lxc-destroy", "-n", box)


def test_without_newuidmap_the_package_is_named(user: User) -> None:
    box = user.create()
    command = [*user.prefix(), "/usr/bin/env", "PATH=/nowhere", str(user.bin / "lxc-start"), "-n", box]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "newuidmap and newgidmap are missing" in refused.stderr
    assert "apt install uidmap" in refused.stderr


def test_devices_are_roots(user: User) -> None:
    box = user.create()
    image = user.top / "image"
    image.touch()
    refused = user.run("lxc-start", "-n", box, "-s", f"lxc.rootfs.path = loop:{image}")
    assert f"only root can mount {image}" in refused.stderr


@pytest.mark.parametrize(
    "line",
    [
        "lxc-info -n box", "lxc-start -n box", "lxc-execute -n box -- id", "lxc-check box", "lxc-copy -n box -N new", "lxc-destroy -n box",
        "lxc-copy -n box -N new -R", "lxc-snapshot -n box", "lxc-unfreeze -n box",
    ],
)  # fmt: skip
def test_what_a_user_may_not_see_is_not_only_said_to_be_missing(user: User, line: str) -> None:
    roots = user.top / "roots"
    (roots / "box").mkdir(parents=True)
    (roots / "box/config").touch()
    (roots / "box").chmod(0o700)
    tool, *words = line.split()
    done = user.run(tool, "-P", str(roots), *words)
    assert done.returncode in (1, 2)
    assert f"\n  we may not look for {roots}/box/config: run this as root, or as who it belongs to\n" in done.stderr


def test_root_looks_after_a_users_containers(user: User) -> None:
    box = user.create()
    user.start(box)
    root = users.Lxc(user.path)
    assert root.state(box) == "RUNNING"
    assert root.attach(box, "id", "-u") == "0\n"
    root.ok("lxc-stop", "-n", box, "-k")
    closed = user.top / "home"  # to all but the user
    refused = root.run("lxc-start", "-n", box)
    assert refused.returncode == 1
    assert f"may search {closed}: start it as who that belongs to, or chmod o+x it" in refused.stderr
    closed.chmod(0o711)
    root.start(box)
    assert root.attach(box, "id", "-u") == "0\n"
    root.ok("lxc-stop", "-n", box, "-k")
    root.ok("lxc-destroy", "-n", box)


def test_what_is_in_the_way_is_told_beforehand_and_its_command_mends_it(user: User) -> None:
    said = user.run("lxc-checkconfig", "--user")
    assert said.returncode == 0, said
    assert "User namespaces: ok" in said.stdout
    assert "Subordinate user ids: ok" in said.stdout
    assert "Delegated cgroups: missing" in said.stdout
    assert f"chmod o+x {user.top}/home" in said.stdout
    (user.top / "home/.config/lxc").mkdir(parents=True)
    (user.top / "home/.config/lxc/default.conf").write_text("lxc.net.0.type = empty\n")
    for path in (user.top / "home/.config", user.top / "home/.config/lxc", user.top / "home/.config/lxc/default.conf"):
        os.chown(path, UID, UID)
    checks = json.loads(user.run("lxc-checkconfig", "--user", "--format", "json").stdout)["checks"]
    remedy = next(each["remedy"] for each in checks if each["label"] == "Default configuration")
    subprocess.run([*user.prefix(), "sh", "-c", remedy], check=True)
    assert "Default configuration" not in user.run("lxc-checkconfig", "--user").stdout
    user.ok("lxc-create", "-n", f"box-{user.tag}", "-t", "busybox")
    user.start(f"box-{user.tag}")


def test_who_makes_a_container_that_only_root_could_start_is_told_so(user: User) -> None:
    name, file = f"box-{user.tag}", user.top / "box.conf"
    file.write_text("lxc.net.0.type = empty\n")
    made = user.run("lxc-create", "-n", name, "-t", "none", "-f", str(file))
    said = user.run("lxc-start", "-n", name)
    assert made.returncode == 0
    warning, hint = made.stderr.splitlines()
    assert warning.replace("lxc-create: ", "lxc-start: ").replace("warning: ", "") == said.stderr.splitlines()[0]
    assert "lxc-checkconfig --user" in hint
    quiet = user.run("lxc-create", "-q", "-n", f"q{name}", "-t", "none", "-f", str(file))
    assert (quiet.returncode, quiet.stderr) == (0, "")


def test_a_user_without_ids_is_told_that_they_are_required(user: User) -> None:
    for file in ("subuid", "subgid"):
        (user.top / file).write_text("")
    said = user.run("lxc-checkconfig", "--user")
    assert said.returncode == 1
    assert "Subordinate user ids: required" in said.stdout
    assert f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {NAME}" in said.stdout
