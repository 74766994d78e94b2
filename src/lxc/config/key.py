"""What a configuration key is: one row that parses, prints, clears and documents itself.

A table is a class whose attributes are keys:

    class Config(Table):
        uts_name = one("lxc.uts.name", text, "", "Host name seen inside the container.")

and everything that knows about keys (parser, get_item, manual, schema,
completion, tests) walks `Config.KEYS`.  Add a row and all of them know it.

The shapes of a row, by what a second assignment does:

    one       replaces the first         merged    is combined with the first into one value
    many      adds to it                 named     a family: each name has one value
    listed    a family: adds to it       numbered  a family: each number has a table of its own
    directive holds no value, it does something to other keys
"""

from __future__ import annotations

from lxc.config.table import Draft, Key, Table
from lxc.values.plain import anything, text
from lxc.values.words import Misspelt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from lxc.config.batch import Batch
    from lxc.values.setting import Setting

    T = TypeVar("T")
    N = TypeVar("N", bound=Table)

REJECTED = object()  # as the `empty` of a key: it cannot be assigned nothing


class One(Key):
    """The last assignment wins.

    `empty` is the value after an empty assignment if that is not the default, or REJECTED; `clears` are more keys that
    an empty assignment clears; `rival` is a key that must be unset.
    """

    def __init__(
        self, name: str, parse: Callable[..., Any], default: Any, doc: str, show: Callable[[Any], str], *,
        empty: Any = None, clears: tuple[str, ...] = (), rival: str = "",
    ) -> None:  # fmt: skip
        super().__init__(name, parse, default, doc)
        self.show, self.empty, self.clears, self.rival = show, default if empty is None else empty, clears, rival

    def put(self, draft: Draft, subkey: str, text: str, where: str) -> None:
        if text:
            _no_rival(self.rival, draft)
            draft.set(self.name, self._value(text, draft), where)
        elif self.empty is REJECTED:
            raise Misspelt("expected a value, got none")
        elif self.empty == self.default:
            for name in (self.name, *self.clears):
                draft.drop(name)
        else:
            draft.set(self.name, self.empty, where)

    def read_back(self, table: Table, subkey: str) -> str:
        return self.show(table.value_of(self.name, self.default))

    def _value(self, text: str, draft: Draft) -> Any:
        return self.parse(text)


class Merged(One):
    """Each assignment is combined with those before: `parse` takes the text and the value so far.

    The place is that of the last one; a tuple's items all have it.
    """

    def places(self, table: Table, subkey: str) -> tuple[str, ...]:
        value = table.value_of(self.name)
        return super().places(table, subkey) * (len(value) if isinstance(value, tuple) else 1)

    def _value(self, text: str, draft: Draft) -> Any:
        return self.parse(text, draft.values.get(self.name, self.default))


class Wiping(One):
    """Assigning it, be it nothing, first wipes the whole table; what nothing leaves is `empty`."""

    def put(self, draft: Draft, subkey: str, text: str, where: str) -> None:
        value = self.parse(text) if text else self.empty
        draft.values.clear()
        draft.places.clear()
        draft.set(self.name, value, where)

    def drop(self, draft: Draft, subkey: str) -> None:
        self.put(draft, "", "", "")


class Many(Key):
    """Assignments add up.  `parse` makes one item, or, if `several`, a tuple of them; `end` and `between` join them.

    `sound` says whether `parse` takes all of these texts, in a fraction of its time; False may be too careful.
    """

    def __init__(
        self, name: str, parse: Callable[[str], Any], doc: str, *, several: bool = False,
        end: str = "\n", between: str = "", clears: tuple[str, ...] = (), rival: str = "",
        sound: Callable[[list[str]], bool] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(name, parse, (), doc)
        self.adds_up, self.sound = not clears and not rival, sound or (anything if parse is text else None)
        self.several, self.end, self.between = several, end, between
        self.clears, self.rival = clears, rival

    def put(self, draft: Draft, subkey: str, text: str, where: str) -> None:
        if not text:
            for name in (self.name, *self.clears):
                draft.drop(name)
            return
        _no_rival(self.rival, draft)
        value = self.parse(text)
        items, places = draft.items(self.name)
        if self.several:
            items.extend(value)
            places.extend([where] * len(value))
        else:
            items.append(value)
            places.append(where)

    def put_all(self, draft: Draft, batch: Batch) -> bool:
        if self.sound is None:
            try:
                items = self._items(batch)
            except ValueError:
                return False
            draft.defer(self.name, lambda: items, lambda: self._places(batch))
        elif self.sound(batch.raw()):
            draft.defer(self.name, lambda: self._items(batch), lambda: self._places(batch))
        else:
            return False
        return True

    def _items(self, batch: Batch) -> list[Any]:
        values = [self.parse(text) for text in batch.texts()]
        return [item for value in values for item in value] if self.several else values

    def _places(self, batch: Batch) -> list[str]:
        if not self.several:
            return batch.places()
        pairs = zip(batch.places(), batch.texts(), strict=True)
        return [place for place, text in pairs for _ in self.parse(text)]

    def read_back(self, table: Table, subkey: str) -> str:
        return self.between.join(f"{item}{self.end}" for item in table.value_of(self.name, self.default))

    def places(self, table: Table, subkey: str) -> tuple[str, ...]:
        return tuple(table.places_of(self.name))


class Directive(Key):
    """A key that holds no value.  Assigning it nothing clears the keys `clears`; `refusal` says why not to assign."""

    def __init__(self, name: str, doc: str, *, clears: tuple[str, ...] = (), refusal: str) -> None:
        super().__init__(name, str, "", doc)
        self.clears, self.refusal = clears, refusal

    def put(self, draft: Draft, subkey: str, text: str, where: str) -> None:
        if text:
            raise Misspelt(self.refusal)
        for name in self.clears:
            draft.drop(name)

    def drop(self, draft: Draft, subkey: str) -> None:
        self.put(draft, "", "", "")


def plainly(value: Any) -> str:
    """`value` as LXC prints it unless a row says otherwise: flags as 0 and 1, the rest as it prints itself."""
    return str(int(value)) if value is True or value is False else str(value)


def one(
    name: str, parse: Callable[[str], T], default: T, doc: str, show: Callable[[T], str] = plainly, **more: Any
) -> T:
    """A key whose last assignment wins."""
    return One(name, parse, default, doc, show, **more)  # type: ignore[return-value]  # a descriptor of T


def merged(
    name: str, parse: Callable[[str, T], T], default: T, doc: str, show: Callable[[T], str] = plainly, **more: Any
) -> T:
    """A key whose assignments are combined into one value."""
    return Merged(name, parse, default, doc, show, **more)  # type: ignore[return-value]


def wiping(name: str, parse: Callable[[str], T], default: T, doc: str, show: Callable[[T], str], empty: T) -> T:
    """A key whose assignment wipes the table it is in."""
    return Wiping(name, parse, default, doc, show, empty=empty)  # type: ignore[return-value]


def many(name: str, parse: Callable[[str], T], doc: str, **more: Any) -> tuple[T, ...]:
    """A key whose assignments add up, one item each."""
    return Many(name, parse, doc, **more)  # type: ignore[return-value]


def several(name: str, parse: Callable[[str], tuple[T, ...]], doc: str, **more: Any) -> tuple[T, ...]:
    """A key whose assignments add up, each of them several items."""
    return Many(name, parse, doc, several=True, **more)  # type: ignore[return-value]


def named(
    name: str, parse: Callable[[str], T], doc: str, check: Callable[[str], str] = str, **more: Any
) -> Mapping[str, T]:
    """A family of keys, `name.<anything that check lets pass>`."""
    from lxc.config.family import Named  # as each of these: lists of containers do without families

    return Named(name, parse, doc, check=check, **more)  # type: ignore[return-value]


def listed(
    name: str, parse: Callable[[str], str], doc: str, check: Callable[[str], str] = str, end: str = "\n"
) -> tuple[Setting, ...]:
    """A family of keys whose assignments add up in their order, whatever the key."""
    from lxc.config.family import Listed

    return Listed(name, parse, doc, check=check, end=end)  # type: ignore[return-value]


def numbered(name: str, table: type[N], doc: str, title: str) -> Mapping[int, N]:
    """A family of tables, `name.<n>.<key of table>`."""
    from lxc.config.family import Numbered

    return Numbered(name, table, doc, title=title)  # type: ignore[return-value]


def directive(name: str, doc: str, *, clears: tuple[str, ...] = (), refusal: str) -> str:
    """A key that holds no value."""
    return Directive(name, doc, clears=clears, refusal=refusal)  # type: ignore[return-value]


def _no_rival(rival: str, draft: Draft) -> None:
    if rival and draft.values.get(rival):
        raise Misspelt(f"cannot be combined with {rival}, which is set")
