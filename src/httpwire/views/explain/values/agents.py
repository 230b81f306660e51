"""Programs: what User-Agent, Server and the client hints tell of who is speaking.

In: the value of one of these. Out: glosses of each product, of each part of a comment, of
each brand. Most of a browser's name is there for history's sake, and is said to be.
"""

from __future__ import annotations

import re

from httpwire.language import N_, Sentence
from httpwire.views.explain.syntax import Piece
from httpwire.views.explain.values.shapes import choice, number, text, unknown, words
from httpwire.wire.element import Direction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from httpwire.views.explain.gloss import Gloss, Setting
    from httpwire.views.explain.values.shapes import Explainer

_WORD = re.compile(rb"[^ \t()]+")
_PAREN = re.compile(rb"[()]")
_REDUCED = re.compile(rb"[0-9]+\.0\.0\.0")

# What a browser says besides its own name.
_HISTORY = {
    "mozilla/5.0": N_("history: nearly every browser claims to be Mozilla, so as not to be turned away"),
    "mozilla/4.0": N_("history: as Netscape 4 named itself, and Internet Explorer up to version 8"),
    "applewebkit": N_("WebKit, the engine that shows pages"),
    "applewebkit/537.36": N_("history: Chrome left WebKit in 2013, and keeps saying its last version"),
    "gecko": N_("Firefox's engine; on desktops the date is frozen at 20100101"),
    "safari": N_("Chrome and its kin say this for compatibility: many sites looked for it"),
    "version": N_("the version {version} of Safari, whose own number says that of its engine"),
    "mobile": N_("a browser on a phone or tablet"),
    "chrome": N_("Chrome, or a browser built on it, version {version}"),
}
_KINDS = {  # with a version, and without
    "browser": (N_("the browser {name}, version {version}"), N_("the browser {name}")),
    "tool": (
        N_("the program {name} for the command line, version {version}"),
        N_("the program {name} for the command line"),
    ),
    "library": (N_("the library {name} for programs, version {version}"), N_("the library {name} for programs")),
    "robot": (
        N_("the robot {name}, version {version}, which reads pages for a service"),
        N_("the robot {name}, which reads pages for a service"),
    ),
    "framework": (N_("the framework {name}, version {version}"), N_("the framework {name}")),
    "server": (N_("the web server {name}, version {version}"), N_("the web server {name}")),
    "module": (N_("{name}, version {version}, as a part of the server"), N_("{name}, as a part of the server")),
    "part": (N_("{name}, version {version}, as a part of the client"), N_("{name}, as a part of the client")),
}
_PRODUCTS = {
    "browser": "chromium headlesschrome firefox edg edge edga edgios opr opera vivaldi samsungbrowser fxios crios "
    "brave yabrowser seamonkey epiphany konqueror lynx w3m links duckduckgo ucbrowser ladybird servo palemoon",
    "tool": "curl wget wget2 httpie xh ab siege wrk hey vegeta aria2 apachebench lwp-request httpwire insomnia",
    "library": "python-requests python-urllib urllib3 python-urllib3 aiohttp python-httpx go-http-client okhttp axios "
    "node-fetch undici node libcurl libwww-perl lwp java apache-httpclient ruby guzzlehttp postmanruntime got reqwest "
    "java-http-client dart scrapy deno bun faraday rest-client winhttp cfnetwork dalvik",
    "robot": "googlebot bingbot applebot yandexbot baiduspider duckduckbot gptbot oai-searchbot claudebot ccbot "
    "ahrefsbot semrushbot facebookexternalhit twitterbot slackbot linkedinbot amazonbot bytespider petalbot "
    "censysinspect googleother uptimerobot zgrab",
    "server": "apache nginx microsoft-iis litespeed openresty caddy lighttpd jetty tomcat apache-coyote kestrel envoy "
    "gunicorn uvicorn hypercorn waitress werkzeug basehttp simplehttp cherrypy tornadoserver cowboy mini_httpd thttpd "
    "puma unicorn webrick httpd traefik istio-envoy h2o tengine cheroot gws esf sffe gse akamaighost cloudflare "
    "cloudfront amazons3 awselb varnish squid vercel netlify github.com haproxy fly bunnycdn daphne hiawatha "
    "wsgiserver goahead-webs boa oracle-http-server ibm_http_server zeus yaws mochiweb angie freenginx unit",
    "module": "openssl libressl php mod_ssl mod_perl mod_python mod_wsgi mod_fcgid mod_jk mod_auth_kerb python dav svn "
    "phusion_passenger perl cpython",
    "framework": "express next.js nuxt asp.net servlet jsp",
}
_NAMES = {  # of browsers that say another one
    "edg": "Edge",
    "edga": "Edge",
    "edgios": "Edge",
    "opr": "Opera",
    "fxios": "Firefox",
    "crios": "Chrome",
    "yabrowser": "Yandex Browser",
    "samsungbrowser": "Samsung Internet",
}
_KNOWN = {name: kind for kind, names in _PRODUCTS.items() for name in names.split()}

_COMMENTS = (
    (rb"KHTML, like Gecko", N_("history: the engine descends from KHTML, and behaves like Firefox's")),
    (rb"X11", N_("the X Window System, on Linux and other Unix systems")),
    (rb"Wayland", N_("the display system Wayland, on Linux")),
    (rb"Linux x86_64", N_("Linux on a 64-bit processor of Intel or AMD")),
    (rb"Linux aarch64", N_("Linux on a 64-bit ARM processor")),
    (rb"Linux(?: .*)?", N_("Linux")),
    (rb"Windows NT 10\.0", N_("Windows 10 or 11, which say the same")),
    (rb"Windows NT 6\.1", N_("Windows 7")),
    (rb"Windows.*", N_("Windows")),
    (rb"Win64|x64|WOW64", N_("64-bit Windows")),
    (rb"Macintosh", N_("a Mac")),
    (rb"Intel Mac OS X 10[._]15(?:[._]7)?", N_("macOS; browsers say this on newer ones and Apple's processors, too")),
    (rb"(?:Intel|PPC) Mac OS X.*", N_("macOS")),
    (rb"iPhone|iPad|iPod touch", N_("a device of Apple")),
    (rb"CPU (?:iPhone )?OS [0-9_]+ like Mac OS X", N_("iOS or iPadOS; Safari says 18 on newer ones, too")),
    (rb"Android 10", N_("Android; Chrome says 10 on every newer version, too")),
    (rb"Android(?: [0-9.]+)?", N_("Android")),
    (rb"wv", N_("Android's WebView: the page is shown within an app")),
    (rb"K", N_("Chrome says K for every model of device")),
    (rb"CrOS .*", N_("ChromeOS")),
    (rb"rv:[0-9.]+", N_("the version of the engine, the same as Firefox's (frozen at 109 for some versions)")),
    (rb"Ubuntu|Debian|Fedora|Red Hat.*|CentOS|Rocky Linux|AlmaLinux|Unix|Win32|FreeBSD", N_("the operating system")),
    (rb"linux-gnu|darwin[0-9.]*|cygwin|mingw32", N_("the operating system")),
    (rb"compatible", N_("history: claims to work like Netscape")),
    (rb"Mobile|Tablet", N_("the kind of device")),
    (rb"U|N|I", N_("history: the strength of encryption, when its export was restricted")),
    (rb"MSIE [0-9.]+", N_("Internet Explorer")),
    (rb"Trident/[0-9.]+", N_("the engine of Internet Explorer")),
    (rb"\+?https?://[!-~]*", N_("where to read about this client")),
)  # fmt: skip


def _products(value: Piece, setting: Setting) -> Iterator[Gloss]:
    """Products with their versions, and comments in parentheses."""
    position, kin = 0, b"Chrome/" in value.octets or b"Chromium/" in value.octets
    asked = setting.direction is Direction.REQUEST
    while position < len(value.octets):
        word = _WORD.match(value.octets, position)
        if word:
            yield _product(value.part(*word.span()), chrome=kin, asked=asked)
            position = word.end()
        elif value.octets[position : position + 1] == b"(":
            stop = _comment_stop(value.octets, position)
            yield from _comment(value.part(position, stop), asked=asked)
            position = stop
        else:
            position += 1


def _comment_stop(octets: bytes, position: int) -> int:
    """Where a comment ends: comments may hold others."""
    depth = 0
    for mark in _PAREN.finditer(octets, position):
        depth += 1 if mark[0] == b"(" else -1
        if not depth:
            return mark.end()
    return len(octets)


def _product(product: Piece, *, chrome: bool, asked: bool) -> Gloss:
    name, version = product.pair(b"/")
    key = name.shown.lower()
    number = version.shown if version else ""
    if key == "safari" and not chrome:
        return product.says(Sentence("Safari's engine, or one that claims to be it; Version says which Safari"))
    if key == "version" and chrome:
        return product.says(Sentence("Android's WebView: the page is shown within an app"))
    if key == "chrome" and version and _REDUCED.fullmatch(version.octets):
        major = number.partition(".")[0]
        sentence = Sentence(
            "Chrome, or a browser built on it, version {version}; the zeros hide the rest", version=major
        )
        return product.says(sentence)
    says = _HISTORY.get(product.shown.lower()) or _HISTORY.get(key)
    if says:
        return product.says(Sentence(says, version=number))
    kind = _KNOWN.get(key)
    if kind:
        kind = "part" if kind == "module" and asked else kind
        says = _KINDS[kind][0 if number else 1]
        return product.says(Sentence(says, name=_NAMES.get(key, name.shown), version=number))
    if number:
        return product.says(Sentence("the product {name}, version {version}", name=name.shown, version=number))
    return product.says(Sentence("the product {name}", name=name.shown))


def _comment(comment: Piece, *, asked: bool) -> Iterator[Gloss]:
    closing = len(comment.octets) - comment.octets.endswith(b")")
    inside = comment.part(1, closing)
    if not comment.octets.endswith(b")"):
        yield comment.says(Sentence("a comment that lacks its closing parenthesis"), "RFC 9110 5.6.5")
        return
    parts = list(inside.members(b";"))
    if not parts:
        yield comment.says(Sentence("a comment without text"), "RFC 9110 5.6.5")
    for part in parts:
        for pattern, says in _COMMENTS:
            if len(part.octets) < 100 and re.fullmatch(pattern, part.octets):
                yield part.says(Sentence(says))
                break
        else:
            name, version = part.pair(b"/")
            if version and name.shown.lower() in _KNOWN:
                yield _product(part, chrome=False, asked=asked)
            else:
                yield part.says(Sentence("a remark: {text}", text=part.shown), "RFC 9110 5.6.5")


_GREASE = re.compile(rb"(?i)[^a-z0-9]*+not[^a-z0-9]*+(?:a[^a-z0-9]*+)?brand[^a-z0-9]*+")
_ENGINES = {
    b"Chromium": N_("built on Chromium, version {version}"),
    b"HeadlessChrome": N_("Chrome without a window, version {version}"),
}


def _brands(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        name, parameters = member.parameters()
        settings = [part.pair() for part in parameters]
        version = next((setting.text for key, setting in settings if setting and key.word == "v"), "")
        brand = name.unquoted
        if _GREASE.fullmatch(brand):
            yield member.says(
                Sentence("a brand that does not exist, there so that sites read lists with any names"), "UA-CH"
            )
        elif not name.octets.startswith(b'"') or not version:
            yield unknown(member)
        elif brand in _ENGINES:
            yield member.says(Sentence(_ENGINES[brand], version=version))
        else:
            yield member.says(Sentence("the browser {name}, version {version}", name=name.text, version=version))


_PLATFORM_VERSION = N_("version {text}")
_FORM_FACTORS = {
    "desktop": N_("a desktop computer"),
    "mobile": N_("a phone"),
    "tablet": N_("a tablet"),
    "xr": N_("glasses for virtual reality"),
    "watch": N_("a watch"),
    "eink": N_("a screen of electronic paper"),
    "automotive": N_("a car"),
}


def _forms(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        says = _FORM_FACTORS.get(member.text.lower())
        yield member.says(Sentence(says)) if says else unknown(member)


def _model(value: Piece, _: Setting) -> Iterator[Gloss]:
    says = Sentence("the model {text}", text=value.text) if value.unquoted else Sentence("no model, as on desktops")
    yield value.says(says)


def _hints(value: Piece, _: Setting) -> Iterator[Gloss]:
    """Accept-CH: names of fields."""
    for member in value.members():
        yield member.says(Sentence("the browser is asked to send {name} from now on", name=member.shown))


def _critical(value: Piece, _: Setting) -> Iterator[Gloss]:
    for member in value.members():
        yield member.says(Sentence("a request without {name} is to be sent again with it", name=member.shown))


EXPLAINERS: dict[bytes, Explainer] = {
    b"user-agent": _products,
    b"server": _products,
    b"x-powered-by": _products,
    b"x-generator": text(N_("made by {text}")),
    b"x-aspnet-version": text(_PLATFORM_VERSION),
    b"sec-ch-ua": _brands,
    b"sec-ch-ua-full-version-list": _brands,
    b"sec-ch-ua-full-version": text(_PLATFORM_VERSION),
    b"sec-ch-ua-mobile": choice(
        {"?0": N_("no: pages for desktops are welcome"), "?1": N_("yes: pages for phones are welcome")}
    ),
    b"sec-ch-ua-platform": text(N_("the system is {text}")),
    b"sec-ch-ua-platform-version": text(_PLATFORM_VERSION),
    b"sec-ch-ua-arch": choice(
        {
            '"x86"': N_("a processor of Intel or AMD"),
            '"arm"': N_("an ARM processor"),
            '""': N_("the browser does not tell"),
        }
    ),
    b"sec-ch-ua-bitness": text(N_("{text} bits")),
    b"sec-ch-ua-model": _model,
    b"sec-ch-ua-wow64": choice({"?0": N_("no"), "?1": N_("yes")}),
    b"sec-ch-ua-form-factors": _forms,
    b"sec-ch-prefers-color-scheme": choice(
        {
            "light": N_("light pages"),
            "dark": N_("dark pages"),
            '"light"': N_("light pages"),
            '"dark"': N_("dark pages"),
        }
    ),
    b"sec-ch-prefers-reduced-motion": choice(
        {
            "no-preference": N_("animations are fine"),
            "reduce": N_("few animations, please"),
            '"no-preference"': N_("animations are fine"),
            '"reduce"': N_("few animations, please"),
        }
    ),
    b"sec-ch-prefers-reduced-transparency": choice(
        {
            "no-preference": N_("transparency is fine"),
            "reduce": N_("little transparency, please"),
            '"no-preference"': N_("transparency is fine"),
            '"reduce"': N_("little transparency, please"),
        }
    ),
    b"sec-ch-dpr": number(N_("{number} pixels of the screen for each of the page"), decimal=True),
    b"dpr": number(N_("{number} pixels of the screen for each of the page"), decimal=True),
    b"sec-ch-width": number(N_("{number} pixels")),
    b"width": number(N_("{number} pixels")),
    b"sec-ch-viewport-width": number(N_("{number} pixels")),
    b"sec-ch-viewport-height": number(N_("{number} pixels")),
    b"viewport-width": number(N_("{number} pixels")),
    b"sec-ch-device-memory": number(N_("about {number} GiB"), decimal=True),
    b"device-memory": number(N_("about {number} GiB"), decimal=True),
    b"downlink": number(N_("about {number} megabits a second"), decimal=True),
    b"rtt": number(N_("about {number} milliseconds")),
    b"ect": choice(
        {
            "slow-2g": N_("very slow: as 2G far from the mast"),
            "2g": N_("slow: as 2G"),
            "3g": N_("middling: as 3G"),
            "4g": N_("fast: as 4G or better"),
        }
    ),
    b"save-data": choice({"on": N_("yes: smaller contents are welcome")}),
    b"accept-ch": _hints,
    b"critical-ch": _critical,
    b"x-runtime": number(N_("{number} seconds"), decimal=True),
    b"x-ua-compatible": words(
        {
            "ie=edge": N_("as its newest version"),
            "ie=edge,chrome=1": N_("as its newest version, or with the engine of Chrome Frame, long gone"),
            "chrome=1": N_("with the engine of Chrome Frame, long gone"),
        },
        N_("as {word}"),
        b";",
    ),
}
