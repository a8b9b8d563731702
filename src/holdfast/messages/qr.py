"""QR codes of links: black on white with the quiet zone that scanners need, error correction M."""

from __future__ import annotations

import io
from base64 import b64encode

import segno

PIXELS_A_MODULE = 6


def qr_svg(text: str) -> str:
    """An <svg> to stand inside a page: it scales with its container and needs no inline style."""
    return str(segno.make(text, error="m", micro=False).svg_inline(scale=4, omitsize=True, light="#fff"))


def qr_png(text: str) -> bytes:
    """For e-mails, whose readers do not show SVG."""
    image = io.BytesIO()
    segno.make(text, error="m", micro=False).save(image, kind="png", scale=PIXELS_A_MODULE)
    return image.getvalue()


def qr_png_address(text: str) -> str:
    """The same as an address that a page may show by itself."""
    return f"data:image/png;base64,{b64encode(qr_png(text)).decode()}"
