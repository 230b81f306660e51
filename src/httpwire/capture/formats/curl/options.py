"""curl's options: which there are, and which of them take a value.

In: the words of a command behind its name. Out: options by their long names with what was given to them, the
way in which curl takes a command line apart: letters together (-sSLd VALUE, -dVALUE), names cut short as long as
they are unique, --no-NAME, and URLs, which are values of "url". The names are those of curl 7.88, and those that
came up to 8.22.
"""

from __future__ import annotations

from httpwire.capture.formats.curl import costs
from httpwire.capture.formats.curl.costs import NotTaken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_VALUED = """
abstract-unix-socket alt-svc aws-sigv4 cacert capath cert cert-type ciphers config connect-timeout connect-to
continue-at cookie cookie-jar create-file-mode crlfile curves data data-ascii data-binary data-raw data-urlencode
delegation dns-interface dns-ipv4-addr dns-ipv6-addr dns-servers doh-url dump-header ech egd-file engine etag-compare
etag-save expect100-timeout form form-string ftp-account ftp-alternative-to-user ftp-method ftp-port ftp-ssl-ccc-mode
happy-eyeballs-timeout-ms haproxy-clientip header help hostpubmd5 hostpubsha256 hsts httpsig-algo httpsig-headers
httpsig-key httpsig-keyid interface ip-tos ipfs-gateway json keepalive-cnt keepalive-time key key-type knownhosts krb
krb4 libcurl limit-rate local-port login-options mail-auth mail-from mail-rcpt max-filesize max-redirs max-time
netrc-file noproxy oauth2-bearer output output-dir parallel-max parallel-max-host pass pinnedpubkey preproxy proto
proto-default proto-redir proxy proxy-cacert proxy-capath proxy-cert proxy-cert-type proxy-ciphers proxy-crlfile
proxy-header proxy-key proxy-key-type proxy-pass proxy-pinnedpubkey proxy-service-name proxy-tls13-ciphers
proxy-tlsauthtype proxy-tlspassword proxy-tlsuser proxy-user proxy1.0 pubkey quote random-file range rate referer
request request-target resolve retry retry-delay retry-max-time sasl-authzid service-name sigalgs socks4 socks4a
socks5 socks5-gssapi-service socks5-hostname speed-limit speed-time ssl-sessions stderr telnet-option tftp-blksize
time-cond tls-max tls13-ciphers tlsauthtype tlspassword tlsuser trace trace-ascii trace-config unix-socket upload-file
upload-flags url url-query user user-agent variable vlan-priority write-out
"""
_SWITCHES = """
alpn anyauth append basic buffer ca-native cert-status clobber compressed compressed-ssh create-dirs crlf digest
disable disable-eprt disable-epsv disallow-username-in-url doh-cert-status doh-insecure eprt epsv fail fail-early
fail-with-body false-start follow form-escape ftp-create-dirs ftp-pasv ftp-pret ftp-skip-pasv-ip ftp-ssl ftp-ssl-ccc
ftp-ssl-control ftp-ssl-reqd get globoff haproxy-protocol head http0.9 ignore-content-length include insecure
junk-session-cookies keepalive list-only location location-trusted mail-rcpt-allowfails manual metalink mptcp
negotiate netrc netrc-optional npn ntlm ntlm-wb out-null parallel parallel-immediate path-as-is post301 post302
post303 progress-bar progress-meter proxy-anyauth proxy-basic proxy-ca-native proxy-digest proxy-http2 proxy-http3
proxy-insecure proxy-negotiate proxy-ntlm proxy-ssl-allow-beast proxy-ssl-auto-client-cert proxytunnel raw
remote-header-name remote-name remote-name-all remote-time remove-on-error retry-all-errors retry-connrefused sasl-ir
sessionid show-error show-headers silent skip-existing socks5-basic socks5-gssapi socks5-gssapi-nec ssl
ssl-allow-beast ssl-auto-client-cert ssl-no-revoke ssl-reqd ssl-revoke-best-effort styled-output
suppress-connect-headers tcp-fastopen tcp-nodelay tftp-no-options tls-earlydata tr-encoding trace-ids trace-time
use-ascii verbose version xattr
"""
_ALONE = """
dump-ca-embed http1.0 http1.1 http2 http2-prior-knowledge http3 http3-only ipv4 ipv6 next proxy-tlsv1 sslv2 sslv3
tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3
"""
_VALUE, _SWITCH, _NEITHER = "value", "switch", "neither"
_KINDS = {
    **dict.fromkeys(_VALUED.split(), _VALUE),
    **dict.fromkeys(_SWITCHES.split(), _SWITCH),
    **dict.fromkeys(_ALONE.split(), _NEITHER),
}
_LETTERS = dict(
    pair.split("=")
    for pair in [
        "#=progress-bar",
        "0=http1.0",
        "1=tlsv1",
        "2=sslv2",
        "3=sslv3",
        "4=ipv4",
        "6=ipv6",
        ":=next",
        "A=user-agent",
        "a=append",
        "B=use-ascii",
        "b=cookie",
        "C=continue-at",
        "c=cookie-jar",
        "D=dump-header",
        "d=data",
        "E=cert",
        "e=referer",
        "F=form",
        "f=fail",
        "G=get",
        "g=globoff",
        "H=header",
        "h=help",
        "I=head",
        "i=include",
        "J=remote-header-name",
        "j=junk-session-cookies",
        "K=config",
        "k=insecure",
        "L=location",
        "l=list-only",
        "M=manual",
        "m=max-time",
        "N=buffer",
        "n=netrc",
        "O=remote-name",
        "o=output",
        "P=ftp-port",
        "p=proxytunnel",
        "Q=quote",
        "q=disable",
        "R=remote-time",
        "r=range",
        "S=show-error",
        "s=silent",
        "T=upload-file",
        "t=telnet-option",
        "U=proxy-user",
        "u=user",
        "V=version",
        "v=verbose",
        "w=write-out",
        "X=request",
        "x=proxy",
        "Y=speed-limit",
        "y=speed-time",
        "Z=parallel",
        "z=time-cond",
    ]
)


def options(words: list[bytes]) -> Iterator[tuple[str, bytes, bool]]:
    """The options in order: name, value (empty for those without), and False for those that --no- switches off.

    Raises NotTaken."""
    given = iter(words)
    flags = True
    for word in given:
        if not flags or word[:1] != b"-":
            yield "url", word, True
        elif word == b"--":
            flags = False
        elif word[:2] == b"--":
            name, on = _long(word[2:].decode("latin-1"))
            yield name, _next(given) if _KINDS[name] is _VALUE else b"", on
        else:
            yield from _short(word[1:], given)


def _short(letters: bytes, given: Iterator[bytes]) -> Iterator[tuple[str, bytes, bool]]:
    if not letters:
        raise NotTaken(costs.REFUSED)
    for index, letter in enumerate(letters.decode("latin-1")):
        name = _LETTERS.get(letter)
        if not name:
            raise NotTaken(costs.UNKNOWN)
        if _KINDS[name] is _VALUE:
            yield name, letters[index + 1 :] or _next(given), True
            return
        yield name, b"", letter != "N"


def _long(word: str) -> tuple[str, bool]:
    """The name that `word` is or begins, and whether it is switched on."""
    word = word.lower()
    on = not word.startswith("no-")
    wanted = word if on else word[3:]
    found = [wanted] if wanted in _KINDS else [name for name in _KINDS if name.startswith(wanted)]
    if wanted.startswith("expand-"):  # curl 8.3: the value has variables of curl's own
        raise NotTaken(costs.OPTION)
    if not found:
        raise NotTaken(costs.UNKNOWN)
    if len(found) > 1 or not (on or _KINDS[found[0]] is _SWITCH):
        raise NotTaken(costs.REFUSED)
    return found[0], on


def _next(given: Iterator[bytes]) -> bytes:
    value = next(given, None)
    if value is None:
        raise NotTaken(costs.REFUSED)
    return value
