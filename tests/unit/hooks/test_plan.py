import shlex

from hypothesis import given
from hypothesis import strategies as some

from lxc.hooks import plan


def test_version_0_tells_in_arguments_what_it_is() -> None:
    (hook,) = plan.hooks("destroy", ["/bin/hook -x"], "web", 0, {"LXC_ROOTFS_PATH": "/srv"})
    assert hook.script == "exec /bin/hook -x 'web' 'lxc' 'destroy'"
    assert dict(hook.environment) == {"LXC_ROOTFS_PATH": "/srv", "LXC_NAME": "web", "LXC_HOOK_VERSION": "0"}
    assert str(hook) == "run the destroy hook /bin/hook -x"


def test_version_1_tells_in_variables() -> None:
    (hook,) = plan.hooks("destroy", ["/bin/hook"], "web", 1, {})
    assert hook.script == "exec /bin/hook"
    assert dict(hook.environment)["LXC_HOOK_TYPE"] == "destroy"
    assert dict(hook.environment)["LXC_HOOK_SECTION"] == "lxc"


def test_more_arguments_follow_as_they_are() -> None:
    (hook,) = plan.hooks("stop", ["/bin/hook"], "web", 0, {}, ("mnt:/proc/1/fd/3",))
    assert hook.script.endswith("'stop' mnt:/proc/1/fd/3")


def test_there_is_one_for_each_command_in_their_order() -> None:
    assert [hook.command for hook in plan.hooks("destroy", ["a", "b"], "web", 0, {})] == ["a", "b"]


@given(some.text())
def test_a_name_is_one_word_whatever_is_in_it(name: str) -> None:
    assert shlex.split(plan.quoted(name)) == [name]
