"""What an HTTP answer's headers say of time: its own date, and how long to keep away. Pure text in, numbers out."""

from email.utils import parsedate_to_datetime


def http_date_ms(text: str) -> int | None:
    """Milliseconds of a date as HTTP writes it; None for anything else."""
    try:
        return round(parsedate_to_datetime(text).timestamp() * 1_000)
    except ValueError:
        return None


def asked_to_wait_s(retry_after: str, date: str) -> float:
    """
    The seconds that a `Retry-After` asks for, in either of its forms (RFC 9110, 10.2.3); 0 where it asks for none.

    Args:
        retry_after: The header's text, empty without one.
        date: The answer's `Date`, by which a `Retry-After` that is a date is measured.
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    until_ms, said_ms = http_date_ms(text), http_date_ms(date)
    return max(until_ms - said_ms, 0) / 1_000 if until_ms is not None and said_ms is not None else 0.0
