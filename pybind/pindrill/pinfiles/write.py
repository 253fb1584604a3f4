"""Pin files written from the model. A format that cannot say what the model says is refused, not approximated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from pindrill.model import UsageError
from pindrill.pinfiles.formats import WRITTEN
from pindrill.pinfiles.losses import DROPPABLE, LossKind, Position, losses, meaningful
from pindrill.pinfiles.model import PinRule
from pindrill.pinfiles.pin_file import FormatAbilities, PinFile, PinFormat


def write(
    file: PinFile,
    target: PinFormat,
    *,
    at: datetime,
    pins_are: Position | None = None,
    drop: Collection[LossKind] = (),
    settings: Mapping[str, str] | None = None,
) -> str:
    """UsageError lists everything that the target has no equal for."""
    writer = target.writer
    if writer is None:
        writable = ", ".join(each.name for each in WRITTEN)
        raise UsageError(f"{target} can be read, not written; write one of: {writable}")
    if file.crash:
        raise UsageError(f"{file.path}: the app does not start with this file: {file.crash}; mend it before converting")
    missing = [
        loss for loss in losses(file, target.name, writer.can, pins_are=pins_are, at=at) if loss.kind not in drop
    ]
    merged = {**file.settings, **(settings or {})}
    if missing:
        lines = "\n".join(f"  {file.path}:{loss.line or 1}: {loss.kind}: {loss.what}" for loss in missing)
        may_go = sorted({loss.kind for loss in missing} & set(DROPPABLE))
        hint = f"\nleave out on purpose with {' '.join(f'--drop {kind}' for kind in may_go)}" if may_go else ""
        raise UsageError(f"no equal in {target}:\n{lines}{hint}")
    told = [rule for rule in meaningful(file) if rule.all_pins or writer.can.exempt != "nothing"]
    rules = [_kept(rule, writer.can, pins_are) for rule in told]
    if not any(rule.all_pins for rule in rules):
        raise UsageError(f"{file.path}: no pins in it, nothing was written; `pindrill pins lint` says what is in it")
    return writer.write(rules, merged)


def _kept(rule: PinRule, can: FormatAbilities, pins_are: Position | None) -> PinRule:
    """In the target's own position; what was dropped is gone."""
    kept = replace(rule, report_uris=rule.report_uris if can.report_uris else ())
    if can.expires is None:
        kept = replace(kept, expires=None)
    if can.position == "lists" and rule.position != "leaf-and-ca":
        ca = rule.position == "ca" or (rule.position == "any" and pins_are == "ca")
        kept = replace(kept, pins=() if ca else rule.pins, ca_pins=rule.pins if ca else ())
    elif can.position != "lists":
        kept = replace(kept, pins=rule.all_pins, ca_pins=())
    return kept
