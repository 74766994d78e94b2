"""What keys read back as: configuration text, a key, and what get_config_item() answers.

Loaded with runpy by tests/unit/config/test_container.py (our answers are these)
and tests/parity/test_readback.py (Debian's answers are these, too).
"""

INVALID = None  # the key cannot be read
CASES: list[tuple[str, str, str | None, str | None, str]] = []  # config, key, answer, Debian's answer, why it differs


def reads(key, *values, as_, debian="", why="", before="") -> None:
    """The lines `before` and `key = value` for each value make `key` read back `as_`; Debian's 5.0.2: `debian`."""
    config = "".join(f"{line}\n" for line in (*before.splitlines(), *(f"{key} = {value}" for value in values)))
    CASES.append((config, key, as_, debian if why else as_, why))


def plainly(key, *values) -> None:
    """Each value, given on its own, reads back as it is."""
    for value in values:
        reads(key, value, as_=value)


def listed(key, *values) -> None:
    reads(key, *values, as_="".join(f"{value}\n" for value in values))
    reads(key, *values, "", as_="")
    reads(key, *values, "", values[0], as_=f"{values[0]}\n")


def flag(key, *, empty="0", unset="0") -> None:
    reads(key, as_=unset)
    reads(key, "1", as_="1")
    reads(key, "0", as_="0")
    reads(key, "0x1", as_="1")
    reads(key, "1", "", as_=empty)


# ---- kinds that many keys share --------------------------------------------------------------------------------------

FLAGS = (
    "apparmor.allow_incomplete", "apparmor.allow_nesting", "cgroup.relative", "console.rotate", "ephemeral",
    "hook.version", "keyring.session", "no_new_privs", "sched.core", "seccomp.allow_nesting", "start.auto",
)  # fmt: skip
TEXTS = (
    "apparmor.profile", "execute.cmd", "init.cmd", "seccomp.notify.cookie", "selinux.context",
    "selinux.context.keyring", "tty.dir", "uts.name",
)  # fmt: skip
PATHS = (
    "console.logfile", "console.path", "init.cwd", "mount.fstab", "rootfs.mount", "rootfs.path", "seccomp.profile",
)  # fmt: skip
HOOKS = ("pre-start", "pre-mount", "mount", "autodev", "start-host", "start", "stop", "post-stop", "clone", "destroy")

for name in FLAGS:
    flag(f"lxc.{name}")
flag("lxc.autodev", unset="1")
flag("lxc.rootfs.managed", empty="1", unset="1")
for name in TEXTS:
    reads(f"lxc.{name}", as_="")
    plainly(f"lxc.{name}", "word", "two words", "a = b # c", "a/b//c/")
    reads(f"lxc.{name}", "'quoted'", as_="quoted")
    reads(f"lxc.{name}", '"quo\'ted"', as_="quo'ted")
    reads(f"lxc.{name}", "'", as_="'")
    reads(f"lxc.{name}", "first", "second", as_="second")
    reads(f"lxc.{name}", "first", "", as_="")
for name in PATHS:
    reads(f"lxc.{name}", "/a//b/./c/../d/", as_="/a/b/c/../d")
    reads(f"lxc.{name}", "./a/b", "/", as_="/")
    if name != "mount.fstab":
        reads(f"lxc.{name}", "/a", "", as_="")
    if name != "rootfs.mount":
        reads(f"lxc.{name}", as_="")
for name in ("init.uid", "init.gid", "monitor.unshare", "pty.max", "start.delay", "tty.max"):
    reads(f"lxc.{name}", as_="0")
    reads(f"lxc.{name}", "4", as_="4")
    reads(f"lxc.{name}", "0x10", as_="16")
    reads(f"lxc.{name}", "010", "", as_="0")
for name in HOOKS:
    listed(f"lxc.hook.{name}", "/bin/true a b", "echo 'x'  y")
    reads(f"lxc.hook.{name}", as_="", before=f"lxc.hook.{name} = x\nlxc.hook =")
for name in ("halt", "reboot", "stop"):
    reads(f"lxc.signal.{name}", as_="0")
    reads(f"lxc.signal.{name}", "SIGTERM", as_="15")
    reads(f"lxc.signal.{name}", "sigrtmin+4", as_="38")
    reads(f"lxc.signal.{name}", "SIGRTMAX-3", as_="61")
    reads(f"lxc.signal.{name}", "30", "", as_="0")
for name in ("console.size", "console.buffer.size"):
    reads(f"lxc.{name}", as_="0")
    for value, answer in {
        "auto": "131072",
        "0": "4096",
        "12K": "4096",
        "12kb": "16384",
        "1MB": "1048576",
        "3 KB": "4096",
    }.items():
        reads(f"lxc.{name}", value, as_=answer)
    reads(f"lxc.{name}", "1MB", "", as_="0")
for name in ("dir", "dir.monitor", "dir.monitor.pivot", "dir.container"):
    reads(f"lxc.cgroup.{name}", as_="(null)")
    reads(f"lxc.cgroup.{name}", "a//b/", as_="a/b")
    reads(f"lxc.cgroup.{name}", "a", "", as_="(null)")
reads("lxc.cgroup.dir.container.inner", as_="(null)")
reads("lxc.cgroup.dir.container.inner", "a", as_="a")

# ---- the system and its first process --------------------------------------------------------------------------------

reads("lxc.arch", as_="")
reads("lxc.arch", "amd64", as_="x86_64")
reads("lxc.arch", "i486", as_="i686")
reads("lxc.arch", "linux64", as_="x86_64")
reads("lxc.include", "", as_=INVALID)
reads("lxc.init.groups", "1,2", "3", as_="1,2,3")
reads("lxc.init.groups", "1,2", "", as_="")
reads("lxc.init.groups", "1,,2,", as_="1,2")
reads("lxc.init.groups", ",3", as_="3")
listed("lxc.environment", "A=1", "B=two words", "A=")
for name in ("runtime", "hooks"):
    config = f"lxc.environment.{name} = A=1\n"
    CASES.append((config, f"lxc.environment.{name}", "A=1\n", None, "the key is newer than 5.0.2"))
reads("lxc.monitor.signal.pdeath", as_="9")
reads("lxc.monitor.signal.pdeath", "SIGTERM", "", as_="0")

# ---- the root file system and mounts ---------------------------------------------------------------------------------

reads("lxc.rootfs.path", "overlay:/lower//:/upper/", as_="/lower/:/upper")
reads("lxc.rootfs.path", "dir:/a", "/b", as_="/b")
plainly("lxc.rootfs.options", "ro,noatime", "rbind,x=y")
reads("lxc.rootfs.options", "ro", "", as_="")
reads(
    "lxc.rootfs.mount", as_="/usr/lib/lxc/rootfs",
    debian="/usr/lib/x86_64-linux-gnu/lxc/rootfs", why="chosen when the package is built",
)  # fmt: skip
for value, answer in {
    "proc sys": "proc:mixed sys:mixed", "proc:rw\tsys:ro": "proc:rw sys:ro", "sys:rw cgroup": "sys:rw cgroup",
    "cgroup:mixed": "cgroup:mixed", "cgroup:ro": "cgroup:ro", "cgroup:rw proc": "proc:mixed cgroup:rw",
    "cgroup-full": "cgroup-full", "cgroup-full:ro": "cgroup-full:ro", "cgroup:ro:force": "", "cgroup2": "",
    "cgroup2:ro:force": "", "shmounts:/a:/b": "", "sys:ro sys:rw": "sys:rw", "": "",
}.items():  # fmt: skip
    reads("lxc.mount.auto", value, as_=answer)
reads("lxc.mount.auto", "proc", "sys", as_="proc:mixed sys:mixed")
reads("lxc.mount.auto", "proc", "", "sys", as_="sys:mixed")
listed("lxc.mount.entry", "proc proc proc nodev 0 0", "/a b none bind,create=dir,optional", r"/a\040b c none rbind 0 0")
reads("lxc.autodev.tmpfs.size", as_="0")
reads("lxc.autodev.tmpfs.size", "4096", as_="4096")
reads("lxc.autodev.tmpfs.size", "1M", as_="500000")
reads("lxc.autodev.tmpfs.size", "4096", "", as_="500000")

# ---- namespaces and ids ----------------------------------------------------------------------------------------------

reads("lxc.idmap", "u 0 100000 65536", "g 0 0x10 010", as_="u 0 100000 65536\ng 0 16 8")
reads("lxc.idmap", "u 0 100000 65536", "", as_="")
for name in ("clone", "keep"):
    reads(f"lxc.namespace.{name}", "net USER", "mnt", as_="user\nmnt\nnet\n")
    reads(f"lxc.namespace.{name}", "net", "", as_="")
reads("lxc.namespace.share.net", as_="(null)")
reads("lxc.namespace.share.net", "other", as_="other")
reads("lxc.namespace.share.net", "other", "", as_="(null)")
reads("lxc.namespace.share.nett", as_=INVALID)
for name, blank in (("boot", " "), ("monotonic", "")):
    key, why = f"lxc.time.offset.{name}", "5.0.2 ends it with a newline, and boot's has a blank in it"
    for value, number, its in (("5h", "18000", "s"), ("7m", "420", "s"), ("5ms", "5000000", "ns"), ("0s", "0", "ns")):
        reads(key, value, as_=f"{number}{its}", debian=f"{number}{blank}{its}\n", why=why)
    reads(key, as_="0ns", debian=f"0{blank}ns\n", why=why)
    reads(key, "5h", "7ns", as_="7ns", debian=f"18000{blank}s\n", why="the last line wins here, as for other keys")

# ---- network ---------------------------------------------------------------------------------------------------------


def net(key, *values, as_, type_="veth", debian="", why="") -> None:
    reads(f"lxc.net.0.{key}", *values, as_=as_, debian=debian, why=why, before=f"lxc.net.0.type = {type_}")


reads("lxc.net", as_="")
reads("lxc.net", as_="empty\nveth\n", before="lxc.net.3.type = veth\nlxc.net.1.flags = up")
reads("lxc.net", "", as_="", before="lxc.net.3.type = veth")
reads("lxc.net", as_="none\n", before="lxc.net.1.type = none\nlxc.net.10.type = none\nlxc.net.1 =")
reads("lxc.net", as_="", before="lxc.net.7 =")
reads("lxc.net.0", as_=INVALID, before="lxc.net.0.type = veth")
reads("lxc.net.", as_=INVALID, before="lxc.net.0.type = veth")
reads("lxc.net.0.", as_=INVALID, before="lxc.net.0.type = veth")
reads("lxc.net.0.type", as_=INVALID)
reads("lxc.net.0.type", as_="veth", before="lxc.net.00.type = veth")
reads("lxc.net.0.type", "veth", "", as_="(null)")
reads("lxc.net", as_="(invalid)\n", before="lxc.net.0.type = veth\nlxc.net.0.type =")
reads("lxc.net.0.nonsense", as_=INVALID, before="lxc.net.0.type = veth")
reads("lxc.net.0.link", as_="", before="lxc.net.0.link = br0\nlxc.net.0.type = veth")
for name in ("empty", "none", "veth", "macvlan", "ipvlan", "vlan", "phys"):
    net("type", as_=name, type_=name)
for name in ("link", "name", "script.up", "script.down", "veth.pair"):
    net(name, as_="")
    net(name, "first", "second", as_="second")
    net(name, "first", "", as_="")
net("flags", as_="")
net("flags", "up", as_="up")
net("flags", "anything", as_="up")
net("flags", "up", "", as_="")
net("hwaddr", as_="")
net("hwaddr", "10:66:6a:01:02:03", as_="10:66:6a:01:02:03")
net("hwaddr", "1:2:3:a:b:c", as_="1:2:3:a:b:c")
net("mtu", as_="")
net("mtu", "1280", as_="1280")
net("mtu", "1280", "", as_="")
net("l2proxy", as_="0")
net("l2proxy", "1", as_="1")
net("ipv4.address", as_="")
net("ipv4.address", "10.0.0.1/8", "10.0.0.2/24 10.0.0.9", as_="10.0.0.1/8\n10.0.0.2/24")
net("ipv4.address", "10.0.0.1/8", "", as_="")
net(
    "ipv4.address", "192.168.1.5", as_="192.168.1.5/24",
    debian="192.168.1.5/8", why="LXC finds the class of an address in its last octet",
)  # fmt: skip
net("ipv6.address", "2001:DB8:0:0::1", "::1/128", as_="2001:db8::1/64\n::1/128")
net("ipv6.address", "::1/128", "", as_="")
for version, address in (("ipv4", "10.0.0.1"), ("ipv6", "fe80::1")):
    net(f"{version}.gateway", as_="")
    for value in (address, "auto", "dev"):
        net(f"{version}.gateway", value, as_=value)
    net(f"{version}.gateway", "auto", address, as_=address)
    net(f"{version}.gateway", address, "", as_="")
    net(
        f"{version}.gateway", "dev", "", as_="", debian="dev", why="LXC cannot take back `dev`; the last line wins here"
    )
net("veth.mode", as_="bridge")
net("veth.mode", "router", as_="router")
net("veth.mode", "router", "", as_="bridge", debian="(invalid)", why="nothing means the default, not a broken device")
for name in ("veth.n_rxqueues", "veth.n_txqueues"):
    net(name, as_="")
    net(name, "4", as_="4")
    net(name, "4", "", as_="")
net("veth.ipv4.route", "10.0.0.0/8", "10.1.0.0/16", as_="10.0.0.0/8\n10.1.0.0/16")
net("veth.ipv6.route", "fd00::/8", as_="fd00::/8")
net("veth.vlan.id", as_="", debian="0", why="5.0.2 does not tell an unset one from VLAN 0")
net("veth.vlan.id", "none", as_="-1")
net("veth.vlan.id", "5", as_="5")
net("veth.vlan.id", "5", "", as_="", debian="0", why="the same")
net("veth.vlan.tagged.id", "5", "6", as_="5\n6")
net("vlan.id", as_="0", type_="vlan")
net("vlan.id", "0x10", as_="16", type_="vlan")
net("macvlan.mode", as_="private", type_="macvlan")
net("macvlan.mode", "vepa", as_="vepa", type_="macvlan")
net("ipvlan.mode", as_="l2", type_="ipvlan")
net("ipvlan.mode", "l3s", as_="l3s", type_="ipvlan")
net("ipvlan.isolation", as_="bridge", type_="ipvlan")
net("ipvlan.isolation", "vepa", as_="vepa", type_="ipvlan")
for name in ("veth.mode", "veth.pair", "veth.vlan.id", "macvlan.mode", "ipvlan.isolation", "vlan.id"):
    net(name, as_=INVALID, type_="phys")
net("macvlan.mode", "", as_=INVALID)

# ---- control groups and other limits ---------------------------------------------------------------------------------

for family in ("lxc.cgroup2", "lxc.cgroup"):
    both = f"{family}.memory.max = 1\n{family}.pids.max = 7\n{family}.memory.max = 2"
    reads(family, as_="")
    reads(family, as_=f"{family}.memory.max = 1\n{family}.pids.max = 7\n{family}.memory.max = 2\n", before=both)
    reads(f"{family}.memory.max", as_="1\n2\n", before=both)
    reads(f"{family}.memory.max", "", as_="", before=both)
    reads(family, as_=f"{family}.pids.max = 7\n", before=f"{both}\n{family}.memory.max =")
    reads(family, "", as_="", before=both)
reads("lxc.cgroup.dir", as_="a", before="lxc.cgroup.dir = a\nlxc.cgroup =")
for family, end in (("lxc.sysctl", ""), ("lxc.proc", "1")):
    both = f"{family}.a.b = 1\n{family}.c = 7\n{family}.a.b = 2"
    reads(family, as_="")
    reads(f"{family}.a.b", as_=f"{end}2", before=both)
    reads(f"{family}.x", as_="", before=both)
    reads(f"{family}.c", "", as_="", before=both)
    reads(family, "", as_="", before=both)
reads(
    "lxc.sysctl",
    as_="lxc.sysctl.a = 2\nlxc.sysctl.b = 3\n",
    before="lxc.sysctl.a = 1\nlxc.sysctl.b = 3\nlxc.sysctl.a = 2",
)
reads("lxc.proc", as_="lxc.proc.a = 1\nlxc.proc.a = 2\n", before="lxc.proc.a = 1\nlxc.proc.a = 2")
reads("lxc.prlimit", as_="")
reads("lxc.prlimit.core", as_="")
for value, answer in {
    "5": "5",
    "1:2": "1:2",
    "unlimited": "unlimited",
    "1 : unlimited": "1:unlimited",
    "3:3": "3",
    "-1": "unlimited",
    "5:-1": "5:unlimited",
}.items():
    reads("lxc.prlimit.core", value, as_=answer)
reads(
    "lxc.prlimit",
    as_="lxc.prlimit.core = 5\nlxc.prlimit.nofile = 1:2\n",
    before="lxc.prlimit.core = 5\nlxc.prlimit.nofile = 1:2",
)
reads("lxc.prlimit.core", "5", "", as_="")

# ---- security --------------------------------------------------------------------------------------------------------

for name, other in (("drop", "keep"), ("keep", "drop")):
    reads(f"lxc.cap.{name}", as_="")
    reads(f"lxc.cap.{name}", "sys_time\tmknod", "40", as_="sys_time\nmknod\n40\n")
    reads(f"lxc.cap.{name}", "mknod", "", as_="")
    why = "5.0.2 answers with the one list for both keys"
    reads(f"lxc.cap.{other}", as_="", before=f"lxc.cap.{name} = mknod", debian="mknod\n", why=why)
    reads(f"lxc.cap.{name}", as_="", before=f"lxc.cap.{name} = mknod\nlxc.cap.{other} =")
reads("lxc.cap.keep", "none", as_="")
reads("lxc.cap.keep", "mknod none kill", as_="kill\n")
listed("lxc.apparmor.raw", "deny mount,", "mount fstype=ext4,")
reads("lxc.seccomp.notify.proxy", as_="")
reads("lxc.seccomp.notify.proxy", "unix:/run/x", as_="/run/x")
reads("lxc.seccomp.notify.proxy", "unix:@x", as_="x")
reads("lxc.hook", "", as_=INVALID)

# ---- log and autostart -----------------------------------------------------------------------------------------------

reads("lxc.log.file", as_="")
reads("lxc.log.file", "/dev//null", as_="/dev/null")
reads("lxc.log.level", as_="NOTSET")
for value, answer in {
    "debug": "DEBUG",
    "0": "TRACE",
    "Warn": "WARN",
    "8": "FATAL",
    "010": "FATAL",
    "00": "TRACE",
    "0x1": "DEBUG",
}.items():
    reads("lxc.log.level", value, as_=answer)
reads("lxc.log.level", "debug", "", as_="NOTSET")
reads("lxc.log.syslog", as_="")
reads("lxc.log.syslog", "local3", as_="local3")
reads("lxc.start.order", "-3", as_="-3")
reads("lxc.start.order", "5", "", as_="0")
reads("lxc.group", "a b", "c", as_="a\nb\nc\n")
reads("lxc.group", "a", "", as_="")
reads("lxc.nonsense", as_=INVALID)

# ---- lines that are no assignments, or not ours ----------------------------------------------------------------------

reads("lxc.uts.name", as_="a # b", before="# lxc.uts.name = x\n\t lxc.uts.name  =  a # b \t\n  # y\nuts.name = z\r")
reads("lxc.uts.name", as_="b", before="lxc.uts.name = a\rlxc.uts.name = b\r")

# ---- what is refused -------------------------------------------------------------------------------------------------

REFUSED = [
    "lxc.uts.name", "lxc.utsname = x", "lxc.network.type = veth", "lxc.nonsense = 1", "LXC.uts.name = x\nlxc.x = 1",
    "lxc.arch =", "lxc.arch = pdp11", "lxc.mount.fstab =", "lxc.autodev = 2", "lxc.autodev = yes", "lxc.start.auto = -1",
    "lxc.hook = x", "lxc.hook.version = 2", "lxc.tty.max = 1x", "lxc.tty.max = 4294967296", "lxc.pty.max = -1",
    "lxc.signal.halt = PWR", "lxc.signal.halt = SIGRTMIN", "lxc.console.size = 1TB", "lxc.console.size = -1",
    "lxc.cgroup.dir = /a", "lxc.cgroup.dir = a/../b", "lxc.cgroup.dir.container.inner = a/b",
    f"lxc.tty.dir = {'a' * 256}", f"lxc.uts.name = {'a' * 65}", "lxc.idmap = b 0 1 1", "lxc.idmap = u 0 1",
    "lxc.idmap = u 0 1 1 x", "lxc.namespace.clone = mount", "lxc.namespace.clone = net\nlxc.namespace.keep = user",
    "lxc.namespace.share = x", "lxc.namespace.share.nett = x", "lxc.time.offset.boot = 5", "lxc.net = x",
    "lxc.net.0 = x", "lxc.net. =", "lxc.net.0. =", "lxc.net.0.type = tun", "lxc.net.0.type = Veth", "lxc.net.0.nonsense = 1", "lxc.net.0.link =",
    "lxc.net.0.type =", "lxc.net.x.type = veth", "lxc.net.0.veth.pair = x", "lxc.net.2147483647.type = veth",
    "lxc.net.0.type = veth\nlxc.net.0.macvlan.mode = vepa", "lxc.net.0.type = veth\nlxc.net.0.veth.mode = x",
    "lxc.net.0.type = veth\nlxc.net.0.veth.vlan.id = 4095", "lxc.net.0.type = veth\nlxc.net.0.veth.n_rxqueues = 0",
    "lxc.net.0.type = veth\nlxc.net.0.veth.ipv4.route = 10.0.0.0", "lxc.net.0.ipv4.address = 10.0.0.1/33",
    "lxc.net.0.ipv4.address = x", "lxc.net.0.ipv6.address = x", "lxc.net.0.l2proxy = 2", "lxc.net.0.ipv4.gateway = x",
    "lxc.net.0.type = vlan\nlxc.net.0.vlan.id = 65536", "lxc.cgroup2 = x", "lxc.cgroup = x", "lxc.sysctl = x",
    "lxc.proc = x", "lxc.prlimit = x", "lxc.prlimit.core = x", "lxc.prlimit.core = 1:2:3", "lxc.cap.drop = CHOWN",
    "lxc.cap.drop = 41", "lxc.cap.drop = 08", "lxc.cap.drop = none", "lxc.cap.drop = mknod\nlxc.cap.keep = kill",
    "lxc.cap.keep = mknod\nlxc.cap.drop = kill", "lxc.cap.keep = none\nlxc.cap.drop = kill",
    "lxc.seccomp.notify.proxy = /run/x", "lxc.log.level = 9", "lxc.log.level = loud", "lxc.log.syslog = local8",
    "lxc.mount.auto = proc:ro", "lxc.mount.auto = prok", "lxc.rootfs.options = ro,optional",
    "lxc.environment = LXC_TEST_NOT_SET_ANYWHERE", "lxc.include = /nonexistent/file", "lxc.start.order = x",
    "lxc.keyring.session = 2", "lxc.init.groups = a", "lxc.init.groups = ,", "lxc.log.file = /dev/null/x\nlxc.nonsense = 1",
]  # fmt: skip

# What LXC reads and we refuse, because it can only fail later or mean something else than it says.
REFUSED_BY_US = {
    "lxc.mount.entry = a b": "without a type nothing can be mounted",
    "lxc.mount.entry = a b none create=socket": "LXC passes it to the file system",
    "lxc.prlimit.nonsense = 1": "fails at the start",
    "lxc.environment = =x": "fails at the start",
    "lxc.cgroup.dirr = a": "a misspelt lxc.cgroup.dir, not a controller",
    f"lxc.net.0.link = {'a' * 16}": "LXC cuts it off, and takes another device",
    f"lxc.net.0.name = {'a' * 16}": "the same",
    "lxc.net.0.mtu = big": "fails at the start",
    "lxc.net.0.hwaddr = zz": "fails at the start",
    "lxc.net.0.hwaddr = 00:16": "LXC fills it up with zeros",
    "lxc.net.0.ipv6.address = ::1/129": "fails at the start",
}
# What we read and LXC refuses.
REFUSED_BY_LXC = {
    "lxc.x-other.thing = 1": "the namespace of other programs",
    "lxc.cgroup.dir = ..a": "a name that begins with two dots",
}
