"""Families of keys.

One row is for all keys that begin with its name:

    named     lxc.sysctl.<name>      for each name the last assignment wins
    listed    lxc.cgroup2.<file>     assignments are kept in their order, whatever the name
    numbered  lxc.net.<n>.<key>      each number has a table of its own

`key` has the functions that make such rows.
"""

from __future__ import annotations

from lxc.config.table import Draft, Key, Table
from lxc.values.plain import text
from lxc.values.setting import Setting
from lxc.values.words import Misspelt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lxc.config.batch import Batch

INT_MAX = 2**31 - 1


class Named(Key):
    """A family `name.<subkey>`: for each subkey that `check` lets pass, the last assignment wins."""

    is_family = True

    def __init__(
        self, name: str, parse: Callable[[str], Any], doc: str, *,
        check: Callable[[str], str], unset: str = "", whole: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(name, parse, {}, doc)
        self.check, self.unset, self.whole = check, unset, whole

    def put(self, draft: Draft, subkey: str, text: str, where: str) -> None:
        if not text:
            self.drop(draft, subkey)
            return
        _a_name(self, subkey)
        self.check(subkey)
        value = self.parse(text)
        members, places = draft.members(self.name)
        members[subkey], places[subkey] = value, where

    def drop(self, draft: Draft, subkey: str) -> None:
        if not subkey:
            _the_whole(self)
            draft.drop(self.name)
            return
        self.check(subkey)
        for members in draft.members(self.name):
            members.pop(subkey, None)

    def read_back(self, table: Table, subkey: str) -> str:
        members = table.value_of(self.name, self.default)
        if subkey:
            self.check(subkey)
            return str(members.get(subkey, self.unset))
        _the_whole(self)
        return "".join(f"{self.name}.{name} = {value}\n" for name, value in members.items())

    def is_set(self, table: Table, subkey: str) -> bool:
        members = table.value_of(self.name, self.default)
        return subkey in members if subkey else bool(members)

    def places(self, table: Table, subkey: str) -> tuple[str, ...]:
        places = table.places_of(self.name, {})
        return tuple(place for name, place in places.items() if subkey in ("", name))


class Listed(Key):
    """A family `name.<subkey>` whose assignments are kept in their order; `end` closes each value read back."""

    is_family = True

    def __init__(
        self, name: str, parse: Callable[[str], Any], doc: str, *, check: Callable[[str], str], end: str
    ) -> None:
        super().__init__(name, parse, (), doc)
        self.check, self.end = check, end
        self.adds_up = parse is text  # which takes anything

    def put(self, draft: Draft, subkey: str, text: str, where: str) -> None:
        if not text:
            self.drop(draft, subkey)
            return
        _a_name(self, subkey)
        setting = Setting(self.check(subkey), self.parse(text))
        items, places = draft.items(self.name)
        items.append(setting)
        places.append(where)

    def put_all(self, draft: Draft, batch: Batch) -> bool:
        try:
            for subkey in batch.subkeys():
                _a_name(self, subkey)
                self.check(subkey)
        except ValueError:
            return False
        draft.defer(self.name, lambda: [Setting(*pair) for pair in batch.pairs()], batch.places)
        return True

    def drop(self, draft: Draft, subkey: str) -> None:
        if not subkey:
            draft.drop(self.name)
            return
        items, places = draft.items(self.name)
        kept = [(item, place) for item, place in zip(items, places, strict=True) if item.name != subkey]
        items[:], places[:] = [item for item, _ in kept], [place for _, place in kept]

    def read_back(self, table: Table, subkey: str) -> str:
        settings = table.value_of(self.name, self.default)
        if subkey:
            return "".join(f"{setting.value}{self.end}" for setting in settings if setting.name == subkey)
        return "".join(f"{self.name}.{setting.name} = {setting.value}\n" for setting in settings)

    def is_set(self, table: Table, subkey: str) -> bool:
        return any(subkey in ("", setting.name) for setting in table.value_of(self.name, self.default))

    def places(self, table: Table, subkey: str) -> tuple[str, ...]:
        places: tuple[str, ...] = table.places_of(self.name)
        if not subkey:
            return places
        settings = table.value_of(self.name, self.default)
        return tuple(place for item, place in zip(settings, places, strict=True) if subkey == item.name)


class Numbered(Key):
    """A family of tables, `name.<n>.<key of that table>`; `title` is the key that says what each one is."""

    is_family = True
    may_end_in_dot = False

    def __init__(self, name: str, table: type[Table], doc: str, *, title: str) -> None:
        super().__init__(name, table, {}, doc)
        self.table, self.title = table, title
        self._empty = table()

    def put(self, draft: Draft, subkey: str, text: str, where: str) -> None:
        if not subkey:
            if text:
                raise Misspelt(f"takes no value of its own; expected {self.name}.<number>.<key> = …")
            draft.drop(self.name)
            return
        number, key = self._split(subkey)
        members, _ = draft.members(self.name)
        if not key:
            if text:
                raise Misspelt(f"takes no value of its own; expected {self.name}.{number}.<key> = …")
            members.pop(number, None)
            return
        old = members.get(number)
        if old is None:
            if not text:
                raise Misspelt(f"there is no {self.name}.{number} of which to clear this")
            old = self._empty
        refusal = old.refuses(key)
        if refusal and text:
            raise Misspelt(refusal, key)
        if not refusal:
            made = Draft(old)
            self.table.KEYS[key].put(made, "", text, where)
            self._keep(members, number, made.table())

    def drop(self, draft: Draft, subkey: str) -> None:
        number, key = self._split(subkey) if subkey else (0, "")
        if not key:
            self.put(draft, subkey, "", "")
            return
        members, _ = draft.members(self.name)
        if number not in members:
            raise Misspelt(f"there is no {self.name}.{number} of which to clear this")
        if not members[number].refuses(key):
            members[number] = members[number].clear(key)

    def read_back(self, table: Table, subkey: str) -> str:
        if not subkey:
            tables = table.value_of(self.name, self.default).values()
            return "".join(f"{getattr(each, self.title) or '(invalid)'}\n" for each in tables)
        member, key = self._member(table, subkey)
        if member is None or not key or member.refuses(key):
            raise KeyError(f"{self.name}.{subkey}")
        return member.get_item(key)

    def is_set(self, table: Table, subkey: str) -> bool:
        if not subkey:
            return super().is_set(table, subkey)
        member, key = self._member(table, subkey)
        return member is not None and (not key or member.is_set(key))

    def places(self, table: Table, subkey: str) -> tuple[str, ...]:
        if not subkey:
            members = table.value_of(self.name, self.default).values()
            return tuple(place for member in members for place in member.places(self.title)[:1] or ("",))
        member, key = self._member(table, subkey)
        return member.places(key or self.title) if member is not None else ()

    def _split(self, subkey: str) -> tuple[int, str]:
        """The number and the key of its table, which is "" or exists.  Raises ValueError."""
        number, dot, key = subkey.partition(".")
        index = int(number) if number.isdecimal() and number.isascii() and len(number) < 20 else INT_MAX
        if index >= INT_MAX or (dot and key not in self.table.KEYS):
            raise self.owner.unknown(f"{self.name}.{subkey}")
        return index, key

    def _member(self, table: Table, subkey: str) -> tuple[Table | None, str]:
        number, key = self._split(subkey)
        return table.value_of(self.name, self.default).get(number), key

    def _keep(self, members: dict[int, Table], number: int, member: Table) -> None:
        in_order = number in members or not members or number > next(reversed(members))
        members[number] = member
        if not in_order:
            sorted_members = sorted(members.items())
            members.clear()
            members.update(sorted_members)


def _a_name(key: Key, subkey: str) -> None:
    if not subkey:
        raise Misspelt(f"takes no value of its own; expected {key.name}.<name> = …")


def _the_whole(key: Named) -> None:
    if not key.whole:
        raise key.owner.unknown(key.name)
