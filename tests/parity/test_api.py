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
container.get_keys("lxc.net.")
lxc.list_containers(config_path=sys.argv[1])"""


CUT_OFF = "'x\\0y'"  # LXC gives a template what is before the NUL
VALUES = ("1", "b'x'", CUT_OFF, "-1", "2**40", "[]", "object()")
ARGUMENTS = """\
container.shutdown(%s)
container.wait(%s)
container.wait("STOPPED", %s)
nobody.create("", %s)
nobody.create("nonesuch", 0, ("x", %s))
nobody.create("nonesuch", bdevtype=%s)
nobody.create("nonesuch", fssize=%s)
nobody.clone(%s)
nobody.clone("x", %s or None)
nobody.clone("x", flags=%s)
nobody.clone("x", bdevtype=%s)
nobody.clone("x", bdevdata=%s)
nobody.clone("x", newsize=%s)
nobody.clone("x", hookargs=%s)
nobody.rename(%s)
nobody.snapshot(%s)
nobody.snapshot_restore(%s)
nobody.snapshot_restore("x", %s)
nobody.snapshot_destroy(%s)
nobody.attach_wait(%s)
container.attach_wait(lxc.attach_run_command, ["true"], env_policy=%s)
container.attach_wait(lxc.attach_run_command, ["true"], initial_cwd=%s)
container.attach_wait(lxc.attach_run_command, ["true"], stdin=%s)
container.attach_wait(lxc.attach_run_command, ["true"], stdout=%s)
container.get_cgroup_item(%s)
container.set_cgroup_item(%s, "1")
container.set_cgroup_item("pids.max", %s)
container.get_config_item(%s)
container.get_running_config_item(%s)
container.set_config_item(%s, "x")
container.set_config_item("lxc.uts.name", %s)
container.append_config_item(%s, "x")
container.append_config_item("lxc.uts.name", %s)
container.clear_config_item(%s)
container.get_keys(%s or "lxc.uts")
container.load_config(%s)
container.save_config(%s)
container.set_config_path(%s)
container.get_ips(%s)
container.get_ips(family=%s)
container.get_ips(scope=%s)
container.add_device_node(%s)
container.add_device_node("/dev/nonesuch", %s)
container.remove_device_node(%s)
container.remove_device_node("/dev/nonesuch", %s)
container.attach_interface(%s)
container.attach_interface("nonesuch", %s)
container.detach_interface(%s)
lxc.get_global_config_item(%s)
lxc.arch_to_personality(%s)
lxc.Container(%s)"""


def outcomes(lxc: Lxc, python: str, calls: str) -> list[str]:
    argv = [python, "-c", SCRIPT, str(lxc.path)]
    done = subprocess.run(argv, input=calls, stdout=subprocess.PIPE, cwd=lxc.path, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def test_calls_have_the_same_outcome(lxc: Lxc) -> None:
    for name in ("container", ".git"):
        (lxc.path / name).mkdir()
    lxc.config(".git").write_text("[core]\n")
    lxc.config("container").write_text("lxc.uts.name = it\nlxc.net.0.type = empty\n")
    assert outcomes(lxc, sys.executable, CALLS) == outcomes(lxc, "/usr/bin/python3", CALLS)


@pytest.mark.parametrize("call", ARGUMENTS.splitlines())
def test_arguments_of_a_wrong_type_have_the_same_outcome(lxc: Lxc, call: str) -> None:
    (lxc.path / "container").mkdir()
    lxc.config("container").write_text("lxc.uts.name = it\n")
    calls = "\n".join(call % value for value in VALUES if value != CUT_OFF or '("x", ' not in call)
    assert outcomes(lxc, sys.executable, calls) == outcomes(lxc, "/usr/bin/python3", calls)


@pytest.mark.parametrize("flags", [0xFFFF, 0xFFFF | 0x40000])
def test_what_is_attached_has_the_same_status(lxc: Lxc, box: str, flags: int) -> None:
    lxc.start(box)
    command = ["grep", "-E", "^(Uid|Gid|Groups|Cap|NoNewPrivs)", "/proc/self/status"]
    call = f"lxc.Container('{box}', sys.argv[1]).attach_wait(lxc.attach_run_command, {command}, attach_flags={flags})"
    assert outcomes(lxc, sys.executable, call) == outcomes(lxc, "/usr/bin/python3", call)


@pytest.mark.parametrize(
    "command", [("/bin/sh", ["sh", "-c", "echo $0 $A; exit 3"]), ("ls", ["/nowhere/ls", "/etc/passwd"]), ("/nowhere", ["nowhere"])]
)  # fmt: skip
def test_a_command_may_be_called_by_its_path_and_by_its_name(
    lxc: Lxc, box: str, command: tuple[str, list[str]]
) -> None:
    lxc.start(box)
    call = f"lxc.Container('{box}', sys.argv[1]).attach_wait(lxc.attach_run_command, {command}, extra_env_vars=['A=1'])"
    said = [outcomes(lxc, python, call) for python in (sys.executable, "/usr/bin/python3")]
    assert [line.replace("/bin/sh 1", "sh 1") for line in said[0]] == said[1]
    assert len(said[1]) == (1 if "nowhere" in command[1] else 2)
