"""Containers from within a chroot(2): whoever joins a mount namespace gets to its own root, not to where a chroot has been."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.conftest import PATIENCE, Lxc

pytestmark = pytest.mark.root

# The machine below another root directory, in a mount namespace of its own: as a mount, or as a directory that is none.
_MOUNT = 'mount --rbind / "$0" && exec chroot "$0" "$@"'
_DIRECTORY = """\
mount -t tmpfs tmpfs "$0" && mkdir "$0/root" && for each in /*; do
  if [ -L "$each" ]; then cp -P "$each" "$0/root"; elif [ -d "$each" ]; then mkdir "$0/root$each" && mount --rbind "$each" "$0/root$each"; fi
done && exec chroot "$0/root" "$@"
"""


@pytest.mark.parametrize("way", [_MOUNT, _DIRECTORY], ids=["a mount", "a directory"])
def test_who_joins_a_container_of_a_chroot_is_in_the_container(lxc: Lxc, tmp_path: Path, way: str) -> None:
    def confined(tool: str, *words: str) -> None:
        argv = ["unshare", "--mount", "sh", "-c", way, str(tmp_path), *lxc.command(tool, *words)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=3 * PATIENCE, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr

    name = f"box-{lxc.tag}"
    Path(lxc.path, "conf").write_text("lxc.net.0.type = empty\n")
    confined("lxc-create", "-n", name, "-t", "busybox", "-f", str(Path(lxc.path, "conf")))
    (lxc.rootfs(name) / "in-the-container").touch()
    confined("lxc-start", "-n", name)
    confined("lxc-attach", "-n", name, "--", "test", "-e", "/in-the-container")
    init = lxc.init_pid(name)
    join = ["nsenter", "--mount", "--target", str(init), "/bin/ls", "/"]
    assert "in-the-container" in subprocess.run(join, capture_output=True, text=True, timeout=PATIENCE).stdout
    confined("lxc-stop", "-n", name, "-k")
    confined("lxc-destroy", "-n", name)
