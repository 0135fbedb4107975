"""Finds addresses that lead to a household in folded text: building and room, lane and number, villager group.

A room is a home anywhere. A villager group, a building or a street number alone is one only where the words around say that
somebody lives there, or where it stands by itself at a name or at the foot of a letter.
"""

import re

_N = "[0-9A-Za-z一二三四五六七八九十百甲乙丙丁]"
_DOOR = "(?:号?房间?|室|户(?!业主|人家)|号(?!楼))?"
_ROOM = re.compile(
    rf"{_N}{{1,4}}号?(?:栋|幢|座|号楼|#楼|#)(?:[ ,，]?(?:{_N}{{1,3}}|[东西中南北])(?:单元|梯|门|座))?"
    rf"(?:[ ,，]?(?:负?{_N}{{1,3}}|顶)(?:楼|层))?[ -]?(?:[A-Za-z]?[0-9]{{3,4}}"
    rf"|{_N}{{1,4}}(?=室|号?房|户)){_DOOR}"
    r"(?![0-9年月日元万多余米个平])"
    rf"|{_N}{{1,4}}(?:栋|幢|座|号楼)[ ,，]?(?:{_N}{{1,3}}|[东西中南北])(?:单元|梯|门)(?:[ ]?[0-9]{{1,4}}{_DOOR})?"
    rf"|{_N}{{1,3}}单元[ ]?[0-9]{{3,4}}{_DOOR}"
    r"|(?:家园|小区|[苑园城府庭湾]|[A-Z]区)[ ]?[0-9]{1,2}-(?:[0-9]{1,2}-)?[0-9]{3,4}(?:室|房)?(?![0-9])"
    r"|[0-9一二三四五六七八九十]{1,2}楼(?:门牌号?)?[0-9]{3,4}(?:号?房间|室|房)"
    r"|(?:宿舍|办公楼|家属楼|教师楼)[^\n，。]{0,3}?[0-9]{3,4}(?:室|号?房间?)?(?![0-9年元])"
    r"|(?<![0-9])[0-9]{3,4}(?:室|号房)(?![间地产屋])|[0-9]{1,3}号[0-9]{3,4}[室房]"
    r"|(?<![0-9])[0-9]{3,4}(?=[户业]主)|(?<=楼上)[0-9]{3,4}(?![0-9])"
)
_ROOM_GATE = re.compile(  # begins with one class, so that `re` skips to it: an alternation is tried at every character
    "[0-9一二三四五六七八九十楼栋幢单宿办家教](?:(?<=[栋幢])|(?<=单)元|(?<=宿)舍|(?<=办)公楼|(?<=家)属楼|(?<=教)师楼|(?<=楼)上[0-9]"
    "|(?<=[0-9一二三四五六七八九十])(?:[室房座#楼]|号[房楼]|[户业]主|-(?:[0-9]{1,2}-)?[0-9]{3}))"
)
_PLACE_GATE = re.compile("[组号栋幢]")
_PLACE = re.compile(
    rf"(?:[村镇乡坪湾冲岭塘坳场]|社区|居委会)第?(?:{_N}{{1,4}}|[\u4e00-\u9fff]{{1,4}}?)组(?:{_N}{{1,4}}号)?"
    rf"|(?<![0-9\u4e00-\u9fff]){_N}{{1,3}}组{_N}{{1,4}}号"
    rf"|[路街巷弄里道坊院湾]{_N}{{1,5}}号(?!楼|线|院)(?:附{_N}{{1,3}}号?)?(?:家属院)?(?:[后前左右][\u4e00-\u9fff]{{1,4}}|{_N}{{1,2}}楼[左右]?)?"
    rf"|{_N}{{1,4}}(?:栋|幢|号楼|号院)(?:[东西南北]?[头边]?{_N}{{1,3}}楼)?"
    rf"|{_N}{{1,3}}排{_N}{{1,3}}号|村{_N}{{1,4}}号"
)
_LIVES = re.compile(
    r"(?:家住在?|现住|原住|居住[在于]?|住址|地址|籍贯|户籍|户口|住在|入住|住|我们?家[在位于]{0,2}|老?家[在位于里]{1,3}|家父|门牌|[请邮]寄|光我家)"
    r"(?:[是为：:∶，（( 在于的]|[\u4e00-\u9fff]{0,2}安置房){0,4}$"
)
_OFFICE = re.compile(r"办公|公司|经营|注册|单位|店|项目|入住")
_VILLAGER = re.compile(
    r"的?(?:村民|居民|住户|农户|村上|人[，。,（(]|一[名位户员]|农民|移民|户主|一共|共|的?老|原住户)"
    r"|[，,]?[ ]?(?:本人|身份证|我叫|我是)"
)
_ALONE = re.compile(
    r"[ \n，,]*(?:[）)]|[。！]?\s*$|[\u4e00-\u9fff·]{2,5}(?:[，。,\n等]|$)|[，,（(]?(?:电话|座机|联系|手机|微信|\[|[+0-9])|$|\n)"
)
_STOP = re.compile(
    "家住在?|现住|原住|居住[在于]?|住址|地址|籍贯|住在|家在|老家(?!属)|住(?!宅|房|建)|位于|坐落于?|我们是|我是|本人|我们|我家|我|是在|就在|在|系|把|将|被|对|向|从|到|找|让|请|由|"
    "于|为|与|及|的|了|是|关于|反映|投诉|举报|买了?|购置了?|发现|分配|假称|称|说|楼上|邻居|业主|尊敬|领导|[您你]好|如|开始|号召|非法|严重|去年|目前|现在|其|恢复|各位|时|给|村民|"
    "都|意味着|入住"
)
_CHUNK = re.compile(r"[\u4e00-\u9fffA-Za-z0-9·（）()“”.-]{0,36}$")

Span = tuple[int, int]


def find(*texts: str) -> list[list[Span]]:
    """(start, end) of the household addresses in each of `texts` (title, body), apart; one found once is found again."""
    homes: list[list[Span]] = []
    doubtful: list[list[Span]] = []
    for text in texts:
        rooms = _rooms(text)
        sure, unsure = _places(text)
        homes.append(_merged(rooms + sure + [span for span in unsure if any(0 <= a - span[1] <= 1 for a, _ in rooms)]))
        doubtful.append(unsure)
    if any(doubtful) and any(homes):
        said = [text[a:b] for text, spans in zip(texts, homes, strict=True) for a, b in spans]
        for text, spans, unsure in zip(texts, homes, doubtful, strict=True):
            spans += [(a, b) for a, b in unsure if any(text[a:b] in home or home in text[a:b] for home in said)]
        homes = [_merged(spans) for spans in homes]
    return homes


def _rooms(text: str) -> list[Span]:
    windows = _windows(text, _ROOM_GATE, 24)
    if not windows:
        return []
    return [(_reach(text, m.start(), m.start()), m.end()) for a, b in windows for m in _ROOM.finditer(text, a, b)]


def _windows(text: str, gate: re.Pattern[str], reach: int) -> list[Span]:
    """Where a costly pattern is worth trying: `reach` characters around what every match of it must hold."""
    spans = [(max(0, m.start() - reach), m.end() + reach) for m in gate.finditer(text)]
    return _merged(spans) if len(spans) > 1 else spans


def _places(text: str) -> tuple[list[Span], list[Span]]:
    """Groups, street numbers and buildings: those where somebody lives, and those that only might be homes."""
    sure: list[Span] = []
    unsure: list[Span] = []
    if not ("号" in text or "组" in text or "栋" in text or "幢" in text):
        return sure, unsure
    for match in (m for a, b in _windows(text, _PLACE_GATE, 14) for m in _PLACE.finditer(text, a, b)):
        if "小组" in match[0] or "的" in match[0]:
            continue
        start, end = _reach(text, match.start(), match.end() - 1), match.end()
        lives = _LIVES.search(text, max(0, start - 12), start)
        if (
            (lives and not _OFFICE.search(text, max(0, start - 8), start))
            or ("组" in match[0] and (_VILLAGER.match(text, end) or text[max(0, start - 2) : start] in ("我们", "我是")))
            or (
                end - start >= 4
                and (start == 0 or text[start - 1] in " \n，,（(")
                and _ALONE.match(text, end)
                and len(text) - end < 90
            )
        ):
            sure.append((start, end))
        else:
            unsure.append((start, end))
    return sure, unsure


def _reach(text: str, at: int, within: int) -> int:
    """Where the address around `at` starts: back over place names, not over the words of the sentence."""
    chunk = _CHUNK.search(text, max(0, at - 36), at)
    start = chunk.start() if chunk else at
    for stop in _STOP.finditer(text, start, at):
        start = stop.end()
    while start < within and text[start] in "（）()“”.-·":
        start += 1
    return start


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
