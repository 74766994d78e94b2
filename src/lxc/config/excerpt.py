"""Some keys of configurations: what lists of containers show, or lxc-attach needs, without reading all the rest.

Lines of other keys are passed over unread, so mistakes in them are not found
here.  Files that many containers include are looked at once, and a file that
has not changed since it was read is not read again: stat(2) tells.
"""

from __future__ import annotations

import os
import time

from lxc.config.brief import Brief
from lxc.config.reader import Files, Reader, read, unreadable
from lxc.regular import signature

_MOST_REMEMBERED = 20_000
_STILL_NS = 2_000_000_000  # since a file's last change: one that follows soon may leave its times as they are


class Excerpts:
    """`keys`, which are among those of Brief, of configurations, one after the other."""

    def __init__(self, *keys: str) -> None:
        self._files = _Excerpted(keys)
        self._known: dict[str, Brief] = {}  # text, without what was left out of it -> what it comes to
        self._read: dict[str, tuple[object, Brief]] = {}  # path -> what stat(2) said before, what it comes to

    def is_current(self) -> bool:
        """Whether the files that others include are what they were; else a new object is to be made."""
        return len(self._read) <= _MOST_REMEMBERED and all(
            _is_still(path, seen) for path, seen in self._files.signatures.items()
        )

    def remembered(self, path: str, seen: tuple[int, ...]) -> Brief | None:
        """What `read` would say, if that is known of a file with the signature `seen`."""
        found = self._read.get(path)
        return found[1] if found and found[0] == seen else None

    def read(self, path: str, seen: tuple[int, ...] = (), *, is_stream: bool = False) -> Brief:
        """What the file at `path`, and what it includes, say of the keys; with `is_stream` it may be a pipe.  Raises ConfigError.

        `seen` is its signature if that has just been looked at.  Files that say the same give one object, which has
        the places of the first.
        """
        try:
            seen = seen or signature(os.stat(path))
            found = self.remembered(path, seen)
            if found:
                return found
            text = self._files.excerpt(read(path, is_stream=is_stream))
        except (OSError, ValueError) as error:
            raise unreadable(path, error) from error
        said = "\n".join(filter(None, text.split("\n")))
        if said not in self._known:
            reader = Reader(Brief(), self._files)
            reader.read(text, path)
            self._known[said] = reader.config()
        if _is_settled(seen):
            self._read[path] = seen, self._known[said]
        return self._known[said]


def _is_settled(seen: tuple[int, ...]) -> bool:
    return time.time_ns() - seen[-1] > _STILL_NS


def _is_still(path: str, seen: tuple[int, ...]) -> bool:
    """Whether what was `seen` at the absolute path is there; () is nothing."""
    try:
        return path.startswith("/") and signature(os.stat(path)) == seen and _is_settled(seen)
    except (OSError, ValueError):
        return path.startswith("/") and not seen


class _Excerpted(Files):
    """Files of which only the lines of some keys are there, each looked at once."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._wanted = ("lxc.include", *keys)  # what is likely first
        self._names: dict[str, list[str]] = {}
        self._texts: dict[str, str] = {}
        self._identities: dict[str, object] = {}
        self.signatures: dict[str, tuple[int, ...]] = {}  # of what was looked at, before that

    def excerpt(self, text: str) -> str:
        """`text` with the other keys' lines empty."""
        if not any(key in text for key in self._wanted):
            return ""
        if "\r" in text:
            return text
        return "\n".join(line if line.lstrip(" \t").startswith(self._wanted) else "" for line in text.split("\n"))

    def named(self, value: str) -> list[str]:
        if value not in self._names:
            self._look(value)
            self._names[value] = super().named(value)
        return self._names[value]

    def text(self, path: str) -> str:
        if path not in self._texts:
            self._look(path)
            self._texts[path] = self.excerpt(super().text(path))
        return self._texts[path]

    def identity(self, path: str) -> object:
        if path not in self._identities:
            self._identities[path] = super().identity(path)
        return self._identities[path]

    def _look(self, path: str) -> None:
        try:
            self.signatures.setdefault(path, signature(os.stat(path)))
        except (OSError, ValueError):
            self.signatures.setdefault(path, ())
