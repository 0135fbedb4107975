"""`make bench`: every figure of the documents, side by side with what it is compared with. `make bench ONLY=name` runs one."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.messages import write_export

ROOT = Path(__file__).parents[2]


def child(*arguments: object) -> dict[str, float]:
    """Runs a module of the bench in a process of its own; its last line is its result."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=True, env=None
    )
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def pipeline(count: int = 6000, rounds: int = 3) -> None:
    """Messages a second on one core, export file to counts, against the naive pipeline; interleaved, medians."""
    contenders = {
        "naive, one message at a time (jieba)": ("tests.bench.naive", "jieba", 600),
        "naive, one message at a time (rjieba)": ("tests.bench.naive", "rjieba", 600),
        "naive, all at once (jieba)": ("tests.bench.naive", "jieba", 1500),
        "naive, all at once (rjieba)": ("tests.bench.naive", "rjieba", 3000),
        "weathervane": ("tests.bench.ours", "", count),
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    steps: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, (module, segmenter, messages) in contenders.items():
                export = Path(folder) / f"{messages}.csv"
                if not export.exists():
                    write_export(export, messages)
                extra = [segmenter] if segmenter else []
                result = child(module, export, *extra, *(["--batch"] if "all at once" in name else []))
                rates[name].append(result["messages"] / result["cpu_seconds"])
                steps = result.get("steps", steps)  # type: ignore[assignment]
    ours = statistics.median(rates["weathervane"])
    print(f"\npipeline: messages a second on one core, {rounds} interleaved rounds, medians")
    for name, found in rates.items():
        rate = statistics.median(found)
        print(f"  {name:<40} {rate:8.0f}   weathervane is {ours / rate:5.1f} times as fast")
    print("  weathervane's steps, µs a message: " + ", ".join(f"{k} {v / count * 1e6:.0f}" for k, v in steps.items()))


def memory(count: int = 1_000_000) -> None:
    """Peak memory over many messages."""
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "large.csv"
        write_export(export, count)
        result = child("tests.bench.ours", export)
    print(f"\nmemory: {count:,} messages, peak {result['peak_mb']:,.0f} MB, {result['cpu_seconds'] / 60:.1f} CPU minutes")


def start() -> None:
    """Seconds until `weathervane --help` answers, and until the model is loaded."""
    command = Path(sys.executable).parent / "weathervane"
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        subprocess.run([command, "--help"], capture_output=True, check=True)
        taken.append(time.perf_counter() - began)
    load = child("tests.bench.load")
    print(f"\nstart: `weathervane --help` {statistics.median(taken):.2f} s")
    print(f"  model loads in {load['seconds']:.2f} s, {load['mb']:.1f} MB")


BENCHES = {"start": start, "pipeline": pipeline, "memory": memory}
SLOW = {"memory"}  # only when named


def main() -> None:
    """Runs the benches named, or all but the slow ones."""
    unknown = set(sys.argv[1:]) - BENCHES.keys()
    if unknown:
        sys.exit(f"no bench '{min(unknown)}'; there are {', '.join(BENCHES)}")
    for name in sys.argv[1:] or [name for name in BENCHES if name not in SLOW]:
        BENCHES[name]()


if __name__ == "__main__":
    main()
