from pathlib import Path

import pytest

import lxc
from lxc.config import document

FILES = sorted(Path(lxc.__file__).parent.glob("share/config/*.conf"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_configuration_we_ship_can_be_read_and_has_an_effect_in_each_line(path: Path) -> None:
    _, read = document.load(str(path))
    assert not read.warnings


def test_each_container_gets_an_address_of_its_own() -> None:
    path = next(path for path in FILES if path.name == "default.conf")
    addresses = {document.load(str(path))[0].net[0].hwaddr for _ in range(5)}
    assert len(addresses) > 1
    assert all(str(address).startswith("10:66:6a:") for address in addresses)
