"""python3-lxc, Debian's and ours: the same calls on the same containers have the same outcome.

A `container` is defined and does not run, `nobody` does not exist.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.conftest import Lxc

pytestmark = [pytest.mark.parity, pytest.mark.root]

SCRIPT = """
import sys
import lxc
for call in sys.stdin.read().splitlines():
    container, nobody = (lxc.Container(name, sys.argv[1]) for name in ("container", "nobody"))
    try:
        result = eval(call)
    except Exception as error:
        print(call, "raises", type(error).__name__)
    else:
        print(call, "gives", result)
"""
CALLS = """\
container.wait("BOGUS")
container.wait("RUNNING|BOGUS")
container.wait(" RUNNING")
container.wait("", 0)
container.wait("stopped|")
container.unfreeze()
nobody.unfreeze()
container.snapshot_list()
nobody.snapshot_list()
container.network.add("bogus")
container.network.add("veth")
container.set_config_item("lxc.net.1.type", "bogus")
container.set_config_item("lxc.net.1.type", ["bogus"])
container.set_config_item("lxc.net.1.type", "")
container.set_config_item("lxc.net.0.type", "bogus")
container.set_config_item("lxc.net.1.nonsense", "x")
container.set_config_item("lxc.net.", "")
container.get_config_item("lxc.net.")
container.get_config_item("lxc.net.0.")
container.clear_config_item("lxc.net.")
container.clear_config_item("lxc.net.0.")
container.clear_config_item("lxc.net.0")
container.append_config_item("lxc.net.", "")
container.append_config_item("lxc.net.0.", "")
container.get_running_config_item("lxc.net.")
container.get_keys("lxc.net.0.")
container.get_keys("lxc.net.")"""


def outcomes(lxc: Lxc, python: str, calls: str) -> list[str]:
    argv = [python, "-c", SCRIPT, str(lxc.path)]
    done = subprocess.run(argv, input=calls, stdout=subprocess.PIPE, cwd="/", text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def test_calls_have_the_same_outcome(lxc: Lxc) -> None:
    (lxc.path / "container").mkdir()
    lxc.config("container").write_text("lxc.uts.name = it\nlxc.net.0.type = empty\n")
    assert outcomes(lxc, sys.executable, CALLS) == outcomes(lxc, "/usr/bin/python3", CALLS)


@pytest.mark.parametrize("flags", [0xFFFF, 0xFFFF | 0x40000])
def test_what_is_attached_has_the_same_status(lxc: Lxc, box: str, flags: int) -> None:
    lxc.start(box)
    command = ["grep", "-E", "^(Uid|Gid|Groups|Cap|NoNewPrivs)", "/proc/self/status"]
    call = f"lxc.Container('{box}', sys.argv[1]).attach_wait(lxc.attach_run_command, {command}, attach_flags={flags})"
    assert outcomes(lxc, sys.executable, call) == outcomes(lxc, "/usr/bin/python3", call)
