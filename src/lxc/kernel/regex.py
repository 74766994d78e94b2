"""POSIX extended regular expressions: regcomp(3), regexec(3).  The same as in C programs, and nothing to import."""

from __future__ import annotations

import os

from lxc.kernel._libc import bind
from lxc.kernel.c import c_char_p, c_int, c_size_t, c_void_p, create_string_buffer

_REG_EXTENDED, _REG_NOSUB = 1, 8
_REGEX_T = 256  # bytes; regex_t has 64 in glibc, fewer in musl
_regcomp = bind("regcomp", c_void_p, c_char_p, c_int)
_regexec = bind("regexec", c_void_p, c_char_p, c_size_t, c_void_p, c_int)


class Regex:
    """A compiled expression, kept until the process ends.  Raises ValueError if `pattern` is none."""

    def __init__(self, pattern: str) -> None:
        self._compiled = create_string_buffer(_REGEX_T)
        if _regcomp(self._compiled, os.fsencode(pattern), _REG_EXTENDED | _REG_NOSUB) != 0:
            raise ValueError(f"expected an extended regular expression, regex(7), got {pattern!r}")

    def matches(self, text: str) -> bool:
        """Whether the expression is found anywhere in `text`."""
        return _regexec(self._compiled, os.fsencode(text), 0, None, 0) == 0
