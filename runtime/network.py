"""Where packages come from, and through which proxy: plain values, which QGIS's settings can fill.

Standard library only; QGIS is asked where it is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

TORCH_INDEX_SETTING = "flair_landcover/torch_index"
INDEX_SETTING = "flair_landcover/index"
WHEELS_SETTING = "flair_landcover/wheels"


@dataclass(frozen=True)
class Source:
    """Where the packages come from; all empty: from where pip takes them by itself.

    torch_index: address of an index for torch and torchvision alone, such as that of torch's wheels for one CUDA
        version or for the processor alone (see the installation page of torch).
    index: address of an index instead of pip's own, such as an organisation's mirror.
    wheels: folder of wheels; nothing is fetched then, and pip's own settings do not count.
    """

    torch_index: str = ""
    index: str = ""
    wheels: Path | None = None


@dataclass(frozen=True)
class Network:
    """How the net is reached.

    proxy: its address with the scheme http, and with a login and a port where they are needed; "": as the system and
        the variables HTTPS_PROXY... say.
    certificates: in PEM, trusted beside those that pip trusts by itself; "": none.
    note: a sentence about a setting that cannot be used, or "".
    """

    proxy: str = field(default="", repr=False)  # it may hold a password
    certificates: str = field(default="", repr=False)
    note: str = ""


def source_from_qgis() -> Source:
    """The source that the plugin's settings name; the usual one outside QGIS."""
    try:
        from qgis.core import QgsSettings
    except ImportError:
        return Source()
    keys = (TORCH_INDEX_SETTING, INDEX_SETTING, WHEELS_SETTING)
    torch_index, index, wheels = (str(QgsSettings().value(key, "") or "").strip() for key in keys)
    return Source(torch_index, index, Path(wheels) if wheels else None)


def network_from_qgis() -> Network:
    """The proxy and the trusted certificates of QGIS's settings; nothing outside QGIS.

    To be called in QGIS's main thread: QGIS may ask for its master password.
    """
    try:
        from qgis.core import QgsApplication, QgsSettings
        from qgis.PyQt.QtNetwork import QNetworkProxy
    except ImportError:
        return Network()
    settings = QgsSettings()
    values = {name: settings.value(f"proxy/proxy{name}", "") for name in ("Type", "Host", "Port", "User", "Password")}
    login = (str(values["User"] or ""), str(values["Password"] or ""))
    authentication = str(settings.value("proxy/authcfg", "") or "")
    manager = QgsApplication.authManager()
    if authentication and not manager.isDisabled():
        proxy = QNetworkProxy()
        answer = manager.updateNetworkProxy(proxy, authentication)
        if (answer[0] if isinstance(answer, tuple) else answer) and proxy.user():
            login = (proxy.user(), proxy.password())
    enabled = settings.value("proxy/proxyEnabled", False, type=bool)
    address, note = "", ""
    if enabled:
        address, note = proxy_address(str(values["Type"]), str(values["Host"] or ""), str(values["Port"] or ""), *login)
    certificates = bytes(manager.trustedCaCertsPemText()).decode("ascii", "ignore") if not manager.isDisabled() else ""
    return Network(address, certificates, note)


def proxy_address(kind: str, host: str, port: str, user: str, password: str) -> tuple[str, str]:
    """The address of a proxy as pip takes it and a sentence about what cannot be used, each "" where there is none.

    kind: as QGIS writes it: HttpProxy, HttpCachingProxy, FtpCachingProxy, Socks5Proxy or DefaultProxy (the system's,
    which pip asks by itself).
    """
    if not host.strip() or kind == "DefaultProxy":
        return "", ""
    if kind not in ("HttpProxy", "HttpCachingProxy"):
        return "", f"pip cannot use the proxy of QGIS's settings ({kind}): set one for HTTP, or use a folder of wheels."
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "") + "@" if user else ""
    return f"http://{login}{host.strip()}" + (f":{port}" if port not in ("", "0") else ""), ""
