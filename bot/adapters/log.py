"""
Logs: one line an event on stderr, JSON for machines and words for people, with secrets masked.

Set up once, by the root. Stdout belongs to the answers of the verbs. The standard library's loggers take the
same way, so that what a library prints is masked as well.
"""

import logging
import sys
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.adapters.redaction import redact_named

QUIET_LOGGERS: Final = ("ccxt", "aiohttp", "websockets", "asyncio", "urllib3")
"""Libraries whose debug lines hold headers and frames: never heard below INFO."""


def configure_logging(level: str = "info", stream: TextIO | None = None, *, as_json: bool = True) -> None:
    """
    Send every log of the process to `stream`.

    Args:
        level: The lowest level that is written: debug, info, warning or error.
        stream: Where to; stderr when None. A terminal gets coloured lines.
        as_json: What anything else gets: a line of JSON an event, or lines in words, for whoever asked for words.
    """
    target = sys.stderr if stream is None else stream
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # Plain text: a formatter that shows local variables would show keys.
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                mask_secrets,
                _renderer(target, as_json=as_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(max(threshold, logging.INFO))


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask every secret in a log event, whatever field or text it hides in."""
    return {name: redact_named(name, value) for name, value in event.items()}


def _renderer(stream: TextIO, *, as_json: bool) -> Processor:
    if stream.isatty() or not as_json:
        return structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(sort_keys=True)
