from pathlib import Path

import pytest

from lxc.errors import StepError
from lxc.hooks import outside, plan


def hooks(*commands: str, name: str = "web") -> tuple[plan.Hook, ...]:
    return plan.hooks("destroy", commands, name, 0, {"LXC_ROOTFS_PATH": "/srv"})


def test_a_hook_gets_its_arguments_and_its_environment(tmp_path: Path) -> None:
    script = tmp_path / "hook"
    script.write_text(f'#!/bin/sh\necho "$@" "$LXC_NAME" "$LXC_ROOTFS_PATH" >{tmp_path}/out\n')
    script.chmod(0o755)
    outside.run(hooks(str(script), name="it's $(web)"))
    assert (tmp_path / "out").read_text() == "it's $(web) lxc destroy it's $(web) /srv\n"


def test_the_first_that_fails_is_the_last_that_is_run(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"run the destroy hook sh -c .*: it ended with status 3") as caught:
        outside.run(hooks("true", "sh -c 'echo first; echo no room >&2; exit 3'", f"touch {tmp_path}/ran"))
    assert caught.value.hint == "it said: no room"
    assert not (tmp_path / "ran").exists()


def test_one_that_is_killed_fails() -> None:
    with pytest.raises(StepError, match="killed by signal 9"):
        outside.run(hooks("sh -c 'kill -9 $$'"))


def test_one_that_says_too_much_is_cut_short() -> None:
    with pytest.raises(StepError, match="it was killed by signal 13"):
        outside.run(hooks("yes"))
