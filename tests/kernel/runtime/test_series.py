"""Many starts by few processes, each of which shares its memory with one monitor after the other."""

import os
import signal
import time
from pathlib import Path

import pytest
from tests.conftest import PATIENCE, Lxc, forked, opened, until
from tests.kernel.runtime.test_killed_monitor import monitor_of
from tests.kernel.runtime.test_rest import rests

from lxc.errors import LxcError
from lxc.kernel import process
from lxc.runtime.place import Place, place
from lxc.runtime.starting import fleet, series

pytestmark = pytest.mark.root


@pytest.fixture
def boxes(lxc: Lxc) -> list[str]:
    return [lxc.create(f"box{number}") for number in range(8)]


def places(lxc: Lxc, names: list[str]) -> list[Place]:
    return [place(name, str(lxc.path)) for name in names]


def start(lxc: Lxc, names: list[str]) -> object:
    """Those that did not start, with the first words of why."""

    def work() -> dict[str, str]:
        failed: dict[str, str] = {}
        fleet.start_all(places(lxc, names), lambda place, error: failed.update({place.name: str(error)}))
        return failed

    return forked(work)


def running(lxc: Lxc) -> set[str]:
    return set(lxc.ok("lxc-ls", "-1", "--running").split())


def test_all_run_and_their_monitors_rest_at_once(lxc: Lxc, boxes: list[str]) -> None:
    assert start(lxc, boxes) == {}
    assert running(lxc) == set(boxes)
    monitors = [monitor_of(lxc.init_pid(box)) for box in boxes]
    assert all(map(rests, monitors))
    assert len(set(monitors)) == len(boxes)
    for monitor, box in zip(monitors, boxes, strict=True):
        assert f"/lxc.monitor.{box}\n" in Path(f"/proc/{monitor}/cgroup").read_text()
        assert os.readlink(f"/proc/{monitor}/cwd") == "/"
        assert os.getsid(monitor) == monitor
        assert lxc.attach(box, "hostname") == f"{box}\n"


def test_each_has_what_is_its_own_open_and_nothing_of_the_others(lxc: Lxc, boxes: list[str]) -> None:
    start(lxc, boxes)
    for box in boxes:
        monitor = monitor_of(lxc.init_pid(box))
        until(
            lambda monitor=monitor: sum("socket:" in file for file in opened(monitor)) == 1,
            "it has only its own socket",
        )
        assert [
            file for file in opened(monitor) for other in boxes if other != box and file.endswith(f".{other}")
        ] == []


def test_a_runner_ends_after_some_and_another_goes_on(
    lxc: Lxc, boxes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each start a thread stays with it."""
    monkeypatch.setattr(series, "_MOST_STARTS", 2)
    assert start(lxc, boxes) == {}
    assert running(lxc) == set(boxes)


def test_whoever_waits_for_others_has_a_process_of_its_own(lxc: Lxc, boxes: list[str]) -> None:
    slow, ringing, *others = boxes
    lxc.extend(slow, "lxc.hook.pre-start = sh -c 'sleep 0.5'")
    lxc.extend(ringing, "lxc.console.buffer.size = 4096")
    assert start(lxc, boxes) == {}
    assert running(lxc) == set(boxes)
    assert not rests(monitor_of(lxc.init_pid(slow)))
    assert not rests(monitor_of(lxc.init_pid(ringing)))
    assert all(rests(monitor_of(lxc.init_pid(box))) for box in others)


def test_those_that_fail_leave_nothing_and_do_not_disturb_the_others(lxc: Lxc, boxes: list[str]) -> None:
    rootless, commandless, wrong, limited, *good = boxes
    lxc.extend(rootless, "lxc.rootfs.path = dir:/nonexistent")
    lxc.extend(commandless, "lxc.init.cmd = /nonexistent")
    lxc.extend(wrong, "lxc.nope = 1")
    lxc.extend(limited, "lxc.mount.entry = /nonexistent mnt none bind 0 0")
    for _ in range(3):
        failed = start(lxc, boxes)
        assert isinstance(failed, dict)
        assert set(failed) == {rootless, commandless, wrong, limited}
        assert "/nonexistent" in failed[rootless] + failed[commandless] + failed[limited]
        assert running(lxc) == set(good)
        left = [line for line in lxc.leftovers() for name in failed if name in line]
        assert left == []


def test_one_that_runs_already_is_fine(lxc: Lxc, boxes: list[str]) -> None:
    lxc.start(boxes[3])
    init = lxc.init_pid(boxes[3])
    assert start(lxc, boxes) == {}
    assert running(lxc) == set(boxes)
    assert lxc.init_pid(boxes[3]) == init


def test_a_veth_is_there_and_goes(lxc: Lxc, boxes: list[str]) -> None:
    pairs = [f"s{number}{lxc.tag[:8]}" for number in range(len(boxes))]
    for box, pair in zip(boxes, pairs, strict=True):
        lxc.extend(box, "lxc.net.0.type = veth", f"lxc.net.0.veth.pair = {pair}")
    assert start(lxc, boxes) == {}
    assert all(Path(f"/sys/class/net/{pair}").exists() for pair in pairs)
    assert "eth0" in lxc.attach(boxes[0], "ip", "link")
    for box in boxes:
        lxc.ok("lxc-stop", "-n", box, "-k")
    until(lambda: not any(Path(f"/sys/class/net/{pair}").exists() for pair in pairs), "all are gone")


def test_a_runner_that_is_killed_is_told_of_and_another_goes_on(lxc: Lxc, boxes: list[str]) -> None:
    """Whatever it was at; nothing runs that is said to have failed."""

    def work() -> dict[str, str]:
        failed: dict[str, str] = {}

        def complain(place: Place, error: LxcError) -> None:
            failed[place.name] = str(error)

        def decide(it: Place) -> object:
            if it.name == boxes[2]:
                os.kill(os.getpid(), signal.SIGKILL)
            return fleet.start.decided(fleet._order(it, has_log=False))

        left = series.start(places(lxc, boxes), decide, 1, lambda it, error: complain(it, error) if error else None)  # type: ignore[arg-type]
        return failed | {it.name: "left" for it in left}

    failed = forked(work)
    assert isinstance(failed, dict)
    assert list(failed) == [boxes[2]]
    assert "killed" in failed[boxes[2]]
    until(lambda: running(lxc) == set(boxes) - set(failed), "all others run")


@pytest.mark.parametrize("which", [1, 2, 3, 5], ids=["a runner", "the second", "a monitor", "the third"])
def test_whoever_is_interrupted_as_it_makes_a_process_waits_for_that_too(
    lxc: Lxc, boxes: list[str], which: int
) -> None:
    """Two runners, and then a monitor for each that has none: that waits for a hook."""
    for box in boxes if which > 2 else ():
        lxc.extend(box, "lxc.hook.pre-start = /bin/true")

    def work() -> str:
        made = 0
        clone3 = process.clone3

        def interrupted(flags: int, cgroup_fd: int = -1) -> tuple[int, int]:
            nonlocal made
            pid, pidfd = clone3(flags, cgroup_fd)
            if pid:
                made += 1
                if made == which:
                    os.kill(os.getpid(), signal.SIGINT)
            return pid, pidfd

        process.clone3 = interrupted
        try:
            fleet.start_all(places(lxc, boxes), lambda _place, _error: None)
        except KeyboardInterrupt:
            running_before = running(lxc)
            time.sleep(0.1)
            return "all is done" if running(lxc) == running_before else "it went on"
        return "it was not interrupted"

    assert forked(work) == "all is done"
    for box in running(lxc):
        assert lxc.attach(box, "hostname") == f"{box}\n"
        lxc.ok("lxc-stop", "-n", box, "-k")
    until(lambda: not lxc.leftovers(), "nothing is left")


def test_an_interrupted_one_leaves_nothing_half_done(lxc: Lxc, boxes: list[str]) -> None:
    for box in boxes:
        lxc.extend(box, "lxc.start.auto = 1")
    for delay in (0.005, 0.02, 0.04):
        with lxc.spawn("lxc-autostart", "-a", start_new_session=True) as process:
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) in (0, 130, -signal.SIGINT)  # the last: before there was anybody to catch it
        states = {line.split()[1] for line in lxc.ok("lxc-ls", "-f", "-F", "NAME,STATE").splitlines()[1:]}
        assert states <= {"RUNNING", "STOPPED"}
        for box in running(lxc):
            assert lxc.attach(box, "hostname") == f"{box}\n"
            lxc.ok("lxc-stop", "-n", box, "-k")
        until(lambda: not lxc.leftovers(), "nothing is left")
