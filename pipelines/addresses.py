"""Finds addresses that lead to a household in folded text: building and room, lane and number, villager group.

A villager group, a building or a street number alone is a home only where the words say that somebody lives there.
"""

import re

_N = r"[0-9A-Za-z一二三四五六七八九十百甲乙丙丁]"
_ROOM = re.compile(
    rf"{_N}{{1,4}}(?:号)?(?:栋|幢|座|号楼|#楼|#)(?:[ ,，]?(?:{_N}{{1,3}}|[东西中南北])(?:单元|梯|门|座))?"
    rf"(?:[ ,，]?(?:负?{_N}{{1,3}}|顶)(?:楼|层))?(?:[ -]?(?:[A-Za-z]?[0-9]{{2,4}}|{_N}{{1,4}}(?=室|房|号房|户))(?:号?房间?|室|户|号)?)(?![0-9年月日元万多余]|[个户]业主)"
    rf"|{_N}{{1,4}}(?:栋|幢|座|号楼)[ ,，]?(?:{_N}{{1,3}}|[东西中南北])(?:单元|梯|门)(?:[ ]?[0-9]{{2,4}}(?:室|房|号)?)?"
    rf"|{_N}{{1,3}}单元[ ]?[0-9]{{2,4}}(?:室|房|号)?"
    r"|(?:家园|小区|苑|园|城|府|庭|湾|[A-Z]区)[ ]?[0-9]{1,2}-[0-9]{1,2}?-?[0-9]{3,4}(?:室|房)?(?![0-9])"
    r"|[0-9一二三四五六七八九十]{1,2}楼(?:门牌号?)?[0-9]{3,4}(?:号?房间|室|房)"
    r"|(?:宿舍|办公楼|家属楼|教师楼)[ ]?[0-9]{3,4}(?:室|房|号)?(?![0-9年元])"
    r"|(?<![0-9])[0-9]{3,4}(?:室|房|号房)(?![间地产屋])"
)
_LIVES = r"(?:家住在?|我家在|我家住|家在|家位于|现住|居住于|居住在|居住|原住|住址|住在|住于|地址|籍贯|户籍|住|我家|我们家|老家在?|家里在|门牌|寄)"
_HOME = re.compile(
    rf"{_LIVES}(?:是|为|：|:| |，|∶|在|于|的|我们){{0,3}}(?P<home>[\u4e00-\u9fffA-Za-z0-9·-]{{2,40}}?"
    rf"(?:{_N}{{1,4}}(?:组|社|队)(?:{_N}{{1,4}}号)?|组{_N}{{1,4}}号|(?:湾|冲|塘|坝|下|上|屋|边|家|坳|坪|{_N})组(?:{_N}{{1,4}}号)?"
    rf"|[路街巷弄里道坊村院]{_N}{{1,5}}号(?:附{_N}{{1,3}}号?)?(?:(?:后|前|左|右)?[栋进院]?{_N}{{0,4}}(?:楼|栋|号|室|左|右){{0,2}})?|{_N}{{1,4}}(?:栋|幢|座|号楼|号院)(?:{_N}{{1,4}}楼)?|{_N}{{1,3}}排{_N}{{1,3}}号))"
    r"(?![\u4e00-\u9fff]?(?:公司|超市|酒店|工地))"
)
_GROUP = r"(?:村|社区|居委会|乡|镇|坪|湾|冲|岭|塘)"
_VILLAGER = re.compile(
    rf"(?P<home>[\u4e00-\u9fffA-Za-z0-9]{{0,24}}{_GROUP}第?(?:{_N}{{1,4}}|[\u4e00-\u9fff]{{2,4}})组(?:[0-9]{{1,4}}号)?)"
    r"(?=的?(?:村民|居民|人(?![民家大])|一员|一户|农户|一共|住户|[0-9]+号|的?老|农民|移民|，我|，本人|，身份|，户)|[ \n：:，,（(]{0,2}$)"
)
_LINE = re.compile(
    rf"(?:^|\n|[，,。（( 　])(?P<home>[\u4e00-\u9fffA-Za-z0-9]{{0,24}}(?:{_GROUP}第?(?:{_N}{{1,3}}|[\u4e00-\u9fff]{{2,4}})组(?:{_N}{{1,4}}号)?|{_GROUP}?[八九十一二三四五六七0-9]{{1,2}}组{_N}{{1,4}}号|[巷里弄路街]{_N}{{1,4}}号(?:附{_N}{{1,3}}号?)?(?:{_N}{{1,2}}楼|[后前左右]\w{{0,5}})?))"
    r"(?=[ \n　]|，?[\u4e00-\u9fff]{2,4}(?:$|[，。\n])|，电|，联|，手|，[0-9+]|$)"
)
_STOP = re.compile(
    r"家住在?|现住|原住|居住[在于]?|住址|地址|住在|住|位于|坐落于?|我们是|我是|本人|我们|我家|我|是在|就在|在|系|把|将|被|对|向|给|从|到|找|让|请|由|于|为|和|与|及|的|了|是|"
    r"关于|反映|投诉|举报|购买了?|购置了?|买了?|发现|分配|造假称|称|说|楼上|邻居|业主|尊敬|领导|您好|你好|如|开始|号召|非法|严重|今年|去年|目前|现在|其"
)
_CHUNK = re.compile(r"[\u4e00-\u9fffA-Za-z0-9·.（）()“”-]{0,36}$")


def find(text: str) -> list[tuple[int, int]]:
    """(start, end) of every household address in folded `text`, merged where they touch."""
    spans: list[tuple[int, int]] = []
    if any(mark in text for mark in ("栋", "幢", "座", "单元", "楼", "室", "房", "-", "宿舍", "#")):
        spans += [(_reach(text, m.start()), m.end()) for m in _ROOM.finditer(text)]
    if "住" in text or "家" in text or "址" in text or "籍" in text or "寄" in text:
        spans += [m.span("home") for m in _HOME.finditer(text)]
    if "组" in text or "号" in text:
        spans += [(_reach(text, m.end("home") - 1, m.start("home")), m.end("home")) for m in _VILLAGER.finditer(text)]
        spans += [(_reach(text, m.end("home") - 1, m.start("home")), m.end("home")) for m in _LINE.finditer(text)]
    return _merged(spans)


def _reach(text: str, at: int, least: int = 0) -> int:
    """Where the address that holds `at` starts: back over place names, not over the words of the sentence."""
    chunk = _CHUNK.search(text, max(least, at - 36), at)
    start = chunk.start() if chunk else at
    for stop in _STOP.finditer(text, start, at):
        start = stop.end()
    while start < at and text[start] in "（）()“”.-·":
        start += 1
    return start


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
