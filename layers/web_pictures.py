"""Asks QGIS's own provider of a web layer for pictures, and sees what went wrong, which the provider hides.

Where a server fails, QGIS draws nothing: an empty picture looks like a place without data. So each answer of the
network is looked at before QGIS draws it; where one is no picture, or one of another size, it is dropped and asked
for again.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from qgis.core import (
    Qgis,
    QgsDataProvider,
    QgsFeedback,
    QgsNetworkAccessManager,
    QgsNetworkRequestParameters,
    QgsProviderRegistry,
    QgsRasterBlock,
    QgsRasterBlockFeedback,
    QgsRasterDataProvider,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QByteArray, QCoreApplication, QUrl, QUrlQuery
from qgis.PyQt.QtGui import QImage
from qgis.PyQt.QtNetwork import QNetworkReply, QNetworkRequest

from ..runtime.errors import CancelledError, EngineError
from .web_layer import WebLayer, without_addresses

PAUSES_S = (0.5, 3.0)  # before a picture is asked for a second and a third time
_LOOK_S = 0.1  # between looks at whether the user cancelled
_SHOWN = 200  # characters of a server's words


_COLOURS = (Qgis.DataType.ARGB32, Qgis.DataType.ARGB32_Premultiplied)


class FetchFailed(EngineError):
    """An image could not be fetched; nothing was written."""


class Pictures:
    """The pictures of a web layer; a context, which lets go of the server. For one thread, which may be any.

    crs: that the server is asked in. tile_size: pixels of its tiles, None where they may have any size.
    Raises FetchFailed where the server cannot be reached.
    """

    def __init__(
        self,
        layer: WebLayer,
        crs: str,
        is_cancelled: Callable[[], bool],
        tile_size: tuple[int, int] | None = None,
    ) -> None:
        self._name = layer.name
        self._is_cancelled = is_cancelled
        self._tile_size = tile_size
        self._tiled = bool(layer.resolutions)
        # As text: QGIS's own way to change a part of a source turns the order of its layers round.
        source = layer.source if crs == layer.crs else re.sub(r"(?<![^&])crs=[^&]*", f"crs={crs}", layer.source)
        self._provider = QgsProviderRegistry.instance().createProvider(
            layer.provider, source, QgsDataProvider.ProviderOptions()
        )
        if not isinstance(self._provider, QgsRasterDataProvider) or not self._provider.isValid():
            raise FetchFailed(
                _tr(
                    "The server of the layer {} does not answer: see whether it can be reached, then try again."
                ).format(layer.name)
            )
        self.feedback = QgsRasterBlockFeedback()

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *_) -> None:
        # Here, not whenever Python collects what an error held: QGIS's binding mistakes an object that another thread
        # takes down meanwhile for a new one at the same address.
        self._provider = None

    def picture(self, rectangle: QgsRectangle, width: int, height: int) -> bytes:
        """Blue, green, red and opacity of each pixel, row by row: 4 x width x height bytes.

        Raises FetchFailed, with one sentence for the user, where it does not come after several tries, and
        CancelledError.
        """
        fault = ""
        for pause_s in (0.0, *PAUSES_S):
            self._wait(pause_s)
            with cancelling(self.feedback, self._is_cancelled), _Answers(self._wrong_with) as answers:
                block = self._provider.block(1, rectangle, width, height, self.feedback)
            if self._is_cancelled():
                raise CancelledError("")
            fault = answers.fault or self._fault_of(block)
            if not fault:
                return bytes(block.data())
        raise FetchFailed(
            _tr(
                "The layer {} could not be fetched, {} tries: {}. Try again later, or choose an area that it covers."
            ).format(self._name, 1 + len(PAUSES_S), fault)
        )

    def _fault_of(self, block: QgsRasterBlock | None) -> str:
        if block is None or not block.isValid() or block.isEmpty() or block.dataType() not in _COLOURS:
            return _tr("QGIS gave no picture")
        return "; ".join(without_addresses(error) for error in self.feedback.errors())

    def _wrong_with(self, reply: QNetworkReply) -> str:
        """What is wrong with an answer, "" where it is a picture of the right size."""
        status = reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute)
        content = bytes(reply.peek(reply.bytesAvailable())) if reply.isOpen() else b""
        if status is not None and status >= 400:
            return _tr("the server answers with the error {} {}").format(status, _words(content)).strip()
        if reply.error() != QNetworkReply.NetworkError.NoError:
            if reply.error() == QNetworkReply.NetworkError.OperationCanceledError:
                seconds = QgsNetworkAccessManager.timeout() / 1000
                return _tr("the server did not answer within {:g} s").format(seconds)
            return without_addresses(reply.errorString())
        image = QImage.fromData(QByteArray(content))
        if image.isNull():
            words = _words(content)
            return (
                _tr("the server answers with text instead of a picture: {}").format(words)
                if words
                else _tr("the server answers with nothing, or with a broken picture")
            )
        size = image.width(), image.height()
        wanted = self._tile_size if self._tiled else _asked_size(reply.url())
        if wanted is not None and size != wanted:
            return _tr("the server gives a picture of {} × {} pixels instead of {} × {}").format(*size, *wanted)
        if self._tiled and wanted is None and (size[0] % 256 or size[1] % 256):
            return _tr("the server gives a tile of {} × {} pixels").format(*size)
        return ""

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._is_cancelled() and time.monotonic() < until:
            time.sleep(min(_LOOK_S, seconds))
        if self._is_cancelled():
            raise CancelledError("")


@contextmanager
def cancelling(feedback: QgsFeedback, is_cancelled: Callable[[], bool]) -> Iterator[None]:
    """What waits for the network inside, with this feedback, ends soon after the user cancels."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_S):
            if is_cancelled():
                feedback.cancel()
                return

    # The thread inside waits in Qt: another one has to look.
    thread = threading.Thread(target=look, name="FLAIR fetch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class _Answers:
    """Looks at each answer that comes for this thread while the block lasts.

    wrong_with: gives what is wrong with one. fault: the first such, "" where all were right.
    """

    def __init__(self, wrong_with: Callable[[QNetworkReply], str]) -> None:
        self.fault = ""
        self._wrong_with = wrong_with
        self._wrong: list[QUrl] = []

    def __enter__(self) -> _Answers:
        self._network = QgsNetworkAccessManager.instance()  # each thread has one
        # QGIS's own signal of this name hides Qt's, which comes before QGIS reads the answer.
        self._finished = super(QgsNetworkAccessManager, self._network).finished  # type: ignore[misc]
        self._finished.connect(self._look)
        return self

    def __exit__(self, *_) -> None:
        self._finished.disconnect(self._look)
        cache = self._network.cache()
        for url in self._wrong if cache is not None else ():
            cache.remove(url)  # else it would come from there the next time

    def _look(self, reply: QNetworkReply) -> None:
        redirected = reply.attribute(QNetworkRequest.Attribute.RedirectionTargetAttribute)
        if (redirected is not None and not QUrl(redirected).isEmpty()) or not _for_pictures(reply.request()):
            return
        fault = self._wrong_with(reply)
        if fault:
            self.fault = self.fault or fault
            self._wrong.append(reply.request().url())
            if reply.isOpen():
                reply.readAll()  # else QGIS would keep a picture of the wrong size among its tiles


def _for_pictures(request: QNetworkRequest) -> bool:
    """Whether a request is that of a web layer's provider; on the main thread others come by."""
    number = QgsNetworkRequestParameters.RequestAttributes.AttributeInitiatorClass
    try:
        initiator = request.attribute(QNetworkRequest.Attribute(int(getattr(number, "value", number))))
    except ValueError:  # a binding that knows Qt's own attributes alone
        return True
    return not initiator or "Wms" in initiator


def _asked_size(url: QUrl) -> tuple[int, int] | None:
    """The size that a WMS was asked for."""
    query = {name.upper(): value for name, value in QUrlQuery(url).queryItems()}
    try:
        return int(query["WIDTH"]), int(query["HEIGHT"])
    except (KeyError, ValueError):
        return None


def _words(content: bytes) -> str:
    """The beginning of a text that came instead of a picture, without its marks; "" for bytes that are no text."""
    try:
        text = content[: 20 * _SHOWN].decode("utf-8")
    except UnicodeDecodeError:
        return ""
    text = re.sub(r"<(style|script|head)\b.*?</\1>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    return without_addresses(re.sub(r"<[^>]*>", " ", text))[:_SHOWN]


def _tr(text: str) -> str:
    return QCoreApplication.translate("WebPictures", text)
