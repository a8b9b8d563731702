"""Which text can be read on a tenant's accent colour, and how the accent itself becomes readable on paper and at night.

Contrast as WCAG 2.2 defines it (relative luminance, sRGB): text needs 4.5 to 1. A tenant chooses any colour; what is drawn is
the nearest shade of it that everybody can read.
"""

from __future__ import annotations

ENOUGH = 4.5
STEPS = 40
PAPER_LIGHT = (
    "#f3efe9"  # the darkest surface of the light look: what is readable here is readable on all of them
)
PAPER_DARK = "#2b2723"  # the lightest surface of the dark look
BLACK, WHITE = "#000000", "#ffffff"

Rgb = tuple[int, int, int]


def contrast(one: str, other: str) -> float:
    """From 1 (the same) to 21 (black on white)."""
    lighter, darker = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def text_on(background: str) -> str:
    """Black or white, whichever reads better; one of the two always reaches 4.5."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, background))


def readable(colour: str, background: str) -> str:
    """The nearest shade of `colour`, towards black or white, that can be read on `background`."""
    towards = text_on(background)
    for step in range(STEPS + 1):
        shade = _mixed(colour, towards, step / STEPS)
        if contrast(shade, background) >= ENOUGH:
            return shade
    return towards


def accent_stylesheet(accent: str) -> str:
    """The custom properties that the stylesheets draw with, for the light and the dark look."""
    light, dark = readable(accent, PAPER_LIGHT), readable(accent, PAPER_DARK)
    rules = _properties(light)
    return (
        f":root {{ {rules} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {_properties(dark)} }} }}\n"
        f"@media print {{ :root {{ {rules} }} }}\n"
    )


def _properties(accent: str) -> str:
    return f"--accent: {accent}; --on-accent: {text_on(accent)};"


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_rgb(colour), _rgb(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(rgb: Rgb) -> float:
    red, green, blue = (_linear(part / 255) for part in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
