"""The pipeline that everybody writes first, to measure against: pandas, jieba, TfidfVectorizer, one-vs-rest logistic regression.

Run with a segmenter's name: `jieba`, or `rjieba` (the same dictionary in Rust). Prints messages and CPU seconds as JSON.
"""

import argparse
import json
import re
import time
from pathlib import Path

import duckdb
import jieba
import opencc
import pandas as pd
import rjieba
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from models.corpus import read_corpus

IDENTIFIERS = [
    re.compile(pattern)
    for pattern in (
        r"(?<!\d)1[3-9]\d{9}(?!\d)",
        r"(?<!\d)0\d{2,3}-?\d{7,8}(?!\d)",
        r"(?<!\d)\d{17}[\dXx](?!\d)",
        r"(?<!\d)\d{15}(?!\d)",
        r"(?<!\d)\d{16,19}(?!\d)",
        r"[\w.]+@[\w.]+\.\w+",
        r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][A-Z0-9]{5,6}",
        r"(?:QQ|微信)[:：]?\s*[\w-]{5,}",
    )
]


def main() -> None:
    """Reads a CSV, classifies one message after the other, writes to DuckDB."""
    parser = argparse.ArgumentParser()
    parser.add_argument("export", type=Path)
    parser.add_argument("segmenter", choices=("jieba", "rjieba"))
    parser.add_argument("--batch", action="store_true", help="let scikit-learn and DuckDB take all messages at once")
    args = parser.parse_args()
    cut = jieba.lcut if args.segmenter == "jieba" else rjieba.cut
    corpus = read_corpus()
    vectorizer = TfidfVectorizer(tokenizer=cut, token_pattern=None, lowercase=False, min_df=2)
    features = vectorizer.fit_transform([m.title + m.text for m in corpus])
    binarizer = MultiLabelBinarizer()
    labels = binarizer.fit_transform([{span.tag for span in m.labels} for m in corpus])
    model = OneVsRestClassifier(LogisticRegression(max_iter=500)).fit(features, labels)
    converter = opencc.OpenCC("t2s")
    database = duckdb.connect()
    database.execute("CREATE TABLE message (id VARCHAR, day VARCHAR, body VARCHAR)")
    database.execute("CREATE TABLE label (id VARCHAR, code VARCHAR)")

    def tidy(text: str) -> str:
        text = converter.convert(text)
        for pattern in IDENTIFIERS:
            text = pattern.sub("*", text)
        return text

    started = time.process_time()
    frame = pd.read_csv(args.export, dtype=str)
    if args.batch:
        frame["body"] = [tidy(text) for text in frame["标题"] + frame["内容"]]
        predicted = binarizer.inverse_transform(model.predict(vectorizer.transform(frame["body"])))
        pairs = [(i, code) for i, codes in zip(frame["编号"], predicted, strict=True) for code in codes]
        found = pd.DataFrame(pairs, columns=["id", "code"])
        database.register("frame", frame)
        database.register("found", found)
        database.execute("INSERT INTO message SELECT 编号, 时间, body FROM frame; INSERT INTO label SELECT * FROM found")
    else:
        for _, row in frame.iterrows():
            body = tidy(row["标题"] + row["内容"])
            codes = binarizer.inverse_transform(model.predict(vectorizer.transform([body])))[0]
            database.execute("INSERT INTO message VALUES (?, ?, ?)", [row["编号"], row["时间"], body])
            for code in codes:
                database.execute("INSERT INTO label VALUES (?, ?)", [row["编号"], code])
    database.execute("SELECT code, count(*) FROM label GROUP BY code").fetchall()
    print(json.dumps({"messages": len(frame), "cpu_seconds": time.process_time() - started}))


if __name__ == "__main__":
    main()
