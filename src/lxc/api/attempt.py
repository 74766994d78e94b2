"""How the public API fails: in words, without exceptions, and with exceptions where the caller made the mistake."""

from __future__ import annotations

import os

from lxc import log
from lxc.errors import LxcError, sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Attempted(Protocol):
        """Whoever keeps the reason."""

        last_error: LxcError | None

        @property
        def name(self) -> str: ...


class Attempt:
    """`with attempt:` what fails in words for a user ends the block, and is remembered and logged."""

    def __init__(self, container: Attempted, *, is_verb: bool = False) -> None:
        """A verb forgets the reason of the last failure when it begins."""
        self._container, self._is_verb = container, is_verb

    def __enter__(self) -> None:
        if self._is_verb:
            self._container.last_error = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        if isinstance(error, OSError):
            failure = LxcError(sentence(error))
            failure.__cause__ = error
        elif isinstance(error, LxcError):
            failure = error
        else:
            return False
        self._container.last_error = failure
        log.error(f"{self._container.name}: {failure}")
        return True


def texts(*values: object) -> None:
    """They are texts that C can have: it would take one with a NUL character in it for a shorter one."""
    for number, value in enumerate(values, 1):
        if not isinstance(value, str):
            raise TypeError(f"argument {number} must be str, not {type(value).__name__}")
        if "\0" in value:
            raise ValueError("embedded null character")


def words(values: Iterable[object]) -> None:
    """They are words that a program can be given."""
    for value in values:
        if not isinstance(value, str):
            raise ValueError("Expected a string")
        texts(value)


def name(value: object) -> str:
    """The name of a file or a device, which may be a text, bytes or a path."""
    text = os.fsdecode(os.fspath(value))  # type: ignore[call-overload]  # what fspath takes is checked by it
    texts(text)
    return text


def name_or_none(value: object) -> str:
    """The same of one that may be None: "" then."""
    return "" if value is None else name(value)


def number(value: object, bits: int = 32) -> None:
    """It is an integer that C has in so many `bits`."""
    if not isinstance(value, int):
        raise TypeError(f"'{type(value).__name__}' object cannot be interpreted as an integer")
    if value.bit_length() >= bits and value != -1 << bits - 1:
        raise OverflowError(f"{value} does not fit into the {bits} bits of an integer of C")
