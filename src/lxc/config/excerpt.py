"""Some keys of many configurations: what lists of containers show, without reading all the rest.

Lines of other keys are passed over unread, so mistakes in them are not found
here.  Files that many containers include are looked at once.
"""

from __future__ import annotations

from lxc.config.container import Config
from lxc.config.reader import Files, Reader, read
from lxc.errors import ConfigError


class Excerpts:
    """`keys` of configurations, one after the other."""

    def __init__(self, *keys: str) -> None:
        self._files = _Excerpted(keys)
        self._known: dict[str, Config] = {}  # text, without what was left out of it -> what it comes to

    def read(self, path: str) -> Config:
        """What the file at `path`, and what it includes, say of the keys.  Raises ConfigError.

        Files that say the same give one object, which has the places of the first.
        """
        try:
            text = self._files.excerpt(read(path))
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"{path}: cannot read the configuration: {why}", where=path) from error
        said = "\n".join(filter(None, text.split("\n")))
        if said not in self._known:
            reader = Reader(Config(), self._files)
            reader.read(text, path)
            self._known[said] = reader.config()
        return self._known[said]


class _Excerpted(Files):
    """Files of which only the lines of some keys are there, each looked at once."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._wanted = (*keys, "lxc.include")
        self._names: dict[str, list[str]] = {}
        self._texts: dict[str, str] = {}
        self._identities: dict[str, object] = {}

    def excerpt(self, text: str) -> str:
        """`text` with the other keys' lines empty."""
        if not any(key in text for key in self._wanted):
            return ""
        if "\r" in text:
            return text
        return "\n".join(line if line.lstrip(" \t").startswith(self._wanted) else "" for line in text.split("\n"))

    def named(self, value: str) -> list[str]:
        if value not in self._names:
            self._names[value] = super().named(value)
        return self._names[value]

    def text(self, path: str) -> str:
        if path not in self._texts:
            self._texts[path] = self.excerpt(super().text(path))
        return self._texts[path]

    def identity(self, path: str) -> object:
        if path not in self._identities:
            self._identities[path] = super().identity(path)
        return self._identities[path]
