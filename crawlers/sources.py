"""Reads source declarations (`<slug>.toml`): who publishes, how to fetch, which field is which, how many a day to expect.

A new source of a known kind needs a file and no Python. Unknown keys are errors.
"""

import datetime as dt
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

CanonicalField = Literal[
    "native_id", "author", "phone", "address", "id_number", "title", "body", "posted_at", "url", "place", "topic", "unit", "kind",
    "status", "reply", "reply_unit", "replied_at", "satisfaction", "reopened", "withdrawn",
]  # fmt: skip
CANONICAL: tuple[str, ...] = get_args(CanonicalField)


# A number with starred digits, or 张先生: many people look like this, and one key must not stand for two of them.
_STANDS_FOR_MANY = re.compile(r"[*＊]|^.{1,2}(?:先生|女士|小姐|同志|某+)$")


class SourceError(ValueError):
    """A declaration that cannot be used: names the file, the key and the mend."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError:  # no ValueError, so pydantic would let it through as a traceback
        raise ValueError(f"no encoding is called '{name}'; try utf-8, gb18030 or big5") from None
    return name


def _web_address(url: str) -> str:
    if not re.match(r"https?://[^/\s]+", url):
        raise ValueError(f"'{url}' is no web address; it begins with http:// or https://")
    return url


def _one_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"'{pattern}' is no regular expression: {error}") from None
    if groups != 1:
        raise ValueError(f"'{pattern}' needs exactly one group in round brackets; it has {groups}")
    return pattern


def _selector(css: str) -> str:
    from parsel.csstranslator import css2xpath  # here, since only web boards need its libraries

    try:
        css2xpath(css)
    except Exception as error:  # cssselect's errors share no base with a public name
        raise ValueError(f"'{css}' is no CSS selector: {error}") from None
    return css


Encoding = Annotated[str, AfterValidator(_known_encoding)]
Url = Annotated[str, AfterValidator(_web_address)]
Pattern = Annotated[str, AfterValidator(_one_group)]
Css = Annotated[str, AfterValidator(_selector)]


class Bounds(_Strict):
    """How many messages a day are plausible."""

    at_least: int = Field(ge=0)
    at_most: int = Field(ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> "Bounds":
        if self.at_least > self.at_most:
            raise ValueError("at_least is more than at_most")
        return self


class Identity(_Strict):
    """Which fields tell two complainants apart, best first; `scope` is shared by sources with the same accounts."""

    fields: tuple[Literal["phone", "id_number", "author"], ...] = ("phone", "id_number", "author")
    scope: str | None = None
    anonymous: tuple[str, ...] = ("匿名", "匿名用户", "匿名网友", "网友", "游客", "无", "-")


class Values(_Strict):
    """The source's own words for yes and no."""

    satisfied: tuple[str, ...] = ("满意", "非常满意", "基本满意", "是", "1")
    dissatisfied: tuple[str, ...] = ("不满意", "非常不满意", "否", "0")
    reopened: tuple[str, ...] = ("是", "二次办理", "重办", "1", "true", "True")
    withdrawn: tuple[str, ...] = ("是", "已撤回", "已删除", "1", "true", "True")


class Crawling(_Strict):
    """Manners and depth of a crawl; robots.txt is obeyed whatever stands here."""

    delay: float = Field(1.0, ge=0, description="seconds between requests to one host, at least")
    pages_at_most: int = Field(500, ge=1, description="pages of one list in one crawl")
    quiet_pages: int = Field(2, ge=1, description="list pages in a row without anything new, after which paging stops")
    revisit_days: int = Field(60, ge=0, description="threads younger than this are read again for replies and withdrawals")
    contact: str = Field("weathervane@localhost", description="named in the User-Agent")
    hosts: tuple[str, ...] = Field((), description="further hosts of its pages, such as bbs.example.cn or 10.1.1.1:8080")


class HtmlBoard(_Strict):
    """List pages -> thread -> replies, by CSS selectors (`::text`, `::attr(x)`; without either, all text inside).

    Of several matches title, body, address and reply are joined; of every other field the first counts.
    """

    list_urls: tuple[Url, ...] = Field(min_length=1)
    item: Css = Field(description="one thread in a list page")
    link: Css = Field(description="the thread's address, inside an item")
    next_page: Css | None = Field(None, description="the next list page's address")
    native_id: Pattern = Field(description="regular expression with one group, applied to the thread's address")
    fields: dict[CanonicalField, Css] = Field(description="selectors inside the thread page")
    patterns: dict[CanonicalField, Pattern] = Field({}, description="what of a field's text counts, such as `时间[::](.+)`")
    gone: Css | None = Field(None, description="a selector that matches when the source has withdrawn the thread")
    encoding: Encoding | None = Field(None, description="only where the pages declare a wrong one")


class JsonBoard(_Strict):
    """A JSON list, newest first, paged by the last item seen (the form of the 领导留言板)."""

    url: Url
    method: Literal["GET", "POST"] = "POST"
    params: dict[str, str] = Field({}, description="sent with every request (query for GET, form for POST)")
    headers: dict[str, str] = {}
    page_size_param: str | None = None
    page_size: int = Field(20, ge=1)
    cursor_param: str = Field(description="the parameter that takes the last item's cursor")
    cursor_field: str = Field(description="where the cursor stands in an item")
    items: str = Field(description="where the list stands in the answer, as a dotted path")
    fields: dict[CanonicalField, str] = Field(description="where each field stands in an item, as dotted paths")


class Feed(_Strict):
    """RSS or Atom; its elements are known, so that no field map is needed."""

    urls: tuple[Url, ...] = Field(min_length=1)


class Export(_Strict):
    """Files dropped into a folder."""

    pattern: tuple[str, ...] = Field(("*",), description="names of files in `drop/<slug>/` that belong to this source")
    sheet: str | None = None
    encoding: Encoding | None = Field(None, description="only where BOM, UTF-8 and GB18030 do not tell, such as big5")
    columns: dict[CanonicalField, tuple[str, ...]] = Field(description="header names, any of which stands for the field")
    ignore_rows: tuple[str, ...] = Field(("合计", "总计", "小计"), description="a first cell that marks a row that is no message")
    records: str | None = Field(None, description="where the list stands in a JSON file, as a dotted path")


class SourceDeclaration(_Strict):
    """One source of messages."""

    slug: str = Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")
    name: str
    publisher: str
    channel: Literal["hotline", "board", "forum", "media", "inspection", "visit", "letter"]
    kind: Literal["html_board", "json_board", "feed", "export"]
    starts: dt.date | None = Field(None, description="no messages are expected before this day")
    place: str | None = Field(None, description="the place that its messages are about unless they say otherwise")
    bounds: Bounds
    identity: Identity = Identity()
    values: Values = Values()
    crawl: Crawling = Crawling()
    html_board: HtmlBoard | None = None
    json_board: JsonBoard | None = None
    feed: Feed | None = None
    export: Export | None = None

    @model_validator(mode="after")
    def _has_its_kind(self) -> "SourceDeclaration":
        given = [kind for kind in ("html_board", "json_board", "feed", "export") if getattr(self, kind) is not None]
        if given != [self.kind]:
            raise ValueError(f"kind is {self.kind}, so exactly the table [{self.kind}] must follow; found {given or 'none'}")
        return self

    @property
    def identity_scope(self) -> str:
        """Within which accounts mean the same person."""
        return self.identity.scope or self.slug

    def identity_of(self, fields: dict[str, str]) -> str:
        """The string that stands for the complainant, or "" when anonymous. Only for the vault's keyed digest."""
        for name in self.identity.fields:
            value = fields.get(name, "").strip()
            if value and value not in self.identity.anonymous and not _STANDS_FOR_MANY.search(value):
                return f"{name}:{value}"
        return ""


def load_source(path: Path) -> SourceDeclaration:
    """One declaration. Raises SourceError with file, key and mend."""
    try:
        declared = SourceDeclaration.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"{path}: not TOML: {error}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{path}: not UTF-8; save the file as UTF-8") from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise SourceError(f"{path}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from None
    if declared.slug != path.stem:
        raise SourceError(f"{path}: slug is '{declared.slug}' but the file is named '{path.name}'; make them the same")
    return declared


def load_sources(folder: Path, slugs: Iterable[str] = ()) -> dict[str, SourceDeclaration]:
    """The declarations in `folder` by slug, or those named. Raises SourceError."""
    declared = {path.stem: load_source(path) for path in sorted(folder.glob("*.toml"))}
    unknown = [slug for slug in slugs if slug not in declared]
    if unknown:
        raise SourceError(f"{folder}: no source '{unknown[0]}'; there are {', '.join(declared) or 'none'}")
    return {slug: declared[slug] for slug in slugs} if slugs else declared
