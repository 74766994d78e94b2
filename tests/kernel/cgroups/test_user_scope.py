"""A user's container in a session with a systemd of the user's own: the scope, the limits in it, and its end."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc, until

pytestmark = [pytest.mark.user_session, pytest.mark.unified]


def ids() -> str:
    """The lines of configuration for the ids that the user has been given."""
    name = pwd.getpwuid(os.getuid()).pw_name
    found = []
    for kind, file in (("u", "/etc/subuid"), ("g", "/etc/subgid")):
        fields = next(line.split(":") for line in Path(file).read_text().splitlines() if line.startswith(f"{name}:"))
        found.append(f"lxc.idmap = {kind} 0 {fields[1]} {fields[2]}\n")
    return "".join(found)


def cgroup(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text().strip().removeprefix("0::")


def test_it_is_in_a_scope_limited_there_and_gone_with_it(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + ids() + "lxc.cgroup2.pids.max = 50\nlxc.cgroup2.memory.max = 300M\n")
    lxc.start(name)
    payload = cgroup(lxc.init_pid(name))
    assert payload.endswith(f"/lxc-{name}-0.scope/lxc.payload.{name}")
    directory = Path("/sys/fs/cgroup") / payload.strip("/")
    assert (directory / "pids.max").read_text() == "50\n"
    assert (directory / "memory.max").read_text() == f"{300 << 20}\n"
    assert lxc.attach(name, "cat", "/proc/self/cgroup").startswith("0::/")
    lxc.ok("lxc-freeze", "-n", name)
    lxc.ok("lxc-unfreeze", "-n", name)
    assert lxc.ok("lxc-cgroup", "-n", name, "pids.max") == "50\n\n"
    lxc.ok("lxc-stop", "-n", name, "-k")
    until(lambda: not directory.parent.exists(), "systemd has removed the scope")


def test_without_a_bus_it_is_where_its_user_is(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + ids())
    nowhere = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere", "XDG_RUNTIME_DIR": "/nowhere"}
    lxc.ok("lxc-start", "-n", name, env=nowhere)
    assert cgroup(lxc.init_pid(name)).endswith(f"/lxc.payload.{name}")
    assert ".scope/lxc.payload" not in cgroup(lxc.init_pid(name)).replace(cgroup(os.getpid()), "")
