"""The verb `serve`: recorded answers, given to real clients byte for byte.

In: arguments that name files or folders of answers. Out: each request answered with the octets
that were recorded for it, as well or as badly as was asked for; the requests kept, if wished;
and the exit status.
"""

from __future__ import annotations

import sys
from functools import partial

from httpwire.capture.answers import Answer, plain
from httpwire.capture.arrival import Arrival
from httpwire.capture.faults import NO_FAULTS, Faults
from httpwire.capture.keeping import Keeping, Sequence
from httpwire.capture.live import keeping_at
from httpwire.capture.pairs import open_answers
from httpwire.capture.raw import Outgoing
from httpwire.cli.console import columns_of, say
from httpwire.cli.options import Arguments, Option, Verb, help_text, read
from httpwire.cli.progress import Meter
from httpwire.cli.record import check_output
from httpwire.cli.serving import LISTEN, SHARED, Serving
from httpwire.cli.status import ExitStatus
from httpwire.errors import UsageError
from httpwire.language import N_, Translator
from httpwire.views import visits
from httpwire.views.text import visible

_N = N_("N")
SERVE = Verb(
    "serve",
    N_("httpwire serve RESPONSE... [--listen ADDRESS] [OPTION...]"),
    N_(
        "Answers requests on 127.0.0.1:8080 with recorded bytes, exactly. One RESPONSE answers every request. Of "
        "several, and in a folder, each answers the request whose file lies beside it (NAME_send.txt for "
        "NAME_recv.txt, NAME.http for NAME.response): the same method and target, then the same Host; repeated ones in "
        "order. It ends with Ctrl-C."
    ),
    (
        LISTEN,
        Option(
            "record",
            "",
            N_("FILE"),
            N_(
                "keep the requests in FILE, one after the other, or each in a file of FOLDER/; or requests and "
                "answers in CAPTURE.hwire"
            ),
        ),
        Option("count", "", _N, N_("end after N requests")),
        Option(
            "timing",
            "",
            N_("TIMING"),
            N_("none (default), or recorded: send as it came, by RESPONSE.times that send --times kept"),
        ),
        Option("delay", "", N_("SECONDS"), N_("wait before each answer")),
        Option("segment", "", _N, N_("write at most N bytes at once")),
        Option("throttle", "", N_("BYTES"), N_("send so many bytes a second")),
        Option("truncate", "", _N, N_("close the connection after N bytes of an answer")),
        Option("reset-after", "", _N, N_("reset the connection after N bytes of an answer")),
        Option("close-before", "", "", N_("close the connection in place of an answer")),
        *SHARED,
    ),
    1_000_000,
    (
        N_(
            "Exit status: 0 ended as asked; 2 wrong usage; 23 could not save; 28 timed out; 45 could not listen; 65 "
            "the capture is damaged; 130 interrupted before --count was reached."
        ),
    ),
)


def run(words: list[str], tr: Translator) -> int:
    """Carry out `httpwire serve` with the arguments `words`."""
    arguments = read(SERVE, words)
    if arguments.has("help"):
        say(help_text(SERVE, tr, columns_of(sys.stdout)))
        return ExitStatus.DONE
    if not arguments.operands:
        raise UsageError(N_("serve needs a recorded answer"), hint=N_("for example: httpwire serve client_recv.txt"))
    faults = faults_of(arguments)
    count = arguments.number("count", 0, least=1) if arguments.has("count") else None
    serving = Serving(arguments, tr)
    console = serving.console
    progress = Meter(console, tr("reading the exchanges")) if console.live else None
    answers, left_out = open_answers(arguments.operands, times=faults.timing, progress=progress)
    console.draw("")
    try:
        answers.use(faults)
        answers.require_times()
        output = arguments.last("record")
        if arguments.has("record"):
            check_output(arguments, "--record", output, answers)
        place = partial(keeping_at, output, Sequence) if arguments.has("record") else Keeping
        return serving.run(
            before=visits.answers_lines(answers, left_out, tr, notes=arguments.has("verbose")),
            keeping=place,
            answers=answers,
            count=count,
            refuse=lambda arrival: refusal(arrival, tr),
            unending=count is None,
        )
    finally:
        answers.close()


def faults_of(arguments: Arguments) -> Faults:
    """How answers are to go out. Raises UsageError."""
    timing = arguments.last("timing", "none")
    if timing not in ("none", "recorded"):
        raise UsageError(N_("--timing takes none or recorded, not {value}"), value=timing)
    faults = Faults(
        timing=timing == "recorded",
        delay=arguments.seconds("delay", 0.0),
        segment=arguments.number("segment", 0, least=1),
        throttle=arguments.number("throttle", 0, least=1),
        truncate=arguments.number("truncate", 0, least=0) if arguments.has("truncate") else None,
        reset_after=arguments.number("reset-after", 0, least=0) if arguments.has("reset-after") else None,
        close_before=arguments.has("close-before"),
    )
    ways = (faults.truncate is not None, faults.reset_after is not None, faults.close_before)
    if sum(ways) > 1:
        raise UsageError(N_("--truncate, --reset-after and --close-before exclude each other"))
    return NO_FAULTS if faults == NO_FAULTS else faults


def refusal(arrival: Arrival, tr: Translator) -> Answer:
    """The plain answer to what has no recorded one: 404 to a request, 400 to what is none."""
    message = arrival.message
    method = message.method if message else b""
    if arrival.complete and message:
        asked = visible(b" ".join((method, message.target)), 200)
        octets = plain(
            404, tr("httpwire: no answer was recorded for {asked}", asked=asked) + "\n", head=method == b"HEAD"
        )
    else:
        why = visits.why_incomplete(arrival, tr)
        octets = plain(400, tr("httpwire: this is not a whole request: {why}", why=why) + "\n")
    return Answer(Outgoing.from_bytes(octets))
