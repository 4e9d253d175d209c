"""How values read on the page: one manner for counts, measures, shares, durations, sizes and digests."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from stellwerk import showing
from stellwerk.metrics import METRICS

NOTHING = "\N{EN DASH}"
"""What stands where there is no value."""

MINUS = "\N{MINUS SIGN}"
"""As wide as a plus, so that columns of numbers line up."""


def count(value: float | None) -> str:
    """Returns a whole number with thousands separators: `336,776`."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:,.0f}"


def measure(value: float | None) -> str:
    """Returns a number with four significant digits, never rounding whole thousands away: `0.7051`, `12,346`, `1.2e-5`."""
    if value is None or not math.isfinite(value):
        return NOTHING if value is None else str(value)
    if value < 0:
        return MINUS + measure(-value)
    if value == 0:
        return "0"
    if value >= 1e9 or value < 1e-3:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"
    if value >= 1000 or float(value).is_integer():
        return f"{value:.0f}" if value < 9999.5 else f"{value:,.0f}"
    return f"{value:.{max(0, 3 - math.floor(math.log10(value))) if value >= 1 else 4}f}"


def signed(value: float | None) -> str:
    """Returns a difference with its sign, also when it is positive: `+0.0031`; what rounds to nothing is `±0`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    text = f"{size:.4f}" if size < 1e-3 else measure(size)
    return "±0" if float(text.replace(",", "")) == 0 else f"{'+' if value > 0 else MINUS}{text}"


def share(value: float | None) -> str:
    """Returns a fraction in percent, so that small but real shares do not read as zero: `12.3 %`, `<0.01 %`."""
    if value is None or not math.isfinite(value):
        return NOTHING
    percent = 100 * value
    if percent == 0:
        return "0 %"
    if percent < 0.01:
        return "<0.01 %"
    if percent >= 99.95:
        return "100 %" if value >= 1 else ">99.9 %"
    return f"{percent:.1f} %" if percent >= 1 else f"{percent:.2f} %"


def moment(seconds: float | None) -> str:
    """Returns a point in time, given in seconds since 1970, as a date, with the time of day where it is not midnight (UTC)."""
    try:
        point = datetime.fromtimestamp(seconds or 0, UTC)
    except (ValueError, OverflowError, OSError):
        return measure(seconds)
    return point.strftime("%Y-%m-%d" if (seconds or 0) % 86400 == 0 else "%Y-%m-%d %H:%M")


def day(seconds: float) -> str:
    """Returns the date of a point in time, given in seconds since 1970 (UTC)."""
    return moment(seconds)[:10]


def days(seconds: float) -> str:
    """Returns a span of time, given in seconds, in days or a shorter unit."""
    return f"{seconds / 86400:,.1f} days" if seconds >= 2 * 86400 else duration(seconds)


def duration(seconds: float | None) -> str:
    """Returns a time span in the unit a person would use: `34 ms`, `1.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return NOTHING
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count_of_bytes: float | None) -> str:
    """Returns a number of bytes in decimal units: `812 kB`, `1.2 GB`."""
    return NOTHING if count_of_bytes is None else showing.size(count_of_bytes)


def short(digest: str) -> str:
    """Returns the first ten characters of a digest: enough to compare by eye."""
    return digest if len(digest) <= 12 else digest[:10] + "…"


def clipped(text: str, limit: int) -> str:
    """Returns `text`, at most `limit` characters long, with an ellipsis where something was left out."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def several(number: int, one: str, many: str | None = None) -> str:
    """Returns a number with its noun: `1 row`, `2 rows`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def titled(metric: str) -> str:
    """Returns the name of a metric as a heading: `auc_pr` is `PR AUC`, `log_loss` is `Log loss`, TFMA's names stay."""
    text = METRICS[metric].title if metric in METRICS else metric.replace("_", " ")
    return text[:1].upper() + text[1:]
