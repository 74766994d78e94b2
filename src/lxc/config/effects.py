"""Which keys have no effect yet: whoever sets one of them is told so, instead of getting a container without it."""

from __future__ import annotations

from lxc.config.key import One

TYPE_CHECKING = False
if TYPE_CHECKING:
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
    return [(name, _place(config, name)) for name in NOT_BUILT if _matters(config, name, host_modules)]


def _matters(config: Config, name: str, host_modules: frozenset[str]) -> bool:
    if not config.is_set(name):
        return False
    module = _MODULES.get(name.rpartition(".")[0], "")
    if module and module not in host_modules:
        return False
    key, _ = config.find(name)
    value = key.__get__(config, type(config))
    return not (isinstance(key, One) and (value == key.default or value in _HARMLESS.get(name, ())))


def _place(config: Config, name: str) -> str:
    return next(iter(config.places(name)), "")
