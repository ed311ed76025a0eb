"""
A comparison put together: candles become questions, questions become fits, fits become a table and a verdict.

Every row meets the same windows and folds. What is told is a value; the command line shows it, `compare_report` writes
it down.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bot.adapters.candle_files import read_candles
from bot.adapters.candle_series import CandleSeries
from bot.compose.compare_fits import Work, run_missing
from bot.compose.compare_looks import identity, look_at
from bot.compose.compare_serving import no_graph, serving_of, sum_of_members
from bot.compose.deciding import FIT, made_with
from bot.compose.look_register import LookRegister, Opened
from bot.compose.outside_columns import Outside
from bot.core.errors import ConfigError
from bot.core.gaps import segments
from bot.core.market import Timeframe
from strategies.forecasting.bundle import Architecture
from strategies.forecasting.comparison.fitting import FitTask, Fitted
from strategies.forecasting.comparison.keeping import Shelf
from strategies.forecasting.comparison.lock import Look
from strategies.forecasting.comparison.question import Course, Market, Question, ask
from strategies.forecasting.comparison.roster import ENSEMBLE, NETWORKS
from strategies.forecasting.comparison.table import Answered, Entry, Table, answer, ensemble_entry, tables
from strategies.forecasting.comparison.verdict import Verdict, judge
from strategies.forecasting.features import SHIPPED
from strategies.forecasting.folds import Fold
from strategies.forecasting.labels import LabelRule
from strategies.forecasting.plan import Plan
from strategies.signal import SignalRule

SHELF: Final = "fits"
"""The folder of finished fits, beside the report."""

Stage = Callable[[str], Callable[[int, int], None]]

_NEEDED: Final = {"ARIMA": "statsmodels", "ETS": "statsmodels", "LightGBM": "lightgbm"} | dict.fromkeys(
    NETWORKS, "tensorflow"
)


class CompareRequest(Struct, frozen=True, kw_only=True):
    """
    What is to be compared, and how. `epochs`, `scaler` and `window` are those of every network.

    `looks` is the file of the register of looks.
    """

    files: tuple[Path, ...]
    out: Path
    looks: Path
    rows: tuple[str, ...]
    symbol: str | None = None
    timeframe: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    rules: tuple[LabelRule, ...] = (LabelRule(),)
    course: Course
    seeds: tuple[int, ...] = (7, 8)
    epochs: int = 10
    window: int = 60
    scaler: str = "robust"
    jobs: int = 1
    signal: SignalRule
    lowest: float = 0.0
    best_hit_rate: float | None = None
    reopen: bool = False
    outside: Outside | None = None


class Compared(Struct, frozen=True):
    """
    What came of it: tables over the open period and their verdict; the same of the locked period, if it was opened.

    `fits` is how many were made now, `kept` how many had been made before. `data` is the sha256 of each question's
    data set. `openings` are all looks at the locked period, this one last.
    """

    verdict: Verdict
    tables: tuple[Table, ...]
    locked_verdict: Verdict | None
    locked: tuple[Table, ...]
    openings: tuple[Look, ...]
    data: dict[str, str]
    candles: tuple[str, ...]
    fits: int
    kept: int


class _Asked(Struct, frozen=True, eq=False):
    """A question, the folds that it is judged on, and every fit of every row: for each fold, one for each seed."""

    question: Question
    folds: tuple[Fold, ...]
    rows: dict[str, list[list[Work]]]

    @property
    def work(self) -> list[Work]:
        """All fits."""
        return [one for folds in self.rows.values() for fold in folds for one in fold]


def compare(request: CompareRequest, stage: Stage, say: Callable[[str], None], now_ms: Callable[[], int]) -> Compared:
    """
    Compare.

    Args:
        request: What and how.
        stage: Begins a bar of progress.
        say: Told of the candles that were read, and of what is wrong with the register of looks.
        now_ms: The time, for the register of looks.

    Raises:
        ConfigError: What a row needs is not installed, the locked period was seen before, or nothing of an outside
            series was known while these candles closed.
        DataError: The candles cannot be read or are too few.
        SuspectedLeak: The forecasts of a row are too good to be true.
        StorageError: The disk refused.
    """
    _require_libraries(request.rows)
    series = _read(request)
    for one in series:
        say(f"{one.symbol} {one.timeframe.value}: {one.report.summary()}")
    if request.outside is not None:
        request.outside.require_known(max(int(one.open_time_ms[-1]) + one.timeframe.ms for one in series))
    questions = _questions(request, series)
    opened = [_asked(request, each, each.folds) for each in questions]
    final = [_asked(request, each, (each.final,)) for each in questions if each.final is not None]
    register = LookRegister(request.looks)
    look = _look(request, final, now_ms(), locked=True) if final else None
    if look is not None and not request.reopen:
        # Said before the work; asked again where it counts.
        register.require_unseen(look)
    trouble = register.note(_look(request, opened, now_ms(), locked=False))
    if trouble is not None:
        say(trouble)
    shelf = Shelf(request.out / SHELF)
    for question in questions:
        shelf.keep_dataset(question.fingerprint, question.dataset)
    answers, made, kept = _walk(request, opened, stage, "Walking forward")
    told = tables(answers)
    closed: list[Answered] = []
    opened_lock: Opened | None = None
    if look is not None:
        opened_lock = register.open(replace(look, opened_at_ms=now_ms()), reopen=request.reopen)
        closed, more, before = _walk(request, final, stage, "The locked period")
        made, kept = made + more, kept + before
    locked = tables(closed)
    return Compared(
        verdict=_first_said(judge(told), request, ()),
        tables=told,
        locked_verdict=_first_said(judge(locked), request, opened_lock.sentences) if opened_lock else None,
        locked=locked,
        openings=(*opened_lock.before, opened_lock.look) if opened_lock else (),
        data={each.name: each.fingerprint for each in questions},
        candles=tuple(f"{one.symbol} {one.timeframe.value} {one.fingerprint}" for one in series),
        fits=made,
        kept=kept,
    )


def conclude_lock(request: CompareRequest, compared: Compared, now_ms: int) -> None:
    """Record that the report is written, so that the look at the locked period is over."""
    if compared.openings:
        LookRegister(request.looks).close(compared.openings[-1], now_ms)


def _first_said(verdict: Verdict, request: CompareRequest, openings: Sequence[str]) -> Verdict:
    """Put what a verdict must not be read without before its own sentences."""
    outside = request.outside.sentences if request.outside is not None else ()
    return replace(verdict, sentences=(*openings, *outside, *verdict.sentences))


def _look(request: CompareRequest, asked: Sequence[_Asked], now_ms: int, *, locked: bool) -> Look:
    tasks = [one.task for each in asked for one in each.work]
    about = identity(tasks, request.rows, request.signal, request.lowest, request.best_hit_rate)
    return look_at([(each.question, each.folds) for each in asked], about, request.out, now_ms, locked=locked)


def _read(request: CompareRequest) -> list[CandleSeries]:
    """Read files of any timeframes; those of one market and timeframe are joined."""
    groups: dict[Timeframe, list[Path]] = {}
    limits = {"from_ms": request.from_ms, "until_ms": request.until_ms}
    for path in request.files:
        found = read_candles([path], symbol=request.symbol, timeframe=request.timeframe, **limits)
        groups.setdefault(found[0].timeframe, []).append(path)
    return [
        one
        for timeframe, paths in sorted(groups.items(), key=lambda item: item[0].ms)
        for one in read_candles(paths, symbol=request.symbol, timeframe=timeframe, **limits)
    ]


def _questions(request: CompareRequest, series: Sequence[CandleSeries]) -> list[Question]:
    timeframes = sorted({one.timeframe for one in series}, key=lambda each: each.ms)
    return [
        ask(
            timeframe,
            [
                Market(one.symbol, segments(one.open_time_ms, one.ohlcv, timeframe))
                for one in series
                if one.timeframe is timeframe
            ],
            SHIPPED,
            request.window,
            rule,
            request.course,
            request.outside.beside if request.outside is not None else None,
        )
        for timeframe, rule in product(timeframes, request.rules)
    ]


def _walk(
    request: CompareRequest, asked: Sequence[_Asked], stage: Stage, title: str
) -> tuple[list[Answered], int, int]:
    """Fit every row on every fold of every question, and judge them."""
    folder = request.out / SHELF
    work = [one for each in asked for one in each.work]
    made = run_missing(folder, work, request.jobs, stage(f"{title}: {len(work)} fits"))
    shelf = Shelf(folder)
    judging = stage(f"{title}: judging")
    judging(0, len(asked))
    answers: list[Answered] = []
    for each in asked:
        question, folds = each.question, each.folds
        entries = [_entry(shelf, row, fits, question) for row, fits in each.rows.items()]
        if ENSEMBLE in request.rows:
            entries.append(ensemble_entry(question, folds, entries, sum_of_members(entries)))
        answers.append(answer(question, folds, entries, request.signal, request.lowest, request.best_hit_rate))
        judging(len(answers), len(asked))
    return answers, made, len(work) - made


def _asked(request: CompareRequest, question: Question, folds: tuple[Fold, ...]) -> _Asked:
    """Plan every fit that a question needs."""
    prints = [question.fold_fingerprint(fold) for fold in folds]
    decided = made_with(FIT)
    width = len(question.dataset.names)

    def work(row: str, at: int, seed: int) -> Work:
        network = row in NETWORKS
        task = FitTask(
            row=row,
            data=prints[at],
            fold=folds[at],
            architecture=Architecture(request.window, width, kind=row) if network else None,
            plan=Plan(seed=seed, epochs=request.epochs, scaler=request.scaler) if network else None,
            exported=network and at == 0 and seed == request.seeds[0],
            made_with=decided,
        )
        return Work(task, question.fingerprint)

    rows = {
        row: [
            [work(row, at, seed) for seed in (request.seeds if row in NETWORKS else request.seeds[:1])]
            for at in range(len(folds))
        ]
        for row in request.rows
        if row != ENSEMBLE
    }
    return _Asked(question, folds, rows)


def _entry(shelf: Shelf, row: str, work: Sequence[Sequence[Work]], question: Question) -> Entry:
    fits = tuple(tuple(_kept(shelf, one) for one in fold) for fold in work)
    first = fits[0][0]
    serving = serving_of(first, question.dataset) if first.graph else no_graph(row)
    return Entry(row, fits, serving)


def _kept(shelf: Shelf, work: Work) -> Fitted:
    fitted = shelf.fitted(work.task.address)
    if fitted is None:
        raise ConfigError(f"the fit {work.task.address} has gone from the disk while it was needed: compare again")
    return fitted


def _require_libraries(rows: Sequence[str]) -> None:
    """Find out now what would otherwise be missed after minutes of work."""
    for row in rows:
        library = _NEEDED.get(row)
        if library is not None and find_spec(library) is None:
            raise ConfigError(
                f"the row {row} needs {library}, which is not installed: install candlewick[train], or choose other "
                "rows with --rows"
            )
