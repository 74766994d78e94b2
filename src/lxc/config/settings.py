"""The configuration that a program holds in memory: what it means and how it is written, always changed together.

    settings = settings.set_item("lxc.cap.drop", ["mknod", "sys_time"], "set_config_item()")

Immutable: a change that is refused leaves nothing half done.
"""

from __future__ import annotations

from lxc.config import document as documents
from lxc.config.container import Config
from lxc.config.document import Document
from lxc.config.lines import is_hwaddr
from lxc.config.net import Net
from lxc.record import Record
from lxc.values.address import completed

_TRANSLATED = "lxc.log.level"  # reads back as a name, whether it was set as one or as a number


class Settings(Record):
    config: Config = Config()
    document: Document = Document()

    def item(self, key: str) -> str | list[str]:
        """The value of `key` as LXC's Python module gives it: a list if it is read back line by line.

        Raises KeyError if there is no such readable key.
        """
        text = self.config.get_item(key)
        return text[:-1].split("\n") if text.endswith("\n") else text

    def append_item(self, key: str, value: str, where: str) -> Settings:
        """With `key = value` added, or, if `value` is "", the key as an empty assignment leaves it.

        `where` is how errors call the place it comes from.  Raises ValueError, ConfigError.
        """
        text = completed(value) if is_hwaddr(key) else value
        return Settings(documents.assign(self.config, key, text, where), self.document.append_item(key, text))

    def clear_item(self, key: str) -> Settings:
        """With `key` at its default.  Raises ValueError."""
        return Settings(self.config.clear(key), self.document.clear_item(key))

    def set_item(self, key: str, value: str | list[str], where: str) -> Settings:
        """With nothing but `value` assigned to `key`.

        Raises KeyError if there is no such readable key, ValueError if the value is wrong, or not what would be read
        back: LXC's Python module promises that it is.
        """
        made = bare = self._without(key)
        try:
            for text in value if isinstance(value, list) else [value]:
                made = made.append_item(key, text, where)
        except ValueError:
            if (value and _is_new(self.config, key)) or not _is_same(value, bare.item(key)):
                raise
        found = made.item(key)
        if not (key == _TRANSLATED or _is_same(value, found)):
            raise ValueError(f"{value!r} would read back as {found!r}; append_config_item() takes it")
        return made

    def load(self, path: str, *, is_stream: bool = False) -> Settings:
        """With what the file at `path`, with `is_stream` it may be a pipe, says added.  Raises ConfigError."""
        config, document = documents.load(path, base=self.config, is_stream=is_stream)
        whole = self.document.extended(document.text)
        return Settings(config, whole.replace(path=document.path, warnings=document.warnings))

    def _without(self, key: str) -> Settings:
        try:
            Config.find(key)
        except ValueError:
            raise KeyError(key) from None
        try:
            return self.clear_item(key)
        except ValueError:
            return self  # there is no such network device yet


def _is_new(config: Config, key: str) -> bool:
    """Whether `key` is what any network device has, of one that there is not yet: it cannot be read back."""
    number, _, name = key.removeprefix("lxc.net.").partition(".")
    return number.isdecimal() and int(number) not in config.net and name in Net.KEYS and not Net().refuses(name)


def _is_same(given: str | list[str], found: str | list[str]) -> bool:
    if isinstance(found, str):
        return given == found
    return set([given] if isinstance(given, str) else given) == set(found)
