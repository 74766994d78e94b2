import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lxc.errors import LxcError
from lxc.kernel.fs import closing
from lxc.runtime import lock
from lxc.runtime.place import Place, place


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # for those who may not write into /run
    it = place("web", str(tmp_path))
    yield it
    path = Path(lock._file(it))
    path.unlink(missing_ok=True)
    if path.parent.exists():
        os.removedirs(path.parent)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """One whose lock lies where nobody else has any."""
    monkeypatch.setattr(lock, "_root", lambda: f"{tmp_path}/locks")
    return place("web", str(tmp_path))


def is_free(it: Place) -> bool:
    with closing(os.open(lock._file(it), os.O_RDWR | os.O_CREAT)) as fd:
        return lock.try_lock(fd)


def test_while_it_is_held_nobody_else_gets_it(web: Place) -> None:
    with lock.held(web):
        assert not is_free(web)
    assert is_free(web)


def test_who_waits_in_vain_is_told_who_has_it(web: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_PATIENCE", 0.05)
    before = os.listdir("/proc/self/fd")
    with lock.held(web):
        with pytest.raises(LxcError, match="the files of web have been locked by another process") as told:
            lock.held(web).__enter__()
        assert f"lslocks(8) tells which process has {lock._file(web)} locked" == told.value.hint
    assert os.listdir("/proc/self/fd") == before


def test_who_cannot_have_it_leaves_it_to_others(web: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    def cannot_look(*_: object, **_more: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    before = os.listdir("/proc/self/fd")
    for module, name, replacement in ((fcntl, "fcntl", fails), (os.path, "samestat", cannot_look)):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, replacement)
            with pytest.raises(OSError, match=r"No locks available|Input/output error"):
                lock.held(web).__enter__()
        assert os.listdir("/proc/self/fd") == before
        assert is_free(web)


def test_it_is_lxcs_file(web: Place) -> None:
    with lock.held(web):
        path = lock._file(web)
    assert path.endswith(f"/lxc/lock{web.lxcpath}/.web")
    assert os.stat(path).st_mode & 0o7777 == 0o600


def test_it_dies_with_its_holder(web: Place) -> None:
    pid = os.fork()
    if pid == 0:
        lock.held(web).__enter__()
        os._exit(0)
    os.waitpid(pid, 0)
    assert is_free(web)


def test_who_removes_the_container_removes_it(web: Place) -> None:
    with lock.held(web) as held:
        held.forget()
    assert not os.path.lexists(os.path.dirname(lock._file(web)))
    with lock.held(web):
        assert not is_free(web)


def test_a_file_that_stays_is_no_failure(web: Place) -> None:
    with lock.held(web) as held:
        os.unlink(lock._file(web))
        held.forget()


def test_who_waited_for_a_file_that_was_removed_locks_the_new_one(web: Place) -> None:
    reader, writer = os.pipe()
    with lock.held(web) as held:
        pid = os.fork()
        if pid == 0:
            os.write(writer, b"1")
            with lock.held(web):
                os._exit(0 if os.path.lexists(lock._file(web)) and not is_free(web) else 1)
        os.read(reader, 1)
        held.forget()
    assert os.waitpid(pid, 0)[1] == 0
    os.close(reader)
    os.close(writer)


def test_the_directory_may_go_while_it_is_looked_at(own: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def is_gone_by_now(path: str) -> bool:  # by another who removes the last lock there, as os.makedirs asks
        if not looked:
            looked.append(path)
            os.rmdir(path)
        return os.path.exists(path)

    os.makedirs(os.path.dirname(lock._file(own)))
    monkeypatch.setattr(os.path, "isdir", is_gone_by_now)
    with lock.held(own):
        assert looked
        assert not is_free(own)


def test_what_is_no_directory_where_one_belongs_is_told(own: Place) -> None:
    directory = Path(lock._file(own)).parent
    directory.parent.mkdir(parents=True)
    directory.touch()
    with pytest.raises(LxcError, match=f"cannot make {directory}: File exists"):
        lock.held(own).__enter__()


def test_what_holds_another_containers_lock_stays(web: Place) -> None:
    with lock.held(web.replace(name="db")) as other:
        with lock.held(web) as held:
            held.forget()
        assert not is_free(web.replace(name="db"))
        other.forget()


def test_a_lock_is_seen_by_others_only(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        closing(os.open(tmp_path / "file", os.O_RDWR)) as mine,
        closing(os.open(tmp_path / "file", os.O_RDONLY)) as other,
    ):
        assert not lock.is_locked(other)
        assert lock.try_lock(mine)
        assert lock.is_locked(other)
        assert not lock.is_locked(mine)
