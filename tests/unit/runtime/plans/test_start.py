"""Golden plans: a configuration in, what a start would do out."""

import pytest

from lxc.cgroups.plan import Hierarchy, Layout
from lxc.config import document
from lxc.errors import Unsupported
from lxc.idmap.plan import Range, Starter
from lxc.runtime.place import Place
from lxc.runtime.plans import start as plan
from lxc.runtime.plans.start import Facts, StartPlan
from lxc.security.plan import Filter
from lxc.values import mount

WEB = Place("web", "/var/lib/lxc")
FREEZER = Hierarchy("/sys/fs/cgroup/freezer", ("freezer",))
UNIFIED = Facts(Layout((Hierarchy("/sys/fs/cgroup", ()),)), last_capability=40)
HYBRID = Facts(Layout((FREEZER, Hierarchy("/sys/fs/cgroup/unified", ()))), last_capability=40)
BUSYBOX = """\
lxc.rootfs.path = dir:/var/lib/lxc/web/rootfs
lxc.signal.halt = SIGUSR1
lxc.signal.reboot = SIGTERM
lxc.uts.name = "web"
lxc.autodev = 1
lxc.tty.max = 5
lxc.pty.max = 1
lxc.cap.drop = sys_module mac_admin mac_override sys_time
lxc.mount.auto = cgroup:mixed proc:mixed sys:ro
lxc.mount.entry = shm dev/shm tmpfs defaults,create=dir 0 0
lxc.mount.entry = mqueue dev/mqueue mqueue defaults,optional,create=dir 0 0
lxc.mount.entry = /lib lib none ro,bind 0 0
lxc.mount.entry = /usr/lib usr/lib none ro,bind 0 0
lxc.mount.entry = /sys/kernel/security sys/kernel/security none ro,bind,optional 0 0
lxc.net.0.type = empty
"""
ROOT = "lxc.rootfs.path = /r\n"
QUIET = ROOT + "lxc.autodev = 0\nlxc.console.path = none\nlxc.keyring.session = 1\n"
LINKS = [
    "ln -s /proc/self/fd dev/fd",
    "ln -s /proc/self/fd/0 dev/stdin",
    "ln -s /proc/self/fd/1 dev/stdout",
    "ln -s /proc/self/fd/2 dev/stderr",
]


def planned(
    text: str, *argv: str, facts: Facts = HYBRID, execute: bool = False, foreground: bool = False, place: Place = WEB
) -> StartPlan:
    config, _ = document.parse(text, "config")
    return plan.start(place, config, facts, argv=argv, execute=execute, foreground=foreground)


def lines(text: str, *argv: str, facts: Facts = HYBRID, execute: bool = False) -> list[str]:
    return str(planned(text, *argv, facts=facts, execute=execute)).splitlines()


def test_ids_of_its_own() -> None:
    text = QUIET + "lxc.autodev = 1\nlxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 200000 65536\n"
    found = lines(text)
    at = found.index("unshare --user --mnt --pid --uts --ipc --net --cgroup")
    assert found[at + 1 : at + 3] == [
        "echo 0 100000 65536 >> /proc/INIT/uid_map",
        "echo 0 200000 65536 >> /proc/INIT/gid_map",
    ]
    assert found[found.index("touch dev/null") + 1] == "mount --bind /dev/null dev/null"
    assert not [line for line in found if "mknod" in line]


def test_a_root_with_the_hosts_ids() -> None:
    ids = "lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 200000 65536\n"
    assert "mount --rbind -o idmap=container /r /r" in lines(QUIET + ids + "lxc.rootfs.options = idmap=container\n")
    with pytest.raises(Unsupported, match="an overlay cannot"):
        lines(f"lxc.rootfs.path = overlay:/l:/u\n{ids}lxc.rootfs.options = idmap=container\n")
    with pytest.raises(Unsupported, match="no ids of its own") as refused:
        lines(QUIET + "lxc.mount.entry = /a b none bind,idmap=container\n")
    assert refused.value.where == "config:5"


def test_a_users_container_has_ids_that_he_was_given_and_no_device_as_its_root() -> None:
    ids = "lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 200000 65536\n"
    facts = HYBRID.replace(starter=Starter(1000, 1000, "joe", ((100000, 65536),), ((200000, 65536),)))
    found = planned(QUIET + ids, facts=facts)
    assert str(found.idmap) == "newuidmap INIT 0 100000 65536\nnewgidmap INIT 0 200000 65536"
    assert (found.root.owner, found.terminal.owner, found.terminal.has_hosts) == ((100000, 200000), -1, False)
    for text, why in (
        (QUIET, "needs ids of its own"), (QUIET + ids.replace("65536", "65537"), "does not give these ids"),
        (f"lxc.rootfs.path = loop:/image\n{ids}", "only root can mount /image"),
    ):  # fmt: skip
        with pytest.raises(Unsupported, match=why):
            planned(text, facts=facts)
    of_root = planned(QUIET + ids)
    assert (of_root.root.owner, of_root.terminal.owner, of_root.terminal.has_hosts) == ((100000, 200000), 100000, True)


def test_ids_of_a_user_namespace_that_is_shared_are_known_and_not_written() -> None:
    joined = (("u", Range(0, 5000, 10)), ("g", Range(0, 6000, 10)))
    facts = HYBRID.replace(shared=(("user", "/proc/7/ns/user"),), joined=joined)
    found = planned(QUIET + "lxc.namespace.share.user = 7\n", facts=facts)
    assert (found.idmap.owner, str(found.idmap), found.has_users) == ((5000, 6000), "", True)
    assert "nsenter --user=/proc/7/ns/user" in str(found).splitlines()


def test_in_a_user_namespace_the_hosts_devices_are_bound() -> None:
    found = lines(QUIET + "lxc.autodev = 1\n", facts=HYBRID.replace(makes_devices=False))
    assert "mount --bind /dev/null dev/null" in found


def test_only_what_init_may_not_mount_is_the_monitors() -> None:
    ids = "lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 200000 65536\n"
    hook = "lxc.hook.pre-mount = true\n"
    for text, by_monitor in (
        (f"lxc.rootfs.path = loop:/r\n{ids}", True), (f"lxc.rootfs.path = loop:/r\n{ids}{hook}", True),
        (f"lxc.rootfs.path = overlay:/l:/u\n{ids}", True), (f"lxc.rootfs.path = overlay:/l:/u\n{ids}{hook}", False),
        (f"lxc.rootfs.path = dir:/r\n{ids}", False), ("lxc.rootfs.path = loop:/r\n", False),
    ):  # fmt: skip
        assert planned(text).root.by_monitor == by_monitor, text


def test_a_busybox_container() -> None:
    assert lines(BUSYBOX) == [
        "# container web",
        "# control groups, hybrid layout; a suffix -1 … is added to names that are taken",
        "mkdir /sys/fs/cgroup/freezer/lxc.monitor.web",
        "mkdir /sys/fs/cgroup/freezer/lxc.payload.web",
        "mkdir /sys/fs/cgroup/unified/lxc.monitor.web",
        "mkdir /sys/fs/cgroup/unified/lxc.payload.web",
        "unshare --mnt --pid --uts --ipc --net --cgroup",
        "hostname web",
        "keyctl session",
        "mount --rbind /var/lib/lxc/web/rootfs /var/lib/lxc/web/rootfs",
        "mkdir -p dev",
        "mount -t tmpfs -o size=500000,mode=0755 none dev",
        "mkdir -p dev/pts",
        "mkdir -p proc",
        "mount -t proc -o nosuid,nodev,noexec proc proc",
        "mount --bind -o ro ./proc/sys proc/sys",
        "mount --bind -o rw ./proc/sys/net proc/sys/net",
        "mount --bind -o ro ./proc/sysrq-trigger proc/sysrq-trigger",
        "mkdir -p sys",
        "mount -t sysfs -o ro sysfs sys",
        "mkdir -p dev/shm",
        "mount -t tmpfs shm dev/shm",
        "mkdir -p dev/mqueue",
        "mount -t mqueue mqueue dev/mqueue",
        "mount --bind -o ro /lib lib",
        "mount --bind -o ro /usr/lib usr/lib",
        "mount --bind -o ro /sys/kernel/security sys/kernel/security",
        "mknod -m 666 dev/full c 1 7",
        "mknod -m 666 dev/null c 1 3",
        "mknod -m 666 dev/random c 1 8",
        "mknod -m 666 dev/tty c 5 0",
        "mknod -m 666 dev/urandom c 1 9",
        "mknod -m 666 dev/zero c 1 5",
        "allocate the console in the host's devpts",
        "mount -t devpts -o nosuid,noexec,gid=5,ptmxmode=0666,mode=0620,max=6 devpts /dev/pts",
        "bind /dev/pts/ptmx to /dev/ptmx",
        "bind the console to /dev/console",
        "allocate 5 ttys in the container's devpts",
        "bind tty1 to /dev/tty1",
        "bind tty2 to /dev/tty2",
        "bind tty3 to /dev/tty3",
        "bind tty4 to /dev/tty4",
        "bind tty5 to /dev/tty5",
        *LINKS,
        "mount --bind dev/.lxc-boot-id proc/sys/kernel/random/boot_id",
        "pivot_root /var/lib/lxc/web/rootfs",
        "drop capabilities sys_module sys_time mac_override mac_admin",
        "cd /",
        "exec env -i container=lxc 'container_ttys=pts/…' /sbin/init",
    ]


def test_the_least_a_container_can_be() -> None:
    assert lines(QUIET, "/bin/sh", "-c", "true", facts=UNIFIED) == [
        "# container web",
        "# control groups, unified layout; a suffix -1 … is added to names that are taken",
        "mkdir /sys/fs/cgroup/lxc.monitor.web",
        "mkdir /sys/fs/cgroup/lxc.payload.web",
        "unshare --mnt --pid --uts --ipc --net --cgroup",
        "hostname web",
        "mount --rbind /r /r",
        *LINKS,
        "pivot_root /r",
        "cd /",
        "exec env -i container=lxc /bin/sh -c true",
    ]


def test_each_step_knows_the_line_it_came_from() -> None:
    found = planned(BUSYBOX)
    places = {str(step): step.where for step in found.mounts}
    assert found.root.where == "config:1"
    assert places["mount -t tmpfs shm dev/shm"] == "config:10"
    assert places["mount --bind -o ro /lib lib"] == "config:12"
    assert places["mount -t proc -o nosuid,nodev,noexec proc proc"] == "config:9"
    assert places["mkdir -p dev"] == ""
    assert found.security.where == "config:8"


@pytest.mark.parametrize(
    ("text", "argv", "execute", "command"),
    [
        ("", (), False, ("/sbin/init",)),
        ("lxc.init.cmd = /bin/i 'a b'\n", (), False, ("/bin/i", "a b")),
        ("lxc.init.cmd = /bin/i\n", ("/bin/j",), False, ("/bin/j",)),
        ("lxc.init.cmd = /bin/i\nlxc.execute.cmd = /bin/e\n", (), False, ("/bin/i",)),
        ("lxc.init.cmd = /bin/i\nlxc.execute.cmd = /bin/e\n", (), True, ("/bin/e",)),
        ("lxc.init.cmd = /bin/i\n", (), True, ("/bin/i",)),
        ("lxc.execute.cmd = /bin/e\n", ("/bin/j", "-x"), True, ("/bin/j", "-x")),
    ],
)
def test_what_runs_is_the_command_given_or_the_one_configured(
    text: str, argv: tuple[str, ...], execute: bool, command: tuple[str, ...]
) -> None:
    init = planned(QUIET + text, *argv, execute=execute).init
    assert init.argv == command
    assert init.supervised == execute


def test_executing_nothing_is_refused_with_what_to_do() -> None:
    with pytest.raises(Unsupported) as caught:
        planned(QUIET, execute=True)
    assert caught.value.hint


def test_the_environment_is_what_is_configured_and_nothing_of_ours_but_container() -> None:
    text = (
        "lxc.environment.runtime = R=2\nlxc.environment = A=1\nlxc.environment = B=x y\nlxc.environment.hooks = H=1\n"
    )
    assert planned(QUIET + text).init.environment == ("A=1", "B=x y", "R=2", "container=lxc")


def test_the_first_process_is_whom_the_configuration_says() -> None:
    text = "lxc.init.uid = 7\nlxc.init.gid = 8\nlxc.init.groups = 9,10\nlxc.init.cwd = /srv\nlxc.no_new_privs = 1\n"
    found = lines(QUIET + text)
    assert found[-4:] == ["set no_new_privs", "cd /srv", "become 7:8 9,10", "exec env -i container=lxc /sbin/init"]


@pytest.mark.parametrize(
    ("text", "namespaces"),
    [
        ("", "mnt pid uts ipc net cgroup"),
        ("lxc.net.0.type = none\n", "mnt pid uts ipc cgroup"),
        ("lxc.net.0.type = empty\n", "mnt pid uts ipc net cgroup"),
        ("lxc.namespace.keep = net ipc\n", "mnt pid uts cgroup"),
        ("lxc.namespace.clone = mnt pid\n", "mnt pid"),
        ("lxc.namespace.clone = mnt uts net\n", "mnt uts net"),
        ("lxc.namespace.share.net = 1\n", "mnt pid uts ipc cgroup"),
        ("lxc.namespace.share.pid = 1\nlxc.namespace.share.uts = 1\n", "mnt ipc net cgroup"),
    ],
)
def test_namespaces_are_new_unless_they_are_kept_or_shared(text: str, namespaces: str) -> None:
    assert " ".join(planned(QUIET + text).namespaces) == namespaces


@pytest.mark.parametrize("text", ["lxc.namespace.keep = uts\n", "lxc.namespace.share.uts = 1\n"])
def test_a_host_name_that_is_not_the_containers_is_not_changed(text: str) -> None:
    assert planned(QUIET + text).hostname == ""


def test_the_host_name_is_the_containers_name_unless_it_has_another() -> None:
    assert planned(QUIET).hostname == "web"
    assert planned(QUIET + "lxc.uts.name = other\n").hostname == "other"


def test_shared_namespaces_are_entered_by_their_file() -> None:
    facts = HYBRID.replace(shared=(("net", "/proc/7/ns/net"),))
    assert "nsenter --net=/proc/7/ns/net" in lines(QUIET + "lxc.namespace.share.net = 7\n", facts=facts)


@pytest.mark.parametrize("text", ["lxc.namespace.clone = pid\n", "lxc.namespace.keep = mnt\n"])
def test_a_container_that_would_mount_on_the_host_is_refused(text: str) -> None:
    with pytest.raises(Unsupported, match="mount namespace") as caught:
        planned(QUIET + text)
    assert caught.value.where == "config:5"


def test_clocks_that_are_shifted() -> None:
    found = lines(QUIET + "lxc.time.offset.boot = -1h\nlxc.time.offset.monotonic = 1500ms\n")
    at = found.index("unshare --mnt --pid --uts --ipc --net --cgroup --time")
    assert found[at + 1 : at + 3] == [
        "echo boottime -3600 0 >> /proc/INIT/timens_offsets",
        "echo monotonic 1 500000000 >> /proc/INIT/timens_offsets",
    ]


@pytest.mark.parametrize(("text", "why"), [
    ("lxc.namespace.clone = mnt pid\n", "in a time namespace of the container's own"),
    ("lxc.namespace.keep = time\n", "in a time namespace of the container's own"),
    ("lxc.namespace.share.time = 1\n", "the clocks of another's"),
])  # fmt: skip
def test_clocks_of_others_are_not_shifted(text: str, why: str) -> None:
    assert "time" not in planned(QUIET + text).namespaces
    with pytest.raises(Unsupported, match=why) as refused:
        planned(f"{QUIET}lxc.time.offset.boot = 1h\n{text}")
    assert refused.value.where == "config:5"


def test_a_monitor_that_is_restricted_writes_where_its_work_is() -> None:
    text, facts = QUIET + "lxc.x-monitor-landlock = 1\n", HYBRID.replace(landlock=1)
    assert planned(text, facts=facts).monitor_writes == ("/sys/fs/cgroup", "/run/lxc/var/lib/lxc")
    assert planned(f"{text}lxc.console.logfile = /log/web\n", facts=facts).monitor_writes[2:] == ("/log",)
    assert planned(QUIET, facts=facts).monitor_writes == () == planned(text).monitor_writes
    asked = facts.replace(filter=Filter("/p", 1, "00", is_supervised=True))
    assert planned(text, facts=asked).monitor_writes == ()


def test_loopback_is_brought_up_only_in_a_network_of_its_own() -> None:
    up = QUIET + "lxc.net.0.type = empty\nlxc.net.0.flags = up\n"
    assert "ip link set lo up" in lines(up)
    assert "ip link set lo up" not in lines(up + "lxc.namespace.keep = net\n")
    assert "ip link set lo up" not in lines(up + "lxc.namespace.share.net = 1\n")


@pytest.mark.parametrize(
    ("mode", "on_unified", "on_hybrid"),
    [
        ("cgroup:mixed", ["mount -t cgroup2 -o nosuid,nodev,noexec none sys/fs/cgroup"], []),
        ("cgroup:rw", ["mount -t cgroup2 -o nosuid,nodev,noexec none sys/fs/cgroup"], []),
        ("cgroup", ["mount -t cgroup2 -o nosuid,nodev,noexec none sys/fs/cgroup"], []),
        ("cgroup:ro", ["mount -t cgroup2 -o ro,nosuid,nodev,noexec none sys/fs/cgroup"], []),
    ],
)
def test_cgroups_are_mounted_where_there_is_one_hierarchy(
    mode: str, on_unified: list[str], on_hybrid: list[str]
) -> None:
    text = QUIET + f"lxc.mount.auto = {mode}\n"
    assert [str(step) for step in planned(text, facts=UNIFIED).mounts] == on_unified
    assert [str(step) for step in planned(text, facts=HYBRID).mounts] == on_hybrid


def cgroup_mounts(text: str, facts: Facts) -> list[str]:
    return [str(step) for step in planned(QUIET + text, facts=facts).mounts]


TMPFS = "mount -t tmpfs -o nosuid,nodev,noexec,size=10240k,mode=755 none sys/fs/cgroup"


@pytest.mark.parametrize(
    "text", ["lxc.mount.auto = cgroup:mixed:force\n", "lxc.mount.auto = cgroup\nlxc.cap.drop = sys_admin\n"]
)
def test_cgroups_that_a_container_cannot_mount_itself_or_are_forced_are_mounted_each(text: str) -> None:
    found = cgroup_mounts(text, HYBRID)
    assert found[0] == TMPFS
    at = found.index("mkdir -p sys/fs/cgroup/unified")
    assert found[at + 1] == "mount -t cgroup2 -o nosuid,nodev,noexec none sys/fs/cgroup/unified"
    assert "mount -t cgroup -o nosuid,nodev,noexec,freezer none sys/fs/cgroup/freezer" in found


def test_forced_read_only_cgroups_are_that_each() -> None:
    _, *found = cgroup_mounts("lxc.mount.auto = cgroup-full:ro:force\n", HYBRID)
    assert found
    assert all(line.startswith(("mkdir", "mount -t cgroup")) for line in found)
    assert all(" -o ro," in line for line in found if line.startswith("mount"))


@pytest.mark.parametrize("mode", ["cgroup2", "cgroup2:ro"])
def test_the_unified_cgroups_alone_can_be_asked_for_on_any_layout(mode: str) -> None:
    ro = "ro," * mode.endswith("ro")
    line = f"mount -t cgroup2 -o {ro}nosuid,nodev,noexec none sys/fs/cgroup"
    assert [cgroup_mounts(f"lxc.mount.auto = {mode}\n", facts) for facts in (HYBRID, UNIFIED)] == [[line], [line]]


@pytest.mark.parametrize(("mode", "facts"), [("cgroup2", "HYBRID"), ("cgroup:ro", "UNIFIED"), ("cgroup", "UNIFIED")])
def test_the_unified_cgroups_need_a_namespace(mode: str, facts: str) -> None:
    with pytest.raises(Unsupported, match="cgroup namespace") as caught:
        planned(QUIET + f"lxc.namespace.keep = cgroup\nlxc.mount.auto = {mode}\n", facts=globals()[facts])
    assert caught.value.where == "config:6"


@pytest.mark.parametrize(("mode", "way", "own"), [("rw", False, ""), ("mixed", True, ""), ("ro", True, " -o ro")])
def test_without_a_namespace_a_container_gets_no_cgroup_but_its_own(mode: str, way: bool, own: str) -> None:
    found = cgroup_mounts(f"lxc.namespace.keep = cgroup\nlxc.mount.auto = cgroup:{mode}\n", HYBRID)
    unified = [line for line in found if "/unified" in line]
    target = "sys/fs/cgroup/unified"
    assert unified[0].startswith(f"mkdir -p {target}")
    assert (f"mount --bind -o ro ./{target} {target}" in unified) == way
    assert f"\nmount --bind{own} /" in unified[-1]
    assert unified[-1].endswith("/lxc.payload.web")


def test_the_cgroups_name_that_was_free_is_the_one_that_is_mounted() -> None:
    text = "lxc.namespace.keep = cgroup\nlxc.mount.auto = cgroup:mixed\n"
    done = planned(QUIET + text).completed("", "lxc.payload.web-1")
    named = [str(step) for step in done.mounts if "lxc.payload" in str(step)]
    assert named
    assert not [line for line in named if "lxc.payload.web-1" not in line]


def test_shared_mounts_are_bound_and_slaves_once_the_root_is_entered() -> None:
    found = lines(QUIET + "lxc.mount.auto = shmounts:/srv/shared\n")
    assert found.index("mkdir -p dev/.lxc-mounts") + 1 == found.index("mount --bind /srv/shared dev/.lxc-mounts")
    assert found.index("mount --make-rslave /dev/.lxc-mounts") == found.index("pivot_root /r") + 1


def test_an_fstab_is_mounted_before_the_entries() -> None:
    facts = HYBRID.replace(fstab=((mount.parse("/f f none bind"), "/etc/fstab.web:3"),))
    found = planned(QUIET + "lxc.mount.entry = /e e none bind\n", facts=facts)
    assert [(str(step), step.where) for step in found.mounts] == [
        ("mount --bind /f f", "/etc/fstab.web:3"),
        ("mount --bind /e e", "config:5"),
    ]


def test_absolute_targets_may_name_the_root_in_the_containers_directory_or_where_it_is() -> None:
    entries = "".join(f"lxc.mount.entry = /e {root}/t none bind\n" for root in ("/var/lib/lxc/web/rootfs", "/r"))
    found = planned(QUIET + entries)
    assert [str(step) for step in found.mounts] == ["mount --bind /e t"] * 2
    assert found.warnings == ()


def test_an_entry_that_is_left_out_is_a_warning_of_the_plan() -> None:
    assert planned(QUIET + "lxc.mount.entry = /e /t none bind\n").warnings[0].startswith("config:5: ")


def test_proc_sys_net_stays_read_only_without_the_capability_for_it() -> None:
    text = QUIET + "lxc.mount.auto = proc:mixed\n"
    net = "mount --bind -o rw ./proc/sys/net proc/sys/net"
    assert net in lines(text)
    assert net not in lines(text + "lxc.cap.drop = net_admin\n")
    assert net not in lines(text + "lxc.cap.keep = chown\n")
    assert net in lines(text + "lxc.cap.keep = chown net_admin\n")


def test_keeping_capabilities_drops_all_others_and_keeping_none_all() -> None:
    kept = planned(QUIET + "lxc.cap.keep = chown kill\n").security
    assert set(range(41)) - set(kept.dropped) == {0, 5}
    none = planned(QUIET + "lxc.cap.keep = none\n").security
    assert none.dropped == tuple(range(41))


def test_the_root_is_mounted_on_itself_unless_a_place_for_it_is_configured() -> None:
    assert planned(QUIET).root.mount == "/r"
    assert planned(QUIET + "lxc.rootfs.mount = /mnt\n").root.mount == "/mnt"
    assert planned(QUIET + "lxc.rootfs.mount = /mnt\nlxc.rootfs.mount =\n").root.mount == "/r"


def test_a_container_without_a_root_of_its_own_shares_the_hosts_and_enters_none() -> None:
    found = lines(
        "lxc.init.cmd = /bin/sh\nlxc.mount.entry = /e /t none bind\nlxc.autodev = 0\nlxc.tty.dir = lxc\nlxc.tty.max = 1\n"
    )
    assert "# the root file system is the host's" in found
    assert "mount --bind /e t" in found
    assert not [line for line in found if "pivot_root" in line or "/dev/lxc" in line]


def test_the_options_of_the_root_are_its_mounts() -> None:
    found = planned("lxc.rootfs.path = dir:/r\nlxc.rootfs.options = ro,noatime,rslave,size=1\n")
    assert str(found.root) == "mount --rbind -o ro,noatime,slave /r /r"
    assert found.warnings == (
        "config:2: lxc.rootfs.options: size=1: a directory is no file system that could take this",
    )


def test_a_driver_that_is_not_named_is_the_one_that_fits() -> None:
    found = planned("lxc.rootfs.path = /image\n", facts=HYBRID.replace(storage="loop"))
    assert str(found.root) == "losetup --find /image\nmount /dev/loopN /var/lib/lxc/web/rootfs"


@pytest.mark.parametrize(
    ("text", "number"), [("", 9), ("lxc.signal.stop = SIGTERM\n", 15), ("lxc.signal.stop = 0\n", 9)]
)
def test_a_container_is_stopped_with_its_signal(text: str, number: int) -> None:
    assert planned(QUIET + text).stop_signal == number


@pytest.mark.parametrize(("text", "number"), [("", 9), ("lxc.monitor.signal.pdeath = SIGTERM\n", 15)])
def test_init_is_sent_its_signal_when_the_monitor_dies(text: str, number: int) -> None:
    assert planned(QUIET + text).init.pdeath_signal == number


def test_the_owner_of_the_cgroups_is_the_containers_directory() -> None:
    assert planned(QUIET).cgroups.owner == "/var/lib/lxc/web"
    assert planned(QUIET, place=Place("web", "/srv")).cgroups.owner == "/srv/web"


def test_the_same_configuration_gives_the_same_plan() -> None:
    assert planned(BUSYBOX) == planned(BUSYBOX)


def test_hooks_are_steps_in_the_order_of_a_life() -> None:
    kinds = ["stop", "start-host", "start", "autodev", "mount", "pre-mount", "pre-start", "post-stop"]
    hooks = "".join(f"lxc.hook.{kind} = /bin/{kind} -x\n" for kind in kinds)
    found = lines(QUIET.replace("autodev = 0", "autodev = 1") + hooks)
    order = ["pre-start", "pre-mount", "mount", "autodev", "start", "start-host", "stop", "post-stop"]
    assert [line for line in found if "hook" in line] == [f"run the {kind} hook /bin/{kind} -x" for kind in order]
    place = {line: number for number, line in enumerate(found)}
    assert place["run the pre-start hook /bin/pre-start -x"] == 1
    assert place["run the autodev hook /bin/autodev -x"] < place["mknod -m 666 dev/null c 1 3"]
    assert place["run the start-host hook /bin/start-host -x"] < place["exec env -i container=lxc /sbin/init"]
    assert place["exec env -i container=lxc /sbin/init"] < place["# when it has ended"]


def test_without_a_dev_of_its_own_there_are_no_autodev_hooks() -> None:
    assert not planned(QUIET + "lxc.hook.autodev = /bin/x\n").hooks.autodev


def test_hooks_are_told_about_the_container() -> None:
    text = QUIET + "lxc.hook.pre-start = a\nlxc.hook.mount = b\nlxc.environment = A=1\nlxc.environment.hooks = B=2\n"
    hooks = planned(text, facts=HYBRID.replace(log_level="INFO", config_file="/etc/other")).hooks
    told = {
        "LXC_CONFIG_FILE": "/etc/other",
        "LXC_ROOTFS_MOUNT": "/r",
        "LXC_ROOTFS_PATH": "/r",
        "LXC_CONSOLE": "none",
        "LXC_CGNS_AWARE": "1",
        "LXC_LOG_LEVEL": "INFO",
        "LXC_NAME": "web",
        "LXC_HOOK_VERSION": "0",
    }
    assert [dict(hook.environment) for hook in hooks.pre_start] == [told]
    assert [dict(hook.environment) for hook in hooks.mount] == [{**told, "A": "1", "B": "2"}]
    assert [hook.where for hook in (*hooks.pre_start, *hooks.mount)] == ["config:5", "config:6"]


def test_architecture_cores_and_the_monitors_mounts() -> None:
    text = QUIET + "lxc.arch = i686\nlxc.sched.core = 1\nlxc.monitor.unshare = 1\nlxc.sysctl.kernel.msgmax = 1\n"
    shown = lines(text)
    assert shown[1] == "unshare --mount --propagation=slave # the monitor"
    assert "prctl PR_SCHED_CORE_CREATE INIT" in shown[: shown.index("setarch linux32")]
    assert shown[shown.index("setarch linux32") + 1] == "sysctl -w kernel.msgmax=1"


def test_core_scheduling_wants_a_pid_namespace() -> None:
    with pytest.raises(Unsupported, match="a pid namespace of their own"):
        planned(QUIET + "lxc.sched.core = 1\nlxc.namespace.keep = pid\n")
