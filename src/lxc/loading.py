"""How an interpreter that runs a single command loads the package: as Python does, but without looking around.

For each of our modules Python reads directories and examines several places, to find it where it always is.
"""

from __future__ import annotations

import gc
import posix  # `os` without what it makes of it
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType

PACKAGES = __file__[: -len("/lxc/loading.py")]  # the directory that this package is in
LIBEXEC = f"{PACKAGES}/lxc/libexec"  # programs that it executes
_GARBAGE = 30_000  # objects more than there were: no command makes as many, a monitor might
_CACHED = f".{sys.implementation.cache_tag}.pyc"
_BY_TIME = MAGIC_NUMBER + bytes(4)  # a cached file for a source of the time and size that follow, see PEP 552
_HEADER, _WORD = 16, 0xFFFFFFFF


def hasten() -> None:
    """Load what comes in less time."""
    gc.set_threshold(_GARBAGE)
    sys.meta_path.insert(0, _Finder)


class _Finder:
    """An import finder (importlib.abc.MetaPathFinder) that knows our modules, and leaves others to the next."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        if path is None or not name.startswith("lxc."):
            return None
        directory, stem = path[0], name.rpartition(".")[2]
        return _spec(name, directory, stem) or _spec(name, f"{directory}/{stem}", "__init__")


def _spec(name: str, directory: str, stem: str) -> ModuleSpec | None:
    """Where the module `name` comes from if it is the file `stem`.py of that directory, which need not be there."""
    file, cached = f"{directory}/{stem}.py", f"{directory}/__pycache__/{stem}{_CACHED}"
    try:
        status = posix.stat(file)
    except OSError:
        return None
    spec = ModuleSpec(name, _Loader(name, file, cached, status), origin=file)
    spec.submodule_search_locations = [directory] if stem == "__init__" else None
    spec.cached, spec.has_location = cached, True
    return spec


class _Loader(SourceFileLoader):
    """Takes the code that was kept in the file `cached`, if that is as usual; `status` is the source's."""

    def __init__(self, name: str, file: str, cached: str, status: posix.stat_result) -> None:
        self.name, self.path, self._cached, self._status = name, file, cached, status

    def get_code(self, fullname: str) -> CodeType | None:
        try:
            fd = posix.open(self._cached, posix.O_RDONLY | posix.O_CLOEXEC)
        except OSError:
            return super().get_code(fullname)
        try:
            data = posix.read(fd, posix.fstat(fd).st_size)
        finally:
            posix.close(fd)
        modified, size = int(self._status.st_mtime) & _WORD, self._status.st_size & _WORD
        if data[:_HEADER] != _BY_TIME + (size << 32 | modified).to_bytes(8, "little"):
            return super().get_code(fullname)
        code: CodeType = loads(memoryview(data)[_HEADER:])
        return code
