import pytest

from lxc.config import effects
from lxc.config.container import Config
from lxc.config.document import parse


def not_built(text: str) -> list[tuple[str, str]]:
    return effects.not_built(parse(text)[0])


def test_an_empty_configuration_needs_nothing() -> None:
    assert not_built("") == []


@pytest.mark.parametrize("name", effects.NOT_BUILT)
def test_names_are_keys(name: str) -> None:
    assert name in Config.KEYS


def test_what_is_needed_is_told_with_its_place() -> None:
    text = "lxc.time.offset.boot = 1s\n\n\nlxc.time.offset.monotonic = 1s\n"
    assert sorted(not_built(text)) == [
        ("lxc.time.offset.boot", "config:1"), ("lxc.time.offset.monotonic", "config:4"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["lxc.apparmor.allow_nesting = 0", "lxc.hook.version = 0", "lxc.sched.core = 0", "lxc.cgroup.relative = 0",
     "lxc.seccomp.profile =", "lxc.net.0.type = empty", "lxc.rootfs.path = dir:/x", "lxc.arch = amd64",
     "lxc.mount.auto = proc sys cgroup:force shmounts:/a", "lxc.apparmor.profile = unconfined", "lxc.environment.hooks = A=1",
     "lxc.monitor.unshare = 0", "lxc.x-other = 1"],
)  # fmt: skip
def test_what_changes_nothing_is_not_needed(line: str) -> None:
    assert not_built(line) == []
