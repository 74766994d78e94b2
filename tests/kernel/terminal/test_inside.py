"""Init's half, in a mount namespace of its own, on a /dev that somebody hostile has prepared."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lxc.errors import StepError
from lxc.kernel import mount, tty
from lxc.terminal import inside, outside
from lxc.terminal.plan import Given, TerminalPlan

pytestmark = pytest.mark.root

Apart = Callable[[Callable[[], object]], object]


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    (tmp_path / "dev").mkdir()
    (tmp_path / "victim").write_text("untouched")
    (tmp_path / "victims").mkdir()
    return tmp_path / "dev"


def perform(dev: Path, **config) -> Given:
    plan = TerminalPlan(**config)
    return inside.perform(plan, outside.prepare(plan), os.open(dev, os.O_PATH | os.O_DIRECTORY))


def mounts(below: Path) -> list[str]:
    """`path root type` of what is mounted below, in order."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, root, path, *_ = before.split()
        if path.startswith(f"{below}/"):
            found.append(f"{path.removeprefix(f'{below}/')} {root} {after.split()[0]}")
    return found


def answers(path: Path, master: int) -> bool:
    """Whether the terminal at `path` is the one of `master`."""
    with open(path, "wb", buffering=0) as terminal:
        terminal.write(str(path).encode())
        return os.read(master, 4096) == str(path).encode()


def test_an_ordinary_container_gets_devpts_ptmx_console_and_ttys(dev: Path, apart: Apart) -> None:
    def run() -> object:
        given = perform(dev, pty_max=10, ttys=2)
        Path(dev, "pts/0").stat()
        options = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"{dev}/pts " in line]
        with open(dev / "ptmx", "r+b", buffering=0) as another:
            number = tty.number(tty.open_master(given.devpts_fd)) if another else -1
        return (
            mounts(dev),
            "nosuid,noexec" in options[0] and "gid=5,mode=620,ptmxmode=666,max=12" in options[0],
            answers(dev / "console", given.console_master),
            [answers(dev / f"tty{n}", given.tty_masters[n - 1]) for n in (1, 2)],
            given.container_ttys,
            oct(stat.S_IMODE((dev / "console").stat().st_mode)),
            number,
        )

    assert apart(run) == (
        ["pts / devpts", "ptmx /ptmx devpts", "console /0 devpts", "tty1 /1 devpts", "tty2 /2 devpts"],
        True,
        True,
        [True, True],
        "pts/1 pts/2",
        "0o620",
        4,  # 0 to 2 are ours, 3 was opened through /dev/ptmx: both are the same instance
    )


def test_with_a_tty_dir_the_terminals_are_there_and_linked(dev: Path, apart: Apart) -> None:
    def run() -> object:
        given = perform(dev, pty_max=10, ttys=1, tty_dir="lxc")
        return (
            mounts(dev)[2:],
            os.readlink(dev / "tty1"),
            answers(dev / "tty1", given.tty_masters[0]),
            answers(dev / "console", given.console_master),
        )

    assert apart(run) == (
        ["lxc/console /0 devpts", "console /0 devpts", "lxc/tty1 /1 devpts"],
        "lxc/tty1",
        True,
        True,
    )


@pytest.mark.parametrize("tty_dir", ["", "lxc"])
def test_without_pty_max_the_terminals_are_the_hosts(dev: Path, apart: Apart, tty_dir: str) -> None:
    def run() -> object:
        plan = TerminalPlan(ttys=1, tty_dir=tty_dir)
        prepared = outside.prepare(plan)
        given = inside.perform(plan, prepared, os.open(dev, os.O_PATH | os.O_DIRECTORY))
        host = os.stat("/dev/pts").st_dev
        return (
            (dev / "console").stat().st_dev == host,
            (dev / "tty1").stat().st_dev == host,
            answers(dev / "console", given.console_master),
            answers(dev / "tty1", prepared.ttys[0].master),
            given.tty_masters,
            (dev / "pts").exists(),
            given.devpts_fd,
        )

    assert apart(run) == (True, True, True, True, (), False, -1)


@pytest.mark.parametrize(
    ("name", "tty_dir"),
    [
        ("pts", ""),
        ("ptmx", ""),
        ("console", ""),
        ("tty1", ""),
        ("lxc", "lxc"),
        ("lxc/console", "lxc"),
        ("lxc/tty1", "lxc"),
    ],
)
def test_a_link_is_an_error_that_names_it_and_nothing_is_touched_through_it(
    dev: Path, apart: Apart, name: str, tty_dir: str
) -> None:
    victim = dev.parent / ("victims" if name in ("pts", "lxc") else "victim")
    if "/" in name:
        (dev / "lxc").mkdir()
    (dev / name).symlink_to(victim)

    def run() -> object:
        try:
            perform(dev, pty_max=10, ttys=2, tty_dir=tty_dir)
        except StepError as error:
            return str(error), mounts(dev.parent / "victims"), mounts(dev.parent), list(victim.parent.glob("victims/*"))
        return "no error"

    message, inside_victim, mounted, left = apart(run)
    assert f"/dev/{name} is a symbolic link" in message
    assert inside_victim == left == []
    assert not any(line.startswith("victim") for line in mounted)
    assert (dev.parent / "victim").read_text() == "untouched"
    assert os.readlink(dev / name) == str(victim)


def test_the_link_of_a_tty_that_is_elsewhere_is_replaced_not_followed(dev: Path, apart: Apart) -> None:
    (dev / "tty1").symlink_to(dev.parent / "victim")
    assert apart(lambda: perform(dev, pty_max=10, ttys=1, tty_dir="lxc").container_ttys) == "pts/1"
    assert os.readlink(dev / "tty1") == "lxc/tty1"
    assert (dev.parent / "victim").read_text() == "untouched"


def test_the_usual_link_from_ptmx_to_pts_is_kept(dev: Path, apart: Apart) -> None:
    (dev / "ptmx").symlink_to("pts/ptmx")
    assert apart(lambda: perform(dev, pty_max=10) and mounts(dev)) == ["pts / devpts", "console /0 devpts"]


@pytest.mark.parametrize("name", ["console", "ptmx", "pts"])
def test_what_is_mounted_in_the_way_is_detached_not_written_to(dev: Path, apart: Apart, name: str) -> None:
    source = dev.parent / ("victims" if name == "pts" else "victim")
    (dev / name).mkdir() if name == "pts" else (dev / name).touch()

    def run() -> object:
        for _ in range(2):
            mount.mount(str(source), str(dev / name), None, mount.MS_BIND)
        perform(dev, pty_max=10)
        return [line for line in mounts(dev) if line.split()[0] == name]

    assert len(apart(run)) == 1
    assert (dev.parent / "victim").read_text() == "untouched"
    assert not list((dev.parent / "victims").iterdir())


def test_a_mount_on_a_tty_is_an_error_with_a_remedy(dev: Path, apart: Apart) -> None:
    (dev / "tty1").touch()

    def run() -> object:
        mount.mount(str(dev.parent / "victim"), str(dev / "tty1"), None, mount.MS_BIND)
        try:
            perform(dev, pty_max=10, ttys=1)
        except StepError as error:
            return error.lines()
        return "no error"

    assert apart(run) == [
        "cannot bind tty1 to /dev/tty1: Invalid cross-device link",
        "  something is mounted there: remove the lxc.mount.entry that does it",
    ]


def test_a_read_only_dev_is_an_error_with_a_remedy(dev: Path, apart: Apart) -> None:
    def run() -> object:
        mount.mount(str(dev), str(dev), None, mount.MS_BIND)
        mount.mount(None, str(dev), None, mount.MS_BIND | mount.MS_REMOUNT | mount.MS_RDONLY)
        try:
            perform(dev)
        except StepError as error:
            return error.lines()
        return "no error"

    assert apart(run) == [
        "cannot bind the console to /dev/console: Read-only file system",
        "  the container's /dev cannot be written: set lxc.autodev = 1",
    ]


def test_the_working_directory_is_as_before(dev: Path, apart: Apart) -> None:
    before = os.getcwd()
    assert apart(lambda: perform(dev, pty_max=10) and os.getcwd()) == before


def test_an_application_in_the_foreground_keeps_its_pipes_but_no_terminal(dev: Path, apart: Apart) -> None:
    def run() -> object:
        plan = TerminalPlan(pty_max=10, execute=True, foreground=True)
        given = perform(dev, pty_max=10, execute=True, foreground=True)
        pipe, _ = os.pipe()
        _, terminal = tty.open_pair()
        os.dup2(pipe, 0)
        os.dup2(terminal, 1)
        os.close(2)
        inside.take_stdio(plan, given)
        console = os.fstat(given.console_slave).st_rdev, os.fstat(given.console_slave).st_dev
        return [(os.fstat(fd).st_rdev, os.fstat(fd).st_dev) == console for fd in (0, 1, 2)]

    assert apart(run) == [False, True, True]


def test_a_system_gets_the_console_three_times(dev: Path, apart: Apart) -> None:
    def run() -> object:
        given = perform(dev, pty_max=10)
        inside.take_stdio(TerminalPlan(pty_max=10), given)
        inside.own_stdio(1000, -1)
        modes = {(stat.S_IMODE(os.fstat(fd).st_mode), os.fstat(fd).st_uid, os.fstat(fd).st_gid) for fd in (0, 1, 2)}
        return [os.fstat(fd).st_rdev == os.fstat(given.console_slave).st_rdev for fd in (0, 1, 2)], modes

    assert apart(run) == ([True, True, True], {(0o600, 1000, 5)})


def test_a_file_that_the_user_redirected_to_keeps_owner_and_mode(tmp_path: Path, apart: Apart) -> None:
    (tmp_path / "out").write_text("")
    os.chmod(tmp_path / "out", 0o644)

    def run() -> None:
        os.dup2(os.open(tmp_path / "out", os.O_WRONLY), 1)
        inside.own_stdio(1000, 1000)

    apart(run)
    status = (tmp_path / "out").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o644, 0)
