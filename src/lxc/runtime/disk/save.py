"""Writing a container's configuration to where it belongs, its directory with it if there is none."""

from __future__ import annotations

import os

from lxc.runtime import lock
from lxc.storage import outside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lxc.config.document import Document
    from lxc.runtime.place import Place


def save(place: Place, document: Document) -> None:
    """Make `document` the container's configuration file: with it, the container is defined.

    Raises LxcError (StepError if it cannot be written), OSError, and leaves nothing made then.
    """
    with lock.held(place):
        made = list(outside.make_directories(place.lxcpath))
        try:
            try:
                os.mkdir(place.directory, 0o770)
                made.append(place.directory)
                os.chmod(place.directory, 0o770)  # whatever the umask
            except FileExistsError:
                pass
            document.save(place.config_file)
        except BaseException:
            outside.remove_empty(tuple(made))
            raise
