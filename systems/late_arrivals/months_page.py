"""The page of `months.py`: its table and its picture, as Markdown and SVG."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("", "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
WIDTH, HEIGHT, LEFT, TOP, DEEP = 640, 300, 60, 40, 190


@dataclass
class Month:
    """One month in service. `auc` and `loss` are of the release in production, `never_…` of 1.0.0, had nobody ever trained again."""

    number: int
    flights: int
    late: float
    release: str
    drifted: dict[str, float]
    rang: list[str]
    asked: list[str]
    auc: float
    loss: float
    never_auc: float
    never_loss: float
    challenge: dict[str, Any] | None = None
    outcome: str = ""
    version: str | None = None

    @property
    def name(self) -> str:
        return NAMES[self.number]

    @property
    def version_in_service(self) -> str:
        return self.release.partition("@")[2]


def page(months: list[Month], every: int, file: Path) -> None:
    """Write the page and, beside it, the picture."""
    picture = file.with_suffix(".svg")
    setting = "all flights" if every == 1 else f"every {every}th flight"
    command = "python months.py" if every == 1 else f"python months.py --every {every}"
    lines = [
        "# Month by month",
        "",
        f"Made by `{command}`: {setting} of September to December, served, watched, labelled, and trained again when the watch asks for",
        "it. Release 1.0.0 was trained on January to April. What 1.0.0 would have said stands beside what was in service.",
        "The alarms of drift leave the calendar (weekday, season) out.",
        "",
        "| month | flights | late | in service | ROC-AUC | of 1.0.0 | log loss | of 1.0.0 | drifts most (PSI) | rang | asks for training |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *map(_served, months),
        "",
        f"![log loss by month, of what was in service and of 1.0.0]({picture.name})",
        "",
        "After each month the challenger is trained on all months up to the one before the last, and meets the champion on the newest one,",
        "which neither has seen. Gains are the challenger's, above 0 is better; the intervals hold together at 95 %.",
        "",
        "| after | champion | ROC-AUC gain | log loss gain | standing | outcome |",
        "|---|---|---|---|---|---|",
        *(_met(one) for one in months if one.challenge),
        "",
        *_words(months),
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    picture.write_text(_picture(months), encoding="utf-8")


def _served(one: Month) -> str:
    worst = max(one.drifted, key=lambda name: one.drifted[name], default="")
    drift = f"{worst} {one.drifted[worst]:.2f}" if worst else "-"
    return (
        f"| {one.name} | {one.flights:,} | {one.late:.1%} | {one.version_in_service} | {one.auc:.4f} | {one.never_auc:.4f} "
        f"| {one.loss:.4f} | {one.never_loss:.4f} | {drift} | {', '.join(one.rang) or '-'} | {', '.join(one.asked) or 'nothing'} |"
    )


def _met(one: Month) -> str:
    assert one.challenge is not None
    gains = [f"{gain['gain']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})" for gain in one.challenge["gains"]]
    ended = f"{one.outcome}: {one.version}" if one.version else one.outcome
    return f"| {one.name} | {one.challenge['champion']} | {' | '.join(gains)} | {one.challenge['standing']} | {ended} |"


def _words(months: list[Month]) -> list[str]:
    asked = [one for one in months if one.asked]
    taken = [one for one in asked if one.version]
    saved = sum((one.never_loss - one.loss) * one.flights for one in months) / sum(one.flights for one in months)
    return [
        f"In {len(asked)} of {len(months)} months the watch asked for a training; {len(taken)} of the challengers took over, and "
        f"{sum(one.outcome == 'rejected' for one in asked)} were put",
        f"away because they were not better. Log loss over all these flights was {saved:.4f} lower than that of 1.0.0 would have been.",
    ]


def _picture(months: list[Month]) -> str:
    """Log loss by month as two lines, over bars of the share of late flights."""
    top = max(max(one.loss, one.never_loss) for one in months) * 1.1
    step = (WIDTH - LEFT - 20) / len(months)
    xs = [LEFT + step * (place + 0.5) for place in range(len(months))]

    def y(value: float) -> float:
        return TOP + DEEP * (1 - value / top)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">Log loss by month; bars: share of late flights</text>',
    ]
    most = max(one.late for one in months)
    for x, one in zip(xs, months, strict=True):
        high = DEEP * 0.5 * one.late / most
        parts.append(f'<rect x="{x - 22:.0f}" y="{TOP + DEEP - high:.0f}" width="44" height="{high:.0f}" fill="#e4e4e4"/>')
        parts.append(f'<text x="{x:.0f}" y="{TOP + DEEP - 4:.0f}" text-anchor="middle" fill="#555">{one.late:.1%}</text>')
        parts.append(f'<text x="{x:.0f}" y="{TOP + DEEP + 18}" text-anchor="middle">{one.name} ({one.version_in_service})</text>')
    for share in (0.0, 0.5, 1.0):
        parts.append(f'<text x="{LEFT - 8}" y="{y(top * share):.0f}" text-anchor="end">{top * share:.2f}</text>')
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y(top * share):.0f}" y2="{y(top * share):.0f}" stroke="#ddd"/>')
    for color, dash, values in (("#999", "5 4", [one.never_loss for one in months]), ("#1a6fb5", "", [one.loss for one in months])):
        points = " ".join(f"{x:.0f},{y(value):.1f}" for x, value in zip(xs, values, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"/>')
        parts += [f'<circle cx="{x:.0f}" cy="{y(value):.1f}" r="3" fill="{color}"/>' for x, value in zip(xs, values, strict=True)]
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 34}" fill="#1a6fb5">— what was in service</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 16}" fill="#777">- - 1.0.0, had nobody trained again</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
