"""Sends one notice to one receiver: e-mail, webhook, and the robots of 企业微信, 钉钉 and 飞书. Knows no tables.

A robot that answers HTTP 200 has not taken a message until its own code says 0. Errors never carry an address or an answer's
text: a robot's address is its password.
"""

import base64
import hashlib
import hmac
import json
import smtplib
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from functools import cache
from typing import Any

import httpx

from pipelines.settings import Route, Smtp

TIMEOUT = 10.0  # seconds, for each of connecting, writing and reading


class SendError(RuntimeError):
    """A receiver that did not take a notice: why, in one line, without addresses or secrets."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is sent: a key that makes a repeat recognisable, a subject, lines of text, and the same as plain facts."""

    key: str
    subject: str
    text: str
    facts: dict[str, Any]


def compose(route: Route, notice: Notice, smtp: Smtp) -> bytes:
    """What goes to `route`, as it is kept in the outbox: a whole e-mail, or a robot's JSON without its signature."""
    if route.kind == "email":
        return _mail(route, notice, smtp).as_bytes(policy=SMTP_POLICY)
    return json.dumps(_payload(route, notice), ensure_ascii=False, sort_keys=True, indent=1).encode()


def send(route: Route, notice: Notice, smtp: Smtp, *, now: Callable[[], float] = time.time) -> None:
    """Hands `notice` to `route`, once. Raises SendError unless the receiver said that it took it."""
    try:
        if route.kind == "email":
            _send_mail(route, notice, smtp)
        else:
            _post(route, notice, now())
    except SendError:
        raise
    except httpx.InvalidURL:
        raise SendError(f"{route.name}: the address is no URL; mend it in the settings") from None
    except (OSError, smtplib.SMTPException, httpx.HTTPError) as error:
        raise SendError(f"{route.name}: {type(error).__name__}") from None


def _mail(route: Route, notice: Notice, smtp: Smtp) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = notice.subject, smtp.sender, route.address
    mail["Message-ID"] = f"<{notice.key}@weathervane>"
    mail.set_content(notice.text, charset="utf-8", cte="base64")
    return mail


def _send_mail(route: Route, notice: Notice, smtp: Smtp) -> None:
    with smtplib.SMTP(smtp.host, smtp.port, local_hostname="weathervane", timeout=TIMEOUT) as server:
        if smtp.tls:
            server.starttls(context=ssl.create_default_context())
        if smtp.user and smtp.password:
            server.login(smtp.user, smtp.password.get_secret_value())
        server.send_message(_mail(route, notice, smtp))


def _payload(route: Route, notice: Notice) -> dict[str, Any]:
    text = f"{notice.subject}\n{notice.text}"
    if route.kind == "webhook":
        return {"subject": notice.subject, "text": notice.text, **notice.facts}
    if route.kind == "feishu":
        return {"msg_type": "text", "content": {"text": text}}
    return {"msgtype": "text", "text": {"content": text}}


def _post(route: Route, notice: Notice, moment: float) -> None:
    payload = _payload(route, notice)
    params: dict[str, str] = {}
    headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": notice.key}
    secret = route.secret.get_secret_value() if route.secret else ""
    if secret and route.kind == "dingtalk":
        stamp = str(int(moment * 1000))
        params = {"timestamp": stamp, "sign": _sign(secret, f"{stamp}\n{secret}")}
    elif secret and route.kind == "feishu":  # the robot's own rule: the text to sign is the key, and the message is empty
        stamp = str(int(moment))
        payload |= {"timestamp": stamp, "sign": _sign(f"{stamp}\n{secret}", "")}
    body = json.dumps(payload, ensure_ascii=False, sort_keys=True).encode()
    if secret and route.kind == "webhook":
        headers["X-Weathervane-Signature"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    with httpx.Client(timeout=TIMEOUT, follow_redirects=False, verify=_trusted()) as client:
        url = httpx.URL(route.address)
        answer = client.post(url.copy_merge_params(params), content=body, headers=headers)
    _must_have_taken(route, answer)


@cache
def _trusted() -> ssl.SSLContext:
    """Whom TLS trusts; reading the certificates takes a tenth of a second, so once a process."""
    return httpx.create_ssl_context()


def _sign(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def _must_have_taken(route: Route, answer: httpx.Response) -> None:
    """A robot must say 0; a plain webhook may say nothing, but not another code."""
    if not answer.is_success:
        raise SendError(f"{route.name}: HTTP {answer.status_code}")
    try:
        said = answer.json()
    except ValueError:
        said = None
    codes = [said[name] for name in ("errcode", "code", "StatusCode") if name in said] if isinstance(said, dict) else []
    if not codes and route.kind != "webhook":
        raise SendError(f"{route.name}: answered HTTP {answer.status_code} without a code; the robot has not taken it")
    refused = [code for code in codes if code not in (0, "0")]
    if refused:
        code = refused[0] if isinstance(refused[0], int) else "not a number"
        raise SendError(f"{route.name}: refused with code {code}")
