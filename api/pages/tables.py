"""What pages are made of: sections, and tables that become lists where there is little room."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from api.pages.markup import Inside, Markup, element


class Column(NamedTuple):
    """A column's head, how its cells are set ("number", "time"), and whether a list repeats its name."""

    name: str = ""
    kind: str | None = None
    repeated: bool = True


def section(title: str, *inside: Inside) -> Markup:
    """A part of a page under its title."""
    return element("section", element("h2", title), *inside)


def table(heads: Sequence[Column], rows: Iterable[Sequence[Inside]]) -> Markup:
    """A table, its rows as long as its heads."""
    return element(
        "table",
        element(
            "thead",
            element(
                "tr",
                *(element("th", head.name, scope="col", class_=head.kind) for head in heads),
            ),
        ),
        element(
            "tbody",
            *(
                element(
                    "tr",
                    *(
                        element("td", cell, class_=head.kind, data_label=head.name if head.repeated else "")
                        for head, cell in zip(heads, row, strict=True)
                    ),
                )
                for row in rows
            ),
        ),
    )


def pairs(*told: tuple[str, Inside]) -> Markup:
    """Names and values."""
    return element("dl", *(part for name, value in told for part in (element("dt", name), element("dd", value))))
