import json
import re
from subprocess import run

import pytest

from lxc.config import manual
from lxc.config.container import Config
from lxc.config.net import Net


def test_every_key_has_its_paragraph() -> None:
    text = manual.roff().replace("\\-", "-")
    assert not [name for name in Config.KEYS if f"\n\\fB{name}" not in text]
    assert not [name for name in Net.KEYS if f"\n\\fBlxc.net.<n>.{name}\\fR" not in text]
    assert text.count(".SS ") == len(manual.SECTIONS)


def test_every_key_is_explained_in_sentences() -> None:
    for key in (*Config.KEYS.values(), *Net.KEYS.values()):
        assert key.doc.endswith("."), key.name
        assert key.parse.__doc__ or key.name in ("lxc.net", "lxc.include", "lxc.hook"), key.name


def test_the_page_is_formatted_without_warnings() -> None:
    done = run(["man", "--warnings", "-l", "-"], input=manual.roff(), capture_output=True, text=True, check=True,
               env={"MANWIDTH": "100", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})  # fmt: skip
    assert done.stderr == ""
    assert "lxc.uts.name" in done.stdout


def test_the_schema_knows_every_key() -> None:
    schema = json.loads(json.dumps(manual.schema()))
    families = {name for name, key in Config.KEYS.items() if key.is_family}
    assert set(schema["properties"]) == set(Config.KEYS) - families
    for name in (*(f"{family}.7.link" for family in families), "lxc.net.0.veth.pair", "lxc.x-any.thing"):
        matching = [pattern for pattern in schema["patternProperties"] if re.search(pattern, name)]
        assert len(matching) == 1, name
    assert not [pattern for pattern in schema["patternProperties"] if re.search(pattern, "lxc.cgroup.dir.monitor")]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("lxc.autodev", {"enum": [0, 1], "default": 1}), ("lxc.uts.name", {"type": "string"}),
     ("lxc.group", {"type": "array", "items": {"type": "string"}}),
     ("lxc.tty.max", {"type": "integer", "minimum": 0, "maximum": 4294967295, "default": 0})],
)  # fmt: skip
def test_the_schema_knows_kinds(name: str, kind: dict) -> None:
    assert {key: value for key, value in manual.schema()["properties"][name].items() if key != "description"} == kind
