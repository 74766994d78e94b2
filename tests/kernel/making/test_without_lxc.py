"""On a host without LXC: what configurations name of its files is ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.conftest import CONFIG, PATIENCE, Lxc

pytestmark = pytest.mark.root
INCLUDED = "lxc.include = /usr/share/lxc/config/common.conf\n"


def without_lxc(lxc: Lxc, tool: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command where nothing is in /usr/share/lxc, nor in /etc/lxc."""
    hidden = 'mount -t tmpfs none /usr/share/lxc && mount -t tmpfs none /etc/lxc && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", hidden, "sh", *lxc.command(tool, *words)],
        text=True, capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


def test_a_container_with_the_common_configuration_starts_confined(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + INCLUDED)
    done = without_lxc(lxc, "lxc-start", "-n", name)
    assert (done.returncode, done.stderr) == (0, "")
    status = Path(f"/proc/{lxc.init_pid(name)}/status").read_text()
    assert "\nSeccomp:\t2\n" in status
    attached = without_lxc(lxc, "lxc-attach", "-n", name, "--", "grep", "Seccomp:", "/proc/self/status")
    assert attached.stdout == "Seccomp:\t2\n"


def test_none_of_its_files_is_missed(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG + INCLUDED)
    done = without_lxc(lxc, "lxc-check", name)
    assert done.stderr == ""
    assert "common.conf:" in done.stdout
    assert "common.seccomp" not in done.stdout


def test_what_is_not_among_ours_is_missing(lxc: Lxc) -> None:
    name = lxc.create(config=CONFIG)
    lxc.extend(name, "lxc.include = /usr/share/lxc/config/nobodys.conf\n")
    done = without_lxc(lxc, "lxc-start", "-n", name)
    assert done.returncode == 1
    assert "cannot read /usr/share/lxc/config/nobodys.conf: No such file or directory" in done.stderr


def test_hooks_that_lxc_installs_are_ours(lxc: Lxc) -> None:
    """The clone hook of the common configuration, and one that init runs."""
    name = lxc.create(config=CONFIG + INCLUDED)
    (lxc.rootfs(name) / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
    assert without_lxc(lxc, "lxc-copy", "-n", name, "-N", "second").stderr == ""
    assert (lxc.rootfs("second") / "etc/hosts").read_text() == "127.0.0.1 localhost\n127.0.1.1 second\n"
    with lxc.config(name).open("a") as file:
        file.write("lxc.hook.mount = /usr/share/lxc/hooks/clonehostname\n")
    done = without_lxc(lxc, "lxc-start", "-n", name)
    assert "clonehostname: it is no use as lxc.hook.mount" in done.stderr
