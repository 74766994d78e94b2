"""Containers in a container, which has the host's programs and ours: what is run in there starts and enters them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.conftest import BIN, CONFIG, Lxc

pytestmark = pytest.mark.root

# It may mount, which the profile that containers have by default forbids.
PROGRAMS = """
lxc.apparmor.profile = unconfined
lxc.mount.entry = /usr usr none bind,ro 0 0
lxc.mount.entry = /usr/bin bin none bind,ro 0 0
lxc.mount.entry = /usr/lib lib none bind,ro 0 0
lxc.mount.entry = /usr/lib64 lib64 none bind,ro,optional,create=dir 0 0
"""


@pytest.fixture
def outer(lxc: Lxc) -> Iterator[str]:
    """It runs, with its /proc as containers have it by default; the directory with the containers is there, too."""
    name = lxc.create("outer")
    own = (lxc.path, *([] if BIN.is_relative_to("/usr") else [BIN.parent]))
    entries = "".join(f"lxc.mount.entry = {path} {str(path)[1:]} none bind,create=dir 0 0\n" for path in own)
    lxc.extend(name, PROGRAMS + entries)
    lxc.start(name, "--", "/bin/sleep", "1000")
    yield name
    lxc.ok("lxc-stop", "-n", name, "-k")


def test_a_container_in_a_container_is_attached_to(lxc: Lxc, outer: str) -> None:
    inner = lxc.create("inner", f"{CONFIG}lxc.cap.drop = sys_time\n")
    assert " /proc/sys " in lxc.attach(outer, "cat", "/proc/self/mounts")
    lxc.attach(outer, *lxc.command("lxc-start", "-n", inner))
    script = "hostname; grep CapBnd /proc/self/status"
    name, _, bounding = lxc.attach(outer, *lxc.command("lxc-attach", "-n", inner, "--", "sh", "-c", script)).split()
    assert name == inner
    assert not int(bounding, 16) & 1 << 25  # CAP_SYS_TIME
