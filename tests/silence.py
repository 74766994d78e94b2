"""A file system that never answers (FUSE), for the places where a container's root could mount one."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from lxc.kernel import process

DEVICE = "/dev/fuse"
_MAJOR, _MINOR, _INIT, _OPEN = 7, 31, 26, 14
_OUT = struct.Struct("<IiQ")  # struct fuse_out_header
_ANSWER = struct.Struct("<IIIIHHIIHHI28x")  # struct fuse_init_out
_OPENED = struct.pack("<QII", 1, 0, 0)  # struct fuse_open_out


@contextmanager
def silence(pid: int, path: str, kind: int = 0o40000) -> Iterator[None]:
    """In the mount namespace of the process `pid`, `path` is the root of a file system that reads all requests and answers none.

    Of the `kind` 0o100000 it is a file, which can be opened.
    """
    reader, writer = os.pipe()
    server = os.fork()
    if server == 0:
        try:
            _serve(pid, path, writer, kind)
        except BaseException as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(1)
    os.close(writer)
    try:
        said = os.read(reader, 4096)
        assert said == b"ready", said
        yield
    finally:
        os.close(reader)
        os.kill(server, signal.SIGKILL)  # whoever waits for it gets an error then
        os.waitpid(server, 0)


def _serve(pid: int, path: str, writer: int, kind: int) -> None:
    fd = os.open(DEVICE, os.O_RDWR)
    namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    process.setns(namespace, process.CLONE_NEWNS)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fd},rootmode={kind:o},user_id=0,group_id=0,allow_other".encode()
    if libc.mount(b"silence", path.encode(), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), "mount")
    while True:
        request = os.read(fd, 1 << 20)
        _, opcode, unique = struct.unpack_from("<IIQ", request)
        if opcode == _INIT:
            answer = _ANSWER.pack(_MAJOR, _MINOR, 0, 0, 12, 9, 4096, 1, 1, 0, 0)
            os.write(fd, _OUT.pack(_OUT.size + len(answer), 0, unique) + answer)
            os.write(writer, b"ready")
        elif opcode == _OPEN:
            os.write(fd, _OUT.pack(_OUT.size + len(_OPENED), 0, unique) + _OPENED)
