"""
A study as a page and as a summary: its figures chosen and worded.

Pure; the page is set by `bot.reporting`.
"""

from typing import Any, Final

from msgspec import to_builtins

from bot.compose.tuning_run import StudyReport, ToldTrial
from bot.reporting.page_rows import Tile
from bot.reporting.study_charts import TrialPoint, importance_chart, loss_chart
from bot.reporting.study_page import Compared, Part, StudyPage, TrialLine
from bot.reporting.wording import NONE, day, number, percent, plural
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.folds import Fold, Span
from strategies.forecasting.tuning_space import default_configuration, parameters_of
from strategies.forecasting.tuning_verdict import Difference

_TONES: Final = {"better": "gain", "worse": "loss", "neither": ""}
_BADGES: Final = {"better": "good", "worse": "bad", "neither": "warn"}
_WORDS: Final = {"better": "better", "worse": "worse", "neither": "not told apart"}


def summary(report: StudyReport, study: str) -> dict[str, Any]:
    """What `--json` prints: what a program needs to go on."""
    states = [trial.record.state for trial in report.trials]
    return {
        "study": study,
        "verdict": report.verdict,
        "trials": {state: states.count(state) for state in ("complete", "pruned", "failed")},
        "chosen": report.chosen,
        "configuration": to_builtins(report.configuration),
        "chosen_loss": report.chosen_loss,
        "default_loss": report.default_loss,
        "differences": to_builtins(report.differences),
        "luck": to_builtins(report.luck),
        "openings": report.openings,
        "importances": report.importances,
    }


def study_page(report: StudyReport) -> StudyPage:
    """Choose and word everything that the page shows."""
    definition = report.definition
    first = report.differences[0]
    finding = "neither" if not report.chosen else first.finding
    judged = [trial for trial in report.trials if trial.record.loss is not None]
    return StudyPage(
        title=f"A study of {definition['network']}",
        facts=(
            ("markets", f"{', '.join(definition['markets'])} · {definition['timeframe']}"),
            ("unseen until the end", _span(Span(report.judged_on[0].test.from_ms, report.judged_on[-1].test.until_ms))),
            ("chosen", f"trial {report.chosen}" if report.chosen else "the default"),
        ),
        badges=((_BADGES[finding], _badge(report)),),
        verdict=report.verdict,
        tiles=_tiles(report, first, finding),
        compared=tuple(_compared(each) for each in report.differences),
        losses=loss_chart([_point(trial) for trial in judged], report.default_loss),
        importances=importance_chart([(_name(name), share) for name, share in report.importances.items()])
        if report.importances
        else "",
        choice=_choice(report),
        parts=(
            *(_part(f"trials, part {place}", fold) for place, fold in enumerate(report.tried_on, 1)),
            *(_part(f"the end, part {place}", fold) for place, fold in enumerate(report.judged_on, 1)),
        ),
        trials=tuple(_line(trial) for trial in report.trials),
        identity=(
            ("candles sha256", definition["candles"]),
            ("features", definition["features"]),
            ("seed", str(definition["seed"])),
            *sorted(report.versions.items()),
        ),
    )


def _badge(report: StudyReport) -> str:
    if not report.chosen:
        return "the default stays"
    found = report.differences[0].finding
    return "no better than the default, as far as can be told" if found == "neither" else f"{found} than the default"


def _tiles(report: StudyReport, first: Difference, finding: str) -> tuple[Tile, ...]:
    chances = report.luck
    overfitting = chances.overfitting or chances.first_fold
    states = [trial.record.state for trial in report.trials]
    return (
        Tile(
            f"gain in {first.measure}",
            number(first.gain, 4, signed=True),
            f"95 % between {number(first.low, 4, signed=True)} and {number(first.high, 4, signed=True)}",
            _TONES[finding],
        ),
        Tile("trials", str(len(states)), f"{states.count('pruned')} pruned, {states.count('failed')} failed"),
        Tile(
            "probability of overfitting",
            percent(overfitting.probability if overfitting else None, 0),
            "that the best on one half of history is below the middle on the other",
        ),
    )


def _compared(each: Difference) -> Compared:
    return Compared(
        each.measure,
        number(each.chosen, 4),
        number(each.default, 4),
        number(each.gain, 4, signed=True),
        f"{number(each.low, 4, signed=True)} … {number(each.high, 4, signed=True)}",
        _WORDS[each.finding],
    )


def _point(trial: ToldTrial) -> TrialPoint:
    record = trial.record
    loss = record.loss or 0.0
    title = f"trial {record.number}, {record.state}: {number(loss, 4)} over {plural(len(record.folds), 'part')}"
    return TrialPoint(record.number, loss, record.state == "complete", title)


def _choice(report: StudyReport) -> tuple[tuple[str, str, str], ...]:
    shape = report.configuration.architecture
    chosen = parameters_of(report.configuration, SHIPPED)
    default = parameters_of(default_configuration(shape.kind, SHIPPED), SHIPPED)
    return tuple((_name(name), _value(chosen[name]), _value(default[name])) for name in chosen)


def _line(trial: ToldTrial) -> TrialLine:
    record = trial.record
    taken = f"taken up {plural(record.attempts, 'time')}" if record.attempts > 1 else ""
    return TrialLine(
        str(record.number),
        record.state,
        number(record.loss, 4),
        ", ".join(number(fold.loss, 4) for fold in record.folds) or NONE,
        number(trial.seconds, 1),
        ", ".join(f"{_name(name)} {_value(value)}" for name, value in record.parameters.items()),
        "; ".join(words for words in (taken, record.reason) if words),
    )


def _part(use: str, fold: Fold) -> Part:
    spans = (fold.train, fold.validation, fold.test)
    return Part(use, *(_span(span) if span.until_ms > span.from_ms else NONE for span in spans))


def _span(span: Span) -> str:
    return f"{day(span.from_ms)} to {day(span.until_ms)}"


def _name(parameter: str) -> str:
    return parameter.replace("_", " ")


def _value(value: bool | float) -> str:  # noqa: FBT001  (a value of the study, not a switch)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int) else f"{value:.3g}"
