"""Serves the page on 127.0.0.1: reads nothing itself, runs `streamlit run` with the flags that keep it local and quiet."""

import os
import subprocess
import sys
from pathlib import Path

from pipelines.warehouse import DataDir

PAGE = Path(__file__).with_name("week.py")
FLAGS = {
    "server.address": "127.0.0.1",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.showEmailPrompt": "false",
    "browser.serverAddress": "127.0.0.1",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.disableDataExport": "true",
    "theme.base": "light",
    "theme.primaryColor": "#b3201f",
    "theme.font": "'Noto Sans CJK SC', 'Microsoft YaHei', 'PingFang SC', sans-serif",
}


def command(port: int) -> list[str]:
    """The command line that serves the page."""
    flags = [f"--{name}={value}" for name, value in (FLAGS | {"server.port": str(port)}).items()]
    return [sys.executable, "-m", "streamlit", "run", str(PAGE), *flags]


def environment(data: DataDir) -> dict[str, str]:
    """The environment of the server: which data directory, and where the code is."""
    code = os.pathsep.join(filter(None, (str(PAGE.parents[1]), os.environ.get("PYTHONPATH"))))
    return os.environ | {"WEATHERVANE_DATA": str(data.root), "PYTHONPATH": code}


def serve(data: DataDir, port: int = 8501) -> int:
    """Serves until it is ended by Ctrl-C (which is no failure); gives the exit code of the server."""
    try:
        return subprocess.run(command(port), env=environment(data), check=False).returncode  # noqa: S603 - our own words
    except KeyboardInterrupt:
        return 0
