"""Finds personal names in folded text: surname and given name weighed character by character, plus what stands around them.

Reads the tables in `pipelines/data`. A candidate's weight is the sum of log likelihood ratios (name against running text) of
its characters, its borders and its context; from `ENOUGH` on it is a name. Names in a list carry each other.
"""

import re
from functools import cache
from importlib import resources
from typing import NamedTuple

ENOUGH = 6.0
_HOPEFUL = 4.0  # enough beside a name in a list


class Name(NamedTuple):
    """A name over `start:end`; `role` is self, third, official or unknown."""

    start: int
    end: int
    role: str


class _Tables(NamedTuple):
    surnames: dict[str, float]
    given: dict[str, float]
    compound: frozenset[str]
    words: frozenset[str]
    scan: re.Pattern[str]


_SELF = frozenset(
    "我叫 名叫 我是 本人 我名 来电人 反映人 投诉人 举报人 信访人 申请人 联系人 联络人 报案人 控告人 申诉人 建议人 求助人 请求人 咨询人 诉求人 留言人 发帖人 检举人 "
    "具报人 具名人 署名 签名 签字 实名 姓名 户主 代表人 代笔人 落款 妻子 丈夫 儿子 女儿 父亲 母亲 爱人 我妻 我夫 我儿 我女 我爸 我妈 我爹 我娘 我弟 我哥 我姐 我妹 弟弟 "
    "哥哥 姐姐 妹妹 孙子 孙女 叔叔 外公 外婆 爷爷 奶奶 家属 家长 业主 住户 居民 村民 群众 职工 员工 学生 知情人 老兵 代表 住民 租户 牵头人 负责人 班组长 志愿者 敬礼 此致 孩子 "
    "老公 老婆 亲属 本村 我们 名为".split()
)
_OFFICIAL = frozenset(
    "书记 主任 局长 镇长 县长 市长 区长 乡长 村长 支书 所长 队长 站长 院长 校长 科长 处长 厅长 部长 组长 会计 民警 交警 法官 警官 干部 干事 专干 副局长 副镇长 副主任 副书记 副所长 "
    "副队长 副站长 副院长 副校长 副科长 副县长 副市长 副乡长 审判长 审判员 书记员 检察官 工作人员 承办人 经办人 办案人 村主任 经侦 城管 辅警 网格员 协管员 文书 出纳 通讯员 包村干部 庭长 "
    "股长 委员 常委 执法员 执法人员 领导 评估师 估价师 协警 调解员 驻村干部 第一书记 总支书记 村支书 村干部 妇女主任 治保主任 大队长 中队长 公安局 派出所 教育局 管理局 人员".split()
)
_THIRD = frozenset(
    "老板 司机 包工头 法人 法人代表 法定代表人 法定人 董事长 总经理 经理 股东 老总 中介 邻居 房东 被投诉人 被举报人 被反映人 被告人 被告 店长 店主 老师 教师 医生 护士 顾问 会计师 患者 "
    "受害人 被害人 肇事者 责任人 承包人 合伙人 嫌疑人 教练 销售 原告 朋友 同事 同学 户名 挂靠 当事人 自然人 打手 头目 焊工 工人 工友 老人 人是 开发商 人叫 名字 化名 原名 某某 同乡 老乡 保安 "
    "厂长 院士 教授 主播 律师 代理人 老汉 亲戚 堂弟 堂兄 表弟 表哥 侄子 连襟 小舅子 弟媳 嫂子 女婿 岳父 党员 军属 有关 举报 投诉 控告 关于 名下 法院对".split()
)
_RIGHT_OFFICIAL = frozenset(
    "书记 主任 局长 镇长 县长 市长 区长 乡长 村长 支书 所长 队长 站长 院长 校长 科长 处长 厅长 部长 组长 警官 法官 审判 副镇 副县 副市 副局 副主 副书 副队 股长 干部 庭长 民警 委员 辅警".split()
)
_RIGHT = frozenset(
    "同志 老师 医生 教授 先生 女士 夫妇 等人 一家 之妻 之子 之女 两人 二人 三人 四人 等等 经理 老板 律师 大夫 护士 代表 党员 师傅 联系 电话 手机 身份 敬上 谨上 敬呈 本人 代笔 代写 反映 投诉 举报 "
    "来电 家住 住在 现住 居住 今年 女， 男， 自称 辱骂 殴打 打伤 伙同 同学 老人 签字 签名 签收 教练 于2 于1 （电 （男 （女 （身 （联 （手 ，男 ，女 ，身 ，电 ，手 ，住 ，汉 ，现 ：身 因涉 所有 强占 侵占 "
    "霸占 利用 非法 私自 擅自 长期 名下 系我 系本 称其 称， 等1 等2 等3 等4 等5 等6 等7 等8 等9 等十 等几 等多 等二 等三 等四 等五 等六 等七 等八 等九 、（ （残 （已 （化 （原 （系 （店 （党 （法 （1 （0 与我 家的".split()
)
_FOLLOW = frozenset(
    "的在是说与和及等于把将被对向以住男女也却又就都称为从找到去来让给带用因已经自用系拿开要请叫跟同所则后未没不有之"
)
_BEFORE = frozenset("和与及跟向由被把让给是叫找对以为因但而据对着请替帮同原如名给")
_PLACES = frozenset(
    "省市县区镇乡村路街巷道桥站港河湖江山岭冲湾坪塘垸组队社苑园城府庭寨坳厂店场局院校馆厅部会所矿集楼栋寺庙屯庄坝洞井冈大"
)
_SPACE = " ：:“”（(《\n"
_LINKS = re.compile(r"[、，,；;/\s]{1,3}|[和与及跟]|（[^（）\n]{1,12}）[、，,]")
_OPEN = re.compile(
    r"(?:我叫|名叫|我的名字叫|姓名[：: 是为]{0,2}|我名)[ ]{0,2}(?P<name>[\u4e00-\u9fff]{2,4}(?:·[\u4e00-\u9fff]{2,5})?)(?=[，。,；;、（( \n]|$|今年|家住|住|是|男|女)"
)
_ALIAS = re.compile(
    r"(?:化名|曾用名|绰号|外号|小名|别名)[为叫是：:]?(?P<name>[\u4e00-\u9fff][A-Za-z\u4e00-\u9fff]{1,3})(?=[）)，。,、；])"
)
_STARRED = re.compile(r"(?<![\u4e00-\u9fff])?(?P<name>[\u4e00-\u9fff][*×][\u4e00-\u9fff])(?![0-9*×])")
_SOUNDS = "阿艾安奥巴白拜班包宝贝毕边卜布才曹策查次达丹德登迪地丁东杜多额恩尔法夫甘高格根古哈海汉合呼花惠吉嘉加家江金卡凯克库拉来兰郎勒力里丽利列林龙罗洛马玛麦曼梅美米莫木姆娜那纳南尼娘宁努诺帕潘其奇恰乔青琼曲热仁日如萨赛三桑沙山尚什斯松苏塔泰特提图吐托娃瓦旺万维文乌吾西希夏孜则扎占珠子宗增卓措贵勋苗买依伊衣尤玉于扬雅亚尧耶叶英赞泽柱住柯乙兹甫普满都坦丝提仓洁孟赫佳札玫苔琪芭黛妮莎蒂薇果茸嘎初姐牛史俄且热火各莫依作体的色拍惹嫫尕祖"
_DOTTED = re.compile(rf"(?<![\u4e00-\u9fff·])?(?P<name>[{_SOUNDS}]{{1,6}}(?:·[{_SOUNDS}\u4e00-\u9fff]{{1,6}}){{1,2}})")
_LONG = re.compile(
    rf"(?P<word>来电人|反映人|投诉人|申请人|联系人|代表人|村民|牧民|居民|我叫|家属|举报人)[：: ]{{0,2}}(?P<name>[{_SOUNDS}]{{3,6}})(?=[，。,；;、（( \n]|$|反映|称|来电|电话)"
)


@cache
def _tables() -> _Tables:
    folder = resources.files("pipelines") / "data"

    def lines(name: str) -> list[str]:
        return [line for line in (folder / name).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]

    def weights(name: str) -> dict[str, float]:
        return {c: float(weight) for weight, _, chars in (line.partition(" ") for line in lines(name)) for c in chars}

    surnames, given, compound = weights("surnames.txt"), weights("given.txt"), frozenset(lines("compound_surnames.txt"))
    likely = "".join(c for c, weight in given.items() if weight > -2.0 and c not in "的在是我")
    starts = "".join(surnames) + "".join({c[0] for c in compound})
    # a character that no table knows is rare in text: good for a given name
    unlikely = "".join(c for c, weight in given.items() if weight <= -2.0) + "的在是我"
    del likely
    return _Tables(
        surnames, given, compound, frozenset(lines("words.txt")), re.compile(f"[{starts}](?=[^{unlikely}\\W0-9A-Za-z_])")
    )


def find(*texts: str) -> list[list[Name]]:
    """Names in each of `texts` (title, body): one found in a telling place is a name wherever it stands again."""
    found = [_in_text(text) for text in texts]
    known: dict[str, str] = {}
    for text, names in zip(texts, found, strict=True):
        for name in names:
            known.setdefault(text[name.start : name.end], name.role)
    words = _tables().words
    for text, names in zip(texts, found, strict=True):
        taken = {name.start for name in names}
        for string, role in known.items():
            if string in words:
                continue
            at = text.find(string)
            while at >= 0:
                if at not in taken:
                    names.append(Name(at, at + len(string), role))
                at = text.find(string, at + len(string))
    return found


def _in_text(text: str) -> list[Name]:
    names: list[Name] = []
    hopeful: list[Name] = []
    last = 0
    tables = _tables()
    for match in tables.scan.finditer(text):
        start = match.start()
        if start < last:
            continue
        left, role = _left(text, start, start == last and bool(names))
        end, weight, right_role = _best(text, start, tables)
        if weight + left >= ENOUGH:
            names.append(Name(start, end, right_role or role))
            last = end
        elif weight + left >= _HOPEFUL:
            hopeful.append(Name(start, end, right_role or role))
    if hopeful and names:
        names = _linked(text, names, hopeful)
    return _marked(text, names)


def _marked(text: str, names: list[Name]) -> list[Name]:
    """Adds what a mark gives away whatever its characters: 我叫…, 化名…, 李*明, and names of other nations."""
    patterns = []
    if "叫" in text or "名" in text or "绰" in text or "外号" in text:
        patterns += [_OPEN, _ALIAS]
    if "*" in text or "×" in text:
        patterns.append(_STARRED)
    if "·" in text:
        patterns.append(_DOTTED)
    if "人" in text or "民" in text or "属" in text:
        patterns.append(_LONG)
    surnames = _tables().surnames
    for pattern in patterns:
        for match in pattern.finditer(text):
            start, end = match.span("name")
            if pattern is _STARRED and match["name"][0] not in surnames:
                continue
            if pattern is _OPEN and match["name"] in _tables().words:
                continue
            if any(name.start <= start and end <= name.end for name in names):
                continue
            names = [name for name in names if name.end <= start or end <= name.start]
            names.append(Name(start, end, "third" if pattern is _ALIAS else _left(text, start, False)[1]))
    return names


def _left(text: str, start: int, chained: bool) -> tuple[float, str]:
    """What stands before a candidate: its weight, and the role it gives."""
    if chained:
        return 2.0, "unknown"
    if start == 0:
        return 1.5, "unknown"
    at = start
    while at > 0 and start - at < 3 and text[at - 1] in _SPACE:
        at -= 1
    for length in (4, 3, 2):
        word = text[max(0, at - length) : at]
        if word in _SELF:
            return 3.0, "self"
        if word in _OFFICIAL:
            return 2.5, "official"
        if word in _THIRD:
            return 2.5, "third"
    before = text[start - 1]
    if before == "\n":
        return 2.0, "unknown"
    if not "\u4e00" <= before <= "\u9fff":
        return (0.0 if before.isalnum() else 1.0), "unknown"
    if before in _BEFORE:
        return 0.7, "unknown"
    words = _tables().words
    if text[start - 1 : start + 1] in words:
        return -4.0, "unknown"
    return (-0.3 if text[start - 2 : start] in words else -1.5), "unknown"


def _best(text: str, start: int, tables: _Tables) -> tuple[int, float, str]:
    """The likeliest end of a name that starts at `start`, its weight, and the role that the words after it give."""
    surnames, given, words = tables.surnames, tables.given, tables.words
    double = text[start : start + 2] in tables.compound
    base = 5.0 if double else surnames.get(text[start], -9.0)
    first = start + (2 if double else 1)
    best = (first, -99.0, "")
    weight = base
    for end in (first + 1, first + 2):
        char = text[end - 1 : end]
        if not ("\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf"):
            break
        weight += given.get(char, 1.0)
        total = weight
        string = text[start:end]
        if string in words:
            total -= 6.0
        elif end == first + 2:
            if text[start : end - 1] in words and not double:
                total -= 3.0
            if text[end - 2 : end] in words:
                total -= 2.0
            total -= 1.0  # the price of a longer name
        bonus, role = _right(text, end, words)
        total += bonus
        if total > best[1]:
            best = (end, total, role)
    return best


def _right(text: str, end: int, words: frozenset[str]) -> tuple[float, str]:
    after = text[end : end + 1]
    two = text[end : end + 2]
    if two in _RIGHT_OFFICIAL:
        return 2.5, "official"
    if two in _RIGHT:
        return 2.0, ""
    if not "\u4e00" <= after <= "\u9fff":
        return (2.0 if after in ("\n", "") else 1.0 if not after.isalnum() else 0.3), ""
    if text[end - 1 : end + 1] in words:
        return -3.0, ""
    if after in _PLACES:
        return -5.0, ""
    if after in _FOLLOW:
        return 0.8, ""
    return (0.3 if two in words else -0.8), ""


def _linked(text: str, names: list[Name], hopeful: list[Name]) -> list[Name]:
    """`names` with the hopeful ones that a list mark joins to them, as long as that adds one."""
    grown = True
    while grown:
        grown = False
        for candidate in list(hopeful):
            for name in names:
                between = text[name.end : candidate.start] if name.end <= candidate.start else text[candidate.end : name.start]
                if len(between) < 16 and _LINKS.fullmatch(between):
                    names.append(candidate._replace(role=name.role))
                    hopeful.remove(candidate)
                    grown = True
                    break
    return names


def looks_real(author: str) -> bool:
    """Whether an account's name reads like a person's full name rather than a nickname."""
    tables = _tables()
    if "·" in author:
        return _DOTTED.fullmatch(author) is not None
    if not 2 <= len(author) <= 4 or author in tables.words or tables.scan.match(author) is None:
        return False
    end, weight, _ = _best(author, 0, tables)
    return end == len(author) and weight >= _HOPEFUL
