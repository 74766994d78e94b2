import pytest

from lxc.cgroups.plan import Hierarchy, Layout
from lxc.checkpoint.plan import Device, External, Root
from lxc.config import document
from lxc.config.container import Config
from lxc.errors import ConfigError
from lxc.mounts.plan import Bind, MakeDir
from lxc.network import plan as network
from lxc.runtime.plans import checkpoint as plan_checkpoint

FINE = "lxc.rootfs.path = dir:/r\nlxc.console.path = none\nlxc.tty.max = 0\nlxc.net.0.type = empty\n"


def config(text: str) -> Config:
    return document.parse(text, "c")[0]


def test_a_plain_container_can_be_dumped() -> None:
    plan_checkpoint.check(config(FINE))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lxc.tty.max = 2", "c:5: lxc.tty.max = 2: the monitor has the other ends of its ttys"),
        ("lxc.console.path = /dev/tty9", "c:5: lxc.console.path is /dev/tty9, and not none"),
        ("lxc.namespace.keep = pid", "c:5: lxc.namespace.keep: "),
        ("lxc.namespace.share.ipc = other", "c:5: lxc.namespace.share.ipc: "),
        ("lxc.net.0.type = ipvlan", "c:5: lxc.net.0.type: Found un-dumpable network: ipvlan"),
        ("lxc.net.1.type = macvlan", "c:5: lxc.net.1.type = macvlan: its device is not restored yet"),
        ("lxc.x-landlock = read /", "c:5: lxc.x-landlock: "),
        ("lxc.sched.core = 1", "c:5: lxc.sched.core: "),
        ("lxc.seccomp.notify.proxy = unix:/x", "c:5: lxc.seccomp.notify.proxy: "),
    ],
)
def test_what_is_in_the_way_is_named_with_its_line(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_checkpoint.check(config(FINE + line + "\n"))
    assert [mistake.startswith(said) for mistake in caught.value.mistakes] == [True]


def test_all_of_it_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        plan_checkpoint.check(config("lxc.tty.max = 1\n"))
    assert len(caught.value.mistakes) == 3  # the root, the ttys, the console


def test_mounts_of_the_host_are_external() -> None:
    steps = (MakeDir("a"), Bind("/srv", "data"), Bind("proc/sys", "proc/sys", in_root=True))
    assert plan_checkpoint.externals(steps) == (External("/srv", "data"),)


def test_the_hosts_ends_of_pairs_have_their_names() -> None:
    plan = network.plan(
        config("lxc.net.0.type = veth\nlxc.net.0.name = lan\nlxc.net.1.type = empty\n").net, lambda _: ()
    )
    named = (plan.devices[0].paired("vethA"), plan.devices[1])
    assert plan_checkpoint.devices(named) == (Device("veth", "lan", "vethA"),)


def test_each_hierarchy_has_a_root() -> None:
    layout = Layout((Hierarchy("/cg/cpu", ("cpu", "cpuacct")), Hierarchy("/cg/unified", ())))
    assert plan_checkpoint.roots(layout, lambda controller: f"/of-{controller}") == (
        Root("/of-cpu", "cpu,cpuacct"),
        Root("/of-"),
    )
