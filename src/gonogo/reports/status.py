"""The record of `gonogo status` as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WIDTH = 20


def render_status_text(status: Mapping[str, Any]) -> str:
    """What is live, who put it there, the shares, the signals, the alarms, the chain."""
    production = status["production"]
    service = status["service"]
    lines = [f"{status['system']}   {status['time']}"]
    if production:
        lines.append(f"production  {production['release']} since {production['since']} by {production['by']} ({production['reason']})")
        lines.append(f"            bundle {production['digest']}")
    else:
        lines.append("production  nothing yet")
    lines.append(f"service     {service['url'] if service['alive'] else 'does not answer: ' + service['problem']}")
    lines += [_arm(arm) for arm in service["arms"]]
    rollout = status["rollout"]
    if rollout:
        lines.append(f"rollout     {rollout['state']}: {rollout['old'] or 'nothing'} → {rollout['new']}  {rollout['reason']}")
    lines.append(f"releases    {', '.join(release['version'] for release in status['releases']) or 'none'}")
    lines.append(f"audit log   {status['events']} events, chain {status['chain']}")
    return "\n".join([*lines, "", render_signals_text(status)])


def _arm(arm: Mapping[str, Any]) -> str:
    filled = round(WIDTH * arm["weight_bp"] / 10000)
    bar = "█" * filled + "░" * (WIDTH - filled)
    return f"            {bar} {arm['weight_bp'] / 100:>6.2f} %  {arm['release']:<24} {arm['n']} requests, {arm['bad']} bad"


def render_signals_text(status: Mapping[str, Any]) -> str:
    """Signals with n and threshold, then alarms."""
    lines = [f"{'signal':<14} {'of':<34} {'value':>12} {'n':>9} {'threshold':>11}"] if status["signals"] else ["no signals yet"]
    for signal in status["signals"]:
        value = "unknown" if signal["value"] is None else f"{signal['value']:.4g} {signal['unit']}".strip()
        threshold = "" if signal["threshold"] is None else f"{signal['threshold']:g}"
        lines.append(f"{signal['signal']:<14} {signal['of']:<34} {value:>12} {signal['n']:>9} {threshold:>11}")
    lines += ["", *(f"{alarm['state']:<11} {alarm['rule']:<22} {alarm['text']}" for alarm in status["alarms"])]
    return "\n".join(lines).rstrip()
