"""Messages for measuring: the written corpus, joined at random to the length of real complaints, as an export file."""

import csv
import random
from pathlib import Path

from models.corpus import read_corpus

SOURCE = """\
slug = "bench"
name = "基准"
publisher = "基准"
channel = "board"
kind = "export"
[bounds]
at_least = 0
at_most = 1000000
[export]
pattern = ["*.csv"]
[export.columns]
native_id = ["编号"]
author = ["用户"]
title = ["标题"]
posted_at = ["时间"]
body = ["内容"]
"""


def write_export(path: Path, count: int, length: int = 350, seed: int = 7) -> None:
    """Writes `count` messages of about `length` characters to a CSV file."""
    pick = random.Random(seed)
    corpus = read_corpus()
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["编号", "用户", "标题", "时间", "内容"])
        for number in range(count):
            message = pick.choice(corpus)
            body = message.text
            while len(body) < length:
                body += "。" + pick.choice(corpus).text
            day = f"2019/{pick.randint(1, 12)}/{pick.randint(1, 28)} {pick.randint(0, 23)}:{pick.randint(10, 59)}:00"
            out.writerow([number, f"u{pick.randint(0, count)}", message.title, day, f"{body[: length + 60]}（{number}）"])
