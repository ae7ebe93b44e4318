"""EPUB books: DRM protection and the order of chapters."""

import posixpath
from urllib.parse import unquote

from docmill.engines.office.package import Package, UnreadablePartError, attribute, descendants
from docmill.errors import FailureClass, ItemFailure

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONTS_ONLY = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
"""Algorithms that only obfuscate fonts (EPUB 3.3, 4.3.3; Adobe). The text stays readable."""


def chapters(source: Package) -> list[str]:
    """Return the part names of a book's chapters in reading order.

    Raises:
        UnreadablePartError: the container or the package document cannot be read.
    """
    container = source.xml(_CONTAINER)
    opf = next((attribute(one, "full-path") for one in descendants(container, "rootfile")), "")
    package = source.xml(opf)
    folder = posixpath.dirname(opf)
    places = {
        attribute(one, "id"): posixpath.normpath(
            posixpath.join(folder, unquote(attribute(one, "href").partition("#")[0]))
        )
        for one in descendants(package, "item")
    }
    order = [attribute(one, "idref") for one in descendants(package, "itemref")]
    return [places[one] for one in order if one in places]


def reject_protected(source: Package) -> None:
    """Reject a book whose chapters are encrypted (DRM).

    Raises:
        ItemFailure: ENCRYPTED.
    """
    if _ENCRYPTION not in source:
        return
    try:
        spine = {name.lower() for name in chapters(source)}
        encrypted = source.xml(_ENCRYPTION)
    except UnreadablePartError:
        return  # xberg reports the damage
    for one in descendants(encrypted, "EncryptedData"):
        methods = {
            attribute(method, "Algorithm") for method in descendants(one, "EncryptionMethod")
        }
        for place in descendants(one, "CipherReference"):
            name = posixpath.normpath(unquote(attribute(place, "URI")).lstrip("/")).lower()
            if name in spine and not methods & _FONTS_ONLY:
                raise ItemFailure(FailureClass.ENCRYPTED, "The book is protected (DRM).")
