"""Cgroups are made, entered, frozen, emptied and removed, in this host's hierarchies; names are unique to each test."""

import errno
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import cgroups_below, until

from lxc.cgroups import making, outside, stopping
from lxc.cgroups.outside import Cgroups
from lxc.cgroups.plan import CgroupPlan, Hierarchy, Layout
from lxc.errors import StepError
from lxc.kernel import beside, signals
from lxc.kernel import process as kernel
from lxc.kernel.fs import closing

pytestmark = pytest.mark.root


class Place:
    """A container name of its own, and the processes started for it."""

    def __init__(self) -> None:
        self.layout = outside.find()
        self.name = f"t{os.urandom(6).hex()}"
        self.processes: list[subprocess.Popen[bytes]] = []

    def plan(self, owner: str = "/p/mine") -> CgroupPlan:
        return CgroupPlan(self.layout, owner, f"lxc.monitor.{self.name}", f"lxc.payload.{self.name}")

    def directories(self) -> list[Path]:
        """All cgroups with the name, in all hierarchies, innermost first."""
        found = []
        for hierarchy in self.layout.hierarchies:
            found += [path for path in cgroups_below(hierarchy.directory(hierarchy.base)) if self.name in str(path)]
        return sorted(found, key=lambda path: -len(path.parts))

    def names(self) -> set[str]:
        return {path.name for path in self.directories()}

    def sleeper(self, made: Cgroups) -> subprocess.Popen[bytes]:
        """A process in the payload."""
        process = subprocess.Popen(["sleep", "1000"])
        self.processes.append(process)
        outside.enter(made, made.payload, process.pid, is_born=False)
        return process

    def tidy(self) -> None:
        for process in self.processes:
            process.kill()
        for path in self.directories():
            if (path / "freezer.state").exists():
                (path / "freezer.state").write_text("THAWED")
        for process in self.processes:
            process.wait()
        for path in self.directories():
            path.rmdir()


@pytest.fixture
def place() -> Iterator[Place]:
    place = Place()
    yield place
    place.tidy()


def state(process: "subprocess.Popen[bytes]") -> str:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def cgroups_of(pid: int | str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {line.split(":", 2)[1]: line.split(":", 2)[2] for line in lines}


def test_both_cgroups_are_made_in_every_hierarchy(place: Place) -> None:
    made = outside.prepare(place.plan())
    assert (made.monitor, made.payload) == (f"lxc.monitor.{place.name}", f"lxc.payload.{place.name}")
    assert len(place.directories()) == 2 * len(place.layout.hierarchies) > 0
    assert all(Path(path).is_dir() for name in (made.monitor, made.payload) for path in made.layout.directories(name))


def test_every_cgroup_is_marked_with_its_owner(place: Place) -> None:
    outside.prepare(place.plan())
    assert {os.getxattr(path, making.OWNERS[0]) for path in place.directories()} == {b"/p/mine"}


def test_a_name_taken_in_one_hierarchy_gives_both_a_suffix_in_all(place: Place) -> None:
    taken = place.layout.hierarchies[-1]
    Path(taken.directory_of(f"lxc.payload.{place.name}")).mkdir()
    made = outside.prepare(place.plan())
    assert (made.monitor, made.payload) == (f"lxc.monitor.{place.name}-1", f"lxc.payload.{place.name}-1")
    assert len(place.directories()) == 2 * len(place.layout.hierarchies) + 1
    assert outside.prepare(place.plan("/p/other")).payload == f"lxc.payload.{place.name}-2"


def test_what_a_killed_monitor_of_the_container_left_is_removed_with_its_processes(place: Place) -> None:
    left = outside.prepare(place.plan())
    process = place.sleeper(left)
    made = outside.prepare(place.plan())
    assert made == left
    assert process.wait() == -9


def test_what_was_left_by_another_name_is_removed_when_the_first_is_free_again(place: Place) -> None:
    others = outside.prepare(place.plan("/p/other"))
    process = place.sleeper(outside.prepare(place.plan()))
    outside.remove(others)
    made = outside.prepare(place.plan())
    assert process.wait(5) == -9
    assert place.names() == {made.monitor, made.payload} == {others.monitor, others.payload}


def test_nothing_by_another_name_is_left_when_there_will_be_no_start(place: Place) -> None:
    others = outside.prepare(place.plan("/p/other"))
    outside.prepare(place.plan())
    outside.remove(others)
    outside.remove_leftovers(place.plan())
    assert place.names() == set()


@pytest.mark.parametrize("kept", ["monitor", "payload"])
def test_what_is_left_in_a_part_of_the_hierarchies_is_removed_as_well(place: Place, kept: str) -> None:
    """The starter was killed while it made them, or the monitor while it removed them."""
    left = outside.prepare(place.plan())
    for path in place.directories():
        if kept not in path.name or str(place.layout.hierarchies[0].mount) in str(path):
            path.rmdir()
    assert outside.prepare(place.plan()) == left


def test_what_was_left_frozen_is_removed(place: Place) -> None:
    left = outside.prepare(place.plan())
    process = place.sleeper(left)
    outside.freeze(left, is_on=True)
    assert outside.prepare(place.plan()) == left
    assert process.wait() == -9


@pytest.mark.parametrize("owner", ["/p/other", None])
def test_cgroups_of_others_are_left_alone_with_their_processes(place: Place, owner: str | None) -> None:
    """Those of LXC's are not marked at all."""
    left = outside.prepare(place.plan("/p/other"))
    process = place.sleeper(left)
    for path in place.directories() if owner is None else []:
        os.removexattr(path, making.OWNERS[0])
    made = outside.prepare(place.plan())
    assert made.payload == f"lxc.payload.{place.name}-1"
    assert process.poll() is None


def test_a_failure_in_the_middle_leaves_nothing(place: Place) -> None:
    broken = Hierarchy("/proc/sys", ("broken",))
    layout = Layout((*place.layout.hierarchies, broken))
    with pytest.raises(StepError, match=f"make the cgroup /proc/sys/lxc.monitor.{place.name}"):
        outside.prepare(place.plan().replace(layout=layout))
    assert place.directories() == []


def test_a_process_enters_all_hierarchies_and_leaves_them_for_where_its_starter_was(place: Place) -> None:
    made = outside.prepare(place.plan())
    before = cgroups_of("self")
    pid = os.fork()
    if pid == 0:
        try:
            outside.enter(made, made.monitor, os.getpid(), is_born=False)
            inside = cgroups_of("self")
            outside.leave(made)
            known = {",".join(h.controllers): h for h in place.layout.hierarchies}
            expected = {
                key: f"/{known[key].below_base(made.monitor)}" if key in known else path for key, path in before.items()
            }
            os._exit(0 if inside == expected and cgroups_of("self") == before else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert place.names() == {made.payload}


def test_who_was_born_in_the_monitors_cgroup_goes_on_outside_as_another_process_with_the_same_memory(
    place: Place,
) -> None:
    made = outside.prepare(place.plan())
    home, remembered = cgroups_of("self")[""], [0]
    reader, writer = os.pipe()
    with closing(outside.open_unified(made, made.monitor)) as unified:
        pid, pidfd = kernel.clone3(0, unified)
    if pid == 0:
        try:
            masked = signals.block(frozenset({signals.SIGTERM, signals.SIGPIPE}))
            outside.enter(made, made.monitor, os.getpid(), is_born=True)
            remembered.append(born := os.getpid())
            outside.leave(made, is_born=True)
            is_same = remembered == [0, born] and signals.blocked() == masked | {signals.SIGTERM, signals.SIGPIPE}
            os.write(writer, repr((is_same, os.getpid() == born, cgroups_of("self")[""] == home)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.close(pidfd)
    with open(reader) as told:
        assert told.read() == "(True, False, True)"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signals.SIGPIPE
    assert place.names() == {made.payload}


def test_nobody_goes_on_elsewhere_whose_other_threads_would_be_ended(place: Place) -> None:
    made = outside.prepare(place.plan())
    pid = os.fork()
    if pid == 0:
        try:
            threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
            with closing(outside.open_unified(made, made.monitor)) as unified:
                beside.be_reborn(unified)
        except OSError as error:
            os._exit(error.errno or 0)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == errno.EBUSY


def test_an_empty_payload_is_gone_once_there_is_nothing_to_kill(place: Place) -> None:
    made = outside.prepare(place.plan())
    outside.kill(made)
    assert place.names() == {made.monitor}
    outside.remove_children(made)
    outside.remove_payload(made)


def test_who_is_born_in_the_unified_cgroup_is_not_moved_there(place: Place) -> None:
    made = outside.prepare(place.plan())
    process = subprocess.Popen(["sleep", "1000"])
    place.processes.append(process)
    outside.enter(made, made.payload, process.pid, is_born=True)
    for controllers, path in cgroups_of(process.pid).items():
        assert (made.payload in path) == bool(controllers)


def test_entering_a_cgroup_that_is_gone_says_which(place: Place) -> None:
    made = outside.prepare(place.plan())
    outside.remove(made)
    with pytest.raises(StepError, match=made.payload):
        outside.enter(made, made.payload, os.getpid(), is_born=False)


def test_freezing_stops_every_process_until_it_is_thawed(place: Place) -> None:
    made = outside.prepare(place.plan())
    process = subprocess.Popen(["sh", "-c", "while :; do echo; done"], stdout=subprocess.PIPE)
    place.processes.append(process)
    assert process.stdout
    outside.enter(made, made.payload, process.pid, is_born=False)
    outside.freeze(made, is_on=True)
    os.set_blocking(process.stdout.fileno(), False)
    while process.stdout.read(65536):
        continue
    time.sleep(0.05)
    assert process.stdout.read(1) is None
    outside.freeze(made, is_on=True)
    outside.freeze(made, is_on=False)
    until(lambda: process.stdout.read(1), "it goes on")
    outside.freeze(made, is_on=False)


def test_an_empty_container_can_be_frozen(place: Place) -> None:
    made = outside.prepare(place.plan())
    assert stopping.set_frozen(made.layout, made.path, is_on=True, timeout=5)
    assert stopping.set_frozen(made.layout, made.path, is_on=False, timeout=5)


def test_where_there_is_no_freezer_freezing_is_an_error() -> None:
    with pytest.raises(StepError, match="neither a freezer cgroup nor a unified one"):
        stopping.set_frozen(Layout(), lambda controller: None, is_on=True, timeout=0)


def test_killing_empties_the_payload_with_all_that_the_container_made_below(place: Place) -> None:
    made = outside.prepare(place.plan())
    processes = [place.sleeper(made) for _ in range(3)]
    for number, directory in enumerate(made.layout.directories(made.payload)):
        below = Path(directory, "a/b")
        below.mkdir(parents=True)
        if "cpuset" not in directory:
            (below / "cgroup.procs").write_text(str(processes[number % 2].pid))
    outside.kill(made)
    assert [process.wait() for process in processes] == [-9] * 3
    outside.remove_payload(made)
    assert place.names() == {made.monitor}


@pytest.mark.parametrize(("depth", "name"), [(1500, "d"), (30, 240 * "n")], ids=["deep", "long"])
def test_what_no_path_can_name_is_killed_and_removed_too(place: Place, depth: int, name: str) -> None:
    """Cgroups in each other, deeper than Python calls functions, or with names that are together longer than PATH_MAX."""
    made = outside.prepare(place.plan())
    process = place.sleeper(made)
    hierarchy = place.layout.with_controller("pids") or place.layout.hierarchies[-1]
    at = os.open(hierarchy.directory_of(made.payload), os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    with closing(os.open("cgroup.procs", os.O_WRONLY, dir_fd=at)) as file:
        os.write(file, str(process.pid).encode())
    os.close(at)
    began = os.times().elapsed
    outside.kill(made)
    assert process.wait() == -9
    outside.remove_payload(made)
    assert place.names() == {made.monitor}
    assert os.times().elapsed - began < 30  # not a patience for each level


def test_killing_reaches_what_the_container_has_frozen_itself(place: Place) -> None:
    made = outside.prepare(place.plan())
    process = place.sleeper(made)
    freezer = place.layout.with_controller("freezer") or place.layout.unified
    assert freezer
    below = Path(freezer.directory_of(made.payload), "own")
    below.mkdir()
    (below / "cgroup.procs").write_text(str(process.pid))
    for file, word in (("freezer.state", "FROZEN"), ("cgroup.freeze", "1")):
        if (below / file).exists():
            (below / file).write_text(word)
    outside.kill(made)
    assert process.wait() == -9
    outside.remove_payload(made)


def test_killing_who_forks_all_the_time_comes_to_an_end(place: Place) -> None:
    made = outside.prepare(place.plan())
    script = "echo ready; while :; do (sleep 1000 & sleep 1000 &); sleep 0.001; done"
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    place.processes.append(process)
    assert process.stdout
    outside.enter(made, made.payload, process.pid, is_born=False)
    process.stdout.readline()
    outside.kill(made)
    assert process.wait() == -9
    outside.remove_payload(made)
    assert place.names() == {made.monitor}


def test_who_removes_cgroups_meanwhile_does_not_hinder_the_look_for_processes(place: Place) -> None:
    made = outside.prepare(place.plan())
    directory = made.layout.directories(made.payload)[0]
    below = [f"{directory}/{number}" for number in range(20)]
    pid = os.fork()
    while not pid:
        for path in below:
            os.mkdir(path)
        for path in below:
            os.rmdir(path)
    try:
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            assert stopping.processes(directory) == []
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        outside.remove(made)


def test_killing_and_removing_what_is_not_there_does_nothing(place: Place) -> None:
    made = outside.prepare(place.plan())
    outside.remove(made)
    outside.kill(made)
    outside.remove(made)
    assert place.directories() == []


def test_the_payload_is_made_again_for_a_reboot(place: Place) -> None:
    made = outside.prepare(place.plan())
    outside.remove_payload(made)
    outside.remake_payload(made, place.plan())
    assert len(place.directories()) == 2 * len(place.layout.hierarchies)
    place.sleeper(made)


def test_the_path_of_a_controller_is_told_below_its_mount(place: Place) -> None:
    made = outside.prepare(place.plan())
    for hierarchy in place.layout.hierarchies:
        path = made.path(hierarchy.controllers[0] if hierarchy.controllers else "")
        assert path == f"/{hierarchy.below_base(made.payload)}"
        assert Path(f"{hierarchy.mount}{path}").is_dir()
    assert made.path("nonsense") is None


def test_a_descriptor_of_the_unified_cgroup_is_close_on_exec(place: Place) -> None:
    made = outside.prepare(place.plan())
    fd = outside.open_unified(made, made.payload)
    assert fd >= 0
    assert not os.get_inheritable(fd)
    assert made.payload in os.readlink(f"/proc/self/fd/{fd}")
    os.close(fd)
    assert outside.open_unified(Cgroups(Layout(), "m", "p"), "p") == -1


def test_nothing_is_left_open(place: Place) -> None:
    before = os.listdir("/proc/self/fd")
    made = outside.prepare(place.plan())
    place.sleeper(made)
    outside.freeze(made, is_on=True)
    outside.freeze(made, is_on=False)
    outside.kill(made)
    outside.remove(made)
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.hybrid
def test_who_gets_the_number_of_a_process_that_ends_before_it_is_killed_lives(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = outside.prepare(place.plan())
    victim, others = place.sleeper(made), list[subprocess.Popen[bytes]]()
    read, reads = stopping.processes, list[list[int]]()

    def recycled(directory: str) -> list[int]:
        found = read(directory)
        reads.append(found)
        if len(reads) == 2:  # after it was seen that there is somebody to kill
            victim.kill()
            victim.wait()
            for _ in range(50):
                Path("/proc/sys/kernel/ns_last_pid").write_text(str(victim.pid - 1))
                others.append(subprocess.Popen(["sleep", "1000"]))
                if others[-1].pid == victim.pid:
                    break
        return found

    monkeypatch.setattr(stopping, "processes", recycled)
    old = next(path for path in place.directories() if "payload" in path.name and (path / "tasks").exists())
    try:
        stopping.kill([str(old)])
        assert others[-1].pid == victim.pid, "the kernel did not give the number"
        assert others[-1].poll() is None
    finally:
        for other in others:
            other.kill()
            other.wait()
        outside.remove(made)
