"""Seconds that loading the shipped model takes, and its size."""

import json
import time

from models.classifier import SHIPPED, ConductClassifier

began = time.perf_counter()
ConductClassifier.load(SHIPPED)
taken = time.perf_counter() - began
size = sum(path.stat().st_size for path in SHIPPED.iterdir()) / 1e6
print(json.dumps({"seconds": taken, "mb": size}))
