"""For each rule of the linter a configuration that breaks it, and one like it that does not.

Loaded with runpy by test_rules.py.  `at` is where the finding points, LINE:COLUMN+LENGTH; `mended` what --fix makes of
the bad one.
"""

from lxc.config.rules.rule import File, Host

FILES = {
    "/srv": File("directory"),
    "/srv/file": File("file", mode=0o644),
    "/srv/box": File("directory", 0),
    "/srv/box/data": File("directory"),
    "/srv/box/run": File("link"),
    "/srv/mapped": File("directory", 100000),
    "/srv/image": File("file"),
    "/srv/hook": File("file"),
    "/srv/open-hook": File("file", mode=0o777),
    "/srv/others-hook": File("file", uid=1000),
    "/srv/fstab": File("file"),
    "/srv/seccomp": File("file"),
    "/dev/tty9": File("character"),
    "/run/docker.sock": File("socket"),
    "/var/log": File("directory"),
    "/srv/conf.d/": File("directory"),
    "/c/config": File("file", mode=0o640),
} | dict.fromkeys(
    ("/gone", "/gone/", "/gone/log", "/srv/box/none", "/srv/box/data/none", "/dev/gone", "/gone/hook", "/gone/fstab")
)
HOST = Host(
    layout="unified",
    controllers=frozenset({"cpu", "memory", "io", "pids", "cpuset"}),
    modules=frozenset({"apparmor"}),
    devices=frozenset({"lo", "br0", "eth0"}),
    files=FILES,
    texts={"/srv/fstab": "# mounts\nproc proc proc\n"},
)
HYBRID = HOST.replace(layout="hybrid", controllers=frozenset({"memory", "devices", "cpu", "freezer"}))
PLAIN = HOST.replace(modules=frozenset())
EXAMPLES = []  # (rule, bad, good, at, mended, host)


def rule(name, bad, good, at="", mended=None, host=HOST, other=None) -> None:
    """`other` is the host of the good example, if the same text is good elsewhere."""
    EXAMPLES.append((name, bad, good, at, mended, host, other or host))


NET = "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0.flags = up\n"
MACVLAN = "lxc.net.0.type = macvlan\nlxc.net.0.link = eth0\nlxc.net.0.flags = up\n"
ENTRY = "lxc.rootfs.path = dir:/srv/box\nlxc.mount.entry = "
DROP = "lxc.cap.drop = sys_time\n"

# ---- lines -----------------------------------------------------------------------------------------------------------

rule("unknown-key", "lxc.uts.nmae = a\n", "lxc.uts.name = a\n", "1:1+12")
rule("unknown-key", "lxc.net.0.lnik = a\n", "lxc.net.0.link = a\n", "1:1+14")
rule("unknown-key", "\tlxc.nothing.like.it = a\n", "\tlxc.x-mine = a\n", "1:2+19")
rule("bad-value", "lxc.tty.max = four\n", "lxc.tty.max = 4\n", "1:15+4")
rule("bad-value", "lxc.cap.drop = sys_admin sys_tmie\n", "lxc.cap.drop = sys_admin sys_time\n", "1:26+8")
rule("bad-value", "lxc.prlimit.nofle = 3\n", "lxc.prlimit.nofile = 3\n", "1:13+5")
rule("bad-value", "lxc.start.auto = '2'\n", "lxc.start.auto = '1'\n", "1:19+1")
rule("legacy-key", "lxc.utsname = web\n", "lxc.uts.name = web\n", "1:1+11", "lxc.uts.name = web\n")
rule(
    "legacy-key",
    "lxc.rootfs.backend = lvm\n# it\nlxc.rootfs=/dev/x\nlxc.network.type = veth\nlxc.network.ipv4 = 10.0.0.1/8\n",
    "lxc.rootfs.path=lvm:/dev/x\n",
    "1:1+18",
    "# it\nlxc.rootfs.path=lvm:/dev/x\nlxc.net.0.type = veth\nlxc.net.0.ipv4.address = 10.0.0.1/8\n",
)
rule("legacy-key", "lxc.network.link = br0\n", "lxc.net.0.link = br0\n", "1:1+16")
rule("no-assignment", "lxc.cap.drop sys_admin\n", "# lxc.cap.drop sys_admin\n", "1:1+4")
rule("include-unreadable", "lxc.include = /gone/common.conf\n", "lxc.include = /gone/common.conf.d/\n", "1:15+17")
rule("rival-keys", "lxc.cap.drop = mknod\nlxc.cap.keep = mknod\n", "lxc.cap.drop =\nlxc.cap.keep = mknod\n", "2:16+5")
rule(
    "rival-keys",
    "lxc.namespace.keep = net\nlxc.namespace.clone = pid mnt\n",
    "lxc.namespace.keep = net ipc\n",
    "2:23+7",
)
rule(
    "other-network-type",
    "lxc.net.0.type = phys\nlxc.net.0.vlan.id = 3\n",
    "lxc.net.0.type = vlan\nlxc.net.0.vlan.id = 3\n",
)
rule("ignored-line", "Lxc.tty.max = 4\n", "lxc.tty.max = 4\n", "1:1+11")
rule("ignored-line", "lxc.tty.max = 4\n  nonsense\n", "lxc.tty.max = 4\n  # nonsense\n", "2:3+8")
rule("trailing-comment", "lxc.autodev = 1 # yes\n", "# yes\nlxc.autodev = 1\n", "1:17+5", "# yes\nlxc.autodev = 1\n")
rule(
    "trailing-comment", " lxc.tty.max=4\t# a # b\r\n", " lxc.tty.max=4\r\n", "1:16+7", " # a # b\r\n lxc.tty.max=4\r\n"
)
rule("trailing-comment", "lxc.uts.name = a # b\n", 'lxc.uts.name = "a # b"\n', "1:18+3", "lxc.uts.name = a # b\n")
rule("trailing-comment", "lxc.init.cmd = /init # b\n", "lxc.hook.start = /start # b\n", "1:22+3")
rule(
    "assigned-twice",
    "lxc.tty.max = 1\n# two\nlxc.tty.max = 2\n",
    "lxc.tty.max = 1\nlxc.tty.max =\nlxc.tty.max = 2\n",
    "1:1+11",
    "# two\nlxc.tty.max = 2\n",
)
rule(
    "assigned-twice",
    NET + "lxc.net.0.mtu = 1400\nlxc.net.0.mtu = 1500\n",
    NET + "lxc.net.1.type = phys\nlxc.net.0.mtu = 1400\nlxc.net.1.mtu = 1500\n",
    "4:1+13",
    NET + "lxc.net.0.mtu = 1500\n",
)
rule(
    "assigned-twice",
    NET + "lxc.net.0.mtu = 1400\nlxc.net.0.type = phys\nlxc.net.0.mtu = 1500\n",
    NET + "lxc.net.0.mtu = 1400\nlxc.net.0.type = phys\n",
    "4:1+13",
    NET + "lxc.net.0.mtu = 1400\nlxc.net.0.type = phys\nlxc.net.0.mtu = 1500\n",
)
rule(
    "assigned-twice",
    "lxc.net.0.type = veth\nlxc.net.0 =\nlxc.net.0.mtu = 1400\nlxc.net.0.mtu = 1500\n",
    "lxc.net.0.type = veth\nlxc.net.0.mtu = 1400\nlxc.net.0.mtu =\nlxc.net.0.mtu = 1500\n",
    "3:1+13",
)
rule("said-twice", f"{DROP}# and\n{DROP}", f"{DROP}lxc.cap.drop =\n{DROP}", "3:16+8")
rule(
    "said-twice",
    "lxc.environment = A=1\nlxc.environment = A=1\n",
    "lxc.environment = A=1\nlxc.environment = A=2\n",
    "2:19+3",
)
rule(
    "type-late",
    "lxc.net.0.link = br0\nlxc.net.0.type = veth\n",
    "lxc.net.0.type = veth\nlxc.net.0.link = br0\nlxc.net.0 =\nlxc.net.0.type = empty\nlxc.net =\nlxc.net.0.type = none\n",
    "1:1+14",
)
rule("octal-number", "lxc.start.delay = 010\n", "lxc.start.delay = 0x10\n", "1:19+3", "lxc.start.delay = 8\n")
rule("octal-number", "lxc.idmap = u 0 0100000 65536\n", "lxc.idmap = u 0 100000 65536\n", "1:17+7")
rule("one-letter-unit", "lxc.console.size = 12K\n", "lxc.console.size = 12KB\n", "1:20+3")
rule("size-rounded", "lxc.console.size = 5000\n", "lxc.console.size = 8192\n", "1:20+4")
rule("tmpfs-size", "lxc.autodev.tmpfs.size = 10M\n", "lxc.autodev.tmpfs.size = 10000000\n", "1:26+3")
rule("open-quote", 'lxc.uts.name = "a\n', 'lxc.uts.name = "a"\n', "1:16+2")
rule("open-quote", "lxc.init.cmd = 'a b\n", "lxc.init.cmd = a 'b c'\n")
rule("invisible-character", "lxc.uts.name = a\u00a0b\n", "lxc.uts.name = ä\n", "1:17+1")
rule("environment-of-reader", "lxc.environment = PATH\n", "lxc.environment = PATH=/bin\n", "1:19+4")

# ---- namespaces and ids ----------------------------------------------------------------------------------------------

IDS = "lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n"
rule("idmap-overlap", IDS + "lxc.idmap = u 65535 300000 10\n", IDS + "lxc.idmap = u 65536 300000 10\n", "3:13+17")
rule("idmap-overlap", IDS + "lxc.idmap = g 70000 165535 10\n", IDS + "lxc.idmap = u 70000 300000 10\n", "3:13+17")
rule("idmap-overlap", "lxc.idmap = u 0 1 99\nlxc.idmap = u 10 200 2\nlxc.idmap = u 20 300 2\n", IDS, "2:13+10")
rule("idmap-range", IDS + "lxc.idmap = u 70000 300000 0\n", IDS, "3:13+16")
rule("idmap-range", IDS + "lxc.idmap = u 70000 4294967295 2\n", IDS + "lxc.idmap = u 70000 4294967294 1\n")
rule("idmap-half", "lxc.idmap = u 0 100000 65536\n", IDS)
rule("idmap-without-init", "lxc.idmap = u 1 100000 9\nlxc.idmap = g 0 100000 9\n", IDS)
rule("idmap-without-init", IDS + "lxc.init.gid = 70000\n", IDS + "lxc.init.gid = 1000\n", "3:16+5")
rule("idmap-of-host-root", "lxc.idmap = u 0 0 1\nlxc.idmap = g 0 1 1\n", IDS, "1:13+7")
rule("userns-without-ids", "lxc.namespace.clone = user mnt\n", IDS + "lxc.namespace.clone = user mnt\n", "1:23+4")
rule("ids-without-userns", IDS + "lxc.namespace.keep = user\n", IDS + "lxc.namespace.keep = net\n", "3:22+4")
rule("ids-without-userns", IDS + "lxc.namespace.clone = mnt\n", IDS + "lxc.namespace.clone = user mnt\n")
rule(
    "idmapped-without-ids",
    "lxc.rootfs.path = dir:/srv/box\nlxc.rootfs.options = idmap=container\n",
    IDS + "lxc.rootfs.path = dir:/srv/box\nlxc.rootfs.options = idmap=container\n",
    "2:22+15",
)
rule("idmapped-without-ids", ENTRY + "/srv srv none bind,idmap=container\n", ENTRY + "/srv srv none bind\n", "2:38+15")
rule(
    "idmapped-backend",
    "lxc.rootfs.path = zfs:a/b\nlxc.rootfs.options = idmap=container\n",
    "lxc.rootfs.path = dir:/srv/box\nlxc.rootfs.options = idmap=container\n",
    "2:22+6",
)
rule("no-mount-namespace", "lxc.namespace.keep = mnt net\n", "lxc.namespace.keep = net\n", "1:22+3")
rule("no-mount-namespace", "lxc.namespace.clone = pid\n", "lxc.namespace.clone = pid mnt\n", "1:23+3")
rule(
    "shared-and-cloned",
    "lxc.namespace.clone = mnt net\nlxc.namespace.share.net = web\n",
    "lxc.namespace.clone = mnt\nlxc.namespace.share.net = web\n",
    "2:1+23",
)
rule("shared-and-cloned", "lxc.namespace.keep = net\nlxc.namespace.share.net = 1\n", "lxc.namespace.share.net = 1\n")
rule("name-of-another", "lxc.uts.name = a\nlxc.namespace.keep = uts\n", "lxc.uts.name = a\n", "1:16+1")
rule("name-of-another", "lxc.uts.name = a\nlxc.namespace.share.uts = b\n", "lxc.namespace.share.uts = b\n", "1:16+1")
rule(
    "time-kept",
    "lxc.time.offset.boot = 1h\nlxc.namespace.keep = time\n",
    "lxc.time.offset.boot = 1h\nlxc.namespace.keep = net\n",
    "1:1+20",
)
rule("core-without-pid", "lxc.sched.core = 1\nlxc.namespace.keep = pid\n", "lxc.sched.core = 1\n", "1:1+14")
rule("command-words", "lxc.init.cmd = sh -c 'a\n", "lxc.init.cmd = sh -c 'a'\n")
rule("ephemeral-autostart", "lxc.ephemeral = 1\nlxc.start.auto = 1\n", "lxc.ephemeral = 1\n", "2:18+1")

# ---- limits ----------------------------------------------------------------------------------------------------------

rule(
    "cgroup1-on-unified",
    "# most\nlxc.cgroup.memory.limit_in_bytes = 1G\nlxc.cgroup.memory.memsw.limit_in_bytes = 3G\n",
    "lxc.cgroup.memory.limit_in_bytes = 1G\nlxc.cgroup2.memory.max = 1G\n",
    "2:1+32",
    "# most\nlxc.cgroup2.memory.max = 1G\nlxc.cgroup2.memory.swap.max = 2147483648\n",
)
rule(
    "cgroup1-on-unified",
    "lxc.cgroup.cpu.shares = 512\nlxc.cgroup.cpu.cfs_quota_us = 50000\nlxc.cgroup.cpu.cfs_period_us = 20000\n",
    "lxc.cgroup2.cpu.weight = 50\n",
    "1:1+21",
    "lxc.cgroup2.cpu.weight = 50\nlxc.cgroup2.cpu.max = 50000 20000\n",
)
rule(
    "cgroup1-on-unified",
    "lxc.cgroup.devices.deny = c 1:3 rwm\nlxc.cgroup.devices.deny = c 1:5 w\n",
    "lxc.cgroup.devices.deny = c 1:3 rwm\nlxc.cgroup2.devices.deny = c 1:3 rwm\n",
    "1:1+23",
    "lxc.cgroup2.devices.allow = a\nlxc.cgroup2.devices.deny = c 1:3 rwm\nlxc.cgroup2.devices.deny = c 1:5 w\n",
)
rule(
    "cgroup1-on-unified",
    "lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = c 1:3 rwm\n",
    "lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.deny =\n",
    "1:1+23",
    "lxc.cgroup2.devices.deny = a\nlxc.cgroup2.devices.allow = c 1:3 rwm\n",
)
rule(
    "cgroup1-on-unified",
    "lxc.cgroup.cpuset.cpus=0-1\nlxc.cgroup.pids.max = 9\nlxc.cgroup.memory.use_hierarchy = 1\nlxc.cgroup.freezer.state = X\n",
    "lxc.cgroup2.cpuset.cpus=0-1\n",
    "1:1+22",
    "lxc.cgroup2.cpuset.cpus=0-1\nlxc.cgroup2.pids.max = 9\nlxc.cgroup.freezer.state = X\n",
)
rule(
    "cgroup1-on-unified",
    "lxc.cgroup.memory.limit_in_bytes = 1G\n",
    "lxc.cgroup.memory.limit_in_bytes = 1G\n",
    mended="lxc.cgroup2.memory.max = 1G\n",
    other=HYBRID,
)
rule(
    "cgroup2-on-v1",
    "lxc.cgroup2.memory.max = 1G\n",
    "lxc.cgroup2.memory.max = 1G\nlxc.cgroup.memory.limit_in_bytes = 2G\n",
    "1:1+22",
    host=HYBRID,
)
rule("cgroup2-on-v1", "lxc.cgroup2.devices.deny = a\n", "lxc.cgroup2.devices.deny = a\nlxc.cgroup.devices.deny = a\n",
     host=HYBRID)  # fmt: skip
rule(
    "frozen-from-the-start",
    "lxc.cgroup.freezer.state = FROZEN\n",
    "lxc.cgroup.freezer.state = THAWED\n",
    "1:28+6",
    host=HYBRID,
)
rule("frozen-from-the-start", "lxc.cgroup2.cgroup.freeze = 1\n", "lxc.cgroup2.cgroup.freeze = 0\n", "1:29+1")
rule("frozen-from-the-start", "lxc.cgroup2.cgroup.kill = 1\n", "lxc.cgroup2.cgroup.max.depth = 1\n", "1:27+1")
FILED = HOST.replace(cgroup_files=frozenset({"pids.max"}))
rule(
    "cgroup-file-missing",
    "lxc.cgroup2.pids.most = 1\n",
    "lxc.cgroup2.pids.max = 1\nlxc.cgroup2.io.x = 1\n",
    "1:13+9",
    host=FILED,
)
rule("too-many-terminals", "lxc.tty.max = 1\nlxc.pty.max = 1048576\n", "lxc.pty.max = 1048576\n", "2:15+7")
rule(
    "few-files", "lxc.tty.max = 5\nlxc.prlimit.nofile = 33:99\n", "lxc.tty.max = 5\nlxc.prlimit.nofile = 34\n", "2:22+5"
)
rule("few-files", "lxc.prlimit.nofile = 0\n", "lxc.prlimit.nofile = unlimited\n")
MIXED = "lxc.mount.auto = proc:mixed\n"
rule(
    "sysctl-read-only",
    MIXED + "lxc.sysctl.kernel.shmmax = 1\n",
    MIXED + "lxc.sysctl.net.ipv4.ip_forward = 1\n",
    "2:1+24",
)
rule("name-of-kernel", NET + "lxc.net.0.name = all\n", NET + "lxc.net.0.name = eth0\n", "4:18+3")
rule("link-to-loopback", "lxc.net.0.type = veth\nlxc.net.0.link = lo\n", NET, "2:18+2")
for bad in ("::1/64", "ff02::1/64", "::/64"):
    rule("impossible-address", f"{NET}lxc.net.0.ipv6.address = {bad}\n", NET + "lxc.net.0.ipv6.address = fe80::1/64\n")
ADDRESS = NET + "lxc.net.0.ipv4.address = 10.0.0.1/24\n"
rule(
    "same-address",
    ADDRESS + "lxc.net.0.ipv4.address = 10.0.0.1/24\n",
    ADDRESS + "lxc.net.0.ipv4.address = 10.0.0.1/16\n",
    "5:26+11",
)
rule("same-address", NET + "lxc.net.0.ipv6.address = fd00::1/64\nlxc.net.0.ipv6.address = fd00::1/48\n", ADDRESS)
rule("log-is-directory", "lxc.console.logfile = /srv\n", "lxc.console.logfile = /srv/log\n", "1:23+4")
rule("log-is-directory", "lxc.log.file = /var/log\n", "lxc.log.file = /var/log/box\n")
BOX = "lxc.rootfs.path = dir:/srv/box\n"
rule("init-missing", BOX + "lxc.init.cmd = /none -x\n", BOX + "lxc.init.cmd = /run -x\n", "2:16+5")
rule(
    "init-missing",
    BOX + "lxc.init.cmd = /data\n",
    BOX + "lxc.init.cmd = /data\nlxc.mount.entry = /srv/file data none bind\n",
)
NESTED = "lxc.cgroup.dir.container = a/b\nlxc.cgroup.dir.monitor = "
rule("cgroup-dir-nested", NESTED + "./a//b/c\n", NESTED + "a/bc\n", "2:26+8")
rule("controller-missing", "lxc.cgroup2.rdma.max = max\n", "lxc.cgroup2.memory.max = max\n", "1:1+20")
rule("controller-missing", "lxc.cgroup.net_prio.x = 1\n", "lxc.cgroup.freezer.state = X\n", host=HYBRID)
rule("device-rule", "lxc.cgroup2.devices.allow = c 1:3\n", "lxc.cgroup2.devices.allow = c 1:* r\n", "1:29+5")
rule("device-rule", "lxc.cgroup2.devices.deny = /dev/null r\n", "lxc.cgroup2.devices.allow = /dev/null r\n")
rule("device-rule", "lxc.cgroup2.devices.allow = c 1:x r\n", "lxc.cgroup2.devices.allow = a *:* rwm\n")
rule("device-rule", "lxc.cgroup2.devices.allow = c 1:3 x\n", "lxc.cgroup2.devices.allow = b 1:3 m\n")
rule("device-rule", "lxc.cgroup2.devices.list = c 1:3 r\n", "lxc.cgroup2.devices.deny = a\n")
rule("every-device", "lxc.cgroup2.devices.allow = a\n", IDS + "lxc.cgroup2.devices.allow = a\n", "1:29+1")
rule("every-device", "lxc.cgroup2.devices.allow = b *:* rwm\n", "lxc.cgroup2.devices.allow = b *:* m\n")
rule(
    "nothing-denied",
    "lxc.cgroup.devices.allow = c 1:3 r\n",
    "lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = c 1:3 r\n",
    host=HYBRID,
)
rule("soft-above-hard", "lxc.prlimit.nofile = 9:8\n", "lxc.prlimit.nofile = 8:9\n", "1:22+3")
rule("soft-above-hard", "lxc.prlimit.nofile = unlimited:8\n", "lxc.prlimit.nofile = 8:unlimited\n")
rule("sysctl-of-host", "lxc.sysctl.vm.swappiness = 1\n", "lxc.sysctl.net.ipv4.ip_forward = 1\n", "1:1+24")
rule(
    "sysctl-of-shared-network",
    "lxc.sysctl.net.ipv4.ip_forward = 1\nlxc.net.0.type = none\n",
    "lxc.sysctl.net.ipv4.ip_forward = 1\nlxc.net.0.type = empty\n",
    "1:1+30",
)
rule(
    "cgroup-dir-rivals",
    "lxc.cgroup.dir = a\nlxc.cgroup.dir.monitor = b\n",
    "lxc.cgroup.dir.container = a\nlxc.cgroup.dir.monitor = b\n",
    "2:1+22",
)
rule("cgroup-dir-half", "lxc.cgroup.dir.monitor = b\n", "lxc.cgroup.dir = b\n", "1:26+1")
rule("cgroup-dir-half", "lxc.cgroup.dir.container.inner = b\n", "lxc.cgroup.dir.monitor.pivot = b\n")

# ---- without effect --------------------------------------------------------------------------------------------------

rule("module-absent", "lxc.apparmor.profile = x\n", "lxc.apparmor.profile = x\n", "1:1+20", host=PLAIN, other=HOST)
rule("module-absent", "lxc.selinux.context = x\n", "lxc.uts.name = x\n", "1:1+19")
rule("idle-tmpfs-size", "lxc.autodev = 0\nlxc.autodev.tmpfs.size = 9999\n", "lxc.autodev.tmpfs.size = 9999\n", "2:1+22")
rule("idle-autodev-hook", "lxc.autodev = 0\nlxc.hook.autodev = a\n", "lxc.hook.autodev = a\n")
rule("idle-tty-dir", "lxc.console.path = none\nlxc.tty.dir = lxc\n", "lxc.tty.dir = lxc\nlxc.tty.max = 1\n")
rule("idle-console-size", "lxc.console.size = 8192\n", "lxc.console.size = 8192\nlxc.console.logfile = /var/log/x\n")
rule(
    "idle-console-rotate",
    "lxc.console.rotate = 1\nlxc.console.logfile = /var/log/x\n",
    "lxc.console.rotate = 1\nlxc.console.logfile = /var/log/x\nlxc.console.size = 8192\n",
)
rule(
    "idle-console-log",
    "lxc.console.path = none\nlxc.console.logfile = /var/log/x\n",
    "lxc.console.logfile = /var/log/x\n",
)
rule(
    "idle-ring-buffer", "lxc.console.path = none\nlxc.console.buffer.size = 8192\n", "lxc.console.buffer.size = 8192\n"
)
rule("idle-apparmor-raw", "lxc.apparmor.raw = x\n", "lxc.apparmor.raw = x\nlxc.apparmor.profile = generated\n")
rule(
    "idle-apparmor-nesting",
    "lxc.apparmor.allow_nesting = 1\n",
    "lxc.apparmor.allow_nesting = 1\nlxc.apparmor.profile = generated\n",
)
rule(
    "idle-seccomp-nesting",
    "lxc.seccomp.allow_nesting = 1\n",
    "lxc.seccomp.allow_nesting = 1\nlxc.seccomp.profile = /srv/seccomp\n",
)
rule(
    "idle-seccomp-proxy",
    "lxc.seccomp.notify.proxy = unix:/x\n",
    "lxc.seccomp.profile = /x\nlxc.seccomp.notify.proxy = unix:/x\n",
)
rule(
    "idle-seccomp-cookie",
    "lxc.seccomp.notify.cookie = x\n",
    "lxc.seccomp.notify.proxy = unix:/x\nlxc.seccomp.notify.cookie = x\n",
)
rule("idle-hook-version", "lxc.hook.version = 1\n", "lxc.hook.version = 1\nlxc.hook.start = x\n")
rule("idle-start-delay", "lxc.start.delay = 1\n", "lxc.start.delay = 1\nlxc.start.auto = 1\n")
rule("idle-start-order", "lxc.start.order = 1\n", "lxc.start.order = 1\nlxc.start.auto = 1\n")
rule("idle-rootfs-options", "lxc.rootfs.options = ro\n", "lxc.rootfs.options = ro\nlxc.rootfs.path = /srv/box\n")
rule("idle-rootfs-mount", "lxc.rootfs.mount = /srv\n", "lxc.rootfs.mount = /srv\nlxc.rootfs.path = /srv/box\n")
rule("idle-network", NET + "lxc.namespace.keep = net\n", NET)
rule(
    "idle-keyring-context",
    "lxc.keyring.session = 1\nlxc.selinux.context.keyring = x\n",
    "lxc.selinux.context.keyring = x\n",
)

# ---- files -----------------------------------------------------------------------------------------------------------

rule("rootfs-missing", "lxc.rootfs.path = dir:/gone\n", "lxc.rootfs.path = dir:/srv/box\n", "1:23+5")
rule("rootfs-missing", "lxc.rootfs.path = dir:/srv/image\n", "lxc.rootfs.path = loop:/srv/image\n", "1:23+10")
rule("relative-path", "lxc.rootfs.path = dir:box\n", "lxc.rootfs.path = zfs:box/a\n", "1:23+3")
rule("relative-path", "lxc.console.logfile = log\n", "lxc.console.logfile = /var/log/x\n", "1:23+3")
rule("fstab-missing", "lxc.mount.fstab = /gone/fstab\n", "lxc.mount.fstab = /srv/fstab\n", "1:19+11")
rule(
    "fstab-line",
    "lxc.mount.fstab = /srv/fstab\n",
    "lxc.mount.fstab = /srv/fstab\n",
    host=HOST.replace(texts={"/srv/fstab": "# mounts\n proc proc\n"}),
    other=HOST,
)
rule("hook-missing", "lxc.hook.stop = /gone/hook -x\n", "lxc.hook.stop = /srv/hook -x\n", "1:17+10")
rule("hook-missing", NET + "lxc.net.0.script.up = /gone/hook\n", NET + "lxc.net.0.script.up = /srv/hook\n", "4:23+10")
rule("hook-not-executable", "lxc.hook.stop = /srv/file\n", "lxc.hook.stop = sh /srv/file\n", "1:17+9")
rule("hook-not-executable", "lxc.hook.stop = /srv/box\n", "lxc.hook.start = /srv/box\n", "1:17+8")
rule("hook-writable", "lxc.hook.stop = /srv/open-hook\n", "lxc.hook.stop = /srv/hook\n", "1:17+14")
rule("hook-writable", "lxc.hook.stop = /srv/others-hook\n", "lxc.hook.stop = /srv/others-hook\n",
     other=HOST.replace(uid=1000))  # fmt: skip
rule(
    "config-writable",
    "lxc.uts.name = a\n",
    "lxc.uts.name = a\n",
    host=HOST.replace(files={"/c/config": File("file", gid=5, mode=0o660)}),
    other=HOST,
)
rule("seccomp-missing", "lxc.seccomp.profile = /gone\n", "lxc.seccomp.profile = /srv/seccomp\n", "1:23+5")
rule("seccomp-missing", "lxc.seccomp.profile = /srv\n", "lxc.seccomp.profile = /srv/seccomp\n", "1:23+4")
rule("fstab-missing", "lxc.mount.fstab = /srv\n", "lxc.mount.fstab = /srv/fstab\n", "1:19+4")
rule(
    "seccomp-line",
    "lxc.seccomp.profile = /srv/seccomp\n",
    "lxc.seccomp.profile = /srv/seccomp\n",
    host=HOST.replace(
        mistakes=(("/srv/seccomp:3", "expected a system call"),), texts={"/srv/seccomp": "2\ndenylist\n x\n"}
    ),
    other=HOST,
)
rule("console-missing", "lxc.console.path = /dev/gone\n", "lxc.console.path = /dev/tty9\n", "1:20+9")
rule("console-missing", "lxc.console.path = /srv/file\n", "lxc.console.path = none\n", "1:20+9")
rule("log-directory-missing", "lxc.console.logfile = /gone/log\n", "lxc.console.logfile = /var/log/x\n", "1:23+5")
rule("include-directory-missing", "lxc.include = /gone/\n", "lxc.include = /srv/conf.d/\n", "1:15+6")
rule("mount-source-missing", ENTRY + "/gone data none bind\n", ENTRY + "/gone data none bind,optional\n", "2:19+5")
rule("mount-source-relative", ENTRY + "srv data none bind\n", ENTRY + "srv data none bind,relative\n", "2:19+3")
rule("mount-target-missing", ENTRY + "/srv none none bind\n", ENTRY + "/srv none none bind,create=dir\n", "2:24+4")
rule("mount-target-missing", ENTRY + "/srv data/none none bind\n",
     ENTRY + "/srv data none bind\nlxc.mount.entry = /srv data/none none bind\n")  # fmt: skip
rule(
    "mount-target-link",
    ENTRY + "/srv run/x none bind,create=dir\n",
    ENTRY + "/srv data/x none bind,create=dir\n",
    "2:24+5",
)
rule("mount-target-outside", ENTRY + "/srv /data none bind\n", ENTRY + "/srv /srv/box/data none bind\n", "2:24+5")
rule("mount-kind", ENTRY + "/srv data none bind,create=file\n", ENTRY + "/srv data none bind,create=dir\n", "2:39+11")
rule("mount-kind", ENTRY + "/srv/file x none bind,create=dir\n", ENTRY + "/srv/file x none bind,create=file\n")
rule("mount-trailing-text", ENTRY + "/srv data none bind, ro\n", ENTRY + "/srv data none bind,ro 0 0\n", "2:40+2")
rule("rootfs-owner", IDS + "lxc.rootfs.path = dir:/srv/box\n", IDS + "lxc.rootfs.path = dir:/srv/mapped\n", "3:23+8")

# ---- unsafe ----------------------------------------------------------------------------------------------------------

rule("writable-proc", "lxc.mount.auto = sys proc:rw\n", "lxc.mount.auto = sys proc:mixed\n", "1:22+7")
rule("writable-sys", "lxc.mount.auto = sys:rw\n", IDS + "lxc.mount.auto = sys:rw\n", "1:18+6")
rule("writable-cgroups", "lxc.mount.auto = cgroup-full:rw\n", "lxc.mount.auto = cgroup:rw\n", "1:18+14")
rule("all-capabilities", "lxc.uts.name = a\n", DROP)
rule("mighty-capability", "lxc.cap.keep = mknod sys_module\n", "lxc.cap.keep = mknod\n", "1:22+10")
rule("mount-of-host-root", ENTRY + "/ host none rbind,ro,create=dir\n", ENTRY + "/srv srv none bind\n", "2:19+1")
rule("root-is-host", "lxc.rootfs.path = dir:/\n", "lxc.rootfs.path = dir:/srv/box\n")
rule("mount-of-kernel-files", ENTRY + "/proc/sys x none bind\n", ENTRY + "proc proc proc\n", "2:19+9")
rule(
    "mount-of-memory-or-disk",
    ENTRY + "/dev/mem dev/mem none bind\n",
    ENTRY + "/dev/null dev/null none bind\n",
    "2:19+8",
)
rule("mount-of-memory-or-disk", ENTRY + "/dev/sda1 d none bind\n", ENTRY + "/dev/sda1 d ext4\n", "2:19+9")
rule(
    "mount-of-host-socket", ENTRY + "/run/docker.sock s none bind\n", ENTRY + "/run/mine.sock s none bind\n", "2:19+16"
)
rule("writable-system", ENTRY + "/usr data none bind\n", ENTRY + "/usr data none bind,ro\n", "2:19+4")
rule("unconfined", "lxc.apparmor.profile = unconfined\n", "lxc.apparmor.profile = generated\n", "1:24+10")
rule("no-seccomp", "lxc.uts.name = a\n", "lxc.seccomp.profile = /srv/seccomp\n")
rule("host-network", "lxc.net.0.type = none\n", "lxc.net.0.type = empty\n", "1:18+4")
rule("host-network", "lxc.namespace.keep = ipc net\n", NET, "1:26+3")
rule("host-processes", "lxc.namespace.keep = pid\n", "lxc.namespace.keep = uts\n", "1:22+3")
rule("no-rootfs", "lxc.uts.name = a\n", "lxc.rootfs.path = dir:/srv/box\n")

# ---- network ---------------------------------------------------------------------------------------------------------

rule("net-without-type", "lxc.net.0.link = br0\n", NET, "1:1+9")
rule("net-needs-link", "lxc.net.0.type = macvlan\n", MACVLAN, "1:18+7")
rule("veth-without-link", "lxc.net.0.type = veth\n", NET, "1:18+4")
rule("link-missing", "lxc.net.0.type = veth\nlxc.net.0.link = br9\n", NET, "2:18+3")
rule("vlan-id", "lxc.net.0.type = vlan\nlxc.net.0.link = eth0\n", "lxc.net.0.type = vlan\nlxc.net.0.vlan.id = 5\n")
rule("hwaddr-of-group", NET + "lxc.net.0.hwaddr = 01:00:5e:00:00:01\n", NET + "lxc.net.0.hwaddr = 02:xx:xx:xx:xx:xx\n")
TWO = NET + NET.replace("net.0", "net.1")
rule("same-name", TWO + "lxc.net.0.name = a\nlxc.net.1.name = a\n", TWO + "lxc.net.0.name = a\n", "8:18+1")
HWADDRS = "lxc.net.0.hwaddr = 02:00:00:00:00:01\nlxc.net.1.hwaddr = 02:00:00:00:00:0"
rule("same-hwaddr", f"{TWO}{HWADDRS}1\n", f"{TWO}{HWADDRS}2\n", "8:20+17")
rule(
    "address-without-prefix", NET + "lxc.net.0.ipv4.address = 10.0.0.1\n", NET + "lxc.net.0.ipv4.address = 10.0.0.1/8\n"
)
ADDRESS = NET + "lxc.net.0.ipv4.address = 10.0.0.5/24\nlxc.net.0.ipv4.gateway = "
rule("gateway-without-address", NET + "lxc.net.0.ipv4.gateway = 10.0.0.1\n", ADDRESS + "10.0.0.1\n", "4:26+8")
rule("gateway-of-down-device", ADDRESS.replace("flags = up", "flags =") + "10.0.0.1\n", ADDRESS + "dev\n")
rule("gateway-elsewhere", ADDRESS + "10.0.1.1\n", ADDRESS + "10.0.0.1\n", "5:26+8")
rule("gateway-elsewhere", NET + "lxc.net.0.ipv6.address = fd00::5/64\nlxc.net.0.ipv6.gateway = fd01::1\n",
     NET + "lxc.net.0.ipv6.address = fd00::5/64\nlxc.net.0.ipv6.gateway = fe80::1\n")  # fmt: skip
rule(
    "address-of-network", NET + "lxc.net.0.ipv4.address = 10.0.0.0/24\n", NET + "lxc.net.0.ipv4.address = 10.0.0.0/31\n"
)
rule(
    "address-of-network",
    NET + "lxc.net.0.ipv4.address = 10.0.0.255/24\n",
    NET + "lxc.net.0.ipv4.address = 10.0.0.255/8\n",
)
rule("device-down", "lxc.net.0.type = veth\nlxc.net.0.link = br0\n", NET, "1:18+4")
rule(
    "two-gateways",
    TWO + "lxc.net.0.ipv4.gateway = dev\nlxc.net.1.ipv4.gateway = dev\n",
    TWO + "lxc.net.0.ipv4.gateway = dev\n",
)
rule("small-mtu", NET + "lxc.net.0.mtu = 60\n", NET + "lxc.net.0.mtu = 1000\n", "4:17+2")
rule("small-mtu", NET + "lxc.net.0.mtu = 1000\nlxc.net.0.ipv6.address = fd00::5/64\n", NET + "lxc.net.0.mtu = 1280\n")
rule(
    "key-of-no-device",
    "lxc.net.0.type = empty\nlxc.net.0.mtu = 1500\n",
    "lxc.net.0.type = empty\nlxc.net.0.flags = up\n",
)
rule(
    "vlans-without-bridge", "lxc.net.0.type = veth\nlxc.net.0.veth.vlan.id = 5\n", NET + "lxc.net.0.veth.vlan.id = 5\n"
)
rule("l2proxy-mode", "lxc.net.0.type = veth\nlxc.net.0.l2proxy = 1\n", NET + "lxc.net.0.l2proxy = 1\n")
IPVLAN = "lxc.net.0.type = ipvlan\nlxc.net.0.link = eth0\nlxc.net.0.l2proxy = 1\n"
rule("l2proxy-mode", IPVLAN, IPVLAN + "lxc.net.0.ipvlan.mode = l3s\n")
rule("none-among-others", TWO + "lxc.net.2.type = none\n", "lxc.net.2.type = none\n", "7:18+4")
