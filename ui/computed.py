"""Functions of lmcore whose results a page shows: computed by a worker, and cached for all visitors."""

import functools
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from typing import Any, ParamSpec, TypeVar

from lmcore.cache import Cached, cached, default_key, n_bytes
from ui import busy
from ui.server import engine

P = ParamSpec("P")
R = TypeVar("R")


def computed(
    function: Callable[P, R],
    max_bytes: int,
    spinner: str = "Computing…",
    size_of: Callable[[Any], int] = n_bytes,
    key: Callable[..., Hashable] = default_key,
    is_data: bool = False,
) -> Callable[P, R]:
    """The same function, computed by a worker; its results are kept, up to ``max_bytes`` in all.

    Args:
        function: of a module that workers can import, with arguments and results that can be pickled.
        max_bytes: limit of the memory that results and keys occupy, in bytes.
        spinner: what the page says meanwhile.
        size_of: the size of a result in bytes.
        key: the key of a call, from its arguments.
        is_data: as for `lmcore.cache.cached`.

    Raises:
        UserError: if the function does, or if it crashes, takes too long or needs too much memory; when it is called.
    """

    @cached(max_bytes, size_of, key, is_data)
    @functools.wraps(function)
    def result(*args: P.args, **kwargs: P.kwargs) -> R:
        answer: R = engine().compute(functools.partial(function, *args, **kwargs))
        return answer

    return announced(result, spinner)


def announced(function: Cached[P, R], spinner: str) -> Callable[P, R]:
    """The same function; the page says that it computes whenever its result is not in the cache."""

    @functools.wraps(function)
    def shown(*args: P.args, **kwargs: P.kwargs) -> R:
        with nullcontext() if function.is_cached(*args, **kwargs) else busy.spinner(spinner):
            return function(*args, **kwargs)

    return shown
