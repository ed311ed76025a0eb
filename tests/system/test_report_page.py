"""
The report as somebody gets it: a journal on disk, the command line, and a real browser with no network.

Chromium is pointed at a proxy of ours, which writes down what is asked for and answers nothing. The browser's own
errands (updates, clocks) are told apart by their host; a planted picture proves that a request would be seen.
"""

import json
import shutil
import socketserver
import subprocess
import sys
from decimal import Decimal
from math import sin
from threading import Thread

import pytest

from bot.adapters.journal import Journal
from bot.core.commands import Decided, Marked, SubmitOrder, Verdict
from bot.core.events import CandleClosed, ForecastReady, OrderFilled, RunStarted
from bot.core.forecast import Forecast
from bot.core.market import Candle, Costs, Instrument
from bot.core.orders import Approved, Fill, Intent, OrderType, Purpose, Side

HOUR = 3_600_000
T0 = 1_704_067_200_000
CANDLES = 400
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
PLANTED = '<img src="http://planted.invalid/picture.png">'


@pytest.fixture
def run_folder(tmp_path):
    """A journal of 400 candles with a round trip every ten of them."""
    cent = Decimal("0.01")
    market = Instrument("BTC/USDT", cent, cent, cent, Decimal(5), Costs(), "invented", "paper")
    labels = {"market": "invented market, a sine", "profile": "cautious"}
    header = RunStarted(T0, "sine1", "0.1.0", {"settings": "aa"}, {}, (market,), "1h", Decimal(10_000), labels)
    folder = tmp_path / "run"
    journal = Journal.create(folder, header, synchronous="NORMAL", block_records=256)
    for hour in range(CANDLES):
        opened, closed = T0 + hour * HOUR, T0 + (hour + 1) * HOUR
        if hour % 10 in {3, 7}:
            side, purpose = (Side.BUY, Purpose.ENTRY) if hour % 10 == 3 else (Side.SELL, Purpose.EXIT)
            intent = Intent(f"o{hour}", market.symbol, side, OrderType.MARKET, Decimal(1), purpose, opened)
            journal.record(SubmitOrder(Approved(intent)))
            price = Decimal(100 + hour % 10)
            fill = Fill(intent.client_order_id, f"t{hour}", market.symbol, side, Decimal(1), price, cent, "USDT", price)
            journal.append(OrderFilled(opened, fill))
        close = 100.0 + 10.0 * sin(hour / 20.0)
        journal.append(CandleClosed(closed, market.symbol, Candle(opened, 100.0, 111.0, 89.0, close, 1.0)))
        journal.append(ForecastReady(closed, closed, (Forecast(market.symbol, 0.55, 0.001, -0.01, 0.01, 24.0),)))
        journal.observe(Decided(closed, market.symbol, 0.0, 0.0, 0.0, Verdict.HOLD, "flat <b>is</b> a position"))
        journal.observe(Marked(closed, 10_000.0 + hour, 10_000.0, 0.0))
        journal.step_done()
    journal.finish()
    journal.close()
    return folder


@pytest.fixture
def proxy():
    """A proxy that answers nothing: its port, and the request lines that it heard."""
    heard = []

    class Refusing(socketserver.StreamRequestHandler):
        def handle(self):
            heard.append(self.rfile.readline().decode(errors="replace").strip())
            self.wfile.write(b"HTTP/1.1 502 Refused\r\nContent-Length: 0\r\n\r\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], heard
        server.shutdown()


def candlewick(*words):
    command = [sys.executable, "-m", "bot", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def opened_in_chromium(page, proxy_port, profile):
    """The document as the browser understood it, after everything that it would load was asked for."""
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={profile}",
        f"--proxy-server=127.0.0.1:{proxy_port}",
        "--dump-dom",
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout


def test_the_command_writes_the_page_and_prints_the_figures(run_folder):
    done = candlewick("report", run_folder, "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["candles"], figures["fills"], figures["orders"]) == (CANDLES, 80, 80)
    assert figures["final_equity"] == 10_399.0
    assert figures["report"] == str(run_folder / "report.html")
    assert (run_folder / "report.html").stat().st_size < 1_500_000


def test_people_get_the_verdict_first(run_folder, tmp_path):
    done = candlewick("report", run_folder, "--out", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("Not a real market") < done.stdout.index("Equity at the end")
    assert (tmp_path / "page.html").exists()


def test_the_export_has_a_row_for_each_fill_and_decision(run_folder, tmp_path):
    done = candlewick("export", run_folder, "--out", tmp_path / "tables", "--json")
    assert done.returncode == 0, done.stderr
    rows = {name: table["rows"] for name, table in json.loads(done.stdout).items()}
    assert rows == {"fills.csv": 80, "equity.csv": CANDLES, "forecasts.csv": CANDLES, "decisions.csv": CANDLES}


def test_a_folder_without_a_run_ends_in_one_sentence(tmp_path):
    done = candlewick("report", tmp_path)
    assert done.returncode == 5
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to open the report with")
def test_a_browser_shows_the_page_and_no_request_leaves(run_folder, proxy, tmp_path):
    port, heard = proxy
    candlewick("report", run_folder)
    document = opened_in_chromium(run_folder / "report.html", port, tmp_path / "profile")
    assert document.count("<svg") >= 6
    assert "flat &lt;b&gt;is&lt;/b&gt; a position" in document
    assert [line for line in heard if "google" not in line] == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to open the report with")
def test_the_policy_of_the_page_stops_a_planted_request(run_folder, proxy, tmp_path):
    port, heard = proxy
    candlewick("report", run_folder)
    html = (run_folder / "report.html").read_text(encoding="utf-8").replace("<main>", "<main>" + PLANTED)
    assert POLICY in html
    for name, text in (("kept", html), ("dropped", html.replace(POLICY, '<meta name="dropped" content="'))):
        heard.clear()
        page = tmp_path / f"{name}.html"
        page.write_text(text, encoding="utf-8")
        opened_in_chromium(page, port, tmp_path / f"profile-{name}")
        assert any("planted.invalid" in line for line in heard) is (name == "dropped")
