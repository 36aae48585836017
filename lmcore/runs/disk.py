"""How much disk the runs use, and which could go. Nothing is removed here."""

from collections.abc import Sequence
from dataclasses import dataclass

from lmcore.config import from_environment
from lmcore.runs.store import Header, Store

DEFAULT_LIMIT = 2.0  # GB


@dataclass(frozen=True)
class DiskUse:
    """The runs on disk, in bytes, beside what they should use at most."""

    sizes: dict[str, int]  # of each run, by its id
    trash: dict[str, int]
    limit: int
    offered: tuple[str, ...]  # runs whose removal would bring the total below the limit, oldest first

    @property
    def total(self) -> int:
        """Bytes of all runs, those in the trash included."""
        return sum(self.sizes.values()) + sum(self.trash.values())


def limit_from_environment() -> int:
    """Bytes that all runs should use at most (``LMCORE_DISK``, in GB).

    Raises:
        UserError: if it is not a number above 0.
    """
    gigabytes = from_environment("LMCORE_DISK", DEFAULT_LIMIT, "the GB that all runs may use, as in 2")
    return int(gigabytes * 1e9)


def disk_use(store: Store, headers: Sequence[Header], limit: int | None = None) -> DiskUse:
    """What the runs use, and the oldest unstarred ones at rest that would have to go to stay below a limit.

    Whatever lies in the trash would go first, so it counts as gone.

    Args:
        store: where the runs are.
        headers: of all runs in it.
        limit: bytes; that of the environment if None.
    """
    sizes, trash = store.sizes(), store.trash.sizes()
    limit = limit_from_environment() if limit is None else limit
    over, offered = sum(sizes.values()) - limit, []
    for header in sorted(headers, key=lambda header: header.created):
        if over > 0 and not header.annotations.starred and not header.status.is_active:
            offered.append(header.id)
            over -= sizes.get(header.id, 0)
    return DiskUse(sizes, trash, limit, tuple(offered))
