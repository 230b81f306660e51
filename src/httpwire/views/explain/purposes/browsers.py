"""What the fields between browsers and web sites are for: fetching, sharing, protection, hints, reports.

In: nothing. Out: for each name in lower case the message id of one sentence, and the
specification that defines the field.
"""

from __future__ import annotations

from httpwire.language import N_

FIELDS: dict[bytes, tuple[str, str]] = {
    # Where a request comes from.
    b"origin": (N_("the origin (scheme, host and port) of the page that sends the request"), "Fetch 3"),
    b"sec-fetch-site": (N_("how the site that asks is related to the site that is asked"), "W3C Fetch Metadata 2.3"),
    b"sec-fetch-mode": (
        N_("how the browser fetches this: by navigation, by script and so on"),
        "W3C Fetch Metadata 2.2",
    ),
    b"sec-fetch-dest": (N_("what the browser will use the answer as"), "W3C Fetch Metadata 2.1"),
    b"sec-fetch-user": (N_("whether a user's action started the navigation"), "W3C Fetch Metadata 2.4"),
    b"sec-fetch-storage-access": (N_("whether the request may use cookies of a third party"), "Storage Access Headers"),
    b"sec-purpose": (N_("why the browser fetches this, if not to show it at once"), "Fetch 3"),
    b"purpose": (N_("why the browser fetches this; the older name of Sec-Purpose"), ""),
    b"x-moz": (N_("Firefox fetches this in advance"), ""),
    b"upgrade-insecure-requests": (
        N_("the browser would rather get the page over https"),
        "W3C Upgrade Insecure Requests 3.2.1",
    ),
    b"dnt": (
        N_("do not track: the user's wish, which few sites followed; withdrawn"),
        "W3C Tracking Preference Expression 5.2",
    ),
    b"tk": (N_("the answer to DNT: whether the site tracks; withdrawn"), "W3C Tracking Preference Expression 6.2"),
    b"sec-gpc": (N_("the user does not want their data sold or shared"), "W3C Global Privacy Control"),
    b"save-data": (N_("the user wants to use little data"), "Save Data API"),
    b"service-worker": (N_("the browser fetches a script that will run as a service worker"), "W3C Service Workers"),
    b"service-worker-allowed": (N_("the paths that the service worker may control"), "W3C Service Workers"),
    b"service-worker-navigation-preload": (
        N_("the request runs while the service worker starts"),
        "W3C Service Workers",
    ),
    b"ping-from": (N_("the page with the link that was followed"), "HTML 4.6"),
    b"ping-to": (N_("where the followed link leads"), "HTML 4.6"),
    b"x-requested-with": (N_("the request was sent by a script (or from within an app), as a custom of libraries"), ""),
    b"x-csrf-token": (N_("a secret of the page that shows that the request comes from the site itself"), ""),
    b"x-xsrf-token": (N_("a secret of the page that shows that the request comes from the site itself"), ""),
    b"available-dictionary": (N_("the dictionary that the client has for decompression"), "RFC 9842 2.2"),
    b"dictionary-id": (N_("the name of the dictionary that the client has"), "RFC 9842 2.3"),
    b"use-as-dictionary": (N_("the content may serve as a dictionary for later compression"), "RFC 9842 2.1"),
    # Sharing between sites (CORS).
    b"access-control-request-method": (N_("the method that a script on another site wants to use"), "Fetch 3"),
    b"access-control-request-headers": (N_("the fields that a script on another site wants to send"), "Fetch 3"),
    b"access-control-request-private-network": (
        N_("a public site wants to reach a private network"),
        "Private Network Access",
    ),
    b"access-control-allow-private-network": (
        N_("whether a public site may reach this private network"),
        "Private Network Access",
    ),
    b"access-control-allow-origin": (N_("which sites' scripts may read the answer"), "Fetch 3"),
    b"access-control-allow-credentials": (
        N_("whether scripts of other sites may use cookies and logins"),
        "Fetch 3",
    ),
    b"access-control-allow-methods": (N_("the methods that scripts of other sites may use"), "Fetch 3"),
    b"access-control-allow-headers": (N_("the fields that scripts of other sites may send"), "Fetch 3"),
    b"access-control-expose-headers": (
        N_("the fields of the answer that scripts of other sites may read"),
        "Fetch 3",
    ),
    b"access-control-max-age": (N_("how long the browser may remember these permissions"), "Fetch 3"),
    b"timing-allow-origin": (N_("which sites may see exactly how long the loading took"), "W3C Resource Timing"),
    b"cross-origin-resource-policy": (N_("which sites may embed this content"), "Fetch 3"),
    b"cross-origin-opener-policy": (N_("whether windows of other sites stay connected to this page"), "HTML 7"),
    b"cross-origin-opener-policy-report-only": (
        N_("Cross-Origin-Opener-Policy on trial: breaches are only reported"),
        "HTML 7",
    ),
    b"cross-origin-embedder-policy": (N_("what this page may embed from other sites"), "HTML 7"),
    b"cross-origin-embedder-policy-report-only": (
        N_("Cross-Origin-Embedder-Policy on trial: breaches are only reported"),
        "HTML 7",
    ),
    b"origin-agent-cluster": (
        N_("whether the page wants to be kept apart from other pages of its domain"),
        "HTML 7",
    ),
    # Protection.
    b"strict-transport-security": (
        N_("from now on the browser reaches this site over https only (HSTS)"),
        "RFC 6797 6.1",
    ),
    b"content-security-policy": (N_("from where the page may load and run what"), "W3C CSP3 3.1"),
    b"content-security-policy-report-only": (
        N_("Content-Security-Policy on trial: breaches are only reported"),
        "W3C CSP3 3.2",
    ),
    b"x-frame-options": (N_("whether other pages may show this one in a frame"), "HTML 7"),
    b"x-content-type-options": (N_("whether the browser may guess another type than Content-Type says"), "Fetch 3"),
    b"x-xss-protection": (N_("a filter of old browsers against injected scripts; today's have none"), ""),
    b"x-permitted-cross-domain-policies": (N_("whether Flash and PDF may load data across sites"), ""),
    b"x-download-options": (N_("whether Internet Explorer opens downloads at once"), ""),
    b"x-dns-prefetch-control": (N_("whether the browser looks up the names in links in advance"), ""),
    b"x-ua-compatible": (N_("as which version Internet Explorer behaves"), ""),
    b"x-robots-tag": (N_("what search engines may do with the page"), ""),
    b"referrer-policy": (N_("how much later requests tell about this page in Referer"), "W3C Referrer Policy 4.1"),
    b"permissions-policy": (N_("the features of the browser that the page may use"), "W3C Permissions Policy 6.1"),
    b"feature-policy": (
        N_("the features of the browser that the page may use; now Permissions-Policy"),
        "W3C Permissions Policy",
    ),
    b"document-policy": (N_("how the page limits itself"), "Document Policy"),
    b"document-isolation-policy": (N_("whether the page runs isolated from others"), "Document-Isolation-Policy"),
    b"integrity-policy": (N_("which contents need a checksum in the page"), "W3C SRI"),
    b"expect-ct": (
        N_("certificates must be publicly logged; obsolete, since browsers demand it anyway"),
        "RFC 9163 2.1",
    ),
    b"public-key-pins": (N_("the keys that the site's certificates may have; withdrawn"), "RFC 7469 2.1"),
    b"clear-site-data": (N_("the browser is to delete what it keeps for this site"), "W3C Clear Site Data 3.1"),
    b"activate-storage-access": (N_("lets an embedded site use its cookies"), "Storage Access Headers"),
    b"x-webkit-csp": (N_("the older name of Content-Security-Policy"), ""),
    b"x-content-security-policy": (N_("the older name of Content-Security-Policy"), ""),
    # Hints on the client.
    b"accept-ch": (N_("the hints on the client that the server would like"), "RFC 8942 3.1"),
    b"accept-ch-lifetime": (N_("how long the wish for hints holds; obsolete"), ""),
    b"critical-ch": (N_("the hints without which the browser is to ask again"), "IETF draft client-hint-reliability"),
    b"sec-ch-ua": (N_("the browser's brands and their major versions"), "UA-CH 3"),
    b"sec-ch-ua-arch": (N_("the kind of processor"), "UA-CH 3"),
    b"sec-ch-ua-bitness": (N_("how many bits the processor's words have"), "UA-CH 3"),
    b"sec-ch-ua-form-factors": (N_("the kinds of device that this is"), "UA-CH 3"),
    b"sec-ch-ua-full-version": (N_("the browser's full version; obsolete"), "UA-CH 3"),
    b"sec-ch-ua-full-version-list": (N_("the browser's brands and their full versions"), "UA-CH 3"),
    b"sec-ch-ua-mobile": (N_("whether the browser would like pages for phones"), "UA-CH 3"),
    b"sec-ch-ua-model": (N_("the model of the device"), "UA-CH 3"),
    b"sec-ch-ua-platform": (N_("the operating system"), "UA-CH 3"),
    b"sec-ch-ua-platform-version": (N_("the version of the operating system"), "UA-CH 3"),
    b"sec-ch-ua-wow64": (N_("whether a 32-bit browser runs on 64-bit Windows"), "UA-CH 3"),
    b"sec-ch-prefers-color-scheme": (
        N_("whether the user prefers light or dark pages"),
        "User Preference Media Features Client Hints",
    ),
    b"sec-ch-prefers-reduced-motion": (
        N_("whether the user wants few animations"),
        "User Preference Media Features Client Hints",
    ),
    b"sec-ch-prefers-reduced-transparency": (
        N_("whether the user wants little transparency"),
        "User Preference Media Features Client Hints",
    ),
    b"sec-ch-dpr": (N_("how many pixels of the screen one pixel of the page has"), "Responsive Image Client Hints"),
    b"sec-ch-width": (N_("how wide the image will be shown, in pixels of the screen"), "Responsive Image Client Hints"),
    b"sec-ch-viewport-width": (N_("the width of the window, in pixels of the page"), "Responsive Image Client Hints"),
    b"sec-ch-viewport-height": (N_("the height of the window, in pixels of the page"), "Responsive Image Client Hints"),
    b"sec-ch-device-memory": (N_("roughly how much memory the device has, in GiB"), "W3C Device Memory"),
    b"dpr": (N_("how many pixels of the screen one pixel of the page has"), "Responsive Image Client Hints"),
    b"width": (N_("how wide the image will be shown, in pixels of the screen"), "Responsive Image Client Hints"),
    b"viewport-width": (N_("the width of the window, in pixels of the page"), "Responsive Image Client Hints"),
    b"content-dpr": (N_("how many pixels of the image make one pixel of the page"), "Responsive Image Client Hints"),
    b"device-memory": (N_("roughly how much memory the device has, in GiB"), "W3C Device Memory"),
    b"downlink": (N_("roughly how fast the connection is, in megabits a second"), "Network Information API"),
    b"ect": (N_("the kind of mobile network that the connection is as fast as"), "Network Information API"),
    b"rtt": (N_("roughly how long an answer takes to come back, in milliseconds"), "Network Information API"),
    b"sec-browsing-topics": (N_("topics that the user is interested in, by the browser's guess"), "Topics API"),
    # Loading, measuring, reporting.
    b"server-timing": (N_("how long the server took, and for what"), "W3C Server Timing"),
    b"speculation-rules": (N_("where the rules are for what to load in advance"), "HTML 7"),
    b"sec-speculation-tags": (N_("which rule made the browser load this in advance"), "HTML 7"),
    b"supports-loading-mode": (N_("how else than usual the page may be loaded"), "Prerendering Revamped"),
    b"sourcemap": (N_("where the source is that this script was made from"), "ECMA-426"),
    b"x-sourcemap": (N_("where the source is that this script was made from; the older name"), "ECMA-426"),
    b"refresh": (N_("load a page again, or another one, after some time"), "HTML 7"),
    b"report-to": (N_("where the browser sends reports; now Reporting-Endpoints"), "W3C Reporting API"),
    b"reporting-endpoints": (N_("where the browser sends reports"), "W3C Reporting API 3.2"),
    b"nel": (N_("whether the browser reports failed connections"), "W3C Network Error Logging"),
    b"origin-trial": (N_("a permit to try a new feature of the browser"), ""),
    b"x-client-data": (N_("Chrome tells Google sites which experiments run in it"), ""),
    b"attribution-reporting-eligible": (
        N_("whether the answer may register clicks on advertisements"),
        "Attribution Reporting",
    ),
    b"observe-browsing-topics": (N_("lets the visit count for the user's topics"), "Topics API"),
}
