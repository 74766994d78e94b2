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

_GARBAGE = 30_000  # objects more than there were: no command makes as many, a monitor might
_CACHED = f".{sys.implementation.cache_tag}.pyc"
_BY_TIME = MAGIC_NUMBER + bytes(
    4
)  # a cached file that holds for a source of the time and size that follow, see PEP 552
_HEADER = 16


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
        place = f"{path[0]}/{name.rpartition('.')[2]}"
        for file, packages in ((f"{place}.py", None), (f"{place}/__init__.py", [place])):
            try:
                posix.stat(file)
            except OSError:
                continue
            spec = ModuleSpec(name, _Loader(name, file), origin=file)
            spec.submodule_search_locations = packages
            spec.has_location = True
            return spec
        return None


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType | None:
        return _cached(self.path) or super().get_code(fullname)


def _cached(source: str) -> CodeType | None:
    """The code of the file `source` as it has been kept, if that is as simple as usual."""
    directory, _, name = source.rpartition("/")
    try:
        it = posix.stat(source)
        fd = posix.open(f"{directory}/__pycache__/{name[:-3]}{_CACHED}", posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = posix.read(fd, posix.fstat(fd).st_size)
    finally:
        posix.close(fd)
    said = int(it.st_mtime).to_bytes(4, "little") + it.st_size.to_bytes(4, "little")
    return loads(memoryview(data)[_HEADER:]) if data[:_HEADER] == _BY_TIME + said else None
