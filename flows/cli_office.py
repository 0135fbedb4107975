"""Commands of the offices: bulletins, alerts, the case ledger."""

from pathlib import Path
from typing import Annotated

import typer

from flows.console import DataOption, JsonOption, UsageError, data_dir, day, say, show

By = Annotated[str, typer.Option("--by", help="name of the person who acts")]
Note = Annotated[str, typer.Option("--note", help="said in the ledger")]


def add_to(app: typer.Typer) -> None:
    """Adds `bulletin`, `alerts` and `case`."""
    bulletin = typer.Typer(invoke_without_command=True, help="The weekly bulletin 《舆情快报》.")
    bulletin.callback()(draft)
    bulletin.command("sign")(sign)
    bulletin.command("verify")(verify)
    app.add_typer(bulletin, name="bulletin")
    alerts = typer.Typer(no_args_is_help=True, help="Alerts to the integrity office. 预警")
    alerts.command("list")(list_alerts)
    alerts.command("ack")(acknowledge)
    alerts.command("resend")(resend)
    app.add_typer(alerts, name="alerts")
    case = typer.Typer(no_args_is_help=True, help="The case ledger, from alert to 销号. 台账")
    case.command("list")(list_cases)
    case.command("open")(open_case)
    for action in ("assign", "feedback", "close", "reopen"):
        case.command(action)(_step(action))
    case.command("export")(export_cases)
    app.add_typer(case, name="case")


def draft(
    context: typer.Context,
    week: Annotated[str | None, typer.Option(help="ISO week, 2019-W35")] = None,
    formats: Annotated[str, typer.Option("--format", help="any of docx,pdf,html,json")] = "docx,pdf,html,json",
    data: DataOption = None,
) -> None:
    """Draft the issue of a week."""
    if context.invoked_subcommand:
        return
    if week is None:
        raise UsageError("bulletin: name the week, as in `weathervane bulletin --week 2019-W35`")
    from flows.weekly import draft_bulletin

    for path in draft_bulletin(data_dir(data), week, tuple(formats.split(","))):
        say(str(path))


def sign(number: str, by: By, data: DataOption = None) -> None:
    """Issue a drafted bulletin. 签发"""
    from flows.weekly import sign_bulletin

    for path in sign_bulletin(data_dir(data), number, by):
        say(str(path))


def verify(file: Path, data: DataOption = None) -> None:
    """Recompute every number of an issue from its snapshot. 复算"""
    from flows.weekly import verify_bulletin

    checked, wrong = verify_bulletin(data_dir(data), file)
    for mismatch in wrong:
        say(str(mismatch), error=True)
    if wrong:
        raise UsageError(f"{file}: {len(wrong)} of {checked} numbers differ from the snapshot")
    say(f"{file}: all {checked} numbers come out of the snapshot again")


def list_alerts(data: DataOption = None, as_json: JsonOption = False, state: str = "open") -> None:
    """Alerts and how far they are."""
    from flows.office import alerts_of

    show(alerts_of(data_dir(data), state), as_json)


def acknowledge(alert_id: str, by: By, note: Note = "", data: DataOption = None) -> None:
    """Sign for an alert. 签收"""
    from flows.office import acknowledge_alert

    say(acknowledge_alert(data_dir(data), alert_id, by, note))


def resend(alert_id: str, data: DataOption = None) -> None:
    """Send an alert again to every receiver. 重发"""
    from flows.office import resend_alert

    say(resend_alert(data_dir(data), alert_id))


def list_cases(data: DataOption = None, as_json: JsonOption = False, state: str = "") -> None:
    """The ledger."""
    from flows.office import cases_of

    show(cases_of(data_dir(data), state), as_json)


def open_case(
    by: By,
    matter: Annotated[str, typer.Option(help="what it is about, in a line without personal data")] = "",
    alert: Annotated[str | None, typer.Option(help="the alert it comes from")] = None,
    unit: Annotated[str | None, typer.Option(help="unit code")] = None,
    code: Annotated[str | None, typer.Option(help="conduct code")] = None,
    on: Annotated[str | None, typer.Option(help="day, default today")] = None,
    data: DataOption = None,
) -> None:
    """Open a case. 立项"""
    from flows.office import open_case as open_

    say(open_(data_dir(data), by, matter, alert, unit, code, day(on, "--on")))


def _step(action: str):  # type: ignore[no-untyped-def]
    def command(
        case_id: str,
        by: By,
        note: Note,
        to: Annotated[str, typer.Option(help="assign: the office or unit that handles it")] = "",
        on: Annotated[str | None, typer.Option(help="day, default today")] = None,
        data: DataOption = None,
    ) -> None:
        from flows.office import step_case

        say(step_case(data_dir(data), case_id, action, by, note, to, day(on, "--on")))

    command.__doc__ = {
        "assign": "Give a case to who handles it. 转办",
        "feedback": "Note what the unit answered. 反馈",
        "close": "Close a case; needs feedback. 销号",
        "reopen": "Reopen on dissatisfaction. 二次办理",
    }[action]
    return command


def export_cases(output: Annotated[Path, typer.Option("-o", "--output", help=".csv or .xlsx")], data: DataOption = None) -> None:
    """Write the ledger as CSV or XLSX. 导出台账"""
    from flows.office import export_ledger

    say(f"{output}: {export_ledger(data_dir(data), output)} cases")
