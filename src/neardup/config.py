"""From a composed Hydra configuration to a checked dataclass: the one place that knows OmegaConf.

The dataclass says what is legal, the YAML says which values, plain calls build the objects. After
:func:`to_config` no ``DictConfig`` is left.

Schemas are ``@dataclass(slots=True, kw_only=True)``. ``slots`` is load-bearing: without it a key
that was added with ``+`` would become a stray attribute that nobody reads. Ranges and fixed
choices are checked in ``__post_init__``, which raises ``ConfigError("key: what is wrong")``; the
path of the section is put in front here, so that the user reads ``loss.margin: ...``.
"""

import dataclasses
import difflib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field, fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from neardup.errors import ConfigError, NeardupError

T = TypeVar("T")


def register(name: str, schema: type, *, group: str | None = None) -> None:
    """Let YAML files name ``schema`` in their defaults list.

    Args:
        name: what the file writes, e.g. ``schema`` at the root, ``schema_triplet`` in a group.
        schema: the slotted dataclass.
        group: the Hydra config group the name belongs to; ``None`` is the root.
    """
    ConfigStore.instance().store(name=name, node=schema, group=group)
    _REGISTERED.setdefault(group or "", []).append(schema)
    for resolver in (_keys, _groups):  # what --help shows
        OmegaConf.register_new_resolver(resolver.__name__[1:], resolver, replace=True)


_REGISTERED: dict[str, list[type]] = {}
"""The schemas by config group; those of the root under the empty name."""


def to_config(cfg: DictConfig, schema: type[T]) -> T:
    """The composed configuration as an instance of ``schema``, everything in it checked.

    A section may hold a subclass of the type that its parent declares (``LossConfig`` declared,
    ``TripletConfig`` composed from the group): it is then checked against the subclass.

    Raises:
        ConfigError: an unknown key, a wrong type, a missing value, or one out of range; the message
            begins with the full key.
    """
    try:
        typed = OmegaConf.merge(OmegaConf.structured(schema), cfg)
    except OmegaConfBaseException as error:
        raise ConfigError(_describe(error, schema)) from error
    assert isinstance(typed, DictConfig)
    _refuse_unknown_keys(typed, "")
    _check_sections(typed, "")
    config = OmegaConf.to_object(typed)
    assert isinstance(config, schema)
    return config


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print a :class:`NeardupError` on one line of stderr and exit with code 2.

    The folder that Hydra made for the job goes, if nothing was written there.
    """
    try:
        yield
    except NeardupError as error:
        if HydraConfig.initialized():
            with suppress(OSError):  # it holds something
                os.rmdir(HydraConfig.get().runtime.output_dir)
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def run_command(command: Callable[[], object]) -> None:
    """Run what ``hydra.main`` made, with exit code 2 also for what Hydra itself refuses.

    Hydra prints its own message (an unknown key or group, a wrong type) and exits with code 1; for
    a key that looks misspelt the one that may have been meant is added.
    """
    try:
        command()
    except SystemExit as stop:
        for argument in sys.argv[1:] if stop.code == 1 else ():
            key = argument.partition("=")[0].lstrip("+~")
            if hint := _meant_instead(key):
                print(f"{key}: no such key; did you mean {hint}?", file=sys.stderr)
        sys.exit(2 if stop.code == 1 else stop.code)


def _meant_instead(key: str) -> str:
    """The known key that is most like one that is not known; empty if it is known, or like none."""
    known = {group for group in _REGISTERED if group}
    for group, schemas in _REGISTERED.items():
        for schema in schemas:
            known |= set(_dotted(schema, f"{group}." if group else ""))
    if key in known or key.startswith(("hydra", "-")):
        return ""
    return next(iter(difflib.get_close_matches(key, sorted(known), n=1)), "")


def _dotted(schema: type, prefix: str) -> Iterator[str]:
    hints = get_type_hints(schema)
    for item in fields(schema):
        yield f"{prefix}{item.name}"
        if is_dataclass(hints[item.name]):
            yield from _dotted(hints[item.name], f"{prefix}{item.name}.")


def _keys(*, _root_: DictConfig) -> str:
    """Every key with its value, meaning, unit and range, for ``--help``."""
    return "\n".join(_lines(_root_, "")).replace("$", "$$")  # Hydra reads $NAME in its template


def _lines(node: DictConfig, path: str) -> Iterator[str]:
    values = OmegaConf.to_container(node)
    assert isinstance(values, dict)
    typed = OmegaConf.get_type(node)
    for item in fields(typed if is_dataclass(typed) else _REGISTERED[""][0]):
        if isinstance(values[item.name], dict):
            yield from _lines(node[item.name], f"{path}{item.name}.")
        else:
            given = f"  {path}{item.name}={values[item.name]}"
            yield f"{given:37} {describe(item.metadata)}" if item.metadata else given


def _groups() -> str:
    """The config groups and their choices, for ``--help``; schemas are no choices."""
    loader = GlobalHydra.instance().config_loader()
    lines = []
    for group in loader.list_groups(""):
        choices = [o for o in loader.get_group_options(group) if not o.startswith("schema")]
        if choices and group != "hydra":
            lines.append(f"  {group}={' | '.join(choices)}")
    return "\n".join(lines)


def _refuse_unknown_keys(node: DictConfig, path: str) -> None:
    schema = OmegaConf.get_type(node)
    if dataclasses.is_dataclass(schema):
        known = [field.name for field in dataclasses.fields(schema)]
        for key in map(str, node):
            if key not in known:
                raise ConfigError(_unknown(f"{path}{key}", known))
    for key, child in _sections(node):
        _refuse_unknown_keys(child, f"{path}{key}.")


def _check_sections(node: DictConfig, path: str) -> None:
    """Build each section on its own, innermost first, so that an error knows its section."""
    for key, child in _sections(node):
        _check_sections(child, f"{path}{key}.")
    try:
        OmegaConf.to_object(node)
    except ConfigError as error:
        raise ConfigError(f"{path}{error}") from error
    except MissingMandatoryValue as error:
        key = _missing_key(node)
        raise ConfigError(f"{path}{key}: no value given; add {path}{key}=...") from error
    except OmegaConfBaseException as error:
        raise ConfigError(_describe(error, OmegaConf.get_type(node))) from error


def _sections(node: DictConfig) -> Iterator[tuple[str, DictConfig]]:
    for key in node:
        if OmegaConf.is_missing(node, key) or OmegaConf.is_interpolation(node, str(key)):
            continue
        child = node[key]
        if isinstance(child, DictConfig) and dataclasses.is_dataclass(OmegaConf.get_type(child)):
            yield str(key), child


def _missing_key(node: DictConfig) -> str:
    return next(str(key) for key in node if OmegaConf.is_missing(node, key))


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key.rpartition(".")[2], known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
    return f"{key}: no such key; {hint}"


def _describe(error: OmegaConfBaseException, schema: Any) -> str:
    """OmegaConf's own first line, after the full key it is about."""
    first_line = str(error.msg or error).splitlines()[0]
    key = error.full_key or error.key
    if not key:
        return first_line
    if "not in" in first_line and isinstance(error.object_type, type):
        fields = getattr(error.object_type, "__dataclass_fields__", {})
        return _unknown(str(key), list(fields))
    return f"{key}: {first_line}"


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
