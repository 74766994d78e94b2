import shlex

from hypothesis import given
from hypothesis import strategies as some

from lxc.hooks import plan

KINDS = ("pre-start", "pre-mount", "mount", "autodev", "start", "start-host", "stop", "post-stop")


def hook(kind: str = "destroy", command: str = "/bin/hook", version: int = 0, **environment: str) -> plan.Hook:
    (it,) = plan.hooks(kind, [(command, "config:3")], "web", version, environment)
    return it


def life(**environment: str) -> plan.Hooks:
    commands = {kind: ((f"/bin/{kind}", "config:3"),) for kind in KINDS}
    return plan.life(commands, "web", 1, environment, ["A=1", "B=2=3", "A=4"])


def test_version_0_tells_in_arguments_what_it_is() -> None:
    it = hook(command="/bin/hook -x", LXC_ROOTFS_PATH="/srv")
    assert it.script == "exec /bin/hook -x 'web' 'lxc' 'destroy'"
    assert dict(it.environment) == {"LXC_ROOTFS_PATH": "/srv", "LXC_NAME": "web", "LXC_HOOK_VERSION": "0"}


def test_version_1_tells_in_variables() -> None:
    it = hook(version=1)
    assert it.script == "exec /bin/hook"
    assert dict(it.environment)["LXC_HOOK_TYPE"] == "destroy"
    assert dict(it.environment)["LXC_HOOK_SECTION"] == "lxc"


def test_it_prints_itself_and_knows_where_it_was_configured() -> None:
    it = hook(command="/bin/hook -x")
    assert (str(it), it.where) == ("run the destroy hook /bin/hook -x", "config:3")


def test_what_becomes_known_later_is_told_as_well() -> None:
    it = hook("stop", LXC_TARGET="reboot").told({"LXC_PID": "12", "LXC_TARGET": "stop"}, ("mnt:/proc/1/fd/3",))
    assert it.script == "exec /bin/hook 'web' 'lxc' 'stop' mnt:/proc/1/fd/3"
    assert dict(it.environment)["LXC_PID"] == "12"
    assert dict(it.environment)["LXC_TARGET"] == "stop"


def test_version_1_gets_no_arguments_at_all() -> None:
    assert hook("stop", version=1).told({}, ("mnt:/proc/1/fd/3",)).script == "exec /bin/hook"


def test_there_is_one_for_each_command_in_their_order() -> None:
    found = plan.hooks("destroy", [("a", "config:1"), ("b", "config:2")], "web", 0, {})
    assert [(it.command, it.where) for it in found] == [("a", "config:1"), ("b", "config:2")]


def test_a_life_has_each_kind_in_its_place() -> None:
    assert [it.type for of_kind in life().__dict__.values() for it in of_kind] == list(KINDS)


def test_those_inside_are_told_the_variables_of_the_container_the_last_value_of_each() -> None:
    it = life()
    for inner in (*it.pre_mount, *it.mount, *it.autodev, *it.start):
        assert dict(inner.environment).items() >= {"A": "4", "B": "2=3"}.items()
    for outer in (*it.pre_start, *it.start_host, *it.stop, *it.post_stop):
        assert not {"A", "B"} & set(dict(outer.environment))


def test_a_start_hook_has_a_path_of_its_own_which_the_container_may_set() -> None:
    (start,) = life().start
    assert dict(start.environment)["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    (start,) = plan.life(dict.fromkeys(KINDS, (("x", ""),)), "web", 0, {}, ["PATH=/opt"]).start
    assert dict(start.environment)["PATH"] == "/opt"


def test_what_becomes_known_later_is_told_to_all() -> None:
    told = life().told({"LXC_TARGET": "reboot"})
    assert all(dict(it.environment)["LXC_TARGET"] == "reboot" for of_kind in told.__dict__.values() for it in of_kind)


def test_a_script_of_a_device_is_told_of_it() -> None:
    (up,) = plan.scripts("up", [(0, "/bin/up", "config:5")], "web", 0, {"LXC_PID": "7"})
    it = plan.of_device(up, "veth", "br0", "vethA", {"LXC_TARGET": "stop"})
    assert it.script == "exec /bin/up 'web' 'net' 'up' veth 'br0' 'vethA'"
    assert (str(it), it.where, it.device) == ("run the up script /bin/up", "config:5", 0)
    assert dict(it.environment) == {"LXC_NAME": "web", "LXC_HOOK_VERSION": "0", "LXC_PID": "7", "LXC_TARGET": "stop"}


def test_in_version_1_it_is_told_in_variables_too() -> None:
    (down,) = plan.scripts("down", [(2, "/bin/down", "")], "web", 1, {})
    told = dict(plan.of_device(down, "macvlan", "eth0", "", {}).environment)
    assert told == {
        "LXC_NAME": "web", "LXC_HOOK_VERSION": "1", "LXC_HOOK_TYPE": "down", "LXC_HOOK_SECTION": "net",
        "LXC_NET_TYPE": "macvlan", "LXC_NET_PARENT": "eth0",
    }  # fmt: skip
    pair = dict(plan.of_device(down, "veth", "", "vethA", {}).environment)
    assert (pair["LXC_NET_PEER"], "LXC_NET_PARENT" in pair) == ("vethA", False)
    assert "LXC_NET_PARENT" not in dict(plan.of_device(down, "vlan", "eth0", "", {}).environment)


@given(some.text())
def test_a_name_is_one_word_whatever_is_in_it(name: str) -> None:
    assert shlex.split(plan.quoted(name)) == [name]
