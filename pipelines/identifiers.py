"""Finds numbers that point at a person in folded text: telephones, identity numbers, accounts, licence plates.

Works on what `normalise.fold` gives. A run of digits is taken whole, whatever stands between its digits, and then told apart;
a number that announces itself as a work order, a document or an amount is left.
"""

import datetime as dt
import re
from collections.abc import Iterator

Hit = tuple[int, int, str]

_GAP = r"[ \n\t.·_—()（）/-]{0,3}"
_RUN = re.compile(rf"[0-9](?:{_GAP}[0-9*×xX]){{6,}}(?:{_GAP}转{_GAP}[0-9]{{1,5}})?")  # begins with a class: `re` skips to it
_IDNUM = re.compile(rf"(?<![0-9])[1-8](?:{_GAP}[0-9]){{16}}{_GAP}[0-9Xx](?![0-9])|(?<![0-9])[1-8](?:{_GAP}[0-9]){{14}}(?![0-9])")
_IDNUM_MASKED = re.compile(
    r"(?<![0-9*×xX])(?:[1-8][0-9]{2,9}[*×xX]{4,14}[0-9]{1,4}[0-9Xx]?|[1-8][0-9]{5,15}[*×xX]{2,12})(?![0-9*×xX])"
)
_MOBILE = re.compile(rf"(?<![0-9])(?:(?:\+|00)?86{_GAP})?1{_GAP}[3-9](?:{_GAP}[0-9*×xX]){{9}}(?![0-9])")
_CARD = re.compile(rf"(?<![0-9])[3-9](?:{_GAP}[0-9]){{14,18}}(?![0-9])")
_LANDLINE = re.compile(
    r"(?:(?<![0-9])(?:0[0-9]{2,3}-)?0[0-9]{2,3}-[0-9]{7,8}"
    r"|(?<![0-9])(?:(?:\+|00)?86[ -]?)?[(（]?0[1-9][0-9]{1,2}(?:[ )）—.-]{0,3}[0-9]){7,8}(?![0-9])"
    r"|(?<![0-9])[48]00[ -]?[0-9]{3,4}[ -]?[0-9]{3,4}(?![0-9])"
    r"|(?<![0-9])(?:\+|00)(?:852|853|886)[ -]?[0-9]{4}[ -]?[0-9]{4,5}(?![0-9]))"
    r"(?:[ ]?(?:转|-)[ ]?[0-9]{1,5})?(?![0-9])"
)
_IDNUM_END = re.compile(r"(?:身份证|证件)[^0-9*。；\n]{0,10}(?P<end>[*×xX]{6,17}[0-9]{2,4}[0-9Xx]?)")
_ORDER = re.compile(
    r"(?:订单|工单|编号|流水|单号|案号|文号|票号|合同|发票|运单|快递|受理|登记|批号|信用代码|许可证|产权证|不动产|序列|项目|查询码|条码)"
    r"[^0-9。，；\n]{0,8}$"
)
_PHONE_WORD = re.compile(
    r"(?:电话|手机|座机|热线|致电|拨打|来电|联系方式|联系号码|号码|传真|[Tt][Ee][Ll]|☎|📞)[^0-9。；\n]{0,8}$"
)
_ID_WORD = re.compile(r"(?:身份证|证件|证号|公民身份)[^0-9。；\n]{0,10}$")
_BANK_WORD = re.compile(
    r"(?:卡号|账号|帐号|账户|帐户|银行|存折|社保卡|[建农工中交招]行|信用社|户名|尾号|收款)[^0-9。；\n]{0,12}$"
)
_QQ_WORD = re.compile(r"(?:[Qq]{1,2}|扣扣|企鹅)(?:群|号|号码)?[^0-9。；\n，]{0,4}$")
_AMOUNT = re.compile(r"(?:\.[0-9]+)?[ ]?(?:元|万|亿|吨|平方|平米|㎡|人次|kg|次|票)")

_EMAIL = re.compile(r"[A-Za-z0-9._%+*-]{2,64}@[A-Za-z0-9-]{1,40}(?:\.[A-Za-z0-9-]{1,20}){1,4}")
_CHAT = re.compile(
    r"[微薇威Vv支抖快陌Ww](?:"
    r"(?:(?<=[微薇威Vv])信|(?<=[Vv])[Xx]|(?<=支)付宝|(?<=抖)音|(?<=快)手|(?<=陌)陌)"
    r"(?:群|号|号码|账号|同号|ID|id)?[^A-Za-z0-9。；\n]{0,4}"
    r"(?P<name>(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9_-]{4,19}|[0-9][A-Za-z0-9_-]{5,19})"
    r"|(?<![A-Za-z][Ww])(?:(?<=[Ww])(?:ei?[Xx]in|e[Cc]hat)|(?<=W)X|(?<=w)x)[号： :]{1,4}[A-Za-z][A-Za-z0-9_-]{4,19})"
)
_CHAT_MARKS = ("信", "x", "X", "hat", "支付宝", "抖音", "快手", "陌陌")  # what every match of _CHAT holds
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼楚西"
_PLATE = re.compile(
    rf"[{_PROVINCES}][A-Za-z][0-9]?[ ·•.-]{{0,2}}(?=[A-Za-z0-9]*[0-9][A-Za-z]?[0-9])[A-Za-z0-9]{{4,6}}"
    r"[警学挂港澳领]?(?![A-Za-z0-9次])"
)
_PLATE_WORD = re.compile(
    r"(?:车牌|车号|牌照)[^A-Za-z0-9。；\n]{0,5}(?P<plate>[A-Z][0-9]?[·• -]?(?=[A-Z0-9]*[0-9])[A-Z0-9]{5,6}"
    r"(?:[、，, ]{1,2}[A-Z][0-9]?[·•]?(?=[A-Z0-9]*[0-9])[A-Z0-9]{5,6})*)"
)
_BARE_PLATE = re.compile(r"(?<![A-Za-z0-9])[A-Z]·(?=[A-Z0-9]*[0-9])[A-Z0-9]{5,6}(?![A-Za-z0-9])")

_NUMERALS = ("〇一二三四五六七八九", "零壹贰叁肆伍陆柒捌玖", "⓪①②③④⑤⑥⑦⑧⑨")
_SPELLED = {ord(c): str(i) for row in _NUMERALS for i, c in enumerate(row)}
_SPELLED |= {ord("幺"): "1", ord("两"): "2", ord("O"): "0", ord("o"): "0"}
_SPELLED_DIGIT = "[〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖⓪①-⑨0-9oO]"
_SPELLED_RUN = re.compile(rf"{_SPELLED_DIGIT}(?:[ -]?{_SPELLED_DIGIT}){{9,17}}")

_PROVINCE_CODES = frozenset(
    str(code)
    for codes in ((11, 16), (21, 24), (31, 38), (41, 47), (50, 55), (61, 66), (71, 72), (81, 84))
    for code in range(*codes)
)
_KINDS = ((_IDNUM, "IDNUM"), (_IDNUM_MASKED, "IDNUM"), (_CARD, "ACCOUNT"), (_MOBILE, "PHONE"), (_LANDLINE, "PHONE"))
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def find(text: str) -> list[Hit]:
    """(start, end, type) of every PHONE, IDNUM, ACCOUNT and PLATE in folded `text`; they do not overlap."""
    hits: list[Hit] = []
    if "@" in text:
        hits += [(m.start(), m.end(), "ACCOUNT") for m in _EMAIL.finditer(text)]
    for mark in _CHAT_MARKS:
        if mark in text:
            hits += [(*m.span("name" if m["name"] else 0), "ACCOUNT") for m in _CHAT.finditer(text)]
            break
    hits += _plates(text)
    if "**" in text or "××" in text:
        hits += [(*m.span("end"), "IDNUM") for m in _IDNUM_END.finditer(text)]
    for start, end in _runs(text):
        hits += _in_run(text, start, end)
    for run in _SPELLED_RUN.finditer(text):
        hits += _spelled(run)
    return _apart(hits) if hits else hits


def _apart(hits: list[Hit]) -> list[Hit]:
    """The hits in order, the earlier and longer one where two overlap."""
    kept: list[Hit] = []
    for hit in sorted(dict.fromkeys(hits), key=lambda h: (h[0], -h[1])):
        if not kept or hit[0] >= kept[-1][1]:
            kept.append(hit)
        elif hit[1] > kept[-1][1]:  # what reaches further is hidden too
            kept[-1] = (kept[-1][0], hit[1], kept[-1][2])
    return kept


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Where runs of digits stand, with the sign or bracket that opens them."""
    last = 0
    for run in _RUN.finditer(text):
        start, end = run.span()
        yield start - (start > last and text[start - 1] in "+(（"), end
        last = end


def _in_run(text: str, start: int, end: int) -> Iterator[Hit]:
    """What a run of digits holds: identity numbers before telephones before cards, each looked for in what is left."""
    before = text[max(0, start - 24) : start]
    run = text[start:end]
    order = _ORDER.search(before) is not None and _PHONE_WORD.search(before) is None
    found = False
    for pattern, kind in _KINDS if sum(c in "0123456789*xX×" for c in run) >= 10 else ():
        for match in pattern.finditer(run):
            amount = _AMOUNT.match(text, start + match.end()) is not None
            if match[0].startswith("0000-") or (not amount and _holds(pattern, match, before, order)):
                found = True
                yield start + match.start(), start + match.end(), kind
                run = run[: match.start()] + "\x00" * (match.end() - match.start()) + run[match.end() :]
    if not found:
        yield from _by_word(text, start, end, before)


def _holds(pattern: re.Pattern[str], match: re.Match[str], before: str, order: bool) -> bool:
    """Whether digits of the right form are what the form says, given the words before them."""
    if pattern is _IDNUM:
        return _is_identity(_digits(match), _ID_WORD.search(before) is not None, order)
    if pattern is _IDNUM_MASKED:
        return len(match[0]) > 11 or _ID_WORD.search(before) is not None
    if pattern is _CARD:
        return _is_card(_digits(match), _BANK_WORD.search(before) is not None, order)
    return not order and sum(c.isdigit() for c in match[0]) >= 5


def _by_word(text: str, start: int, end: int, before: str) -> Iterator[Hit]:
    """A run that only the word before it explains: a local number, an account, a QQ number, a partly masked number."""
    run = text[start:end].rstrip(" \n\t.·_—()（）/-")
    count = sum(c.isdigit() for c in run)
    amount = _AMOUNT.match(text, start + len(run)) is not None
    if (_QQ_WORD.search(before) and 5 <= count <= 12) or (_BANK_WORD.search(before) and 8 <= count <= 24 and not amount):
        yield start, start + len(run), "ACCOUNT"
    elif _ID_WORD.search(before) and 4 <= count <= 19 and len(run) >= 14:
        yield start, start + len(run), "IDNUM"
    elif _PHONE_WORD.search(before) and 7 <= count <= 14 and not amount:
        yield start, start + len(run), "PHONE"


def _digits(match: re.Match[str]) -> str:
    return "".join(c for c in match[0] if c.isdigit() or c in "Xx").upper()


def _is_identity(digits: str, said: bool, order: bool) -> bool:
    """18 digits with a province and a date (GB 11643-1999), or 15 of the old form; a check digit outweighs the word 'order'."""
    if digits[:2] not in _PROVINCE_CODES:
        return said and len(digits) == 18
    born = digits[6:14] if len(digits) == 18 else "19" + digits[6:12]
    try:
        year = dt.date(int(born[:4]), int(born[4:6]), int(born[6:8])).year
    except ValueError:
        return said
    if not 1900 <= year <= 2035:
        return said
    if len(digits) == 18 and check_digit(digits[:17]) == digits[17]:
        return True
    return said or not order


def check_digit(seventeen: str) -> str:
    """The 18th character of an identity number (ISO 7064 mod 11-2, GB 11643-1999)."""
    return "10X98765432"[sum(w * int(d) for w, d in zip(_WEIGHTS, seventeen, strict=True)) % 11]


def _is_card(digits: str, said: bool, order: bool) -> bool:
    if said:
        return True
    if order or not 16 <= len(digits) <= 19 or "X" in digits:
        return False
    return luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the last digit is right by ISO/IEC 7812-1, annex B."""
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _plates(text: str) -> list[Hit]:
    found = list(_PLATE.finditer(text))
    short_too = any(sum(c.isalnum() for c in m[0]) >= 7 for m in found) or "车牌" in text
    hits = [(m.start(), m.end(), "PLATE") for m in found if short_too and sum(c.isalnum() for c in m[0]) >= 6]
    if "牌" in text or "车" in text:
        hits += [(*m.span("plate"), "PLATE") for m in _PLATE_WORD.finditer(text)]
    if "·" in text and "车" in text:
        hits += [(m.start(), m.end(), "PLATE") for m in _BARE_PLATE.finditer(text)]
    return hits


def _spelled(run: re.Match[str]) -> Iterator[Hit]:
    """A telephone or identity number written in Chinese or circled numerals."""
    plain = run[0].translate(_SPELLED)
    if plain == run[0]:
        return
    digits = "".join(c for c in plain if c.isdigit())
    if re.fullmatch(r"1[3-9][0-9]{9}|0[1-9][0-9]{8,10}", digits):
        yield run.start(), run.end(), "PHONE"
    elif len(digits) == 18 and digits[:2] in _PROVINCE_CODES:
        yield run.start(), run.end(), "IDNUM"
