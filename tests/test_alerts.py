"""Alerts: when they are raised, that they survive a second run, and that only a receiver's own yes counts as sent."""

import base64
import datetime as dt
import email
import email.policy
import hashlib
import hmac
import json
import socketserver
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines.aggregate import aggregate
from pipelines.alerts import ATTEMPTS, AlertError, acknowledge, deliver, queue_deliveries, raise_alerts, resend
from pipelines.contracts import Surge, rows
from pipelines.senders import Notice, SendError, send
from pipelines.settings import Route, Settings, Smtp
from pipelines.warehouse import DataDir, Warehouse, week_of
from tests.small_world import day, event_id, fill, message, source

WEEK = week_of(day(7))
TODAY = day(13)
NOTICE = Notice("0123456789abcdef", "【风向标预警】异常升高", "示例市第u1局:群众反映“不作为”", {"alert_id": "a00"})


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    data = DataDir(tmp_path)
    data.make()
    return data


@pytest.fixture
def warehouse(data: DataDir) -> Iterator[Warehouse]:
    """Two weeks: a grave matter, one matter of six people, and a source that falls silent in the second week."""
    messages = [message(n, on=n % 7, source="fair") for n in range(1, 8)]
    messages += [message(20, on=8, units=[("u1", True)], codes={"graft": 0.95})]
    messages += [message(21, on=9, units=[("u1", True)], codes={"graft": 0.85})]  # not sure enough
    messages += [message(30 + n, on=8, event=30, units=[("u2", True)], codes={"delay": 0.9}) for n in range(6)]
    with Warehouse(data.warehouse) as warehouse:
        fill(warehouse, messages)
        aggregate(warehouse, {"board": source(), "fair": source("fair")})
        row = {"week": WEEK, "unit_code": "u2", "code": "delay", "observed": 6, "expected": 1.2, "upper": 4.0, "score": 1.7}
        series = ({"series": "unit_code"}, {"series": "unit", "code": ""}, {"series": "code", "unit_code": ""})
        warehouse.write(Surge, rows(Surge, [{**row, **one} for one in series]))
        yield warehouse


def listed(warehouse: Warehouse) -> list[dict[str, Any]]:
    return warehouse.query("SELECT * FROM alert ORDER BY kind, alert_id").to_pylist()


def settings_with(*routes: dict[str, Any], **more: Any) -> Settings:
    return Settings(routes=[Route(**{"name": f"r{at}", **route}) for at, route in enumerate(routes)], **more)


def test_each_kind_is_raised_once_and_says_no_more_than_it_may(warehouse: Warehouse) -> None:
    assert raise_alerts(warehouse, WEEK, TODAY, Settings()) == 5
    alerts = listed(warehouse)
    assert [a["kind"] for a in alerts] == ["grave", "repeat", "silent_source", "surge", "surge"]
    grave, repeat, silent, *surges = alerts
    assert (grave["unit_code"], grave["code"], grave["severity"], grave["event_id"]) == ("u1", "graft", 3, event_id(20))
    assert "少于5条" in grave["summary"] and "1条" not in grave["summary"]
    assert (repeat["unit_code"], repeat["event_id"], repeat["messages"]) == ("u2", event_id(30), 6)
    assert "6人" in repeat["summary"]
    assert silent["source"] == "fair"
    assert {(s["unit_code"], s["code"]) for s in surges} == {("u2", "delay"), (None, "delay")}
    assert all("窗口没有人" not in a["summary"] for a in alerts), "a summary quotes nobody"


def test_a_second_run_changes_nothing_that_people_did(warehouse: Warehouse) -> None:
    raise_alerts(warehouse, WEEK, TODAY, Settings())
    acknowledge(warehouse, listed(warehouse)[0]["alert_id"], "李经办", "已阅")
    before = listed(warehouse)
    assert raise_alerts(warehouse, WEEK, TODAY + dt.timedelta(days=1), Settings()) == 0
    assert listed(warehouse) == before


def test_a_repeat_is_raised_in_the_week_that_reaches_the_limit(warehouse: Warehouse) -> None:
    fill(warehouse, [message(n, on=7 * (n // 4), event=0, codes={"delay": 0.9}) for n in range(12)])
    aggregate(warehouse, {"board": source()})
    warehouse.execute("DELETE FROM surge")
    found = {n: raise_alerts(warehouse, week_of(day(7 * n)), TODAY, Settings()) for n in range(3)}
    assert found == {0: 0, 1: 1, 2: 0}


def test_a_silent_source_is_not_called_silent_on_a_tuesday(warehouse: Warehouse) -> None:
    warehouse.execute("DELETE FROM surge")
    raise_alerts(warehouse, WEEK, day(8), Settings())
    assert "silent_source" not in {a["kind"] for a in listed(warehouse)}


def test_signing_for_an_alert(warehouse: Warehouse) -> None:
    raise_alerts(warehouse, WEEK, TODAY, Settings())
    alert_id = listed(warehouse)[0]["alert_id"]
    acknowledge(warehouse, alert_id, "李经办")
    with pytest.raises(AlertError, match="already acked"):
        acknowledge(warehouse, alert_id, "李经办")
    with pytest.raises(AlertError, match="no such alert"):
        acknowledge(warehouse, "a000000000000", "李经办")


class Mailbox(socketserver.ThreadingTCPServer):
    """An SMTP server of a few lines: takes everything, or refuses recipients that contain `refuse`."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Smtp)


class _Smtp(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go\r\n")
                parts = []
                while (part := self.rfile.readline()) != b".\r\n":
                    parts.append(part)
                self.server.mails.append(b"".join(parts))
                self.wfile.write(b"250 taken\r\n")
            elif verb == b"RCPT" and b"refuse" in line:
                self.wfile.write(b"550 no such user\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


class Robot(ThreadingHTTPServer):
    """Answers every POST with `status` and `answer`, and keeps what came."""

    def __init__(self) -> None:
        self.status, self.answer = 200, b'{"errcode": 0}'
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Robot)


class _Robot(BaseHTTPRequestHandler):
    server: Robot

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def robot() -> Iterator[Robot]:
    with running(Robot()) as server:
        yield server


def url(robot: Robot, path: str = "/send?key=geheim") -> str:
    return f"http://127.0.0.1:{robot.server_port}{path}"


def test_mail_arrives_and_lies_in_the_outbox(warehouse: Warehouse, data: DataDir) -> None:
    raise_alerts(warehouse, WEEK, TODAY, Settings())
    with running(Mailbox()) as box:
        smtp = Smtp(port=box.server_address[1])
        settings = settings_with({"kind": "email", "address": "office@example.org", "least_severity": 3}, smtp=smtp)
        assert queue_deliveries(warehouse, settings) == 1
        assert queue_deliveries(warehouse, settings) == 0
        assert deliver(warehouse, settings, data) == {"sent": 1, "failed": 0}
        assert deliver(warehouse, settings, data) == {"sent": 0, "failed": 0}
        assert len(box.mails) == 1
    mail = email.message_from_bytes(box.mails[0], policy=email.policy.default)
    grave = listed(warehouse)[0]
    assert mail["Subject"] == f"【风向标预警】严重问题 {WEEK}"
    assert grave["summary"] in mail.get_content()
    (kept,) = data.outbox.glob("*.eml")
    again = email.message_from_bytes(kept.read_bytes(), policy=email.policy.default)
    assert again.get_content().split() == mail.get_content().split()


def test_a_receiver_that_fails_stops_nothing_and_is_tried_again(warehouse: Warehouse, data: DataDir, robot: Robot) -> None:
    raise_alerts(warehouse, WEEK, TODAY, Settings())
    with running(Mailbox()) as box:
        settings = settings_with(
            {"kind": "email", "address": "refuse@example.org", "least_severity": 3},
            {"kind": "wecom", "address": "http://127.0.0.1:1/", "least_severity": 3},
            {"kind": "wecom", "address": "no url at all", "least_severity": 3},
            {"kind": "wecom", "address": url(robot), "least_severity": 3},
            smtp=Smtp(port=box.server_address[1]),
        )
        queue_deliveries(warehouse, settings)
        assert deliver(warehouse, settings, data) == {"sent": 1, "failed": 3}
        for _ in range(ATTEMPTS + 2):
            deliver(warehouse, settings, data)
    assert len(robot.taken) == 1, "what was sent is not sent again"
    left = warehouse.query("SELECT * FROM delivery WHERE state = 'failed'").to_pylist()
    assert {row["attempts"] for row in left} == {ATTEMPTS}
    assert all("refuse@" not in row["error"] and "127.0.0.1" not in row["error"] for row in left)
    assert len(list(data.outbox.iterdir())) == 4, "an office without network has every message as a file"
    assert resend(warehouse, listed(warehouse)[0]["alert_id"], settings) == 4
    assert deliver(warehouse, settings_with({"kind": "wecom", "address": url(robot)}), data)["sent"] == 1


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "feishu", "webhook"])
@pytest.mark.parametrize(
    ("status", "answer", "taken"),
    [
        (200, b'{"errcode": 0, "errmsg": "ok"}', True),
        (200, b'{"code": 0}', True),
        (200, b'{"StatusCode": 0, "StatusMessage": "success"}', True),
        (200, b'{"errcode": 93000, "errmsg": "invalid webhook url"}', False),
        (200, b'{"code": 19021, "msg": "sign match fail"}', False),
        (200, b'{"errcode": "invalid"}', False),
        (302, b"", False),
        (500, b'{"errcode": 0}', False),
    ],
)
def test_only_the_receivers_own_yes_counts(robot: Robot, kind: Any, status: int, answer: bytes, taken: bool) -> None:
    robot.status, robot.answer = status, answer
    route = Route(name="robot", kind=kind, address=url(robot))
    if taken:
        send(route, NOTICE, Smtp())
    else:
        with pytest.raises(SendError) as refused:
            send(route, NOTICE, Smtp())
        assert "geheim" not in str(refused.value) and "invalid" not in str(refused.value)
    assert len(robot.taken) == 1, "no redirect is followed"


def test_a_robot_that_says_nothing_has_taken_nothing_but_a_webhook_has(robot: Robot) -> None:
    robot.answer = b"<html>welcome</html>"
    send(Route(name="hook", kind="webhook", address=url(robot)), NOTICE, Smtp())
    with pytest.raises(SendError, match="without a code"):
        send(Route(name="robot", kind="feishu", address=url(robot)), NOTICE, Smtp())


def test_signatures_as_each_receiver_asks(robot: Robot) -> None:
    for kind in ("dingtalk", "feishu", "webhook", "wecom"):
        route = Route(name=kind, kind=kind, address=url(robot), secret="s3cret")  # type: ignore[arg-type]
        send(route, NOTICE, Smtp(), now=lambda: 1700000000.5)
    (ding, _, _), (_, _, fei), (_, headers, hook), (we, _, text) = robot.taken
    asked = urllib.parse.parse_qs(urllib.parse.urlparse(ding).query)
    assert asked["key"] == ["geheim"] and asked["timestamp"] == ["1700000000500"]
    assert base64.b64decode(asked["sign"][0]) == hmac.new(b"s3cret", b"1700000000500\ns3cret", hashlib.sha256).digest()
    body = json.loads(fei)
    assert body["timestamp"] == "1700000000"
    assert base64.b64decode(body["sign"]) == hmac.new(b"1700000000\ns3cret", b"", hashlib.sha256).digest()
    assert headers["X-Weathervane-Signature"] == "sha256=" + hmac.new(b"s3cret", hook, hashlib.sha256).hexdigest()
    assert headers["Idempotency-Key"] == NOTICE.key
    assert "sign" not in we and b"s3cret" not in text and json.loads(text)["msgtype"] == "text"


def test_a_small_count_does_not_leave_the_house(warehouse: Warehouse, data: DataDir, robot: Robot) -> None:
    raise_alerts(warehouse, WEEK, TODAY, Settings())
    settings = settings_with({"kind": "webhook", "address": url(robot), "least_severity": 3})
    queue_deliveries(warehouse, settings)
    deliver(warehouse, settings, data)
    ((_, _, body),) = robot.taken
    assert "messages" not in json.loads(body)
    assert "少于5条" in json.loads(body)["summary"]
