"""Asking systemd for a scope: over a real message bus, of a small service that does what systemd does."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import forked, until
from tests.unified import UnifiedLxc

from lxc.cgroups import plan, scope
from lxc.errors import LxcError

pytestmark = [pytest.mark.root, pytest.mark.command("dbus-daemon")]
CONFIG = """\
<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow send_destination="*"/><allow own="*"/><allow receive_sender="*"/>
</policy></busconfig>
"""


class Bus:
    """A message bus; `manage` has a systemd of ours there."""

    def __init__(self, directory: Path) -> None:
        (directory / "bus.conf").write_text(CONFIG.format(path=directory / "bus"))
        command = ["dbus-daemon", "--nofork", "--nosyslog", f"--config-file={directory / 'bus.conf'}"]
        self._processes = [subprocess.Popen(command)]
        self.address = f"unix:path={directory / 'bus'}"
        until((directory / "bus").exists, "the bus is there")

    def manage(self, base: Path) -> None:
        service = Path(__file__).with_name("fake_systemd.py")
        process = subprocess.Popen([sys.executable, service, self.address, base], stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"

    def end(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.communicate()


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    it = Bus(tmp_path)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", it.address)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    yield it
    it.end()


def apart(function: Callable[[], object]) -> str:
    """What `function` returns, or its error, in a process of its own: it is moved about."""

    def told() -> str:
        try:
            return str(function())
        except LxcError as error:
            return f"error: {error}"

    return str(forked(told))


def own_cgroup() -> str:
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    return next(line.removeprefix("0::") for line in lines if line.startswith("0::"))


def test_this_process_is_moved_into_a_scope_of_its_own(bus: Bus, unified: UnifiedLxc) -> None:
    bus.manage(unified.base)
    entered = apart(lambda: (scope.enter("web"), own_cgroup()))
    assert entered == str(("lxc-web-0.scope", f"/{unified.base.name}/lxc-web-0.scope/init"))
    second = apart(lambda: scope.enter("web"))
    assert second == "lxc-web-1.scope"
    for path in sorted(unified.base.glob("lxc-web-*/**/"), reverse=True):
        path.rmdir()


def test_another_process_joins_it(bus: Bus, unified: UnifiedLxc) -> None:
    bus.manage(unified.base)
    apart(lambda: scope.enter("web"))
    joined = apart(lambda: (scope.join("lxc-web-0.scope"), own_cgroup()))
    assert joined == str((None, f"/{unified.base.name}/lxc-web-0.scope/init"))
    for path in sorted(unified.base.glob("lxc-web-*/**/"), reverse=True):
        path.rmdir()


def test_a_name_is_written_in_the_letters_of_units(bus: Bus, unified: UnifiedLxc) -> None:
    bus.manage(unified.base)
    assert apart(lambda: scope.enter("wöb 1")) == r"lxc-w\xc3\xb6b\x201-0.scope"
    for path in sorted(unified.base.glob("lxc-*/**/"), reverse=True):
        path.rmdir()


def test_what_systemd_has_not_made_is_told(bus: Bus, unified: UnifiedLxc) -> None:
    bus.manage(unified.base)
    before = own_cgroup()
    said = apart(lambda: scope.enter("broken"))
    assert said == "error: systemd has not made lxc-broken-0.scope: failed"
    assert own_cgroup() == before


def test_a_bus_without_systemd_is_told(bus: Bus) -> None:
    assert apart(lambda: scope.enter("web")).startswith("error: systemd refuses Subscribe: ")


def test_no_bus_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert apart(lambda: scope.enter("web")).startswith(
        "error: cannot ask systemd for a scope: no message bus: unix:path="
    )


def test_a_bus_that_does_not_greet_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{tmp_path}/bus")
    listener.listen()

    def authenticate() -> None:
        channel, _ = listener.accept()
        channel.recv(1000)
        channel.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
        while channel.recv(1000):
            pass

    def impatient() -> str:
        signal.alarm(10)
        return scope.enter("web")

    threading.Thread(target=authenticate).start()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/bus")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/nowhere")
    monkeypatch.setattr(scope, "_PATIENCE", 0.5)
    assert apart(impatient).endswith("/bus: it does not answer within 0.5 s")


def test_cgroups_are_made_in_the_scope_beside_who_started_them() -> None:
    mountinfo = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    own = "0::/user.slice/user-7.slice/user@7.service/app.slice/lxc-web-0.scope/init\n"
    found = plan.layout(mountinfo, own, own).hierarchies[0]
    assert plan.scope(found.base) == "lxc-web-0.scope"
    assert found.origin == f"{found.base}/init"
    elsewhere = "0::/user.slice/app.slice/my.scope/init\n"
    assert plan.scope(plan.layout(mountinfo, elsewhere, elsewhere).hierarchies[0].base) == ""
