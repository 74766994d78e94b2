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
)


def not_built(config: Config) -> list[tuple[str, str]]:
    """The keys set in `config` whose effect is not built, with their places.

    A key set to what it would be anyway is not among them.
    """
    return [(name, _place(config, name)) for name in NOT_BUILT if _matters(config, name)]


def _matters(config: Config, name: str) -> bool:
    if not config.is_set(name):
        return False
    key, _ = config.find(name)
    return not (isinstance(key, One) and key.__get__(config, type(config)) == key.default)


def _place(config: Config, name: str) -> str:
    return next(iter(config.places(name)), "")
