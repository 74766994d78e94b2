"""A container as it is defined: its place, and a configuration in memory that is read from and written to its file."""

from __future__ import annotations

import os

from lxc.api import attempt
from lxc.api.attempt import Attempt
from lxc.api.networks import ContainerNetworkList
from lxc.config.settings import Settings
from lxc.errors import LxcError
from lxc.runtime.place import place as place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from typing import ParamSpec

    from lxc.config.container import Config

    P = ParamSpec("P")

_NO_KEY = "Invalid configuration key"


class Definition:
    """What can be said of a container and changed about it without its monitor."""

    def __init__(self, name: str, config_path: str | bytes | PathLike[str] | None = None) -> None:
        """The container `name` of the directory `config_path` (default: lxc.lxcpath), with its configuration if it has one.

        Raises RuntimeError, from a ConfigError, if that is wrong.
        """
        attempt.texts(name)
        self._doing, self._asking = Attempt(self, is_verb=True), Attempt(self)
        self.last_error: LxcError | None = None
        """Why the last verb that returned False, or the last question without an answer, did so."""
        try:
            self._place = place_of(name, attempt.name(config_path) if config_path else "")
            self._settings = Settings().load(self._place.config_file) if self._place.is_defined else None
        except LxcError as error:
            raise RuntimeError(f"error during init for container '{name}': {error}") from error
        self.network = ContainerNetworkList(self)

    @property
    def name(self) -> str:
        return self._place.name

    @property
    def defined(self) -> bool:
        """Whether it has a configuration file."""
        return self._place.is_defined

    @property
    def config_file_name(self) -> str:
        return self._place.config_file

    @property
    def config(self) -> Config:
        """The configuration in memory, immutable and typed: `container.config.net[0].link`."""
        return (self._settings or Settings()).config

    def load_config(self, path: str | bytes | PathLike[str] | None = None) -> bool:
        """Add what the file at `path` (default: its own) says to the configuration in memory."""
        file = attempt.name_or_none(path) or self.config_file_name
        with self._doing:
            self._settings = (self._settings or Settings()).load(file, is_stream=bool(path))
            return True
        return False

    def save_config(self, path: str | bytes | PathLike[str] | None = None) -> bool:
        """Write the configuration in memory to `path` (default: its own file).  Without one, lxc.default_config is taken."""
        file = attempt.name_or_none(path)
        with self._doing:
            settings = self._settings or _default()
            if file:
                settings.document.save(file)
            else:
                from lxc.runtime.disk import making

                making.define(self._place, settings.document)
            self._settings = settings
            return True
        return False

    def clear_config(self) -> None:
        """Forget the configuration in memory."""
        self._settings = None

    def get_config_item(self, key: str) -> str | list[str]:
        """The value of `key`, a list if the key can have several.  Raises KeyError if there is no such key."""
        attempt.texts(key)
        if not self._settings:
            raise KeyError(_NO_KEY)
        try:
            return self._settings.item(key)
        except KeyError:
            raise KeyError(_NO_KEY) from None

    def set_config_item(self, key: str, value: str | list[str]) -> bool:
        """Assign `value`, and nothing else, to `key`.  False, nothing changed, if that is not what would be read back.

        Raises KeyError if there is no such key.
        """
        attempt.texts(key, *(value if isinstance(value, list) else [value]))
        try:
            return self._edit(lambda settings: settings.set_item(key, value, "set_config_item()"), key)
        except KeyError:
            raise KeyError(_NO_KEY) from None

    def append_config_item(self, key: str, value: str) -> bool:
        """Assign `value` to `key` as a line of the file would: a key that can have several values gets one more."""
        attempt.texts(key, value)
        return self._edit(lambda settings: settings.append_item(key, value, "append_config_item()"), key)

    def clear_config_item(self, key: str) -> bool:
        """Bring `key` back to its default.  False if there is no such key."""
        attempt.texts(key)
        return bool(self._settings) and self._edit(lambda settings: settings.clear_item(key), key)

    def get_keys(self, key: str | None = None) -> list[str]:
        """All keys, or what may follow `key` and a dot.  Raises KeyError if nothing may."""
        attempt.texts(key or "")
        from lxc.config import enumeration

        try:
            return enumeration.keys(self.config, key or "")
        except KeyError:
            raise KeyError(_NO_KEY) from None

    def get_config_path(self) -> str:
        """The directory that it is in."""
        return self._place.lxcpath

    def set_config_path(self, path: str) -> bool:
        """Mean the container of the same name in another directory.  The configuration in memory stays."""
        attempt.texts(path)
        with self._doing:
            self._place = place_of(self.name, path)
            return True
        return False

    def _succeeds(self, act: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Do it; False, and the reason kept, if it fails."""
        with self._doing:
            act(*args, **kwargs)
            return True
        return False

    def _edit(self, change: Callable[[Settings], Settings], key: str) -> bool:
        with self._doing:
            try:
                self._settings = change(self._settings or Settings())
            except ValueError as error:
                raise LxcError(f"{key}: {error}") from error
            return True
        return False


def _default() -> Settings:
    """The configuration of a container that has none."""
    from lxc.config import system

    path = system.get("lxc.default_config")
    return Settings().load(path) if os.path.exists(path) else Settings()
