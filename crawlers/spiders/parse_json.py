"""Pure: one answer of a JSON board -> its rows and the cursor of the next. What is where stands in the declaration."""

import json
from typing import Any, NamedTuple

from crawlers.sources import SourceDeclaration
from crawlers.spiders.parse_text import Broken, Unreadable, decode, row
from pipelines.vault import Raw


class JsonPage(NamedTuple):
    """What an answer holds. `cursor` is None after the last item."""

    rows: list[Raw]
    broken: list[Broken]
    cursor: str | None


def json_page(body: bytes, url: str, source: SourceDeclaration) -> JsonPage:
    """The messages of an answer in its order.

    Raises
    ------
    Unreadable
        when the answer is no JSON or has no list where the declaration says.
    """
    board = source.json_board
    if board is None:
        raise TypeError(f"{source.slug} is no json_board")
    try:
        answer = json.loads(decode(body).replace("\x00", ""))
    except (ValueError, RecursionError):
        raise Unreadable("no_json", "the answer is no JSON; look at the address, the method and the parameters") from None
    items = _at(answer, board.items)
    if not isinstance(items, list):
        raise Unreadable("no_items", f"there is no list at `{board.items}`; check json_board.items and the parameters")
    rows, broken = [], []
    for item in items:
        original = json.dumps(item, ensure_ascii=False).encode("utf-8", errors="replace")
        try:
            rows.append(_row(item, url, source, board.fields, original))
        except Unreadable as fault:
            broken.append(Broken(fault.reason, fault.mend, original))
    cursor = _written(_at(items[-1], board.cursor_field)) if items else ""
    return JsonPage(rows, broken, cursor or None)


def _row(item: Any, url: str, source: SourceDeclaration, where: dict[Any, str], original: bytes) -> Raw:
    fields = {str(name): _written(_at(item, path)) for name, path in where.items()}
    native_id = fields.get("native_id", "").strip()
    if not native_id:
        raise Unreadable("no_id", "the item has no number; check json_board.fields.native_id")
    return row(source, native_id, fields, url, original)


def _at(value: Any, path: str) -> Any:
    """What stands at a dotted path; a step into a list takes the member of that number, or the same of every member."""
    for done, step in enumerate(steps := path.split(".") if path else []):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit():
            value = value[int(step)] if int(step) < len(value) else None
        elif isinstance(value, list):
            return [_at(member, ".".join(steps[done:])) for member in value]
        else:
            return None
    return value


def _written(value: Any) -> str:
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return "\n".join(filter(None, map(_written, value)))
    # a lone surrogate, which JSON can carry and UTF-8 cannot
    return str(value).encode("utf-8", errors="replace").decode("utf-8")
