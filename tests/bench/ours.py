"""Weathervane's own way from an export file to counts, in one process on one core. Prints CPU seconds by step as JSON."""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", WEATHERVANE_LIMITS__WORKERS="1")

from flows import steps
from flows.console import data_dir
from flows.runtime import data_at, open_vault, sources_of, warehouse_of
from flows.setup import make_data_directory
from pipelines.ingest import ingest_file
from tests.bench.messages import SOURCE


def main() -> None:
    """Takes in a CSV and runs every stage on it, without Prefect's fixed cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("export", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = data_dir(Path(folder))
        for _ in make_data_directory(data):
            pass
        (data.sources / "bench.toml").write_text(SOURCE, encoding="utf-8")
        root = str(data.root)
        steps._cached_classifier(root)  # loading is measured by `make bench ONLY=start`
        steps._cached_resolver(root)
        seconds: dict[str, float] = {}

        def timed(name: str, work: object, *args: object) -> None:
            started = time.process_time()
            work(*args)  # type: ignore[operator]
            seconds[name] = time.process_time() - started

        with open_vault(data_at(root)) as vault:
            timed("ingest", ingest_file, args.export, sources_of(data)["bench"], vault)
            messages = vault.newest().num_rows
        with warehouse_of(data):
            for step in (steps.clean, steps.join, steps.attribute, steps.classify, steps.count):
                timed(step.__name__, step, root)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"messages": messages, "cpu_seconds": sum(seconds.values()), "steps": seconds, "peak_mb": peak}))


if __name__ == "__main__":
    main()
