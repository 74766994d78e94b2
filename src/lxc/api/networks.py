"""The network devices of a container's configuration, as a list of objects: `container.network[0].link = "lxcbr0"`.

Everything here is said to the container in its own configuration keys.
"""

from __future__ import annotations

from lxc.config.net import Net

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from lxc.config.container import Config

    class Configured(Protocol):
        """What a Container can do for us."""

        @property
        def config(self) -> Config: ...
        def get_config_item(self, key: str) -> str | list[str]: ...
        def set_config_item(self, key: str, value: str | list[str]) -> bool: ...
        def clear_config_item(self, key: str) -> bool: ...


class ContainerNetwork:
    """A network device.  Its attributes are the keys that a device of its type has, with underscores for dots.

    Setting one that is wrong changes nothing, as in LXC; the container's `last_error` says why.  Deleting one sets
    it to nothing.
    """

    __module__ = "lxc"
    container: Configured
    index: int

    def __init__(self, container: Configured, index: int) -> None:
        """`index` is the number in the keys, lxc.net.<index>.…; there need not be such a device yet."""
        self.__dict__.update(container=container, index=index)

    def __dir__(self) -> list[str]:
        return sorted(self._keys())

    def __getattr__(self, name: str) -> str | list[str]:
        if name.startswith("_") or "container" not in self.__dict__:
            raise AttributeError(name)  # asked for by copy or pickle
        key = self._key(name)
        try:
            return self.container.get_config_item(key)
        except KeyError:
            return ""  # there is no such device yet

    def __setattr__(self, name: str, value: str | list[str]) -> None:
        self.container.set_config_item(self._key(name), value)

    def __delattr__(self, name: str) -> None:
        self.container.clear_config_item(self._key(name))

    def __repr__(self) -> str:
        return f"'{self._type or '(null)'}' network at index '{self.index}'"

    @property
    def _type(self) -> str:
        device = self.container.config.net.get(self.index)
        return device.type if device else ""

    def _keys(self) -> dict[str, str]:
        """The attributes, and the key below lxc.net.<n> that each one is."""
        device = Net({"type": self._type})
        return {key.replace(".", "_"): key for key in Net.KEYS if not device.refuses(key)}

    def _key(self, name: str) -> str:
        keys = self._keys()
        if name not in keys:
            raise AttributeError(f"'{self._type or '(null)'}' network has no attribute '{name}'")
        return f"lxc.net.{self.index}.{keys[name]}"


class ContainerNetworkList:
    """A container's network devices in the order of their numbers.

    The index one past the last is a device that does not exist before its type is set.
    """

    __module__ = "lxc"

    def __init__(self, container: Configured) -> None:
        self.container = container

    def __len__(self) -> int:
        return len(self._numbers())

    def __getitem__(self, index: int) -> ContainerNetwork:
        if not isinstance(index, int):
            raise TypeError(f"expected the number of a network device, got {index!r}")
        numbers = [*self._numbers(), self._next()]
        if not 0 <= index < len(numbers):
            raise KeyError("Invalid configuration key")
        return ContainerNetwork(self.container, numbers[index])

    def __iter__(self) -> Iterator[ContainerNetwork]:
        return (ContainerNetwork(self.container, number) for number in self._numbers())

    def add(self, network_type: str) -> bool:
        """Add a device.  Return whether there is such a type."""
        return self.container.set_config_item(f"lxc.net.{self._next()}.type", network_type)

    def remove(self, index: int) -> bool:
        """Remove a device.  Raises IndexError if there is none."""
        if not 0 <= index < len(self):
            raise IndexError("list index out of range")
        return self.container.clear_config_item(f"lxc.net.{self._numbers()[index]}")

    def _numbers(self) -> list[int]:
        return list(self.container.config.net)

    def _next(self) -> int:
        return max(self._numbers(), default=-1) + 1
