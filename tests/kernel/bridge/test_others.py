"""lxc-net beside others: administrators' own bridges and rules, a host that changes, users who are in the way."""

from __future__ import annotations

import pytest
from tests.kernel.bridge.conftest import Net

pytestmark = pytest.mark.root


# ---- users -------------------------------------------------------------------------------------------------------------


def test_no_user_can_hold_up_a_start_or_a_stop(net: Net) -> None:
    net.ok("start")
    net.ok("stop")
    for path in ("/run/lxc", "/run/lxc/lxc-net.lock"):
        script = f"flock {path} sh -c 'echo held; exec sleep infinity' || echo refused"
        user = net.host.popen(*net.host.argv("sh", "-c", script, user="alice"))
        assert user.stdout
        assert any("held" in line or "refused" in line for line in user.stdout)
    net.ok("start")
    net.ok("stop")


def test_two_starts_at_once_make_one_bridge(net: Net) -> None:
    starts = [net.host.popen(*net.host.argv(net.program, "start")) for _ in range(3)]
    said = sorted(start.communicate(timeout=60)[0] for start in starts)
    assert said == ["", "lxc-net is already running\n", "lxc-net is already running\n"]
