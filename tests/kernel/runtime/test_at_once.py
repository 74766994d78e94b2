"""When a command that ends a container returns, the container can be started or destroyed at once."""

import pytest
from tests.conftest import Lxc, as_often

import lxc as api

pytestmark = pytest.mark.root


def test_a_killed_container_starts_again_at_once_every_time(lxc: Lxc, box: str) -> None:
    it = api.Container(box, str(lxc.path))  # in one process: the time between is shortest
    for _ in range(as_often(15)):
        assert it.start(), it.last_error
        assert it.stop()
        with pytest.raises(ConnectionRefusedError):
            _connect(it)


def _connect(it: api.Container) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as client:
        client.connect(f"\0{it.get_config_path()}/{it.name}/command")
