"""Settings that know their meaning, unit and range; checked by one walk over the whole tree.

``slots=True`` on every config dataclass is load-bearing: without it an unknown key becomes a stray
attribute instead of an error.
"""

from collections.abc import Sequence
from dataclasses import field, fields, is_dataclass
from typing import Any

from neardup.errors import ConfigError


def setting(
    default: Any,
    meaning: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """A dataclass field with a documented meaning.

    Args:
        default: the value used when the user gives none.
        meaning: one sentence for the person who sets it.
        unit: e.g. ``"pixels"``; empty for counts and shares.
        low: the smallest legal value, inclusive.
        high: the largest legal value, inclusive.
        choices: the legal strings.
    """
    legal = {"meaning": meaning, "unit": unit, "low": low, "high": high, "choices": tuple(choices)}
    return field(default=default, metadata=legal)


def describe(legal: Any) -> str:
    """Meaning, unit and what is legal, from a field's metadata, in a line."""
    low, high, choices = legal["low"], legal["high"], legal["choices"]
    facts = [legal["unit"]] if legal["unit"] else []
    if len(choices) > 1:
        facts.append(" | ".join(choices))
    elif high is not None:
        facts.append(f"{low:.10g} to {high:.10g}")
    elif low is not None:
        facts.append(f"from {low:.10g}")
    meaning: str = legal["meaning"]
    return f"{meaning} [{', '.join(facts)}]" if facts else meaning


def check(config: Any, prefix: str = "") -> None:
    """Check every field of a config dataclass, nested ones included.

    Raises:
        ConfigError: names the key (``loss.margin``), the value and what is legal.
    """
    for item in fields(config):
        key, value = f"{prefix}{item.name}", getattr(config, item.name)
        if is_dataclass(value):
            check(value, f"{key}.")
        elif value is not None and item.metadata:
            _check_value(key, value, item.metadata)


def _check_value(key: str, value: Any, legal: Any) -> None:
    low, high, choices = legal["low"], legal["high"], legal["choices"]
    if choices and value not in choices:
        raise ConfigError(f"{key}={value}: must be one of {', '.join(choices)}")
    if low is not None and not value >= low:  # "not >=" also refuses NaN
        raise ConfigError(f"{key}={value}: must be at least {low} ({legal['meaning']})")
    if high is not None and not value <= high:
        raise ConfigError(f"{key}={value}: must be at most {high} ({legal['meaning']})")
