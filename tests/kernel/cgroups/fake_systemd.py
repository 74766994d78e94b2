"""A small org.freedesktop.systemd1 on a message bus: it makes scopes below a cgroup, as the real one does.

python fake_systemd.py BUS_ADDRESS BASE      prints "ready", then each call
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from jeepney import DBusAddress, HeaderFields, MessageType, message_bus, new_error, new_method_return, new_signal
from jeepney.io.blocking import open_dbus_connection

NAME = "org.freedesktop.systemd1"
MANAGER = DBusAddress("/org/freedesktop/systemd1", NAME, f"{NAME}.Manager")


def serve(address: str, base: Path) -> None:
    connection = open_dbus_connection(address)
    connection.send_and_get_reply(message_bus.RequestName(NAME))
    print("ready", flush=True)
    jobs = 0
    while True:
        message = connection.receive()
        if message.header.message_type != MessageType.method_call:
            continue
        method = message.header.fields[HeaderFields.member]
        print(method, *message.body, flush=True)
        if method == "StartTransientUnit":
            unit, _, properties, _ = message.body
            scope = base / unit
            if scope.exists():
                connection.send(new_error(message, f"{NAME}.UnitExists", "s", (f"Unit {unit} already exists.",)))
                continue
            jobs += 1
            job = f"/org/freedesktop/systemd1/job/{jobs}"
            connection.send(new_method_return(message, "o", (job,)))
            done = "failed" if "broken" in unit else start(scope, dict(properties))
            connection.send(new_signal(MANAGER, "JobRemoved", "uoss", (jobs, job, unit, done)))
        elif method == "AttachProcessesToUnit":
            unit, below, pids = message.body
            for pid in pids:
                (base / unit / below.strip("/") / "cgroup.procs").write_text(str(pid))
            connection.send(new_method_return(message))
        else:
            connection.send(new_method_return(message))


def start(scope: Path, properties: dict[str, Any]) -> str:
    scope.mkdir()
    for pid in properties["PIDs"][1]:
        owner = os.stat(f"/proc/{pid}").st_uid
        for path in (scope, scope / "cgroup.procs", scope / "cgroup.subtree_control"):
            os.chown(path, owner, owner)
        (scope / "cgroup.procs").write_text(str(pid))
    return "done"


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
