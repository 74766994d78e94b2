"""lxc-autostart and start_all on real containers."""

import subprocess
import threading
from pathlib import Path

import pytest
from tests.conftest import BIN, CONFIG, Lxc, until

import lxc as api

pytestmark = pytest.mark.root

AUTO = "lxc.start.auto = 1\n"


def test_a_container_path_that_is_not_there_is_an_error(lxc: Lxc) -> None:
    for words in ((), ("-L",), ("-a", "-k")):
        command = [BIN / "lxc-autostart", "-P", lxc.path / "nowhere", *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, f"there is no directory {lxc.path}/nowhere" in done.stderr) == (1, True)


@pytest.fixture
def make(lxc: Lxc) -> object:
    """`make(name, config)` adds a container that shares the first one's root; its full name."""
    first = lxc.create("base", CONFIG)

    def add(name: str, config: str = AUTO) -> str:
        full = f"{name}-{lxc.tag}"
        (lxc.path / full).mkdir()
        root = f"lxc.rootfs.path = dir:{lxc.rootfs(first)}\nlxc.rootfs.options = ro\nlxc.uts.name = {full}\n"
        (lxc.path / full / "config").write_text(f"{CONFIG}{root}lxc.init.cmd = /bin/sleep 1000\n{config}")
        return full

    return add


def running(lxc: Lxc) -> set[str]:
    return set(lxc.ok("lxc-ls", "-1", "--running").split())


def test_the_marked_ones_run_and_stop_again(lxc: Lxc, make) -> None:
    names = {make(f"c{number}", f"{AUTO}lxc.start.order = {number // 3}\n") for number in range(7)}
    make("off", "")
    make("grouped", f"{AUTO}lxc.group = later\n")
    lxc.ok("lxc-autostart")
    assert running(lxc) == names
    assert lxc.ok("lxc-autostart", "-L") == ""
    assert set(lxc.ok("lxc-autostart", "-k", "-L").split()) == names
    first = {name: lxc.init_pid(name) for name in names}
    lxc.ok("lxc-autostart")  # they run already
    assert {name: lxc.init_pid(name) for name in names} == first
    lxc.ok("lxc-autostart", "-k")
    assert running(lxc) == set()


def test_what_does_not_stop_in_time_is_killed(lxc: Lxc, make) -> None:
    make("deaf", f"{AUTO}lxc.init.cmd = /bin/sh -c 'trap \"\" PWR; while :; do sleep 1; done'\n")
    lxc.ok("lxc-autostart")
    lxc.ok("lxc-autostart", "-s", "-t", "1")
    assert running(lxc) == set()


def test_one_that_fails_is_named_and_the_others_run(lxc: Lxc, make) -> None:
    good, bad, wrong = (
        make("good"),
        make("bad", f"{AUTO}lxc.init.cmd = /nonexistent\n"),
        make("wrong", f"{AUTO}lxc.nope = 1\n"),
    )
    done = lxc.run("lxc-autostart")
    assert done.returncode == 2
    assert f"lxc-autostart: {bad}: cannot run /nonexistent in the container" in done.stderr
    assert f"lxc-autostart: {wrong}: {lxc.path}/{wrong}/config:" in done.stderr
    assert running(lxc) == {good}
    assert "/nonexistent" in (lxc.path / bad / f"{bad}.log").read_text()
    assert lxc.run("lxc-autostart").returncode == 1  # all that is left to try


def test_the_next_order_waits_for_the_last_and_for_its_delay(lxc: Lxc, make) -> None:
    log = lxc.path / "log"
    for name, more in (("b", "lxc.start.order = 2\n"), ("a", "lxc.start.order = 1\nlxc.start.delay = 1\n")):
        hooks = f"lxc.hook.pre-start = /bin/sh -c 'echo {name} begins >> {log}'\n"
        hooks += f"lxc.hook.start-host = /bin/sh -c 'sleep 0.3; echo {name} `date +%s%N` >> {log}'\n"
        make(name, AUTO + more + hooks)
    lxc.ok("lxc-autostart")
    lines = log.read_text().split("\n")
    assert [line.split(" ")[0] for line in lines if line] == ["a", "a", "b", "b"]
    apart = int(lines[3].split()[1]) - int(lines[1].split()[1])
    assert apart >= 1_000_000_000


def test_those_of_one_order_start_at_the_same_time(lxc: Lxc, make) -> None:
    """Each waits in its hook for the other to have come there, too."""
    for name, other in (("a", "b"), ("b", "a")):
        words = f"touch {lxc.path}/{name}.here; until [ -e {lxc.path}/{other}.here ]; do sleep 0.05; done"
        make(name, f"{AUTO}lxc.hook.pre-start = /bin/sh -c '{words}'\n")
    lxc.ok("lxc-autostart")
    assert len(running(lxc)) == 2


def test_an_interrupted_one_leaves_what_runs_and_undoes_the_rest(lxc: Lxc, make) -> None:
    """As soon as the hook that it is in has ended."""
    done = make("done", f"{AUTO}lxc.start.order = 1\n")
    words = f"touch {lxc.path}/here; sleep 4"
    make("slow", f"{AUTO}lxc.start.order = 2\nlxc.hook.pre-start = /bin/sh -c '{words}'\n")
    with lxc.spawn("lxc-autostart", start_new_session=True) as process:
        until(lambda: (lxc.path / "here").exists(), "the slow one's hook")
        process.send_signal(2)
        assert process.wait(30) == 130
    until(lambda: running(lxc) == {done}, "the slow one is gone")


def test_the_api_starts_many_at_once_and_says_which_it_could_not(lxc: Lxc, make) -> None:
    names = [make(f"c{number}", "") for number in range(6)]
    bad = make("bad", "lxc.init.cmd = /nonexistent\n")
    threads = [threading.Thread(target=threading.Event().wait, args=(1,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    failed = api.start_all([*names, bad, f"nobody-{lxc.tag}"], str(lxc.path))
    assert set(failed) == {bad, f"nobody-{lxc.tag}"}
    assert "/nonexistent" in str(failed[bad])
    assert running(lxc) == set(names)
    assert api.start_all(names, str(lxc.path), at_a_time=1) == {}


def test_each_has_its_own_log(lxc: Lxc, make) -> None:
    one, two = (
        make("one", f"{AUTO}lxc.log.level = 1\n"),
        make("two", f"{AUTO}lxc.log.level = 1\nlxc.log.file = {lxc.path}/two.log\n"),
    )
    lxc.ok("lxc-autostart")
    texts = Path(lxc.path / one / f"{one}.log").read_text(), Path(lxc.path / "two.log").read_text()
    assert one in texts[0]
    assert two not in texts[0]
    assert two in texts[1]
    assert one not in texts[1]
