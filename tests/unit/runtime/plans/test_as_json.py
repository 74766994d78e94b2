"""A plan as plain data."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lxc.mounts.plan import Bind, MakeDir
from lxc.record import Record
from lxc.runtime.plans import as_json as plan_json
from lxc.runtime.plans.start import StartPlan


class TestPlan(Record):
    __test__ = False
    steps: tuple[Record, ...]
    name: str | None = None
    numbers: frozenset[int] = frozenset()


def test_a_step_has_its_kind_its_print_and_its_place() -> None:
    assert plan_json.plain(MakeDir("srv", "config:3")) == {
        "kind": "make-dir",
        "text": "mkdir -p srv",
        "path": "srv",
        "where": "config:3",
        "optional": False,
    }


def test_a_plan_has_its_steps_in_order() -> None:
    plan = TestPlan((MakeDir("a"), Bind("/srv", "a")), numbers=frozenset({3, 1}))
    found = plan_json.plain(plan)
    assert [each["kind"] for each in found["steps"]] == ["make-dir", "bind"]
    assert (found["kind"], found["name"], found["numbers"]) == ("test-plan", None, [1, 3])
    assert "text" not in found


def test_any_bytes_survive_json() -> None:
    found = json.loads(json.dumps(plan_json.plain(MakeDir("caf\udce9"))))
    assert found["path"].encode(errors="surrogateescape") == b"caf\xe9"


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        plan_json.plain(TestPlan((object(),)))  # type: ignore[arg-type]


def test_the_documentation_has_all_fields_of_a_start() -> None:
    text = (Path(__file__).parents[4] / "docs/dry-run.md").read_text()
    named = set(
        re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in text.split("\n") if line.startswith("| `")))
    )
    assert set(StartPlan.__annotations__) - named == set()
