"""Which keys have no effect yet: whoever sets one of them is told so, instead of getting a container without it."""

from __future__ import annotations

from lxc.config.key import One

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxc.config.container import Config

# A family stands for all its members.
NOT_BUILT = (
    "lxc.time.offset.boot",
    "lxc.time.offset.monotonic",
    "lxc.apparmor.profile",
    "lxc.apparmor.allow_nesting",
    "lxc.apparmor.raw",
    "lxc.selinux.context",
    "lxc.selinux.context.keyring",
)
BUILT_NETWORKS = ("none", "empty")
# Without its module in the host's kernel there is nothing for these to do.
_MODULES = {"lxc.apparmor": "apparmor", "lxc.selinux": "selinux"}
_HARMLESS = {
    "lxc.apparmor.profile": ("unconfined", "unchanged"),
    "lxc.selinux.context": ("unconfined_t",),
}


def not_built(config: Config, host_modules: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """The keys set in `config` whose effect is not built, with their places.

    A key set to what it would be anyway is not among them.  `host_modules` are the security modules of the host's
    kernel ("apparmor", "selinux"): keys of the others have no effect anywhere.
    """
    found = [(name, _place(config, name)) for name in NOT_BUILT if _matters(config, name, host_modules)]
    return [*found, *_by_value(config)]


def _matters(config: Config, name: str, host_modules: frozenset[str]) -> bool:
    if not config.is_set(name):
        return False
    module = _MODULES.get(name.rpartition(".")[0], "")
    if module and module not in host_modules:
        return False
    key, _ = config.find(name)
    value = key.__get__(config, type(config))
    return not (isinstance(key, One) and (value == key.default or value in _HARMLESS.get(name, ())))


def _by_value(config: Config) -> Iterator[tuple[str, str]]:
    """The keys that are built for some of their values only."""
    for number, net in config.net.items():
        if net.type not in BUILT_NETWORKS:
            yield f"lxc.net.{number}.type", _place(config, f"lxc.net.{number}.type")
        else:
            yield from _of_network(config, number)


def _of_network(config: Config, number: int) -> Iterator[tuple[str, str]]:
    for key in ("link", "hwaddr", "mtu", "l2proxy", "ipv4.address", "ipv4.gateway", "ipv6.address", "ipv6.gateway",
                "script.up", "script.down"):  # fmt: skip
        name = f"lxc.net.{number}.{key}"
        if config.net[number].is_set(key):
            yield name, _place(config, name)


def _place(config: Config, name: str) -> str:
    return next(iter(config.places(name)), "")
