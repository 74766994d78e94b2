"""lxc.log.syslog: what a container's monitor says goes to whoever listens at /dev/log, as syslog(3) would send it."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc, until
from tests.hosts import Host
from tests.kernel.runtime.test_killed_monitor import monitor_of
from tests.kernel.runtime.test_rest import rests

pytestmark = pytest.mark.root

LINE = re.compile(
    r"<(\d+)>[A-Z][a-z]{2} [ \d]\d [\d:]{8} ([\w-]+)\[\d+\]: ([\w-]+): (\w+) - \2?\w+\.py:\w+:\d+ - (.*)", re.DOTALL
)
DEVICES = """
mkdir {stage}/dev && mount -t tmpfs -o mode=755 none {stage}/dev && cd /dev
for each in null zero full random urandom tty fuse; do
    [ ! -e $each ] || {{ touch {stage}/dev/$each && mount --bind $each {stage}/dev/$each; }}
done
mkdir {stage}/dev/pts {stage}/dev/shm && mount --rbind pts {stage}/dev/pts && ln -s pts/ptmx {stage}/dev/ptmx
ln -s /proc/self/fd {stage}/dev/fd && mount --move {stage}/dev /dev
"""
LOCAL3, DAEMON = 19 << 3, 3 << 3
ERROR, DEBUG = 3, 7  # severities of syslog(3)


class Logged:
    """A host with a /dev of its own, and containers on it."""

    def __init__(self, lxc: Lxc, host: Host) -> None:
        self.lxc, self.host = lxc, host
        host.ok("sh", "-ec", DEVICES.format(stage=host.stage))

    def run(self, tool: str, *words: str, server: bool = True) -> int:
        """The exit status of a command on it."""
        return self.host.run("env", f"LXC_FORKSERVER={int(server)}", *self.lxc.command(tool, *words)).returncode

    def ok(self, tool: str, *words: str) -> str:
        return self.host.ok(*self.lxc.command(tool, *words))

    def listen(self, *, reads: bool = True) -> Listener:
        return Listener(self.host.path("/dev/log"), reads=reads)

    def box(self, *lines: str, name: str = "box") -> str:
        name = self.lxc.create(name)
        self.lxc.extend(name, "".join(f"{line}\n" for line in lines))
        return name


@pytest.fixture
def logged(lxc: Lxc) -> Iterator[Logged]:
    with Host() as host:
        it = Logged(lxc, host)
        yield it
        for name in it.ok("lxc-ls", "-1").split():
            it.run("lxc-stop", "-n", name, "-k")
        until(lambda: not lxc.leftovers(), "nothing is left")


Message = tuple[int, str, str, str]  # priority, command, container, what is said


class Listener:
    """Whoever keeps a host's log; with `reads` it does what it is for."""

    def __init__(self, path: Path, *, reads: bool = True) -> None:
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._said: list[Message] = []
        self._thread = threading.Thread(target=self._read)
        if reads:
            self._thread.start()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._socket.shutdown(socket.SHUT_RD)
            self._thread.join()
        self._socket.close()

    def said(self, containing: str = "") -> list[Message]:
        """What has been sent so far."""
        return [message for message in self._said if containing in message[3]]

    def _read(self) -> None:
        while text := self._socket.recv(65536).decode():
            match = LINE.fullmatch(text)
            self._said.append((int(match[1]), match[2], match[3], match[5]) if match else (-1, "", "", text))


@pytest.mark.parametrize("server", [True, False], ids=["with a server", "without"])
def test_why_a_start_fails_is_told(logged: Logged, server: bool) -> None:
    name = logged.box("lxc.log.syslog = local3", "lxc.mount.entry = /none mnt none bind 0 0")
    with logged.listen() as listener:
        assert logged.run("lxc-start", "-n", name, server=server) == 1
        until(listener.said, "it is told")
    assert [one[:3] for one in listener.said()] == [(LOCAL3 | ERROR, "lxc-start", name)]
    assert "/none" in listener.said()[0][3]


@pytest.mark.parametrize("server", [True, False], ids=["with a server", "without"])
def test_who_has_chosen_a_file_and_a_level_has_both_logs(logged: Logged, server: bool) -> None:
    name = logged.box("lxc.log.syslog = DAEMON")
    file = logged.lxc.path / "chosen"
    with logged.listen() as listener:
        assert logged.run("lxc-start", "-n", name, "-o", str(file), "-l", "DEBUG", server=server) == 0
        lines = file.read_text().splitlines()
        until(lambda: len(listener.said()) == len(lines), f"all {len(lines)} lines are told")
    assert [line.endswith(said[3]) for line, said in zip(lines, listener.said(), strict=True)] == [True] * len(lines)
    assert {said[0] & ~7 for said in listener.said()} == {DAEMON}
    assert DEBUG in {said[0] & 7 for said in listener.said()}


@pytest.mark.parametrize("tool", ["lxc-start", "lxc-autostart", "lxc-execute"])
def test_a_monitor_tells_all_its_life(logged: Logged, tool: str) -> None:
    """Also once it has rested, and whoever kept the log has been replaced."""
    name = logged.box("lxc.log.syslog = local3", "lxc.log.level = DEBUG", "lxc.start.auto = 1", "lxc.group = web")
    words = {"lxc-autostart": ("-g", "web"), "lxc-execute": ("-d", "-n", name, "--", "sleep", "60")}
    with logged.listen() as listener:
        assert logged.run(tool, *words.get(tool, ("-n", name))) == 0
        until(listener.said, "its start is told")
        monitor = monitor_of(int(logged.ok("lxc-info", "-n", name, "-p", "-H")))
        until(lambda: rests(monitor), "the monitor rests")
    with logged.listen() as listener:
        assert logged.run("lxc-stop", "-n", name, "-k") == 0
        until(lambda: listener.said(), "its end is told")
    prefix = tool if tool != "lxc-autostart" else "lxc"
    assert {(said[0] & ~7, *said[1:3]) for said in listener.said()} == {(LOCAL3, prefix, name)}


def test_in_a_series_each_is_told_of_where_it_asks_for(logged: Logged) -> None:
    first = logged.box("lxc.log.syslog = local3", "lxc.log.level = DEBUG", "lxc.start.auto = 1")
    quiet = logged.box("lxc.log.level = DEBUG", "lxc.start.auto = 1", name="quiet")
    last = logged.box("lxc.log.syslog = daemon", "lxc.log.level = DEBUG", "lxc.start.auto = 1", name="last")
    with logged.listen() as listener:
        for log in ((), ("-o", str(logged.lxc.path / "all"), "-l", "DEBUG")):
            assert logged.run("lxc-autostart", "-A", *log) == 0
            until(lambda: any(one[1:3] == ("lxc", first) for one in listener.said()), "the first is told of")
            for name in (first, quiet, last):
                assert logged.run("lxc-stop", "-n", name, "-k") == 0
    facilities = {(container, priority & ~7) for priority, _, container, _ in listener.said()}
    assert facilities == {(first, LOCAL3), (last, DAEMON)}
    assert quiet in (logged.lxc.path / "all").read_text()


def test_nobody_waits_for_a_log_that_is_not_read(logged: Logged) -> None:
    name = logged.box("lxc.log.syslog = daemon", "lxc.log.level = TRACE")
    with logged.listen(reads=False):
        assert logged.run("lxc-start", "-n", name) == 0
        assert logged.run("lxc-stop", "-n", name, "-k") == 0


def test_without_a_systems_log_there_is_a_warning(logged: Logged) -> None:
    name = logged.box("lxc.log.syslog = daemon", "lxc.log.level = WARN")
    assert logged.run("lxc-start", "-n", name) == 0
    assert (
        "lxc.log.syslog: no message goes there, /dev/log: No such file"
        in (logged.lxc.path / name / f"{name}.log").read_text()
    )


def test_a_container_cannot_have_it_tell_the_containers_own_log(logged: Logged) -> None:
    """What is said by whoever becomes its init goes where the monitor's words go."""
    name = logged.box("lxc.log.syslog = daemon", "lxc.log.level = TRACE", "lxc.autodev = 0")
    rootfs = logged.lxc.rootfs(name)
    (rootfs / "dev").mkdir(exist_ok=True)
    with Listener(rootfs / "dev/log") as theirs, logged.listen() as listener:
        assert logged.run("lxc-start", "-n", name) == 0
        until(lambda: listener.said("run lxc-init"), "init's last words are told")
    assert not [said for said in theirs.said() if "lxc-start" in said[3]]
