"""XMP packets: merging, adding properties, and removing what no longer applies.

A packet that needs no change is kept byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.dom import minidom
from xml.sax.saxutils import escape

PNG_KEYWORD = "XML:com.adobe.xmp"
"""Of the text chunk that holds the packet in PNG files, and in Pillow."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NOTE = "http://ns.adobe.com/xmp/note/"
_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))([0-9])")
_END_OF_RDF = re.compile(rb"</(?:[\w.-]+:)?RDF\s*>")
_MOST = 1 << 24
# Namespaces about further pictures in the same file: gain maps (Adobe, Apple), the container of
# Ultra HDR and motion photographs.
_ELSEWHERE = frozenset(
    (
        "http://ns.adobe.com/hdr-gain-map/1.0/",
        "http://ns.apple.com/HDRGainMap/1.0/",
        "http://ns.google.com/photos/1.0/container/",
        "http://ns.google.com/photos/1.0/container/item/",
    )
)
_CAMERA = "http://ns.google.com/photos/1.0/camera/"
_MOTION = ("MicroVideo", "MotionPhoto")
_SIGNS = tuple(uri.encode() for uri in (*_ELSEWHERE, _CAMERA))

PREFIXES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
}
_CONTAINERS = {
    "Alt": ["dc:title", "dc:description", "dc:rights", "exif:UserComment", "xmpRights:UsageTerms"],
    "Bag": ["dc:subject", "photoshop:SupplementalCategories"],
    "Seq": ["dc:creator"],
}

Properties = Mapping[str, Sequence[str]]
"""Values by qualified name, with the prefixes of `PREFIXES`."""


def orientation_of(xmp: bytes) -> int | None:
    """The orientation that a packet states."""
    found = _ORIENTATION.search(xmp)
    return int(found[2]) if found else None


def upright(xmp: bytes) -> bytes:
    """The same packet with any orientation set to 1."""
    return _ORIENTATION.sub(rb"\g<1>1", xmp)


@dataclass(frozen=True)
class Cleaned:
    """A packet, and whether it referred to further pictures in the file."""

    xmp: bytes | None
    spoke: bool


def without_other_pictures(xmp: bytes) -> Cleaned:
    """The packet without references to gain maps, motion and other pictures in the same file.

    A packet that has such references and cannot be parsed is dropped whole.
    """
    if not any(sign in xmp for sign in _SIGNS):
        return Cleaned(xmp, False)
    document = _parsed(xmp)
    if document is None:
        return Cleaned(None, True)
    if not _prune(document):
        return Cleaned(xmp, False)
    for element in _of_rdf(document, "Description"):
        if not _says_anything(element):
            element.parentNode.removeChild(element)
    left = bool(_of_rdf(document, "Description"))
    return Cleaned(_serialised(document) if left else None, True)


def merged(xmp: bytes, extension: bytes) -> bytes | None:
    """A packet with its extension (XMP part 3, 1.1.3.1) merged in; None if that fails."""
    main, other = _parsed(xmp), _parsed(extension)
    homes = _of_rdf(main, "RDF") if main else []
    if main is None or other is None or not homes:
        return None
    for source in _of_rdf(other, "Description"):
        if source.parentNode.localName != "RDF":
            continue
        copy = main.importNode(source, True)
        node = source.parentNode
        while node is not None and node.attributes is not None:
            for name, value in node.attributes.items():
                if name.startswith("xmlns") and not copy.hasAttribute(name):
                    copy.setAttribute(name, value)
            node = node.parentNode
        homes[0].appendChild(copy)
    for element in _of_rdf(main, "Description"):
        if element.hasAttributeNS(_NOTE, "HasExtendedXMP"):
            element.removeAttributeNS(_NOTE, "HasExtendedXMP")
        for child in element.getElementsByTagNameNS(_NOTE, "HasExtendedXMP"):
            element.removeChild(child)
    return _serialised(main)


def extension_id(xmp: bytes) -> bytes | None:
    """The digest by which a packet names its extension."""
    found = re.search(rb"HasExtendedXMP(?:\s*=\s*[\"']|>)\s*([0-9A-Fa-f]{32})", xmp)
    return found[1] if found else None


def with_properties(xmp: bytes | None, properties: Properties) -> tuple[bytes | None, list[str]]:
    """Add properties to a packet, unless it has properties of the same names.

    Returns the packet and the names of those that could not be added.
    """
    wanted = {name: [_clean(value) for value in values] for name, values in properties.items()}
    wanted = {name: values for name, values in wanted.items() if any(values)}
    if not wanted:
        return xmp, []
    if xmp is None:
        return _NEW % _described(wanted), []
    document, ends = _parsed(xmp), list(_END_OF_RDF.finditer(xmp))
    if document is None or not ends:
        return xmp, sorted(wanted)
    there = _names(document)
    added = {
        name: values
        for name, values in wanted.items()
        if (PREFIXES[name.split(":")[0]], name.split(":")[1]) not in there
    }
    if not added:
        return xmp, []
    at = ends[-1].start()
    return xmp[:at] + _described(added) + xmp[at:], []


_NEW = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="' + _RDF.encode() + b'">%s'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def _described(properties: Properties) -> bytes:
    prefixes = sorted({name.split(":")[0] for name in properties})
    spaces = "".join(f' xmlns:{prefix}="{PREFIXES[prefix]}"' for prefix in prefixes)
    body = "".join(_property(name, values) for name, values in properties.items())
    # Declared again: the packet may use another prefix for RDF.
    head = f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about=""{spaces}>'
    return f"{head}{body}</rdf:Description>".encode()


def _property(name: str, values: Sequence[str]) -> str:
    kept = [escape(value) for value in values if value]
    for kind, names in _CONTAINERS.items():
        if name in names:
            language = ' xml:lang="x-default"' if kind == "Alt" else ""
            kept = ["; ".join(kept)] if kind == "Alt" else kept
            items = "".join(f"<rdf:li{language}>{value}</rdf:li>" for value in kept)
            return f"<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>"
    return f"<{name}>{'; '.join(kept)}</{name}>"


def _clean(value: str) -> str:
    """The value without characters that XML forbids."""
    return re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", value).strip()


def _parsed(xmp: bytes) -> minidom.Document | None:
    if len(xmp) > _MOST or b"<!DOCTYPE" in xmp or b"<!ENTITY" in xmp:
        return None
    try:
        return minidom.parseString(xmp.rstrip(b"\0 \r\n\t"))
    except Exception:  # of several kinds
        return None


def _serialised(document: minidom.Document) -> bytes:
    return "".join(node.toxml() for node in document.childNodes).encode("utf-8")


def _of_rdf(document: minidom.Document, name: str) -> list[Any]:
    return list(document.getElementsByTagNameNS(_RDF, name))


def _names(document: minidom.Document) -> set[tuple[str | None, str]]:
    names: set[tuple[str | None, str]] = set()
    for element in document.getElementsByTagName("*"):
        names.add((element.namespaceURI, element.localName))
        names |= set(element.attributes.keysNS())
    return names


def _prune(document: minidom.Document) -> bool:
    """Remove elements and attributes about other pictures; returns whether there were any."""
    found = False
    elements: list[Any] = list(document.getElementsByTagName("*"))
    for element in elements:
        if _elsewhere(element.namespaceURI, element.localName):
            element.parentNode.removeChild(element)
            found = True
            continue
        for uri, name in list(element.attributes.keysNS()):
            if _elsewhere(uri, name):
                element.removeAttributeNS(uri, name)
                found = True
    return found


def _elsewhere(uri: str | None, name: str) -> bool:
    return uri in _ELSEWHERE or (uri == _CAMERA and name.startswith(_MOTION))


def _says_anything(description: Any) -> bool:
    names = [name for name, _ in description.attributes.items()]
    elements = any(node.nodeType == node.ELEMENT_NODE for node in description.childNodes)
    return elements or any(
        not name.startswith("xmlns") and not name.endswith("about") for name in names
    )
