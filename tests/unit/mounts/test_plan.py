"""Golden plans: what is to be mounted in, the printed steps out."""

from collections.abc import Iterable

import pytest

from lxc.errors import Unsupported
from lxc.mounts import plan
from lxc.mounts.plan import Bind, BootId, Link, MakeDir, MakeLayer, Move, New, Step
from lxc.values import mount

ROOTS = ("/var/lib/lxc/web/rootfs", "/srv/web")


def script(steps: Iterable[Step]) -> list[str]:
    return [str(step) for step in steps]


def entry(text: str, where: str = "config:1") -> list[str]:
    steps, warnings = plan.entries([(mount.parse(text), where)], ROOTS)
    assert warnings == ()
    assert all(step.where == where for step in steps)
    return script(steps)


def test_mounts_with_ids_of_their_own_come_last_and_are_relative_to_the_roots() -> None:
    lines = ["/srv a none rbind,ro,idmap=container", "/srv b none bind", "srv /c none bind,idmap=/proc/1/ns/user"]
    steps, warnings = plan.entries([(mount.parse(line), "c:1") for line in lines], ROOTS)
    assert warnings == ()
    assert script(steps) == [
        "mount --bind /srv b",
        "mount --rbind -o ro,idmap=container /srv a",
        "mount --bind -o idmap=/proc/1/ns/user /srv c",
    ]


@pytest.mark.parametrize(
    "line",
    ["a b tmpfs idmap=container", "a b none move,idmap=container", "a b none bind,x,idmap=u", "a b ext4 bind,idmap=u"],
)
def test_only_binds_can_have_ids_of_their_own(line: str) -> None:
    with pytest.raises(Unsupported) as refused:
        plan.entries([(mount.parse(line), "c:1")], ROOTS)
    assert refused.value.where == "c:1"


@pytest.mark.parametrize("target", [".", "./", "a/..", "a/./../", f"{ROOTS[0]}", f"{ROOTS[0]}/b/.."])
def test_nothing_is_mounted_on_the_root_where_it_would_not_be_seen(target: str) -> None:
    with pytest.raises(Unsupported) as refused:
        plan.entries([(mount.parse(f"/srv {target} none bind"), "c:1")], ROOTS)
    assert refused.value.where == "c:1"
    steps, warnings = plan.entries([(mount.parse(f"/srv {target} none bind,optional,create=dir"), "c:1")], ROOTS)
    assert (steps, len(warnings)) == ((), 1)


def test_proc_is_never_a_way_to_devices_or_setuid_programs() -> None:
    assert script(plan.proc("rw", keeps_net_admin=True)) == [
        "mkdir -p proc",
        "mount -t proc -o nosuid,nodev,noexec proc proc",
    ]


def test_mixed_proc_is_read_only_where_the_host_could_be_changed() -> None:
    assert script(plan.proc("mixed", keeps_net_admin=False))[2:] == [
        "mount --bind -o ro ./proc/sys proc/sys",
        "mount --bind -o ro ./proc/sysrq-trigger proc/sysrq-trigger",
    ]


def test_mixed_proc_leaves_the_network_to_a_container_that_may_administer_it() -> None:
    assert "mount --bind -o rw ./proc/sys/net proc/sys/net" in script(plan.proc("mixed", keeps_net_admin=True))


@pytest.mark.parametrize(
    ("mode", "line"),
    [
        ("ro", "mount -t sysfs -o ro sysfs sys"),
        ("rw", "mount -t sysfs sysfs sys"),
        ("mixed", "mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys"),
    ],
)
def test_sys_is_mounted_as_its_mode_says(mode: str, line: str) -> None:
    assert script(plan.sys(mode))[:2] == ["mkdir -p sys", line]


def test_mixed_sys_leaves_the_containers_own_network_devices_writable() -> None:
    net = "sys/devices/virtual/net"
    assert script(plan.sys("mixed"))[2:] == [f"mount --bind -o rw ./{net} {net}"]
    assert len(plan.sys("ro")) == len(plan.sys("rw")) == 2


def test_steps_of_lxc_mount_auto_know_where_it_was_set() -> None:
    for steps in (
        plan.proc("mixed", keeps_net_admin=True, where="c:3"),
        plan.sys("mixed", "c:3"),
        plan.cgroup2(read_only=True, where="c:3"),
    ):
        assert {step.where for step in steps} == {"c:3"}


@pytest.mark.parametrize(("read_only", "options"), [(True, "ro,nosuid,nodev,noexec"), (False, "nosuid,nodev,noexec")])
def test_cgroup2_is_mounted_at_its_usual_place(read_only: bool, options: str) -> None:
    assert script(plan.cgroup2(read_only=read_only)) == [f"mount -t cgroup2 -o {options} none sys/fs/cgroup"]


def test_dev_is_a_small_tmpfs_with_the_usual_nodes_and_links() -> None:
    assert script(plan.autodev(500000)) == [
        "mkdir -p dev",
        "mount -t tmpfs -o size=500000,mode=0755 none dev",
        "mkdir -p dev/pts",
    ]
    assert script(plan.devices()) == [
        "mknod -m 666 dev/full c 1 7",
        "mknod -m 666 dev/null c 1 3",
        "mknod -m 666 dev/random c 1 8",
        "mknod -m 666 dev/tty c 5 0",
        "mknod -m 666 dev/urandom c 1 9",
        "mknod -m 666 dev/zero c 1 5",
    ]
    assert script(plan.LINKS) == [
        "ln -s /proc/self/fd dev/fd",
        "ln -s /proc/self/fd/0 dev/stdin",
        "ln -s /proc/self/fd/1 dev/stdout",
        "ln -s /proc/self/fd/2 dev/stderr",
    ]


def test_a_link_or_boot_id_that_cannot_be_made_stops_nobody_but_a_device_does() -> None:
    assert all(link.optional for link in plan.LINKS)
    assert BootId().optional
    assert not any(step.optional for step in (*plan.devices(), *plan.autodev(1)))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("/srv data none bind", ["mount --bind /srv data"]),
        ("/srv data none rbind,ro 0 0", ["mount --rbind -o ro /srv data"]),
        ("/srv data none bind,rw,suid,dev,exec", ["mount --bind -o dev /srv data"]),
        ("/srv data none bind,noatime,nodiratime,nosymfollow", ["mount --bind -o noatime,nodiratime,nosymfollow /srv data"]),
        ("/srv data none bind,noatime,relatime", ["mount --bind -o relatime /srv data"]),
        ("/srv data none move,ro", ["mount --move -o ro /srv data"]),
        ("/srv data none bind,create=dir", ["mkdir -p data", "mount --bind /srv data"]),
        ("/etc/hosts etc/hosts none bind,ro,create=file", ["touch etc/hosts", "mount --bind -o ro /etc/hosts etc/hosts"]),
        ("proc/a b none bind,relative", ["mount --bind ./proc/a b"]),
        ("/srv data none rbind,rslave", ["mount --rbind -o slave /srv data"]),
        ("tmpfs tmp tmpfs size=1m,mode=1777,nosuid,nodev", ["mount -t tmpfs -o nosuid,nodev,size=1m,mode=1777 tmpfs tmp"]),
        ("none p tmpfs", ["mount -t tmpfs none p"]),
        ("mqueue dev/mqueue mqueue rw,relatime,create=dir,optional", [
            "mkdir -p dev/mqueue", "mount -t mqueue mqueue dev/mqueue",
        ]),
        ("/with\\040blank a\\040b none bind", ["mount --bind /with blank a b"]),
    ],
)  # fmt: skip
def test_an_entry_becomes_what_its_options_say(text: str, lines: list[str]) -> None:
    assert entry(text) == lines


def test_every_option_of_an_entry_reaches_its_step() -> None:
    text = "/srv data none rbind,ro,nosuid,nodev,noexec,rshared,relative,optional,create=dir"
    (made, bound), _ = plan.entries([(mount.parse(text), "c:1")], ROOTS)
    assert made == MakeDir("data", "c:1", optional=True)
    assert bound == Bind("/srv", "data", 15, 0, 1 << 20, True, True, True, "c:1", True)
    (new,), _ = plan.entries([(mount.parse("none data tmpfs size=1,noexec,private,optional"), "c:2")], ROOTS)
    assert new == New("tmpfs", "none", "data", 8, ("size=1",), 1 << 18, False, "c:2", True)


def test_entries_keep_their_order() -> None:
    texts = ["a x none bind", "b x/y none bind", "none x/y/z tmpfs"]
    steps, _ = plan.entries([(mount.parse(text), "") for text in texts], ROOTS)
    assert script(steps) == ["mount --bind a x", "mount --bind b x/y", "mount -t tmpfs none x/y/z"]


@pytest.mark.parametrize("root", ROOTS)
def test_an_absolute_target_below_a_name_of_the_root_is_taken_from_the_root(root: str) -> None:
    assert entry(f"/srv {root}/data none bind") == ["mount --bind /srv data"]


@pytest.mark.parametrize("target", ["/data", "/srv/web2/data", "/var/lib/lxc/web", "/"])
def test_an_absolute_target_elsewhere_is_left_out_with_a_warning_that_says_where(target: str) -> None:
    lines = [
        (mount.parse(f"/srv {target} none bind,create=dir"), "config:7"),
        (mount.parse("none t tmpfs"), "config:8"),
    ]
    steps, warnings = plan.entries(lines, ROOTS)
    assert script(steps) == ["mount -t tmpfs none t"]
    assert [w.split(":", 2)[:2] for w in warnings] == [["config", "7"]]
    assert f"left out: {target}: its target is absolute" in warnings[0]


@pytest.mark.parametrize("target", [".", "./", "a/..", "a/../b/./..", f"{ROOTS[0]}/", f"{ROOTS[0]}/a/.."])
def test_nothing_is_mounted_on_the_root(target: str) -> None:
    with pytest.raises(Unsupported, match="it is the root"):
        entry(f"/srv {target} none bind")
    steps, warnings = plan.entries([(mount.parse(f"/srv {target} none bind,optional"), "c:1")], ROOTS)
    assert (steps, warnings) == ((), (f"c:1: mount entry left out: {target}: it is the root",))


@pytest.mark.parametrize("target", ["..", "../a", "a/../.."])
def test_whether_a_target_leads_out_is_left_to_who_follows_it(target: str) -> None:
    assert entry(f"/srv {target} none bind") == [f"mount --bind /srv {target}"]


def test_directories_of_others_are_not_made_for_an_overlay() -> None:
    for text, container in (
        ("o mnt overlay lowerdir=/c/web/low,upperdir=/c/web2/up,workdir=/elsewhere", "/c/web"),
        ("o mnt overlay upperdir=/up", ""),
        ("o mnt tmpfs upperdir=/c/web/up", "/c/web"),
    ):
        steps, _ = plan.entries([(mount.parse(text), "")], ROOTS, container)
        assert [type(step) for step in steps] == [New]


def test_what_an_overlay_entry_writes_to_is_made_if_it_is_the_containers_own() -> None:
    text = "o mnt overlay lowerdir=/l,upperdir=/var/lib/lxc/web/up,workdir=/elsewhere/work,optional"
    (made, mounted), _ = plan.entries([(mount.parse(text), "c:1")], ROOTS, "/var/lib/lxc/web")
    assert made == MakeLayer("/var/lib/lxc/web", "up", "c:1", optional=True)
    assert str(made) == "mkdir -p /var/lib/lxc/web/up"
    assert isinstance(mounted, New)


def test_every_option_of_a_move_reaches_its_step() -> None:
    (step,), _ = plan.entries([(mount.parse("/a b none move,ro,slave,relative,optional"), "c:2")], ROOTS)
    assert step == Move("/a", "b", 1, 0, 1 << 19, False, True, "c:2", True)


def test_steps_print_as_mount_8_would_have_them() -> None:
    assert str(Bind("/a", "b", 3, 12, 1 << 17)) == "mount --bind -o ro,nosuid,dev,exec,unbindable /a b"
    assert str(New("overlay", "o", "m", 1, ("lowerdir=/l", "volatile"), 1 << 19)) == (
        "mount -t overlay -o ro,slave,lowerdir=/l,volatile o m"
    )
    assert str(BootId()) == "mount --bind dev/.lxc-boot-id proc/sys/kernel/random/boot_id"
    assert str(Link("dev/core", "/proc/kcore")) == "ln -s /proc/kcore dev/core"
