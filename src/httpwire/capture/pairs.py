"""Files that answer each other: which recorded answer belongs to which recorded request, by their names.

In: paths of files and folders. Out: Answers, and what is left out, with the reason. NAME.response
answers NAME.http, NAME_recv.EXT answers NAME_send.EXT; several requests in one file are answered
by as many answers in the other. Nothing is written, and no octet is changed.
"""

from __future__ import annotations

import os
from collections import deque

from httpwire.capture.answers import Answer, Answers
from httpwire.capture.named import names_exchanges
from httpwire.capture.raw import Outgoing
from httpwire.capture.times import read_times
from httpwire.errors import AnswerUnreadable, RecordingUnreadable
from httpwire.language import N_
from httpwire.wire.element import Direction
from httpwire.wire.message import Message
from httpwire.wire.stream import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from httpwire.wire.stream import Event


def open_answers(
    paths: list[str], *, times: bool = False, progress: Callable[[int, int], None] | None = None
) -> tuple[Answers, list[tuple[str, str]]]:
    """The answers in files and folders, and the files that are left out, each with the reason (a message id).

    A single file answers every request. Of several, and in folders, each belongs to the request whose file lies beside
    it: NAME_send.EXT to NAME_recv.EXT, NAME.http to NAME.response. A capture, or exchanges of one, are served by
    themselves; `progress` is told how much of it has been read, of how much. `times`: with when octets came. Raises
    AnswerUnreadable, RecordingUnreadable, RecordingBroken.
    """
    if any(map(names_exchanges, paths)):
        return _open_capture(paths, times=times, progress=progress), []
    opened: list[Answer] = []
    others: list[Answer] = []
    left_out: list[tuple[str, str]] = []
    try:
        if len(paths) == 1 and not os.path.isdir(paths[0]):
            others += _open_answer(paths[0], _requests_beside(paths[0])[:1], times=times)
            return Answers(others=others), []
        for path in paths:
            if os.path.isdir(path):
                names, unpaired = _answers_in(path)
                left_out += unpaired
            else:
                names = [path]
            for name in names:
                requests = _requests_beside(name)
                if _request_path(name) and not requests:
                    left_out.append((name, N_("what lies beside it is no request")))
                    continue
                made = _open_answer(name, requests, times=times)
                (opened if requests else others).extend(made)
                for request in requests[len(made) :]:
                    asked = b" ".join((request.method, request.target)).decode("latin-1")
                    left_out.append((f"{_request_path(name)}: {asked}", N_("it has no answer")))
    except BaseException:
        for answer in (*opened, *others):
            answer.source.close()
        raise
    return Answers(opened, others), left_out


def holds_many(path: str) -> bool:
    """Whether there may be several answers at `path`, each for its request."""
    return os.path.isdir(path) or names_exchanges(path)


def _open_capture(paths: list[str], *, times: bool, progress: Callable[[int, int], None] | None) -> Answers:
    if len(paths) > 1:
        why = N_("a capture is served by itself, without other files")
        hint = N_("httpwire merge puts several captures into one")
        raise AnswerUnreadable(path=next(filter(names_exchanges, paths)), why=why, hint=hint)
    from httpwire.capture.store.answers import StoredAnswers

    return StoredAnswers(paths[0], times=times, progress=progress)


def _answers_in(folder: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The answers in a folder whose requests lie beside them, and those that are left out. Raises AnswerUnreadable."""
    found = [os.path.join(folder, name) for name in _listed(folder)]
    answers = [name for name in found if _request_path(name)]
    if not answers:
        hint = N_("an answer NAME.response belongs to the request NAME.http, NAME_recv.txt to NAME_send.txt")
        raise AnswerUnreadable(path=folder, why=N_("no answer in it has its request beside it"), hint=hint)
    taken = {*answers, *map(_request_path, answers)}
    left_out = [name for name in found if name not in taken and _is_answer(name)]
    return answers, [(name, N_("its request is not beside it")) for name in left_out]


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  # names are all that is wanted
    except OSError as error:
        raise AnswerUnreadable(path=folder, why=error.strerror or str(error)) from error


def _is_answer(path: str) -> bool:
    """Whether a file is named as an answer, or looks like one."""
    stem, extension = os.path.splitext(path)
    if extension in (".partial", ".tunnel", ".surplus", ".jsonl", ".times") or not os.path.isfile(path):
        return False
    if stem.endswith("server_recv"):
        return False
    if extension == ".response" or stem.endswith("_recv"):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(5) == b"HTTP/"
    except OSError:
        return False  # nobody said that it is one


def _request_path(path: str) -> str:
    """The file of the request that the answer in `path` belongs to; empty where there is none."""
    stem, extension = os.path.splitext(path)
    candidate = ""
    if extension == ".response":
        candidate = stem + ".http"
    elif stem.endswith("_recv") and not stem.endswith("server_recv"):  # what a server receives is a request
        candidate = stem.removesuffix("_recv") + "_send" + extension
    return candidate if candidate and os.path.isfile(candidate) and os.path.isfile(path) else ""


def _requests_beside(path: str) -> list[Message]:
    """The requests in the file that lies beside the answer in `path`."""
    found = _request_path(path)
    if not found:
        return []
    try:
        outgoing = Outgoing.from_path(found)
    except RecordingUnreadable as error:
        raise AnswerUnreadable(path=found, why=error.facts["why"]) from error
    stream = Stream(Direction.REQUEST)
    events: list[Event] = []
    try:
        for made in outgoing.shown_to(stream):
            events += made
    finally:
        outgoing.close()
    events += stream.feed_eof()
    return [event for event in events if isinstance(event, Message) and event.head and event.head.line.target]


def _open_answer(path: str, requests: list[Message], *, times: bool) -> list[Answer]:
    """The answers in one file: one, or as many as there are `requests` whose answers it can be divided into."""
    try:
        source = Outgoing.from_path(path)
    except RecordingUnreadable as error:
        raise AnswerUnreadable(path=path, why=error.facts["why"]) from error
    if not source.octets:
        source.close()
        raise AnswerUnreadable(path=path, why=N_("it is empty: there is nothing to serve"))
    try:
        moments = read_times(path) if times else ()
        if len(requests) < 2:
            return [Answer(source, request=requests[0] if requests else None, times=moments)]
        return _divided(source, requests, moments)
    except BaseException:
        source.close()
        raise


def _divided(source: Outgoing, requests: list[Message], times: tuple[tuple[float, int], ...]) -> list[Answer]:
    """The answers to `requests`, which were sent in a row, in the octets that came back."""
    stream = Stream(Direction.RESPONSE, methods=deque(request.method for request in requests))
    events: list[Event] = []
    for block in source.blocks():
        events += stream.feed(block)
    events += stream.feed_eof()
    ends = [event.stop for event in events if isinstance(event, Message) and not event.interim]
    ends[-1:] = [source.octets]  # what follows belongs to the last one
    answers: list[Answer] = []
    start, begun = 0, 0.0
    for request, stop in zip(requests, ends, strict=False):
        own = [(at, reached) for at, reached in times if start < reached <= stop]
        since = tuple((at - begun, reached - start) for at, reached in own)
        answers.append(Answer(source, request=request, start=start, stop=stop, times=since))
        start, begun = stop, own[-1][0] if own else begun
    return answers
