"""The log that a container's configuration asks for: lxc.log.file, lxc.log.level and lxc.log.syslog."""

from __future__ import annotations

from lxc import log
from lxc.errors import LxcError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.container import Config
    from lxc.runtime.place import Place


def open_log(prefix: str, place: Place, config: Config, *, is_chosen: bool = False) -> None:
    """Log what is done for the container, as `prefix`; `is_chosen`: somebody has chosen file and level, and opened it.

    Raises LxcError: there is no such file.  A system's log that nobody keeps is only warned of, there.
    """
    if not is_chosen:
        level = config.log_level if config.log_level >= 0 else log.ERROR
        path = (config.log_file or place.log_file) if config.log_file or config.log_level >= 0 else ""
        try:
            log.open(prefix, place.name, path, level, is_plain=not config.log_file)
        except OSError as error:
            where = config.where("lxc.log.file")
            raise LxcError(f"cannot open the log file {error.filename}: {error.strerror}", where=where) from error
    try:
        log.to_syslog(config.log_syslog)
    except OSError as error:
        log.warn(f"lxc.log.syslog: no message goes there, {log.SYSLOG}: {error.strerror}")
