"""Wireless devices of the host's, given to a container with their radio: simulated ones (mac80211_hwsim)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conftest import until
from tests.lab import Lab, kill_init, kill_monitor, stop

pytestmark = [pytest.mark.root, pytest.mark.radios]


@pytest.fixture
def radio(lab: Lab) -> Iterator[str]:
    """The name of a radio that was moved to the lab's host; its only network device is called card0 there."""
    name = f"phy{int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
    net = Path(f"/sys/class/ieee80211/{name}/device/net")
    until(lambda: net.is_dir() and list(net.iterdir()), "the radio is on the host")
    (device,) = (path.name for path in net.iterdir())
    host("ip", "link", "set", device, "down", "name", f"{name}dev")
    host("iw", "phy", name, "set", "netns", str(lab.host))
    lab.at_home("ip", "link", "set", f"{name}dev", "name", "card0")
    lab.at_home("ip", "link", "property", "add", "dev", "card0", "altname", f"{name}alt")
    yield name
    until(lambda: "card0" in lab.links() or not lab.at_home("iw", "dev"), "it is nowhere else any more")
    if "altnames" in lab.links()["card0"]:  # lxc-device del brings none
        lab.at_home("ip", "link", "property", "del", "dev", "card0", "altname", f"{name}alt")
    lab.at_home("ip", "link", "set", "card0", "down")
    lab.at_home("ip", "link", "set", "card0", "name", f"{name}dev")  # there may be another's card0
    lab.at_home("iw", "phy", name, "set", "netns", "1")


def host(*argv: str) -> None:
    subprocess.run(argv, check=True)


def state(lab: Lab) -> dict[str, object]:
    return {key: lab.links()["card0"].get(key) for key in ("address", "mtu", "altnames")}


@pytest.mark.parametrize("end", [stop, kill_init, kill_monitor])
def test_one_is_given_with_its_radio_and_comes_back_as_it_was(
    lab: Lab, radio: str, end: Callable[[Lab, str], None]
) -> None:
    before = state(lab)
    name = lab.box("link = card0", "name = wifi", "mtu = 1400", kind="phys")
    lab.start(name)
    assert "card0" not in lab.links()
    assert lab.links(name)["wifi"]["mtu"] == 1400
    assert "wiphy" in lab.inside(name, "iw", "dev", "wifi", "info")
    # The container's administrator does what they like with it, and with its radio.
    lab.inside(name, "ip", "link", "set", "wifi", "down")
    lab.inside(name, "ip", "link", "set", "wifi", "name", "lo9", "mtu", "1300")
    number = radio.removeprefix("phy")
    lab.inside(name, "iw", f"phy#{number}", "interface", "add", "wire9", "type", "managed")
    end(lab, name)
    until(lambda: "card0" in lab.links(), "the device is back")
    until(lambda: state(lab) == before, "it is as it was")
    assert "wire9" not in lab.links()
    until(lambda: lab.state(name) == "STOPPED", "it has ended")
    if end is kill_monitor:  # the next start removes the cgroups that are left then
        lab.start(name)
        stop(lab, name)


def test_a_wireless_device_goes_to_a_running_container_and_back(lab: Lab, radio: str) -> None:
    name = lab.box(kind="empty")
    lab.start(name)
    code = "import lxc, sys; c = lxc.Container(sys.argv[1], sys.argv[2]); print({}, c.last_error or '')"

    def call(expression: str) -> str:
        words = ("-c", code.format(expression), name, str(lab.path))
        return lab.at_home(str(lab.bin / "python3"), *words).strip()

    assert call("c.add_device_net('card0', 'wifi')") == "True"
    assert set(lab.links(name)) == {"lo", "wifi"}
    assert call("c.detach_interface('wifi', 'card0')") == "True"
    assert "card0" in lab.links()
    assert call("c.attach_interface('card0', 'lo')").startswith("False cannot move the network device card0: ")
    lab.ok("lxc-device", "-n", name, "--", "add", "card0")
    assert set(lab.links(name)) == {"lo", "card0"}
    lab.ok("lxc-device", "-n", name, "--", "del", "card0")
    assert "card0" in lab.links()


def test_a_start_that_fails_gives_it_back(lab: Lab, radio: str) -> None:
    before = state(lab)
    name = lab.box("link = card0", "mtu = 1400", kind="phys")
    assert lab.run("lxc-start", "-n", name, "-s", "lxc.hook.pre-mount=/bin/false").returncode == 1
    until(lambda: "card0" in lab.links() and state(lab) == before, "it is as it was")
