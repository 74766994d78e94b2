"""Containers with ids of their own: who is who on both sides, what is theirs, what they cannot do."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc, forked, owner, status, until
from tests.unified import is_unified

from lxc.errors import LxcError
from lxc.idmap import fork
from lxc.idmap.plan import IdMapPlan, Range

pytestmark = pytest.mark.root

FIRST, COUNT = 100000, 65536
MAP = f"lxc.idmap = u 0 {FIRST} {COUNT}\nlxc.idmap = g 0 {FIRST} {COUNT}\n"
ROOT = (FIRST, FIRST)


def mapped(lxc: Lxc, more: str = "", name: str = "box") -> str:
    """Make a busybox container with ids of its own; its name."""
    return lxc.create(name, f"{CONFIG}{MAP}{more}")


@pytest.fixture
def box(lxc: Lxc) -> str:
    return mapped(lxc)


def payload(lxc: Lxc, box: str) -> Iterator[Path]:
    """Its cgroups."""
    return Path("/sys/fs/cgroup").glob(f"{'' if is_unified() else '*/'}lxc.payload.{box}")


def test_root_inside_is_somebody_else_outside(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    pid = lxc.init_pid(box)
    assert os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user")
    assert status(pid, "Uid") == status(pid, "Gid") == [str(FIRST)] * 4
    assert status(pid, "Groups") == []
    assert Path(f"/proc/{pid}/uid_map").read_text().split() == ["0", str(FIRST), str(COUNT)]
    assert lxc.attach(box, "id").startswith("uid=0(root) gid=0")


def test_several_ranges_are_all_there(lxc: Lxc) -> None:
    ranges = ["u 0 100000 1000", "u 1000 1000 1", "u 1001 101001 64535", "g 0 300000 10", "g 20 300020 10"]
    box = mapped(lxc)
    words = [word for found in ("", *ranges) for word in ("-s", f"lxc.idmap = {found}")]
    shutil.copytree(lxc.rootfs(box), lxc.path / "copy", symlinks=True)
    subprocess.run(["chown", "-hR", "100000:300000", lxc.path / "copy"], check=True)
    lxc.start(box, *words, "-s", f"lxc.rootfs.path = {lxc.path}/copy")
    pid = lxc.init_pid(box)
    for kind, file in (("u", "uid_map"), ("g", "gid_map")):
        found = [" ".join([kind, *line.split()]) for line in Path(f"/proc/{pid}/{file}").read_text().splitlines()]
        assert found == [line for line in ranges if line.startswith(kind)]


def test_everything_of_the_container_is_its_roots(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    root = Path(f"/proc/{lxc.init_pid(box)}/root")
    of_the_host = {"full", "null", "random", "tty", "urandom", "zero", "mqueue"}
    for path in (root / "dev").iterdir():
        assert owner(path)[0] == (0 if path.name in of_the_host else FIRST), path
    assert {path.name for path in (root / "dev").iterdir()} >= of_the_host | {"console", "ptmx", "pts", "shm", "fd"}
    for name in of_the_host - {"mqueue"}:
        assert (root / "dev" / name).is_char_device()
    assert (root / "dev/null").stat().st_rdev == Path("/dev/null").stat().st_rdev
    assert stat.S_IMODE((root / "dev/console").stat().st_mode) == 0o600
    assert lxc.attach(box, "sh", "-c", "echo words >/dev/null && head -c 3 /dev/zero | wc -c") == "3\n"


@pytest.mark.parametrize("settings", ["lxc.pty.max = 0\nlxc.tty.max = 2\n", "lxc.pty.max = 10\nlxc.tty.max = 2\n"])
def test_its_terminals_are_its_own_wherever_they_come_from(lxc: Lxc, box: str, settings: str) -> None:
    lxc.extend(box, settings)
    lxc.start(box)
    dev = Path(f"/proc/{lxc.init_pid(box)}/root/dev")
    assert {owner(dev / name)[0] for name in ("console", "tty1", "tty2")} == {FIRST}
    lxc.attach(box, "sh", "-c", "echo words >/dev/console && echo words >/dev/tty1")


def test_its_cgroups_are_delegated_and_their_limits_are_not(lxc: Lxc, box: str) -> None:
    lxc.start(box, "-s", "lxc.apparmor.profile=unconfined")  # it mounts
    found = list(payload(lxc, box))
    assert found
    for cgroup in found:
        assert owner(cgroup) == owner(cgroup / "cgroup.procs") == (0, FIRST)
        assert [stat.S_IMODE(path.stat().st_mode) for path in (cgroup, cgroup / "cgroup.procs")] == [0o775, 0o664]
        limits = [*cgroup.glob("*.max"), *cgroup.glob("*limit*"), *cgroup.glob("freezer.state")]
        assert {owner(file) for file in limits} <= {(0, 0)}
    lxc.attach(box, "sh", "-c", "mount -t cgroup2 none /mnt && mkdir /mnt/sub && echo 0 >/mnt/sub/cgroup.procs")
    assert lxc.run("lxc-attach", "-n", box, "--", "sh", "-c", "echo 1 >/mnt/cgroup.freeze").returncode != 0


def test_a_command_attached_becomes_who_is_asked_for(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    said = lxc.ok(
        "lxc-attach", "-n", box, "-u", "1000", "-g", "50", "--", "sh", "-c", "id -u; id -g; cat /proc/self/uid_map"
    )
    assert said.split() == ["1000", "50", "0", str(FIRST), str(COUNT)]
    by_itself = {**os.environ, "LXC_FORKSERVER": "0"}  # its children are looked at
    attached = lxc.spawn("lxc-attach", "-n", box, "-u", "1000", "--", "sleep", "600", env=by_itself)
    children = Path(f"/proc/{attached.pid}/task/{attached.pid}/children")

    def slept() -> list[str]:
        found = []
        for pid in children.read_text().split():
            with suppress(OSError):  # the process between has ended
                found.append(Path(f"/proc/{pid}/status").read_text())
        return [text for text in found if text.startswith("Name:\tsleep")]

    try:
        ids = f"\nUid:\t{FIRST + 1000}\t{FIRST + 1000}\t"  # once busybox, which is setuid, has given that up
        until(lambda: [text for text in slept() if ids in text], "the command runs")
    finally:
        attached.terminate()  # which it passes on
        attached.communicate()


def test_attaching_to_all_but_its_users_stays_the_hosts_root(lxc: Lxc, box: str) -> None:
    lxc.start(box)
    said = lxc.ok("lxc-attach", "-n", box, "-s", "MOUNT|PID", "--", "sh", "-c", "cat /proc/self/uid_map; stat -c %u /")
    assert said.split() == ["0", "0", "4294967295", str(FIRST)]


def test_the_hosts_root_owns_nothing_in_there(lxc: Lxc, box: str) -> None:
    secret = lxc.path / "secret"
    secret.write_text("host")
    secret.chmod(0o600)
    lxc.start(
        box,
        "-s",
        f"lxc.mount.entry = {secret} mnt none bind,optional",
        "-s",
        f"lxc.mount.entry = {secret} secret none bind,create=file",
    )
    assert lxc.run("lxc-attach", "-n", box, "--", "cat", "/secret").returncode != 0
    assert lxc.attach(box, "stat", "-c", "%u:%g", "/secret") == "65534:65534\n"
    for command in (
        "mknod /tmp/null c 1 3",
        "mount -t ext4 /dev/vda /mnt",
        "echo 1 >/proc/sys/kernel/sysrq",
        "dmesg -c",
    ):
        assert lxc.run("lxc-attach", "-n", box, "--", "sh", "-c", command).returncode != 0, command


def test_directories_that_only_the_hosts_root_may_search_are_no_obstacle(lxc: Lxc, box: str) -> None:
    lxc.path.chmod(0o700)
    lxc.start(box)
    assert lxc.attach(box, "id", "-u") == "0\n"


def test_executing_and_sharing_the_hosts_root(lxc: Lxc) -> None:
    name = f"bare-{lxc.tag}"
    (lxc.path / name).mkdir()
    lxc.config(name).write_text(CONFIG + MAP)
    said = lxc.ok("lxc-execute", "-n", name, "--", "sh", "-c", "id -u; stat -c %u /etc/passwd; cat /proc/self/uid_map")
    assert said.split() == ["0", "65534", "0", str(FIRST), str(COUNT)]


def test_what_is_piped_to_and_from_it_passes(lxc: Lxc, box: str) -> None:
    assert lxc.ok("lxc-execute", "-n", box, "--", "tr", "a-z", "A-Z", input="words\n") == "WORDS\n"


def test_hooks_run_as_its_root_and_see_the_host(lxc: Lxc, box: str) -> None:
    told = lxc.path / "told"
    told.mkdir()
    told.chmod(0o777)
    hooks = ("pre-mount", "mount", "autodev", "start-host")
    words = [word for hook in hooks for word in ("-s", f"lxc.hook.{hook} = sh -c 'id -u >{told}/{hook}'")]
    lxc.path.chmod(0o755)
    lxc.start(box, *words)
    assert {hook: (told / hook).read_text() for hook in hooks} == dict.fromkeys(hooks[:3], "0\n") | {
        "start-host": "0\n"
    }
    assert [owner(told / hook)[0] for hook in hooks] == [FIRST, FIRST, FIRST, 0]


def test_hooks_of_a_container_without_a_root_have_its_privileges_and_what_it_runs_has_not(lxc: Lxc, box: str) -> None:
    first = FIRST + 1000
    subprocess.run(["chown", "-hR", f"{first}:{first}", lxc.path / box], check=True)
    (lxc.path / "spot").mkdir()
    text = lxc.config(box).read_text()
    ids = (
        "lxc.idmap =\n"
        + "".join(f"lxc.idmap = {kind} 1000 {first} 10\n" for kind in "ug")
        + "lxc.init.uid = 1000\nlxc.init.gid = 1000\n"
    )
    hook = f"lxc.hook.mount = sh -c 'mount -t tmpfs none {lxc.path}/spot && grep CapEff /proc/self/status'\n"
    lxc.config(box).write_text(f"{text}{ids}{hook}lxc.mount.auto =\n")
    lxc.start(box, "--", "/bin/sleep", "600")
    pid = lxc.init_pid(box)
    assert status(pid, "Uid") == [str(first)] * 4
    for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert status(pid, key) == ["0" * 16]


def test_a_pre_mount_hook_may_mount_the_root(lxc: Lxc, box: str) -> None:
    (lxc.path / "empty").mkdir()
    hook = f"sh -c 'mount --bind {lxc.rootfs(box)} {lxc.path}/empty'"
    lxc.start(box, "-s", f"lxc.rootfs.path = dir:{lxc.path}/empty", "-s", f"lxc.hook.pre-mount = {hook}")
    assert lxc.attach(box, "id", "-u") == "0\n"


def test_what_is_created_is_its_roots_and_is_destroyed_with_it(lxc: Lxc, box: str) -> None:
    assert owner(lxc.path / box) == ROOT
    assert {owner(path) for path in lxc.rootfs(box).rglob("*")} | {owner(lxc.rootfs(box))} == {ROOT}
    assert owner(lxc.config(box)) == (0, 0)
    lxc.start(box)
    lxc.attach(box, "sh", "-c", "mkdir /deep && touch /deep/file && chown -R 1000:1000 /deep && chmod 700 /deep")
    assert owner(lxc.rootfs(box) / "deep/file") == (FIRST + 1000, FIRST + 1000)
    lxc.ok("lxc-destroy", "-f", "-n", box)
    assert not (lxc.path / box).exists()


def test_a_template_that_cannot_reach_its_container_is_told_so(lxc: Lxc) -> None:
    closed = lxc.path / "closed"
    closed.mkdir(0o700)
    os.chown(closed, 4711, 4711)  # of somebody who has no id in the container; what is ours has one while it is made
    (lxc.path / "c").write_text(CONFIG + MAP)
    said = Lxc(closed).run("lxc-create", "-n", "box", "-t", "busybox", "-f", str(lxc.path / "c"))
    assert said.returncode == 1
    assert f"cannot be run: search {closed}: Permission denied" in said.stderr
    assert f"chmod o+x {closed}" in said.stderr
    assert list(closed.iterdir()) == []


def test_no_program_makes_a_template_the_hosts_root(lxc: Lxc) -> None:
    """He is another user where the template is root: one that keeps his rights, and could come into the image."""
    whose = lxc.path / "whose"
    shutil.copy("/usr/bin/id", whose)
    whose.chmod(0o4755)
    template = lxc.path / "template"
    template.write_text(f'#!/bin/sh\nroot=${{3#--rootfs=}}\n{whose} -u >"$root/euid"\nmknod "$root/made" p\n')
    template.chmod(0o755)
    (lxc.path / "c").write_text(CONFIG + MAP)
    lxc.ok("lxc-create", "-n", "made", "-t", str(template), "-f", str(lxc.path / "c"))
    assert (lxc.rootfs("made") / "euid").read_text() == "0\n"
    assert owner(lxc.rootfs("made") / "made") == ROOT


def test_a_root_that_is_not_its_own_is_said(lxc: Lxc) -> None:
    box = lxc.create()
    lxc.extend(box, MAP)
    shutil.rmtree(lxc.rootfs(box) / "dev")
    said = lxc.run("lxc-start", "-n", box)
    assert said.returncode == 1
    assert "cannot mkdir -p dev: Permission denied" in said.stderr
    assert (
        f"{lxc.rootfs(box)} belongs to user 0, who has no id in the container (its root is {FIRST}:{FIRST})"
        in said.stderr
    )


@pytest.mark.parametrize("kind", ["loop", "overlay"])
def test_roots_that_only_the_host_may_mount(lxc: Lxc, box: str, kind: str) -> None:
    if kind == "loop":
        image = lxc.path / "image"
        with image.open("wb") as file:
            file.truncate(32 << 20)
        subprocess.run(
            ["mkfs.ext4", "-q", "-E", f"root_owner={FIRST}:{FIRST}", "-d", lxc.rootfs(box), image],
            check=True,
            capture_output=True,
        )
        path = f"loop:{image}"
    else:
        path = f"overlay:{lxc.rootfs(box)}:{lxc.path}/delta"
    lxc.start(box, "-s", f"lxc.rootfs.path = {path}")
    assert (
        lxc.attach(
            box,
            "sh",
            "-c",
            "echo words >/file && cat /file && rm -r /etc/init.d && mkdir /etc/init.d && ls /etc/init.d",
        )
        == "words\n"
    )
    lxc.ok("lxc-stop", "-n", box, "-k")
    if kind == "overlay":
        assert owner(lxc.path / "delta/file") == ROOT


def test_nobody_in_there_looks_into_init_before_it_is_the_containers(lxc: Lxc, box: str) -> None:
    """While a start hook runs, init is the host's Python: neither its memory nor its files are to be had."""
    script = lxc.rootfs(box) / "spy"
    script.write_text(
        "#!/bin/sh\n! cat /proc/1/maps && ! ls /proc/1/fd && ! cat /proc/1/environ && ! readlink /proc/1/exe\n"
    )
    script.chmod(0o755)
    lxc.start(box, "-s", "lxc.hook.start = /spy")


def test_a_container_in_it_has_ids_of_its_own_too(lxc: Lxc, box: str) -> None:
    """User namespaces nest: its root may map what it has been given."""
    lxc.start(box)
    command = "unshare -U sleep 5 & sleep 0.3; echo 0 1000 10 >/proc/$!/uid_map && cat /proc/$!/uid_map"
    assert lxc.attach(box, "sh", "-c", command).split() == ["0", "1000", "10"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["lxc.idmap = u 0 100000 10"], "lxc.idmap has ranges of users, but none of groups"),
        (["lxc.namespace.clone = user mnt"], "a new user namespace without lxc.idmap would have nobody in it"),
        (["lxc.idmap = u 0 9 0", "lxc.idmap = g 0 0 1"], "a range of no ids"),
    ],
)
def test_maps_that_cannot_be_are_refused(lxc: Lxc, settings: list[str], said: str) -> None:
    box = lxc.create()
    refused = lxc.run("lxc-start", "-n", box, *(word for setting in settings for word in ("-s", setting)))
    assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr


def test_who_stays_in_the_starters_namespace_is_warned(lxc: Lxc) -> None:
    box = lxc.create()
    words = ("-s", "lxc.idmap = u 0 100000 10", "-s", "lxc.idmap = g 0 100000 10", "-s", "lxc.namespace.keep = user")
    log = lxc.path / "log"
    lxc.start(box, *words, "-o", str(log), "-l", "WARN")
    assert "lxc.idmap has no effect" in log.read_text()
    assert os.readlink(f"/proc/{lxc.init_pid(box)}/ns/user") == os.readlink("/proc/self/ns/user")


def test_a_process_of_its_own_works_on_its_files(lxc: Lxc) -> None:
    plan = IdMapPlan((Range(0, FIRST, 10),), (Range(0, FIRST, 10),))
    file = lxc.path / "file"
    file.touch()
    os.chown(file, FIRST + 3, FIRST)
    pid = fork.fork(plan)
    if pid == 0:
        code = 1
        try:
            code = 7 if os.getuid() == 0 and os.getgroups() == [] and os.stat(file).st_uid == 3 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_a_process_that_cannot_have_the_ids_ends_and_only_its_maker_goes_on(lxc: Lxc) -> None:
    plan = IdMapPlan((Range(0, FIRST, 10),), (Range(0, FIRST, 10),), uid=77)
    went_on = lxc.path / "went-on"

    def make() -> str:
        try:
            fork.fork(plan)
        except LxcError as error:
            with went_on.open("a") as file:
                file.write(f"{os.getpid()}\n")
            return str(error)
        return ""

    why = "cannot have a process among the container's ids become user 77 and group 0: Invalid argument"
    assert forked(make) == why
    assert len(went_on.read_text().splitlines()) == 1
