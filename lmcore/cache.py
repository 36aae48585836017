"""A cache for expensive results that is limited in bytes: the least recently used ones go first.

    @cached(max_bytes=200_000_000)
    def activations(config: RunConfig, snapshot: Snapshot) -> Activations: ...

A cache keeps its results and its keys alive, and ``max_bytes`` bounds both. Arguments that are compared by identity
(a `Corpus`, a `Snapshot`, a model) are held by weak references only, alone or inside a tuple or a frozen dataclass (a
`Reader`), so that a cache never keeps them alive by itself: when such an argument is gone, its results are dropped.

A program with many caches bounds what they occupy together with `limit_together`, and one that runs for long drops what
nobody has used for a while with `drop_unused`.
"""

import dataclasses
import functools
import operator
import sys
import threading
import time
import types
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import cachetools
import numpy as np
from cachetools.keys import hashkey

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, weakref.ref)
"""Objects that no result owns, so that they do not count."""


class Cached(Protocol[P, R_co]):
    """A function whose results are cached."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """The result: from the cache, or computed and put there."""
        ...

    def is_cached(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether a call would be answered from the cache."""
        ...

    def cache_clear(self) -> None:
        """Drop all results."""
        ...

    def cache_info(self) -> Any:
        """A named tuple: hits, misses, maxsize (bytes) and currsize (bytes)."""
        ...


@dataclass(frozen=True, eq=False)
class _Entry:
    value: Any
    size: int  # bytes, of the value and the key


_condition = threading.Condition()  # held while a result is looked up, put into a cache or dropped
_sharing: "weakref.WeakSet[_Entries]" = weakref.WeakSet()  # the caches with a common limit
_common_limit = sys.maxsize  # bytes


class _Entries(cachetools.Cache[Hashable, _Entry]):
    """The results of one function, up to a limit in bytes; the least recently used ones go first."""

    __eq__, __hash__ = object.__eq__, object.__hash__  # for the set of all caches

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes, operator.attrgetter("size"))
        self.uses: dict[Hashable, float] = {}  # when each result was used, the least recently used one first

    def __getitem__(self, key: Hashable) -> _Entry:
        entry = super().__getitem__(key)
        self._use(key)
        return entry

    def __setitem__(self, key: Hashable, entry: _Entry) -> None:
        if self in _sharing and entry.size > _common_limit:
            raise ValueError("The result is too large.")  # is not kept, as if it were beyond the limit of its own cache
        super().__setitem__(key, entry)
        self._use(key)
        _make_room()

    def __delitem__(self, key: Hashable) -> None:
        super().__delitem__(key)
        del self.uses[key]

    def popitem(self) -> tuple[Hashable, _Entry]:
        key = next(iter(self.uses))
        return key, self.pop(key)

    def clear(self) -> None:
        super().clear()
        self.uses.clear()

    def _use(self, key: Hashable) -> None:
        self.uses.pop(key, None)
        self.uses[key] = time.monotonic()


def limit_together(max_bytes: int) -> None:
    """Limit what all caches occupy together, in bytes; the least recently used results go first.

    Caches of data, with ``is_data``, do not count.
    """
    global _common_limit
    with _condition:
        _common_limit = max_bytes
        _make_room()


def drop_unused(seconds: float) -> None:
    """Drop the results that nobody has asked for in the last ``seconds``, except data (``is_data``)."""
    with _condition:
        for cache in _sharing:
            while cache.uses and next(iter(cache.uses.values())) < time.monotonic() - seconds:
                cache.popitem()


def _make_room() -> None:
    """Drops the least recently used results of all caches until the common limit is kept."""
    while sum(cache.currsize for cache in _sharing) > _common_limit:
        oldest = min((cache for cache in _sharing if cache.uses), key=lambda cache: next(iter(cache.uses.values())))
        oldest.popitem()


def n_bytes(value: object) -> int:
    """Memory that a value occupies, in bytes, including everything it refers to.

    Each object counts once. A view of an array or tensor counts as the memory it is a view of.
    """
    total, seen, waiting = 0, {}, [value]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, _SHARED):
            continue
        seen[id(item)] = item  # kept, so that no other object gets the same id meanwhile
        size, parts = _dissect(item)
        total += size
        waiting.extend(parts)
    return total


def _dissect(item: Any) -> tuple[int, Iterable[Any]]:
    """The size of an object itself, in bytes, and the objects it refers to."""
    match item:
        case np.ndarray() if item.base is not None:
            return 0, (item.base,)
        case np.ndarray():
            return sys.getsizeof(item), item.flat if item.dtype.hasobject else ()
        case memoryview():  # what an array from another process is a view of
            return sys.getsizeof(item), (item.obj,)
        case Mapping():
            return sys.getsizeof(item), (*item.keys(), *item.values())
        case list() | tuple() | set() | frozenset():
            return sys.getsizeof(item), item
    if hasattr(item, "untyped_storage"):  # a tensor of torch
        return 0, (item.untyped_storage(),)
    if isinstance(item, _classes("torch.storage", "UntypedStorage")):
        return item.nbytes(), ()
    if isinstance(item, _classes("pandas", "DataFrame", "Series", "Index")):
        return int(np.sum(item.memory_usage(deep=True))), ()
    return sys.getsizeof(item), getattr(item, "__dict__", {}).values()


def _classes(library: str, *names: str) -> tuple[Any, ...]:
    """Classes of a library that takes long to import; none if nobody has imported it: there are no instances then."""
    return tuple(found for name in names if (found := getattr(sys.modules.get(library), name, None)))


def default_key(*args: Any, **kwargs: Any) -> Hashable:
    """A key of a call: arguments by value, those compared by identity through a weak reference."""
    return hashkey(*map(_weak, args), **{name: _weak(value) for name, value in kwargs.items()})


def _weak(argument: Any) -> Any:
    """An argument by value, with weak references to whatever in it is compared by identity."""
    if isinstance(argument, tuple):
        return tuple(map(_weak, argument))
    if _is_value(argument):
        return type(argument), *(_weak(getattr(argument, field.name)) for field in dataclasses.fields(argument))
    if getattr(type(argument), "__hash__", None) is object.__hash__:
        try:
            return weakref.ref(argument)
        except TypeError:  # such as object(): nothing large
            return argument
    return argument


def _is_value(argument: Any) -> bool:
    """Whether an argument is a frozen dataclass that is compared by its fields."""
    parameters = getattr(argument, "__dataclass_params__", None)
    return parameters is not None and parameters.frozen and parameters.eq and not isinstance(argument, type)


def _is_dead(key: Any) -> bool:
    """Whether an argument behind a key is gone, so that no call can ask for the result again."""
    if isinstance(key, tuple):
        return any(map(_is_dead, key))
    return isinstance(key, weakref.ref) and key() is None


def cached(
    max_bytes: int,
    size_of: Callable[[Any], int] = n_bytes,
    key: Callable[..., Hashable] = default_key,
    is_data: bool = False,
) -> Callable[[Callable[P, R]], Cached[P, R]]:
    """Decorator that keeps the results of a function, up to ``max_bytes`` in all.

    It may be called from several threads: while one computes a result, the others that ask for it wait. A result that
    is larger than ``max_bytes`` is returned, but not kept. Exceptions are not kept.

    Args:
        max_bytes: limit of the memory that results and keys occupy, in bytes.
        size_of: the size of a result in bytes; pass one where `n_bytes` would be slow or count shared memory.
        key: the key of a call, from its arguments.
        is_data: whether results are data that much else is computed from, and that are expensive to read again; they do
            not count for the limit of `limit_together`.
    """

    def decorate(function: Callable[P, R]) -> Cached[P, R]:
        entries = _Entries(max_bytes)
        if not is_data:
            _sharing.add(entries)

        @cachetools.cached(entries, key, condition=_condition, info=True)
        def entry(*args: P.args, **kwargs: P.kwargs) -> _Entry:
            with _condition:
                for dead in [other for other in entries if _is_dead(other)]:
                    del entries[dead]
            value = function(*args, **kwargs)
            return _Entry(value, size_of(value) + n_bytes(key(*args, **kwargs)))

        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
            return cast(R, entry(*args, **kwargs).value)

        def is_cached(*args: P.args, **kwargs: P.kwargs) -> bool:
            with _condition:
                return key(*args, **kwargs) in entries

        wrapper.is_cached = is_cached  # type: ignore[attr-defined]
        wrapper.cache_clear = entry.cache_clear  # type: ignore[attr-defined]
        wrapper.cache_info = entry.cache_info  # type: ignore[attr-defined]
        return cast(Cached[P, R], wrapper)

    return decorate
