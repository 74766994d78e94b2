"""Where the cgroups of a container are: each key of the place has its effect, and nothing of it stays."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc, cgroups_below, until
from tests.unified import UnifiedLxc

pytestmark = [pytest.mark.root, pytest.mark.hybrid]


def cgroups(pid: int | str) -> set[str]:
    """The cgroups of a process in all hierarchies that are mounted."""
    mounted = {path.name for path in Path("/sys/fs/cgroup").iterdir()} | {"name=systemd", ""}
    lines = (line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    return {path for _, controllers, path in lines if controllers in mounted}


def monitor(lxc: Lxc, name: str) -> int:
    return int(Path(f"/proc/{lxc.init_pid(name)}/stat").read_text().rpartition(")")[2].split()[1])


def placed(lxc: Lxc, text: str) -> tuple[str, set[str], set[str]]:
    """(its name, the monitor's cgroups, init's) of a container with `text`; TAG in it is unique."""
    name = lxc.create(config=CONFIG + text.replace("TAG", lxc.tag))
    lxc.start(name)
    return name, cgroups(monitor(lxc, name)), cgroups(lxc.init_pid(name))


def all_named(tag: str) -> list[str]:
    return [str(path) for path in cgroups_below() if tag in str(path)]


def test_without_a_key_below_the_root_cgroup(lxc: Lxc) -> None:
    name, of_monitor, of_init = placed(lxc, "")
    assert (of_monitor, of_init) == ({f"/lxc.monitor.{name}"}, {f"/lxc.payload.{name}"})


def test_dir_is_where_both_are(lxc: Lxc) -> None:
    name, of_monitor, of_init = placed(lxc, "lxc.cgroup.dir = TAG/b\n")
    assert of_monitor == {f"/{lxc.tag}/b/lxc.monitor.{name}"}
    assert of_init == {f"/{lxc.tag}/b/lxc.payload.{name}"}
    lxc.ok("lxc-stop", "-n", name, "-k")
    assert all_named(lxc.tag) == []


def test_what_was_there_before_stays_and_what_others_use(lxc: Lxc) -> None:
    kept = Path(f"/sys/fs/cgroup/pids/{lxc.tag}")
    kept.mkdir()
    try:
        first, _, _ = placed(lxc, "lxc.cgroup.dir = TAG/b\n")
        second = lxc.create("two", CONFIG + f"lxc.cgroup.dir = {lxc.tag}/b\n")
        lxc.start(second)
        lxc.ok("lxc-stop", "-n", first, "-k")
        assert lxc.state(second) == "RUNNING"
        lxc.ok("lxc-stop", "-n", second, "-k")
        assert all_named(lxc.tag) == [str(kept)]
    finally:
        kept.rmdir()


def test_monitor_and_container_each_have_their_own(lxc: Lxc) -> None:
    name, of_monitor, of_init = placed(
        lxc, "lxc.cgroup.dir.monitor = m-TAG\nlxc.cgroup.dir.container = c-TAG/x\nlxc.cgroup.pids.max = 44\n"
    )
    assert (of_monitor, of_init) == ({f"/m-{lxc.tag}"}, {f"/c-{lxc.tag}/x"})
    assert Path(f"/sys/fs/cgroup/pids/c-{lxc.tag}/x/pids.max").read_text() == "44\n"
    lxc.ok("lxc-stop", "-n", name, "-k")
    assert all_named(lxc.tag) == []


INNER = "lxc.cgroup.dir.monitor = m-TAG\nlxc.cgroup.dir.container = c-TAG\nlxc.cgroup.dir.container.inner = in\n"


def test_inner_is_where_its_processes_are_and_what_limits_them_is_above(lxc: Lxc) -> None:
    name, _, of_init = placed(lxc, INNER + "lxc.cgroup.pids.max = 44\n")
    assert of_init == {f"/c-{lxc.tag}/in"}
    pids = Path(f"/sys/fs/cgroup/pids/c-{lxc.tag}")
    assert (pids / "pids.max").read_text() == "44\n"
    assert (pids / "in/pids.max").read_text() == "max\n"
    assert {line.split(":", 2)[2] for line in lxc.attach(name, "grep", "pids", "/proc/self/cgroup").splitlines()} == {
        "/"
    }
    lxc.ok("lxc-freeze", "-n", name)
    assert Path(f"/sys/fs/cgroup/freezer/c-{lxc.tag}/freezer.state").read_text() == "FROZEN\n"
    lxc.ok("lxc-unfreeze", "-n", name)
    lxc.ok("lxc-stop", "-n", name, "-k")
    assert all_named(lxc.tag) == []


def test_the_inner_one_has_the_processors_of_the_one_above_also_if_the_last_line_gives_more(lxc: Lxc) -> None:
    cpus = Path("/sys/fs/cgroup/cpuset/cpuset.cpus").read_text()
    placed(lxc, f"{INNER}lxc.cgroup.cpuset.cpus = 0\nlxc.cgroup.cpuset.cpus = {cpus}")
    for cgroup in (f"c-{lxc.tag}", f"c-{lxc.tag}/in"):
        assert Path(f"/sys/fs/cgroup/cpuset/{cgroup}/cpuset.cpus").read_text() == cpus


def test_the_inner_one_has_the_devices_of_the_one_above(lxc: Lxc) -> None:
    rules = ("deny = c 1:3 rwm", "deny = a", "allow = c 1:* rwm", "allow = c 5:* r", "deny = c 1:* w")
    name, _, _ = placed(lxc, INNER + "".join(f"lxc.cgroup.devices.{rule}\n" for rule in rules))
    for cgroup in (f"c-{lxc.tag}", f"c-{lxc.tag}/in"):
        assert Path(f"/sys/fs/cgroup/devices/{cgroup}/devices.list").read_text() == "c 1:* rm\nc 5:* r\n"
    lxc.ok("lxc-stop", "-n", name, "-k")
    assert all_named(lxc.tag) == []


def test_a_reboot_makes_the_inner_one_again(lxc: Lxc) -> None:
    name, _, before = placed(lxc, f"{INNER}lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = c 1:3 rwm\n")
    lxc.ok("lxc-stop", "-n", name, "-r", "-t", "30")
    assert cgroups(lxc.init_pid(name)) == before
    assert Path(f"/sys/fs/cgroup/devices/c-{lxc.tag}/in/devices.list").read_text() == "c 1:3 rwm\n"


def test_a_name_of_the_user_s_that_is_taken_is_an_error_that_says_which(lxc: Lxc) -> None:
    taken = Path(f"/sys/fs/cgroup/pids/c-{lxc.tag}")
    taken.mkdir()
    try:
        name = lxc.create(config=CONFIG + INNER.replace("TAG", lxc.tag))
        done = lxc.run("lxc-start", "-n", name)
        assert (done.returncode, done.stderr) == (
            1,
            f"lxc-start: {name}: cannot make the cgroup c-{lxc.tag}, hybrid layout: it, or the monitor's, m-{lxc.tag}, "
            "exists already\n  rmdir those that no process is in (cgroup.procs is empty)\n",
        )
        assert all_named(lxc.tag) == [str(taken)]
    finally:
        taken.rmdir()


def test_the_pivot_is_where_the_monitor_ends(lxc: Lxc) -> None:
    """It is the one cgroup that stays, for it cannot be removed by who is in it; it is only made if it is asked for."""
    name, _, _ = placed(lxc, "lxc.cgroup.dir.monitor.pivot = p-TAG\n")
    pid = monitor(lxc, name)
    with open(f"/proc/{pid}/cgroup") as file:
        lxc.ok("lxc-stop", "-n", name, "-k")
        file.close()
    pivots = {path for path in all_named(lxc.tag) if path.endswith("/lxc.pivot")}
    try:
        assert {Path(path).parts[-2] for path in pivots} == {f"p-{lxc.tag}"}
        assert len(pivots) == len(list(Path("/sys/fs/cgroup").iterdir()))
    finally:
        for path in reversed(all_named(lxc.tag)):
            until(lambda path=path: not Path(path, "cgroup.procs").read_text(), "the monitor is gone")  # type: ignore[misc]
            os.rmdir(path)


def own(tag: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `words` in a cgroup of its own in every hierarchy."""
    script = """
        for hierarchy in /sys/fs/cgroup/*; do
            mkdir "$hierarchy/own-$0"
            for file in cpuset.cpus cpuset.mems; do
                [ ! -e "$hierarchy/$file" ] || cat "$hierarchy/$file" > "$hierarchy/own-$0/$file"
            done
            echo $$ > "$hierarchy/own-$0/cgroup.procs"
        done
        exec "$@"
    """
    return subprocess.run(["sh", "-c", script, tag, *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def own_cgroups(lxc: Lxc) -> Iterator[str]:
    yield f"own-{lxc.tag}"
    for path in reversed(all_named(f"own-{lxc.tag}")):
        until(lambda path=path: not Path(path, "cgroup.procs").read_text(), "it is empty")  # type: ignore[misc]
        os.rmdir(path)


def test_relative_is_below_the_cgroup_of_who_starts_it(lxc: Lxc, own_cgroups: str) -> None:
    name = lxc.create(config=CONFIG + "lxc.cgroup.relative = 1\n")
    done = own(lxc.tag, *lxc.command("lxc-start", "-n", name))
    assert (done.returncode, done.stderr) == (0, "")
    assert cgroups(lxc.init_pid(name)) == {f"/{own_cgroups}/lxc.payload.{name}"}
    assert cgroups(monitor(lxc, name)) == {f"/{own_cgroups}/lxc.monitor.{name}"}
    lxc.ok("lxc-freeze", "-n", name)
    lxc.ok("lxc-unfreeze", "-n", name)
    lxc.ok("lxc-stop", "-n", name, "-k")
    until(lambda: {Path(path).name for path in all_named(lxc.tag)} == {own_cgroups}, "only what was there is left")


@pytest.mark.parametrize("server", ["1", "0"], ids=["with a server", "without"])
@pytest.mark.parametrize("more", [(), ("-s", "lxc.hook.pre-start=/bin/true"), ("-F",)], ids=["lodges", "hook", "stays"])
def test_a_cgroup_for_threads_is_told_of(unified: UnifiedLxc, server: str, more: tuple[str, ...]) -> None:
    name = unified.create(config=CONFIG + "lxc.cgroup.relative = 1\n")
    if server == "1":  # in another cgroup
        unified.ok("lxc-ls")
    above = unified.cgroup("threads")
    (above / "x").mkdir(parents=True)
    (above / "x/cgroup.type").write_text("threaded")
    enter = 'echo 0 > /sys/fs/cgroup/threads/cgroup.procs && exec "$@"'
    start = Lxc.command(unified, "lxc-start", "-n", name, *more)
    environment = f"LXC_FORKSERVER={server}"
    done = subprocess.run(
        unified.on_host("sh", "-c", enter, "sh", "env", environment, "timeout", "20", *start),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    (above / "x").rmdir()
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"cannot make the monitor, in the cgroup lxc.monitor.{name}: Operation not supported\n"
        "  the cgroup that it is made in is one for threads (cgroups(7)), and so no other's: start it from another, or "
        "without lxc.cgroup.relative\n"
    )
    assert [path.name for path in above.iterdir() if path.is_dir()] == []


def with_system(lxc: Lxc, text: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run `command` with `text` as lxc.conf(5)."""
    script = 'mount -t tmpfs none /etc/lxc && printf %s "$0" > /etc/lxc/lxc.conf && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, text, *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_system_s_pattern_names_them(lxc: Lxc) -> None:
    name = lxc.create()
    done = with_system(lxc, f"lxc.cgroup.pattern = {lxc.tag}/%n\n", *lxc.command("lxc-start", "-n", name))
    assert (done.returncode, done.stderr) == (0, "")
    assert cgroups(monitor(lxc, name)) == {f"/{lxc.tag}/{name}/monitor"}
    assert cgroups(lxc.init_pid(name)) == {f"/{lxc.tag}/{name}/payload"}
    lxc.ok("lxc-stop", "-n", name, "-k")
    assert all_named(lxc.tag) == []


def test_the_system_s_choice_of_controllers_leaves_the_other_hierarchies_alone(lxc: Lxc) -> None:
    name = lxc.create()
    done = with_system(lxc, "lxc.cgroup.use = pids,freezer\n", *lxc.command("lxc-start", "-n", name))
    assert (done.returncode, done.stderr) == (0, "")
    lines = (line.split(":", 2) for line in Path(f"/proc/{lxc.init_pid(name)}/cgroup").read_text().splitlines())
    assert {controllers for _, controllers, path in lines if path == f"/lxc.payload.{name}"} == {"pids", "freezer", ""}
    lxc.ok("lxc-freeze", "-n", name)
    lxc.ok("lxc-unfreeze", "-n", name)


def test_a_controller_that_the_system_s_choice_wants_must_be_there(lxc: Lxc) -> None:
    name = lxc.create()
    done = with_system(lxc, "lxc.cgroup.use = pids,rdma\n", *lxc.command("lxc-start", "-n", name))
    assert (done.returncode, done.stderr) == (
        1,
        f"lxc-start: {name}: lxc.cgroup.use names rdma, which this host (hybrid layout) does not have\n"
        "  set in /etc/lxc/lxc.conf\n  name those there are: see /proc/self/cgroup\n",
    )


def test_what_a_killed_monitor_left_in_a_place_of_the_user_s_is_removed_by_the_next_start(lxc: Lxc) -> None:
    name, _, _ = placed(lxc, INNER)
    os.kill(monitor(lxc, name), 9)
    until(lambda: lxc.state(name) == "STOPPED", "it is stopped")
    lxc.start(name)
    assert cgroups(lxc.init_pid(name)) == {f"/c-{lxc.tag}/in"}


def test_starting_and_stopping_many_in_one_place_leaves_nothing(lxc: Lxc) -> None:
    """They make and remove the same way at the same time."""
    text = f"lxc.cgroup.dir = {lxc.tag}/b/c\nlxc.init.cmd = /bin/true\n"
    names = [lxc.create(f"n{number}", CONFIG + text) for number in range(4)]
    said: list[str] = []

    def live(name: str) -> None:
        for _ in range(4):
            done = lxc.run("lxc-start", "-n", name, "-F")
            said.append(done.stderr)

    threads = [threading.Thread(target=live, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(said) == {""}
    assert all_named(lxc.tag) == []
