"""HTML and SVG made of elements: text is text, whatever is in it, and only elements are markup."""

from html import escape

VOID = frozenset({"meta", "br", "hr", "link", "input"})


class Markup(str):
    """Text that is markup already; only `element` and `document` make it."""

    __slots__ = ()


type Inside = Markup | str | None


def element(name: str, /, *inside: Inside, **attributes: str | float | None) -> Markup:
    """Make an element. Of attributes' names `_` at the end is dropped and others become `-`; None leaves one out."""
    said = "".join(
        f' {attribute.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for attribute, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{said}>" if name in VOID else f"<{name}{said}>{joined(*inside)}</{name}>")


def joined(*inside: Inside) -> Markup:
    """Put elements and texts one after the other."""
    return Markup("".join(one if isinstance(one, Markup) else escape(one) for one in inside if one is not None))


def document(*, title: str, style: str, body: Markup, script: str | None = None) -> str:
    """Make a page. `style` and `script` are our own, as they stand: neither knows escapes."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="robots", content="noindex"),
        element("title", title),
        element("link", rel="icon", href="data:,"),
        element("style", Markup(style)),
    )
    last = None if script is None else element("script", Markup(script))
    return f"<!doctype html>\n{element('html', head, element('body', body, last), lang='en')}\n"


def _text(value: str | float) -> str:
    """As an attribute has it: a length of a drawing needs no more than a tenth."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
