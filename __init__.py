"""FLAIR Land Cover: land-cover maps of aerial images in QGIS, with IGN's U-T&T network."""


def classFactory(iface):
    """The plugin, as QGIS asks for it."""
    from .plugin import FlairLandCoverPlugin

    return FlairLandCoverPlugin(iface)
