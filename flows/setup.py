"""Makes a data directory: folders, settings with comments, keys, empty vault and warehouse, examples."""

from collections.abc import Iterator
from importlib.resources import files

from flows.runtime import open_vault
from pipelines.vault import Keys
from pipelines.warehouse import DataDir, Warehouse

SETTINGS = """\
# 风向标设置。删去行首的 # 即生效;环境变量 WEATHERVANE_… 优先于本文件。口令与签名密钥请放环境变量。

[office]
name = "示例市治庸问责办公室"
bulletin = "舆情快报"
recipients = "市委、市政府领导;市纪委监委"
place = "示例市"

[reading]
assert_from = 0.5     # 概率不低于此数的信号计入
review_from = 0.3     # 介于两者之间的等人工复核

[statistics]
small_cell = 5        # 不足此数的人数不发布

# 预警接收方,可有多个。kind: email webhook wecom dingtalk feishu
# [[routes]]
# name = "治庸问责办"
# kind = "email"
# address = "office@example.gov"

# [smtp]
# host = "127.0.0.1"
# port = 25

[schedules]
daily = "30 5 * * *"
weekly = "0 8 * * 1"
"""


def make_data_directory(data: DataDir) -> Iterator[str]:
    """Makes what is absent and keeps what is there; says each thing in a line."""
    data.make()
    if not data.settings.exists():
        data.settings.write_text(SETTINGS, encoding="utf-8")
        yield f"{data.settings}: settings"
    if not (data.keys / "vault.key").exists():
        Keys.make(data.keys)
        yield f"{data.keys}: new keys (mode 0600). Keep a copy in a safe place: without them the vault stays shut for ever"
    with open_vault(data):
        yield f"{data.vault}: vault"
    with Warehouse(data.warehouse):
        yield f"{data.warehouse}: warehouse"
    examples = files("crawlers").joinpath("declarations")
    for example in examples.iterdir():
        if example.name.endswith(".toml"):
            data.sources.joinpath(example.name + ".example").write_bytes(example.read_bytes())
    yield f"{data.sources}: examples of source declarations; rename one to .toml and make it yours"
    if not data.units.exists():
        data.units.write_bytes(files("pipelines").joinpath("data/units.example.csv").read_bytes())
        yield f"{data.units}: an example unit registry; make your own with `weathervane units generate`"
