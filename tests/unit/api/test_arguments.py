"""What the public API takes: who gives it something else has made a mistake, and hears of it at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import lxc

RUN = (lxc.attach_run_command, ["true"])
MISTAKES: dict[str, tuple[type[Exception], Callable[[lxc.Container], object]]] = {
    "keys below a number": (TypeError, lambda it: it.get_keys(5)),
    "an interface that is a number": (TypeError, lambda it: it.get_ips(interface=5)),
    "a family that is a number": (TypeError, lambda it: it.get_ips(family=5)),
    "a scope that is a text": (TypeError, lambda it: it.get_ips(interface="lo", scope="x")),
    "flags that are a text": (TypeError, lambda it: it.create(flags="x")),
    "a storage that is a number": (TypeError, lambda it: it.create("x", bdevtype=5)),
    "a word that is a number": (ValueError, lambda it: it.create("x", args=(5,))),
    "a copy of a number's name": (TypeError, lambda it: it.clone(5)),
    "a copy at a number": (TypeError, lambda it: it.clone("x", 5)),
    "a copy in a number": (TypeError, lambda it: it.clone("x", bdevtype=5)),
    "a number's comment": (TypeError, lambda it: it.snapshot(5)),
    "a number's snapshot": (TypeError, lambda it: it.snapshot_restore("snap0", 5)),
    "a list's configuration": (TypeError, lambda it: it.load_config([])),
    "a configuration in a list": (TypeError, lambda it: it.save_config([])),
    "a device in a list": (TypeError, lambda it: it.add_device_node("/dev/null", [])),
    "a network device in a list": (TypeError, lambda it: it.attach_interface("lo", [])),
    "a path that is a number": (TypeError, lambda it: lxc.list_containers(config_path=5)),
    "more seconds than C can count": (OverflowError, lambda it: it.wait("STOPPED", 2**31)),
    "a terminal beyond all": (OverflowError, lambda it: it.console_getfd(2**40)),
    "output to no descriptor": (ValueError, lambda it: it.attach_wait(*RUN, stdout=-1)),
    "output to a descriptor beyond all": (OverflowError, lambda it: it.attach_wait(*RUN, stdout=2**31)),
    "attaching by flags beyond all": (OverflowError, lambda it: it.attach_wait(*RUN, attach_flags=2**31)),
    "attaching as a user beyond all": (OverflowError, lambda it: it.attach_wait(*RUN, uid=2**63)),
    "a command that C would cut off": (ValueError, lambda it: it.attach_wait(RUN[0], ["rm", "/srv/a\0.old"])),
    "a program that C would cut off": (ValueError, lambda it: it.attach_wait(RUN[0], "true\0")),
    "a variable that C would cut off": (ValueError, lambda it: it.attach_wait(*RUN, extra_env_vars=["A=1\0B=2"])),
    "a directory that C would cut off": (ValueError, lambda it: it.attach_wait(*RUN, initial_cwd="/tmp\0/x")),
    "a word of a start that C would cut off": (ValueError, lambda it: it.start(cmd=("a\0b",))),
    "a word for a template that C would cut off": (ValueError, lambda it: it.create("x", args={"a": "b\0c"})),
    "a mount that C would cut off": (ValueError, lambda it: it.mount("a", "/srv\0/x", "tmpfs")),
    "a limit that C would cut off": (ValueError, lambda it: it.set_cgroup_item("pids.max", "10\0x")),
    "a comment that C would cut off": (ValueError, lambda it: it.snapshot("/tmp/a\0b")),
    "a dump that C would cut off": (ValueError, lambda it: it.checkpoint("/tmp/a\0b")),
    "a name that C would cut off": (ValueError, lambda it: lxc.Container("a\0b")),
    "a path that C would cut off": (ValueError, lambda it: lxc.Container("a", "/tmp\0/x")),
}  # fmt: skip


@pytest.mark.parametrize(("error", "call"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_raised(tmp_path: Path, error: type[Exception], call: Callable[[lxc.Container], object]) -> None:
    with pytest.raises(error):
        call(lxc.Container("nobody", str(tmp_path)))


def test_a_path_may_be_bytes(tmp_path: Path) -> None:
    it = lxc.Container("nobody", str(tmp_path))
    assert it.set_config_item("lxc.uts.name", "it")
    assert it.save_config(bytes(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "lxc.uts.name = it\n"
    assert it.load_config(tmp_path / "file")


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), True])
def test_what_a_number_of_c_can_be_is_taken(tmp_path: Path, value: int) -> None:
    assert lxc.Container("nobody", str(tmp_path)).wait("STOPPED", value)
