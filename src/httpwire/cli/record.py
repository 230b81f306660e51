"""The verb `record`: what a client really sends, kept byte for byte.

In: arguments. Out: the first complete request in a file, or every request in a folder, and
the exit status. By default nothing is answered: the connection is closed.
"""

from __future__ import annotations

import os
import re
import sys
from functools import partial

from httpwire.capture.answers import Answer, Answers, minimal
from httpwire.capture.keeping import PARTIAL, File
from httpwire.capture.live import is_folder, keeping_at
from httpwire.capture.pairs import open_answers
from httpwire.capture.raw import Outgoing, descriptor_of, same_file
from httpwire.capture.store.signature import names_capture
from httpwire.cli.console import columns_of, say
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.serving import LISTEN, SHARED, Serving
from httpwire.cli.status import ExitStatus
from httpwire.errors import UsageError
from httpwire.language import N_, Translator

RECORD = Verb(
    "record",
    N_("httpwire record [-o FILE | -o FOLDER/ | -o CAPTURE.hwire] [--listen ADDRESS] [OPTION...]"),
    N_(
        "Waits for a browser or any other client on 127.0.0.1:8080, keeps its first complete request byte for byte in "
        "FILE (server_recv.txt), and ends. The connection is closed without an answer, unless --reply or "
        "--reply-status give one."
    ),
    (
        Option("output", "o", N_("FILE"), N_("where the request goes (default server_recv.txt; '-': standard output)")),
        LISTEN,
        Option(
            "count",
            "",
            N_("N"),
            N_("keep N requests, each in a file of FOLDER/, with an index.jsonl, or in CAPTURE.hwire"),
        ),
        Option("forever", "", "", N_("keep all requests in FOLDER/ or CAPTURE.hwire until Ctrl-C")),
        Option("reply", "", N_("FILE"), N_("answer with the recorded bytes in FILE")),
        Option("reply-status", "", N_("STATUS"), N_("answer with this status and nothing else, as 204")),
        *SHARED,
    ),
    0,
    (
        N_(
            "An incomplete request is kept under the name of a complete one with .partial at its end. Connections that "
            "send nothing, as browsers open them in advance, don't count."
        ),
        N_(
            "CAPTURE.hwire keeps whole connections, with what was answered and when; what is there already stays. What "
            "comes is in the file within 0.2 seconds. httpwire ls CAPTURE.hwire lists what it holds."
        ),
        N_(
            "Exit status: 0 what was asked for is kept; 2 wrong usage; 23 could not save; 28 timed out; 45 could not "
            "listen; 130 interrupted before that."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire record` with the arguments `words`."""
    arguments = read(RECORD, words)
    if arguments.has("help"):
        say(help_text(RECORD, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    forever = arguments.has("forever")
    if forever and arguments.has("count"):
        raise UsageError(N_("--forever and --count exclude each other"))
    count = None if forever else arguments.number("count", 1, least=1)
    answers = _replies(arguments)
    try:
        output = arguments.last("output", "server_recv.txt")
        if count != 1 and not (is_folder(output) or names_capture(output)):
            raise UsageError(N_("several requests need a folder or a capture: -o FOLDER/ or -o FILE.hwire"))
        check_output(arguments, "-o", output, answers)
        serving = Serving(arguments, tr)
        return serving.run(keeping=partial(keeping_at, output, File), answers=answers, count=count, unending=forever)
    finally:
        if answers:
            answers.close()


def check_output(arguments: Arguments, option: str, output: str, answers: Answers | None) -> None:
    """See that requests kept in `output`, the value of `option`, are in nobody's way. Raises UsageError."""
    if not output:
        raise UsageError(N_("{option} needs a name"), option=option)
    if arguments.has("json") and descriptor_of(output) == 1:
        raise UsageError(N_("--json and {option} {path} both want standard output"), option=option, path=output)
    if names_capture(output):
        return  # it is appended to
    for answer in answers.all if answers else ():
        if any(same_file(answer.name, output + end) for end in ("", PARTIAL)):
            raise UsageError(N_("the requests would overwrite the answer {path}"), path=output)


def _replies(arguments: Arguments) -> Answers | None:
    """What every request is answered with; None for no answer. Raises UsageError, AnswerUnreadable."""
    if arguments.has("reply") and arguments.has("reply-status"):
        raise UsageError(N_("--reply and --reply-status exclude each other"))
    if arguments.has("reply"):
        path = arguments.last("reply")
        if os.path.isdir(path):
            raise UsageError(N_("--reply takes a file; httpwire serve answers from a folder"))
        return open_answers([path])[0]
    if arguments.has("reply-status"):
        text = arguments.last("reply-status")
        try:
            if not re.fullmatch("[0-9]{3}", text):
                raise ValueError(text)
            octets = minimal(status := int(text))
        except ValueError as error:
            value = text or "''"
            raise UsageError(N_("--reply-status takes a number from 200 to 599, not {value}"), value=value) from error
        return Answers(others=[Answer(Outgoing.from_bytes(octets, f"--reply-status {status}"))])
    return None
