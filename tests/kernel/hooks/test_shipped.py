"""The hooks that we ship, each run as what it is for by a container: what it has done in the root, in the network, to mounts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import Lxc, forked, until
from tests.lab import Lab, lab  # noqa: F401  # a fixture

from lxc.images import template
from lxc.kernel import mountinfo, process

pytestmark = pytest.mark.root

HOOKS = Path(template.OWN).parent / "hooks"
FIRST = 700000
IDS = f"lxc.idmap = u 0 {FIRST} 65536\nlxc.idmap = g 0 {FIRST} 65536\n"
VERSIONS = pytest.mark.parametrize("version", [0, 1])


def program(path: Path, text: str) -> Path:
    """One that stands in for a program of the host's."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    return path


def log(lxc: Lxc, name: str) -> str:
    return (lxc.path / f"{name}.log").read_text()


def logged(lxc: Lxc, name: str) -> tuple[str, ...]:
    """Options with which a command keeps what its hooks say."""
    return ("-l", "DEBUG", "-o", str(lxc.path / f"{name}.log"))


WRONG = {
    "clonehostname": ("stop", 1, "lxc.hook.clone ="),
    "dhclient": ("mount", 1, "lxc.hook.start-host ="),
    "mountecryptfsroot": ("mount", 1, "lxc.hook.pre-mount ="),
    "nvidia": ("start", 1, "lxc.hook.mount ="),
    "squid-deb-proxy-client": ("clone", 1, "lxc.hook.pre-start ="),
    "ubuntu-cloud-prep": ("start", 1, "lxc.hook.clone ="),
    "unmount-namespace": ("post-stop", 0, ""),
}


@pytest.mark.parametrize("hook", WRONG)
@VERSIONS
def test_as_another_kind_of_hook_it_says_what_it_is_for(hook: str, version: int) -> None:
    kind, status, says = WRONG[hook]
    environment = {**os.environ, "NVIDIA_VISIBLE_DEVICES": "all", "LXC_HOOK_VERSION": str(version)}
    environment |= {"LXC_HOOK_TYPE": kind, "LXC_HOOK_SECTION": "lxc", "LXC_NAME": "box"} if version else {}
    words = () if version else ("box", "lxc", kind)
    done = subprocess.run([HOOKS / hook, *words], capture_output=True, text=True, env=environment)
    assert (done.returncode, says in done.stderr) == (status, True), done
    assert bool(done.stderr) == bool(status)


def test_there_are_those_that_lxc_has() -> None:
    assert {path.name for path in HOOKS.iterdir()} == {*WRONG, "dhclient-script"}
    assert all(os.access(path, os.X_OK) for path in HOOKS.iterdir())


# ---- of copies -----------------------------------------------------------------------------------------------------


@VERSIONS
def test_a_copy_s_files_have_its_own_name(lxc: Lxc, version: int) -> None:
    name, copy = lxc.create(), f"copy-{lxc.tag}"
    secret = lxc.path / "secret"
    secret.write_text(f"HOSTNAME={name}\n")
    etc = lxc.rootfs(name) / "etc"
    (etc / "sysconfig/network-scripts").mkdir(parents=True)
    (etc / "sysconfig/network").symlink_to(secret)
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name} {name}.lan\n")
    (etc / "hosts").chmod(0o640)
    os.chown(etc / "hosts", 5, 6)
    (etc / "sysconfig/network-scripts/ifcfg-eth0").write_text(f"DHCP_HOSTNAME={name}\n")
    os.mkfifo(etc / "sysconfig/network-scripts/ifcfg-pipe")
    lxc.extend(name, f"lxc.hook.version = {version}", f"lxc.hook.clone = {HOOKS}/clonehostname")
    lxc.ok("lxc-copy", "-n", name, "-N", copy, *logged(lxc, "copying"))
    etc = lxc.rootfs(copy) / "etc"
    assert (etc / "hosts").read_text() == f"127.0.0.1 localhost\n127.0.1.1 {copy} {name}.lan\n"
    status = (etc / "hosts").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (5, 6, 0o640)
    assert (etc / "sysconfig/network-scripts/ifcfg-eth0").read_text() == f"DHCP_HOSTNAME={copy}\n"
    assert (etc / "sysconfig/network").is_symlink()
    assert secret.read_text() == f"HOSTNAME={name}\n"
    assert "etc/sysconfig/network is a symbolic link" in log(lxc, "copying")
    assert "ifcfg-pipe of the container is no regular file" in log(lxc, "copying")
    assert sorted(os.listdir(etc / "sysconfig/network-scripts")) == ["ifcfg-eth0", "ifcfg-pipe"]


@VERSIONS
def test_a_copy_of_a_cloud_image_is_told_who_it_is(lxc: Lxc, version: int) -> None:
    name, copy = lxc.create(), f"copy-{lxc.tag}"
    (lxc.path / "keys").write_text("ssh-rsa one\n\nssh-rsa two\n")
    lxc.extend(
        name, f"lxc.hook.version = {version}", f"lxc.hook.clone = {HOOKS}/ubuntu-cloud-prep -S {lxc.path}/keys -L"
    )
    lxc.ok("lxc-copy", "-n", name, "-N", copy)
    seed = lxc.rootfs(copy) / "var/lib/cloud/seed/nocloud-net"
    keys = "public-keys:\n- ssh-rsa one\n- ssh-rsa two\n"
    assert re.fullmatch(
        f"instance-id: lxc-[0-9a-f]{{8}}\nlocal-hostname: {copy}\n{keys}", (seed / "meta-data").read_text()
    )
    assert (seed / "user-data").read_text().startswith("#cloud-config\n")
    assert (lxc.rootfs(copy) / "etc/hostname").read_text().strip() == copy
    assert not (lxc.rootfs(name) / "var/lib/cloud").exists()


def test_a_root_is_told_what_the_options_say(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/init").mkdir(parents=True)
    (tmp_path / "data").write_text("#cloud-config\n")
    words = ["--name=web", "-i", "7", "-u", tmp_path / "data", "-V", tmp_path / "data", "--create-etc-init", "-v", root]
    subprocess.run([HOOKS / "ubuntu-cloud-prep", *words], check=True)
    seed = root / "var/lib/cloud/seed/nocloud-net"
    assert (seed / "meta-data").read_text() == "instance-id: lxc-7\nlocal-hostname: web\n"
    assert (seed / "user-data").read_text() == (seed / "vendor-data").read_text() == "#cloud-config\n"
    assert (root / "etc/hostname").read_text() == "web\n"
    assert (root / "etc/init/.overlayfs-upstart-helper").exists()
    bare = tmp_path / "bare"
    (bare / "etc").mkdir(parents=True)
    subprocess.run([HOOKS / "ubuntu-cloud-prep", "-C", bare], check=True)
    assert [str(path.relative_to(bare)) for path in bare.rglob("*")] == ["etc", "etc/hostname"]


def test_nothing_is_written_through_a_root_s_links(tmp_path: Path) -> None:
    root, away = tmp_path / "root", tmp_path / "away"
    (root / "etc").mkdir(parents=True)
    away.mkdir()
    (root / "var").symlink_to(away)
    done = subprocess.run([HOOKS / "ubuntu-cloud-prep", "-L", root], capture_output=True, text=True)
    assert (done.returncode, "/var is a symbolic link" in done.stderr) == (1, True), done
    assert list(away.iterdir()) == []


# ---- before the root is there ----------------------------------------------------------------------------------------


def test_apt_in_the_container_has_the_host_s_proxy(lab: Lab) -> None:  # noqa: F811
    setting = "etc/apt/apt.conf.d/50squid-deb-proxy"
    text = 'Acquire::http::Proxy "http://10.77.0.1:8000";\n'
    script = "mkdir -p /etc/apt/apt.conf.d && mount -t tmpfs tmpfs /etc/apt/apt.conf.d"
    lab.at_home("sh", "-c", f"{script} && printf '{text}' >/{setting}")
    name = lab.box_of("lxc.net.0.type = empty\n")
    lab.extend(name, f"lxc.hook.pre-start = {HOOKS}/squid-deb-proxy-client")
    lab.start(name)
    assert (lab.rootfs(name) / setting).read_text() == text
    lab.ok("lxc-stop", "-n", name, "-k")
    away = lab.path / "away"
    (lab.rootfs(name) / setting).unlink()
    (lab.rootfs(name) / setting).symlink_to(away)
    assert "is a symbolic link" in lab.run("lxc-start", "-n", name, *logged(lab, name)).stderr + log(lab, name)
    assert not away.exists()


def test_an_encrypted_root_is_mounted_on_the_root(lxc: Lxc) -> None:
    """A mount that stands in for one of a kernel with ecryptfs binds the encrypted directory there as it is."""
    name = lxc.create()
    root = lxc.rootfs(name)
    root.rename(root.with_name("rootfs.crypt"))
    root.mkdir()
    stand_in = f'echo "$*" >{lxc.path}/asked\nexec /bin/mount -n --bind "$7" "$8"\n'
    program(lxc.path / "bin/mount", stand_in)
    environment = {**os.environ, "PATH": f"{lxc.path}/bin:{os.environ['PATH']}"}
    lxc.extend(name, f"lxc.hook.pre-mount = {HOOKS}/mountecryptfsroot")
    failed = lxc.run("lxc-start", "-n", name, *logged(lxc, name), env=environment)
    assert failed.returncode == 1
    assert f"there is no {lxc.path}/{name}/sig" in log(lxc, name)
    (lxc.path / name / "sig").write_text("0123456789abcdef\n")
    lxc.ok("lxc-start", "-n", name, env=environment)
    options = "ecryptfs_sig=0123456789abcdef,ecryptfs_cipher=aes,ecryptfs_key_bytes=16"
    assert (lxc.path / "asked").read_text() == f"-n -i -t ecryptfs -o {options} {root}.crypt {root}\n"
    assert "busybox" in lxc.attach(name, "ls", "/bin")
    assert list(root.iterdir()) == []


GPUS = {
    "none asked for": ([], None),
    "void": (["NVIDIA_VISIBLE_DEVICES=void"], None),
    "all": (["NVIDIA_VISIBLE_DEVICES=all"], "--device=all --utility"),
    "no device": (["NVIDIA_VISIBLE_DEVICES=none"], "--utility"),
    "some parts": (["NVIDIA_VISIBLE_DEVICES=0,1", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"], "--device=0,1 --compute --utility"),
    "requirements": (["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_A=a>=1 $(b)"], "--device=all --utility --require=a>=1 $(b)"),
    "requirements that do not matter": (
        ["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_REQUIRE_A=a>=1", "NVIDIA_DISABLE_REQUIRE=true"], "--device=all --utility"
    ),
    "an older image": (["CUDA_VERSION=9"], "--device=all --compute --compat32 --display --graphics --utility --video"),
}  # fmt: skip


@pytest.mark.parametrize("which", GPUS)
def test_a_container_has_the_gpus_that_its_variables_name(lxc: Lxc, which: str) -> None:
    variables, expected = GPUS[which]
    name = lxc.create(config=f"lxc.net.0.type = empty\n{IDS}")
    asked = lxc.path / "asked"
    asked.touch()
    asked.chmod(0o666)
    program(lxc.path / "bin/nvidia-container-cli", f'echo "$*" >{asked}\n')
    lxc.extend(
        name, f"lxc.hook.mount = {HOOKS}/nvidia --ldconfig=@/ld", *(f"lxc.environment = {it}" for it in variables)
    )
    lxc.ok("lxc-start", "-n", name, env={**os.environ, "PATH": f"{lxc.path}/bin:{os.environ['PATH']}"})
    told = f"--user configure --no-cgroups --ldconfig=@/ld {expected} {lxc.rootfs(name)}\n" if expected else ""
    assert asked.read_text() == told


def test_a_container_without_ids_of_its_own_gets_no_gpu(lxc: Lxc, box: str) -> None:
    lxc.extend(box, f"lxc.hook.mount = {HOOKS}/nvidia", "lxc.environment = NVIDIA_VISIBLE_DEVICES=all")
    assert lxc.run("lxc-start", "-n", box, *logged(lxc, box)).returncode == 1
    assert "give it some: lxc.idmap" in log(lxc, box)


# ---- of the network ---------------------------------------------------------------------------------------------------


@pytest.fixture
def leases(lab: Lab) -> Iterator[Path]:  # noqa: F811
    """The leases of a DHCP server on the lab's bridge."""
    file = lab.path / "leases"
    options = ["--interface=br0", "--bind-interfaces", "--port=0", f"--dhcp-leasefile={file}", "--dhcp-authoritative"]
    options += ["--dhcp-range=10.77.0.50,10.77.0.60,1h", "--dhcp-option=6,10.77.0.7", "--dhcp-option=15,test.lan"]
    argv = [*lab.enter(), "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file", *options]
    child = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    yield file
    child.send_signal(signal.SIGTERM)
    child.wait()


@pytest.mark.command("dhclient")
@pytest.mark.command("dnsmasq")
@pytest.mark.parametrize("ids", ["", IDS], ids=["root's", "mapped"])
@VERSIONS
def test_a_container_without_a_client_has_an_address_whenever_it_runs(
    lab: Lab,  # noqa: F811
    leases: Path,
    ids: str,
    version: int,
) -> None:
    name = lab.box("link = br0", kind="veth")
    if ids:
        for path in (lab.rootfs(name), *lab.rootfs(name).rglob("*")):
            os.chown(path, FIRST, FIRST, follow_symlinks=False)
    both = (f"lxc.hook.{kind} = {HOOKS}/dhclient" for kind in ("start-host", "stop"))
    lab.extend(name, f"lxc.hook.version = {version}", *both, *ids.splitlines())
    done = lab.run("lxc-start", "-n", name, *logged(lab, name), extra_groups=[4])
    said = lab.path / name / "hook/dhclient.log"
    assert done.returncode == 0, log(lab, name) + (said.read_text() if said.exists() else "")
    address = leases.read_text().split()[2]
    assert f"inet {address}/24" in lab.inside(name, "ip", "-4", "address")
    assert "default via 10.77.0.1" in lab.inside(name, "ip", "-4", "route")
    resolv = lab.rootfs(name) / "etc/resolv.conf"
    assert resolv.read_text() == "search test.lan\nnameserver 10.77.0.7\n"
    assert resolv.stat().st_uid == (FIRST if ids else 0)
    client = int((lab.path / name / "hook/dhclient.pid").read_text())
    assert Path(f"/proc/{client}").stat().st_uid == (FIRST if ids else 0)
    if ids:
        groups = Path(f"/proc/{client}/status").read_text().partition("\nGroups:")[2].partition("\n")[0].split()
        assert groups == [], "of the host's"
    lab.ok("lxc-stop", "-n", name, "-k")
    until(lambda: not Path(f"/proc/{client}").exists(), "the client has ended")
    assert "DHCPRELEASE" in said.read_text()
    lab.ok("lxc-start", "-n", name)
    assert "inet 10.77.0." in lab.inside(name, "ip", "-4", "address")
    client = int((lab.path / name / "hook/dhclient.pid").read_text())
    os.kill(client, signal.SIGSTOP)  # it does not end when it is asked to
    lab.ok("lxc-stop", "-n", name, "-k")
    until(lambda: not Path(f"/proc/{client}").exists(), "the client that hung has ended")


@pytest.mark.command("dhclient")
@pytest.mark.command("dnsmasq")
def test_name_servers_are_not_written_through_a_link(lab: Lab, leases: Path) -> None:  # noqa: F811
    away = lab.path / "away"
    name = lab.box("link = br0", kind="veth")
    (lab.rootfs(name) / "etc/resolv.conf").symlink_to(away)
    lab.extend(name, *(f"lxc.hook.{kind} = {HOOKS}/dhclient" for kind in ("start-host", "stop")))
    lab.ok("lxc-start", "-n", name, *logged(lab, name))
    assert leases.read_text()
    assert not away.exists()
    assert "/etc/resolv.conf is a symbolic link" in (lab.path / name / "hook/dhclient.log").read_text()
    lab.ok("lxc-stop", "-n", name, "-k")


@pytest.mark.command("dhclient")
def test_the_host_s_own_network_is_left_alone(lab: Lab) -> None:  # noqa: F811
    name = lab.box_of("lxc.net.0.type = none\n")
    lab.extend(name, f"lxc.hook.start-host = {HOOKS}/dhclient")
    assert lab.run("lxc-start", "-n", name, *logged(lab, name)).returncode == 1
    assert "the container has the host's network" in log(lab, name)


ANSWER = {
    "interface": "eth0",
    "new_ip_address": "10.9.0.5",
    "new_subnet_mask": "255.255.255.0",
    "new_interface_mtu": "1400",
    "new_routers": "10.9.0.1",
    "new_domain_name": "good.lan $(id) ;id",
    "new_domain_name_servers": "10.9.0.2 nosuch\nnameserver 6.6.6.6",
}
NETWORK = "ip link set lo up; ip link add eth0 type veth peer name away; ip link set away up; ip link set eth0 up; "


def answered(root: Path, show: str, *reasons: str, **answer: str) -> str:
    """What a network is after dhclient-script was called with each of `reasons`."""
    (root / "etc").mkdir(exist_ok=True)
    calls = "".join(f"reason={reason} {HOOKS}/dhclient-script; " for reason in reasons)
    environment = {"PATH": os.environ["PATH"], "ROOTFS": str(root), **ANSWER, **answer}
    argv = ["unshare", "-n", "-u", "sh", "-ec", f"hostname localhost; {NETWORK}{calls}{show}"]
    return subprocess.run(argv, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_what_a_server_answers_is_looked_at_before_it_is_used(tmp_path: Path) -> None:
    shown = answered(tmp_path, "ip address show eth0; ip route; hostname", "PREINIT", "BOUND", new_host_name="web")
    assert "inet 10.9.0.5/24" in shown
    assert "mtu 1400" in shown
    assert "default via 10.9.0.1 dev eth0" in shown
    assert shown.endswith("\nweb\n")
    assert (tmp_path / "etc/resolv.conf").read_text() == "search good.lan\nnameserver 10.9.0.2\nnameserver 6.6.6.6\n"
    assert "default via" not in answered(tmp_path, "ip route", "BOUND", new_routers="10.9.0.1;id")
    assert answered(tmp_path, "hostname", "BOUND", new_host_name="$(id)") == "localhost\n"


def test_routes_without_classes_count_before_the_router(tmp_path: Path) -> None:
    """RFC 3442: to 10.0.0.0/8 by 10.9.0.3; to 192.168.4.0/24 directly; the rest by 10.9.0.4."""
    routes = "8 10 10 9 0 3 24 192 168 4 0 0 0 0 0 10 9 0 4"
    shown = answered(tmp_path, "ip route", "BOUND", new_rfc3442_classless_static_routes=routes)
    for line in ("10.0.0.0/8 via 10.9.0.3 dev eth0", "192.168.4.0/24 dev eth0", "default via 10.9.0.4 dev eth0"):
        assert line in shown
    assert "10.9.0.1" not in shown
    assert "default via 10.9.0.1" in answered(tmp_path, "ip route", "BOUND", new_rfc3442_classless_static_routes="8 10")


@pytest.mark.parametrize("reason", ["EXPIRE", "FAIL", "RELEASE", "STOP"])
def test_an_address_goes_with_its_lease(tmp_path: Path, reason: str) -> None:
    assert "inet " not in answered(tmp_path, "ip -4 address show eth0", "BOUND", reason)


def test_another_address_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    renewed = "new_ip_address=10.9.0.6 old_ip_address=10.9.0.5 reason=RENEW"
    shown = answered(tmp_path, f"env {renewed} {HOOKS}/dhclient-script; ip -4 address show eth0", "BOUND")
    assert "10.9.0.6/24" in shown
    assert "10.9.0.5/" not in shown


# ---- of mounts ----------------------------------------------------------------------------------------------------------


def points(namespace: int) -> set[str]:
    """Where something is mounted in a mount namespace."""

    def read() -> list[str]:
        itself = os.open("/proc/self", os.O_PATH)
        process.setns(namespace, process.CLONE_NEWNS)
        with open("mountinfo", "rb", opener=lambda path, flags: os.open(path, flags, dir_fd=itself)) as file:
            return mountinfo.parsed(file.read())

    return set(forked(read))  # type: ignore[call-overload]


@VERSIONS
def test_what_somebody_holds_open_has_no_mounts_left(lxc: Lxc, box: str, version: int) -> None:
    lxc.extend(box, f"lxc.hook.version = {version}", f"lxc.hook.stop = {HOOKS}/unmount-namespace")
    lxc.start(box)
    lxc.attach(
        box,
        "sh",
        "-c",
        "mkdir -p '/a b/c' && mount -t tmpfs one '/a b' && mkdir /a\\ b/c && mount -t tmpfs two '/a b/c'",
    )
    namespace = os.open(f"/proc/{lxc.init_pid(box)}/ns/mnt", os.O_RDONLY)
    assert {"/a b", "/a b/c", "/proc", "/dev"} <= points(namespace)
    lxc.ok("lxc-stop", "-n", box, "-k")
    assert points(namespace) - {"/dev/pts", "/dev"} == {"/"}  # of the devices the monitor itself has some open
    os.close(namespace)


def test_what_the_host_has_mounted_stays_mounted_there(lab: Lab) -> None:  # noqa: F811
    shared = lab.path / "shared"
    shared.mkdir()
    script = f"mount -t tmpfs tmpfs {shared} && mount --make-rshared {shared} && mkdir {shared}/sub && mount -t tmpfs tmpfs {shared}/sub"
    lab.at_home("sh", "-c", script)
    name = lab.box_of("lxc.net.0.type = empty\n")
    entry = f"{shared} srv none rbind,rshared,create=dir 0 0"
    lab.extend(name, f"lxc.mount.entry = {entry}", f"lxc.hook.stop = {HOOKS}/unmount-namespace")
    lab.start(name)
    namespace = os.open(f"/proc/{lab.init_pid(name)}/ns/mnt", os.O_RDONLY)
    assert "/srv/sub" in points(namespace)
    lab.ok("lxc-stop", "-n", name, "-k")
    assert "/srv/sub" not in points(namespace)
    assert f" {shared}/sub " in lab.at_home("cat", "/proc/self/mountinfo")
    os.close(namespace)


@pytest.mark.parametrize(
    ("word", "status"),
    [((), 3), (("mnt:/nosuch",), 5), (("mnt:/proc/self/ns/net",), 6), (("mnt:/proc/self/ns/mnt",), 6)],
)
def test_the_status_tells_which_step_failed(word: tuple[str, ...], status: int) -> None:
    done = subprocess.run([HOOKS / "unmount-namespace", "box", "lxc", "stop", *word], capture_output=True, text=True)
    assert (done.returncode, bool(done.stderr)) == (status, True), done
    assert subprocess.run([HOOKS / "unmount-namespace"], capture_output=True).returncode == 2
