"""A bulletin as one self-contained HTML page that prints well: no script, no request. Page and chart -> bytes."""

from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("bulletin.html")


def html(page: dict[str, Any], chart_svg: bytes) -> bytes:
    """`page` is `issue.flat`; the chart stands in it as a data address, an image that cannot run anything."""
    chart = "data:image/svg+xml;base64," + b64encode(chart_svg).decode()
    return _template().render(page=page, chart=chart).encode()
