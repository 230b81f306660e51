"""What a conversion took over, and what it cost: lost, reconstructed and skipped, by kind.

In: a Toll, counts. Out: labelled lines for a person, a dict of plain values for a program.
"""

from __future__ import annotations

from httpwire.language import N_, Translator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from httpwire.capture.toll import Cost, Toll

LABELS = (N_("lost"), N_("reconstructed"), N_("skipped"))


def toll_lines(toll: Toll, tr: Translator) -> Iterator[tuple[str, str]]:
    """A line for each kind of cost, with how often it was met."""
    for label, costs in zip(LABELS, (toll.lost, toll.reconstructed, toll.skipped), strict=True):
        for cost, count in costs.items():
            yield tr(label), tr("{what} ({n})", what=tr(cost.says), n=f"{count:,}")


def amounts(connections: int, exchanges: int, tr: Translator) -> str:
    """How many connections and exchanges."""
    shown = tr.plural("{n} connection", "{n} connections", connections)
    return tr("{connections}, {exchanges}", connections=shown, exchanges=exchanges_of(exchanges, tr))


def exchanges_of(exchanges: int, tr: Translator) -> str:
    return tr.plural("{n} exchange", "{n} exchanges", exchanges)


def toll_object(toll: Toll) -> dict[str, Any]:
    """The costs by their ids."""
    return {
        "lost": _costs(toll.lost),
        "reconstructed": _costs(toll.reconstructed),
        "skipped": _costs(toll.skipped),
    }


def _costs(costs: dict[Cost, int]) -> list[dict[str, Any]]:
    return [{"id": cost.id, "says": cost.says, "count": count} for cost, count in costs.items()]
