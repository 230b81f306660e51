"""The pytest plugin: servers of recorded octets on free ports, stopped when the test ends.

In: what `httpwire.serve` and `httpwire.record` take. Out: Running servers. Nothing of
httpwire is loaded before a test asks for a fixture.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from httpwire.api.serving import Running


@pytest.fixture
def httpwire_serve() -> Iterator[Callable[..., Running]]:
    """Call it with what `httpwire.serve` takes: recorded bytes, files, or scripted faults."""
    import httpwire

    with ExitStack() as stack:
        yield lambda *given, **settings: stack.enter_context(httpwire.serve(*given, **settings))


@pytest.fixture
def httpwire_record() -> Iterator[Callable[..., Running]]:
    """Call it with what `httpwire.record` takes; `.requests` are the bytes that clients sent."""
    import httpwire

    with ExitStack() as stack:
        yield lambda *given, **settings: stack.enter_context(httpwire.record(*given, **settings))
