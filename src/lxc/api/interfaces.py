"""A running container's network devices and addresses, from Python."""

from __future__ import annotations

import os

from lxc.api import attempt
from lxc.api.copies import Copies
from lxc.runtime import client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.network.addresses import Interfaces as Found


class Interfaces(Copies):
    """What a container's network is asked, and given.  No method forks the calling process."""

    def get_interfaces(self) -> tuple[str, ...]:
        """The names of its network interfaces."""
        with self._asking:
            return self._found().names
        return ()

    def get_ips(
        self, interface: str | None = None, family: str | None = None, scope: int | None = None, timeout: int = 0
    ) -> tuple[str, ...]:
        """Its IP addresses, by default all but lo's and link-local ones; `family` is inet or inet6.

        As long as there is none, it is asked again once a second, for `timeout` seconds (environment:
        LXC_GETIP_TIMEOUT).
        """
        attempt.texts(interface or "", family or "")
        attempt.number(scope or 0)
        import time

        end = time.monotonic() + int(os.environ.get("LXC_GETIP_TIMEOUT", timeout))
        with self._asking:
            while True:
                found = self._found().addresses(interface or "", family or "", scope or 0)
                if found or time.monotonic() >= end:
                    return found
                time.sleep(1)
        return ()

    def attach_interface(self, src_ifname: str | bytes, dst_ifname: str | bytes | None = None) -> bool:
        """Give it the host's network device `src_ifname`, which is called `dst_ifname` in it (the same unless given)."""
        names = attempt.name(src_ifname), attempt.name_or_none(dst_ifname)
        from lxc.runtime.changing import interfaces

        return self._succeeds(interfaces.attach, self._place, *names)

    def detach_interface(self, ifname: str | bytes, dst_ifname: str | bytes | None = None) -> bool:
        """Take its network device `ifname` to the host, where it is called `dst_ifname` (the same unless given)."""
        names = attempt.name(ifname), attempt.name_or_none(dst_ifname)
        from lxc.runtime.changing import interfaces

        return self._succeeds(interfaces.detach, self._place, *names)

    def add_device_net(self, name: str | bytes, destname: str | bytes | None = None) -> bool:
        """What `attach_interface` does."""
        return self.attach_interface(name, destname)

    def _found(self) -> Found:
        from lxc.network import addresses

        pidfd = client.init_pidfd(self._place)
        try:
            return addresses.interfaces(pidfd)
        finally:
            os.close(pidfd)
