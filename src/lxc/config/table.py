"""A table of keys and its values: immutable, typed, and knowing where each value was set.

A table is a class whose attributes are the rows of `lxc.config.key`; an object
of it holds the values.  `Draft` is how many assignments make one table.
"""

from __future__ import annotations

from lxc.values.words import Misspelt, correction, meant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, ClassVar, Self

    from lxc.config.batch import Batch


_set = object.__setattr__


class Later:
    """Items that are worked out when they are first asked for: `more` of them, behind those there were before."""

    __slots__ = ("before", "more")

    def __init__(self, before: Any, more: Callable[[], list[Any]]) -> None:
        self.before, self.more = before, more

    def __iter__(self) -> Iterator[Any]:
        yield from self.before
        yield from self.more()


class Table:
    """Immutable values for the keys its subclass declares, each with the place it was set at."""

    __slots__ = ("_places", "_values")
    KEYS: ClassVar[dict[str, Key]]
    ATTRIBUTES: ClassVar[dict[str, str]]  # what the attribute of each key is called
    DEFAULTS: ClassVar[dict[str, Any]]  # of all attributes
    FAMILIES: ClassVar[dict[str, Key]]  # those whose names no other key begins with
    _values: dict[str, Any]
    _places: dict[str, Any]

    def __init_subclass__(cls) -> None:
        cls.KEYS = {key.name: key for key in vars(cls).values() if isinstance(key, Key)}
        cls.ATTRIBUTES = {key.name: name for name, key in vars(cls).items() if isinstance(key, Key)}
        cls.DEFAULTS = {name: cls.KEYS[key].default for key, name in cls.ATTRIBUTES.items()}
        names = "\n".join(("", *cls.KEYS))
        cls.FAMILIES = {name: key for name, key in cls.KEYS.items() if key.is_family and f"\n{name}." not in names}

    def __init__(self, values: dict[str, Any] | None = None, places: dict[str, Any] | None = None) -> None:
        _set(self, "_values", {} if values is None else values)
        _set(self, "_places", {} if places is None else places)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable: cannot set {name}")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and _known(other._values) == _known(self._values)

    __hash__ = None  # type: ignore[assignment]  # it holds mappings

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any], dict[str, Any]]]:
        """How pickle takes it to another process."""
        return type(self), (_known(self._values), _known(self._places))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_known(self._values)!r})"

    def spread(self) -> None:
        """Have what is known of all keys at hand: attributes of an object are found without asking those of its class."""
        found = self.__dict__
        found.update(self.DEFAULTS)
        for key, value in self._values.items():
            name = self.ATTRIBUTES.get(key)
            if name and type(value) is not Later:
                found[name] = value
            elif name:
                del found[name]

    def value_of(self, name: str, default: Any = None) -> Any:
        """The value of the key `name`, or `default` if nothing was assigned to it."""
        value = self._values.get(name, default)
        return value if type(value) is not Later else _known(self._values)[name]

    def places_of(self, name: str, default: Any = ()) -> Any:
        """Where the key `name` was assigned, in the shape of its value, or `default`."""
        places = self._places.get(name, default)
        return places if type(places) is not Later else _known(self._places)[name]

    @classmethod
    def likely(cls, name: str) -> tuple[Key, str] | None:
        """As `find`, but None for some families' members and for what is no key at all."""
        key = cls.KEYS.get(name)
        if key is not None:
            return key, ""
        dot = name.find(".", len("lxc."))
        key = cls.FAMILIES.get(name[:dot])
        return (key, name[dot + 1 :]) if key and 0 < dot < len(name) - 1 else None

    @classmethod
    def find(cls, name: str) -> tuple[Key, str]:
        """The key that `name` belongs to, and the subkey.  Raises ValueError if there is none."""
        found = cls.likely(name)
        if found:
            return found
        head, keys = name, cls.KEYS
        while head not in keys:
            head = head[: max(head.rfind("."), 0)]
            if not head:
                return cls.stranger(name), ""
        key, subkey = keys[head], name[len(head) + 1 :]
        if head != name and not (key.is_family and (subkey or key.may_end_in_dot)):
            raise cls.unknown(name)
        return key, subkey

    @classmethod
    def stranger(cls, name: str) -> Key:
        """The row for `name`, which has none in KEYS.  Raises ValueError."""
        raise cls.unknown(name)

    @classmethod
    def unknown(cls, name: str) -> ValueError:
        """The error for `name`, which is no key, with the nearest that is one."""
        return Misspelt(f"unknown key{correction(name, meant(name, cls.KEYS))}", name)

    def refuses(self, name: str) -> str:
        """Why this table as it now is has no use for the key `name`; "" if it has."""
        return ""

    def assign(self, name: str, text: str, where: str = "") -> Self:
        """This table after `name = text`.  Raises ValueError saying what is wrong, not where."""
        draft = Draft(self)
        draft.assign(name, text, where)
        made: Self = draft.table()
        return made

    def clear(self, name: str) -> Self:
        """This table with `name` back at its default, a family with all its members.  Raises ValueError."""
        draft = Draft(self)
        key, subkey = self.find(name)
        key.drop(draft, subkey)
        made: Self = draft.table()
        return made

    def get_item(self, name: str) -> str:
        """The value of `name` exactly as LXC reads it back.  Raises KeyError if there is no such readable key."""
        try:
            key, subkey = self.find(name)
            return key.read_back(self, subkey)
        except ValueError:
            raise KeyError(name) from None

    def is_set(self, name: str) -> bool:
        """Whether `name` was assigned anything that is still in force.  Raises ValueError if there is no such key."""
        key, subkey = self.find(name)
        return key.is_set(self, subkey)

    def places(self, name: str) -> tuple[str, ...]:
        """Where each item of `name` was set, as "file:line", in the items' order.  Raises ValueError."""
        if name in self.KEYS and name not in self._places:
            return ()
        key, subkey = self.find(name)
        return key.places(self, subkey)

    def where(self, name: str) -> str:
        """Where `name` was set last, "" if it was not.  Raises ValueError."""
        places = self.places(name)
        return places[-1] if places else ""


class Draft:
    """A table being filled: the only thing here that changes, and gone when the table is made."""

    __slots__ = ("_opened", "_table", "places", "values")

    def __init__(self, table: Table) -> None:
        self._table = type(table)
        self._opened: set[str] = set()
        self.values: dict[str, Any] = table._values.copy()
        self.places: dict[str, Any] = table._places.copy()

    def assign(self, name: str, text: str, where: str) -> None:
        """`name = text`.  Raises ValueError, nothing changed."""
        key, subkey = self._table.find(name)
        key.put(self, subkey, text, where)

    def items(self, name: str) -> tuple[list[Any], list[str]]:
        """The items of `name` and their places, to be changed."""
        if name not in self._opened:
            self._opened.add(name)
            self.values[name], self.places[name] = list(self.values.get(name, ())), list(self.places.get(name, ()))
        return self.values[name], self.places[name]

    def members(self, name: str) -> tuple[dict[Any, Any], dict[Any, str]]:
        """The members of the family `name` and their places, to be changed."""
        if name not in self._opened:
            self._opened.add(name)
            self.values[name], self.places[name] = dict(self.values.get(name, {})), dict(self.places.get(name, {}))
        return self.values[name], self.places[name]

    def defer(self, name: str, items: Callable[[], list[Any]], places: Callable[[], list[str]]) -> None:
        """Add `items` to those of `name`, and their places, when they are asked for."""
        self.values[name] = Later(self.values.get(name, ()), items)
        self.places[name] = Later(self.places.get(name, ()), places)
        self._opened.discard(name)

    def set(self, name: str, value: Any, where: str) -> None:
        self.values[name], self.places[name] = value, where

    def drop(self, name: str) -> None:
        self._opened.discard(name)
        self.values.pop(name, None)
        self.places.pop(name, None)

    def take(self, table: Table) -> None:
        """Be as `table` is, which is asked for all that it has still to work out: it is taken more than once."""
        self.values, self.places = _known(table._values).copy(), _known(table._places).copy()

    def snapshot(self) -> Any:
        """The table as it is now."""
        made = self.table()
        return self._table(made._values.copy(), made._places.copy())

    def table(self) -> Any:
        """The table; of this draft no more may be made."""
        for name in self._opened:
            if isinstance(self.values[name], list):
                self.values[name], self.places[name] = tuple(self.values[name]), tuple(self.places[name])
            if not self.values[name]:
                del self.values[name], self.places[name]
        self._opened.clear()
        return self._table(self.values, self.places)


class Key:
    """A row.  `parse` turns one assignment's text into a value, raising ValueError in words."""

    is_family = False
    may_end_in_dot = True  # if it is a family: "name." is all of it, too, where LXC has it so
    adds_up = False  # no assignment of it depends on one of another key, or is depended on
    owner: type[Table]  # the table it is a row of

    def __init__(self, name: str, parse: Callable[..., Any], default: Any, doc: str) -> None:
        self.name, self.parse, self.default, self.doc = name, parse, default, doc

    def __set_name__(self, owner: type[Table], name: str) -> None:
        self.owner = owner

    def __get__(self, table: Table | None, owner: type[Table]) -> Any:
        if table is None:
            return self
        if not table.__dict__:
            table.spread()
        return table.value_of(self.name, self.default)

    def put(self, draft: Draft, subkey: str, text: str, where: str) -> None:
        """`name[.subkey] = text`.  Empty text clears.  Raises ValueError, `draft` unchanged."""
        raise ValueError("cannot be set")

    def put_all(self, draft: Draft, batch: Batch) -> bool:
        """As `put` of all that is in `batch`; False, and nothing done, if it has to be done one by one."""
        return False

    def drop(self, draft: Draft, subkey: str) -> None:
        """Bring the key back to its default.  Raises ValueError, `draft` unchanged."""
        draft.drop(self.name)

    def read_back(self, table: Table, subkey: str) -> str:
        """The value as LXC prints it.  Raises KeyError or ValueError if it has none to print."""
        raise KeyError(f"{self.name}.{subkey}" if subkey else self.name)

    def is_set(self, table: Table, subkey: str) -> bool:
        return self.name in table._values

    def places(self, table: Table, subkey: str) -> tuple[str, ...]:
        return (table._places[self.name],) if self.name in table._places else ()


def _known(items: dict[str, Any]) -> dict[str, Any]:
    """`items` with nothing in it that is still to be worked out."""
    for name, item in items.items():
        if type(item) is Later:
            items[name] = tuple(item)
    return items
