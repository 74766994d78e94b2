"""A host whose mounts are shared, as systemd has them: what a container mounts stays in the container."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CONFIG, Lxc

pytestmark = pytest.mark.root

IDS = "lxc.idmap = u 0 100000 65536\nlxc.idmap = g 0 100000 65536\n"
HOST = """
mount --make-rprivate /
mount -t tmpfs host /mnt
mknod /mnt/zero c 1 5
mount --make-rshared /
echo ready && exec sleep 10000
"""


class Shared(Lxc):
    """Lxc on a host of its own, a mount namespace that the process `host` keeps, in which every mount is shared."""

    def __init__(self, lxcpath: Path, host: int) -> None:
        super().__init__(lxcpath)
        self.host = host

    def command(self, tool: str, *words: str) -> list[str]:
        return ["nsenter", f"--mount=/proc/{self.host}/ns/mnt", *super().command(tool, *words)]

    def mounted(self) -> list[str]:
        """What is mounted on the host, and where: `path root type`."""
        found = []
        for line in Path(f"/proc/{self.host}/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            _, _, _, root, path, *_ = before.split()
            found.append(f"{path} {root} {after.split()[0]}")
        return found


@pytest.fixture
def shared(lxc: Lxc) -> Iterator[Shared]:
    argv = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-ec", HOST]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout
        assert host.stdout.readline() == "ready\n"
        it = Shared(lxc.path, host.pid)
        yield it
        for name in it.ok("lxc-ls", "-1", "--active").split():
            it.run("lxc-stop", "-n", name, "-k")
        host.kill()


@pytest.mark.parametrize("ids", ["", IDS], ids=["the host's ids", "ids of its own"])
def test_what_a_container_mounts_over_its_console_and_ttys_is_not_over_the_hosts(shared: Shared, ids: str) -> None:
    name = shared.create(config=f"{CONFIG}{ids}lxc.tty.max = 1\n")
    before = shared.mounted()
    shared.start(name)
    for terminal in ("console", "tty1"):
        shared.attach(name, "mount", "-o", "bind", "/etc/passwd", f"/dev/{terminal}")
        assert shared.attach(name, "cat", f"/dev/{terminal}") == shared.attach(name, "cat", "/etc/passwd")
    assert shared.mounted() == before


def test_what_a_container_mounts_over_a_device_that_it_was_given_is_not_over_the_hosts(shared: Shared) -> None:
    name = shared.create(config=f"{CONFIG}{IDS}")
    before = shared.mounted()
    shared.start(name)
    shared.ok("lxc-device", "-n", name, "--", "add", "/mnt/zero", "/dev/given")
    shared.attach(name, "mount", "-o", "bind", "/etc/passwd", "/dev/given")
    assert shared.attach(name, "cat", "/dev/given") == shared.attach(name, "cat", "/etc/passwd")
    assert shared.mounted() == before


@pytest.mark.kernel("6.3")  # what is mapped is on tmpfs
@pytest.mark.parametrize("options", ["bind", "rbind", "bind,idmap=container", "rbind,idmap=container", "bind,rslave"])
def test_what_a_container_mounts_over_a_directory_of_the_hosts_is_not_over_the_hosts(
    shared: Shared, options: str
) -> None:
    name = shared.create(config=f"{CONFIG}{IDS}lxc.mount.entry = /mnt data none {options},create=dir\n")
    before = shared.mounted()
    shared.start(name)
    shared.attach(name, "mount", "-o", "bind", "/etc", "/data")
    assert shared.attach(name, "ls", "/data/passwd") == "/data/passwd\n"
    assert shared.mounted() == before


@pytest.mark.parametrize("root", ["dir", "overlay", "idmap"])
def test_what_a_container_mounts_over_its_root_is_not_over_the_hosts(shared: Shared, root: str) -> None:
    own = "lxc.rootfs.options = idmap=container\n" if root == "idmap" else ""
    name = shared.create(config=f"{CONFIG}{IDS if root == 'idmap' else ''}{own}")
    if root == "overlay":
        layers = f"{shared.rootfs(name)}:{shared.path}/delta"
        shared.extend(name, f"lxc.rootfs.path = overlay:{layers}")
    before = shared.mounted()
    shared.start(name)
    shared.attach(name, "mount", "-o", "bind", "/etc", "/mnt")
    assert shared.attach(name, "ls", "/mnt/passwd") == "/mnt/passwd\n"
    assert shared.mounted() == before
