"""A load test as text for a terminal and as one self-contained page. The document is that of `gonogo loadtest --json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gonogo.reports.html import environment
from gonogo.reports.pictures import draw
from gonogo.reports.report import joined, printable

QUANTILES = {"p50_ms": "P50", "p95_ms": "P95", "p99_ms": "P99"}

Document = Mapping[str, Any]


def render_load_text(document: Document) -> str:
    """How it was sent, the quantiles with their intervals, what was wrong."""
    lines = [
        f"{document['target']}: {how(document)}",
        f"  {document['errors']} errors, {document['throughput']:,.0f} right answers a second",
    ]
    for name, title in QUANTILES.items():
        then = against(document, name)
        lines.append(f"  {title} {document[name]:>9.2f} ms   95 %: {within(document, name):<20}{then and f'   sealed: {then} ms'}")
    lines += [f"  {line}" for line in seen(document)]
    lines += [f"  ✗ {count} × {kind}" for kind, count in document["error_kinds"].items()]
    if not document["good"] and not document["errors"]:
        lines.append("  ✗ one row got answers that differ by more than 1e-6")
    return joined(printable(line).rstrip() for line in lines)


def render_load_html(document: Document) -> str:
    """The page."""
    picture = draw("latency", picture_of(document))
    rows = [(title, document[name], within(document, name), against(document, name)) for name, title in QUANTILES.items()]
    template = environment().get_template("load.html")
    return template.render(document=document, how=how(document), rows=rows, seen=list(seen(document)), picture=picture)


def picture_of(document: Document) -> dict[str, Any]:
    """The data of the picture of percentiles: this test's curve, and that of the load test that was sealed with the release."""
    baseline = document.get("baseline") or {}
    series = {"this test": document["curve"]}
    if baseline.get("curve"):
        series["as sealed"] = baseline["curve"]
    return {"kind": "percentiles", "title": "Latency by percentile", "series": series}


def how(document: Document) -> str:
    sent = f"{document['requests']:,} requests"
    if document["rate"] is None:
        return f"{sent} from {document['concurrency']} clients, each waiting for its answer (closed loop)"
    return f"{sent} at {document['rate']:g} a second by a schedule over {document['concurrency']} connections at most (open loop)"


def within(document: Document, name: str) -> str:
    low, high = document["intervals"].get(name, (None, None))
    if low is None and high is None:
        return "not bounded"
    if high is None:
        return f"above {low:.2f}"
    return f"{0 if low is None else low:.2f} to {high:.2f}"


def against(document: Document, name: str) -> str:
    """The same of the load test that was sealed with the release: on another machine, perhaps, so it is no verdict."""
    baseline = document.get("baseline") or {}
    then = baseline.get(name)
    return f"{then:.2f}" if isinstance(then, int | float) and not isinstance(then, bool) else ""


def seen(document: Document) -> Iterator[str]:
    """What else was looked at, a sentence each."""
    if document["max_answer_difference"] is not None:
        apart = document["max_answer_difference"]
        same = "the same" if apart == 0 else "of another label or class" if apart == "inf" else f"apart by {apart:.2g} at most"
        yield f"{document['answers_compared']:,} answers to rows that had one already: {same}"
    if document["golden_checked"]:
        yield f"{document['golden_checked']:,} golden requests: {document['golden_wrong'] or 'none'} with other scores than sealed"
    warm = document["warm_up"]
    if warm:
        state = "stable" if warm["stable"] else "not stable yet"
        yield f"{warm['requests']:,} requests before, to warm up: the median was {state}"
    if document["behind_ms"] is not None:
        yield f"the schedule was kept within {document['behind_ms']:.2f} ms for 99 of 100 requests"
    if document["memory_mb"] is not None:
        yield f"{document['memory_mb']:.0f} MB held by what serves"
    if len(document["releases"]) > 1:
        yield "answered by " + ", ".join(f"{release} ({count:,})" for release, count in document["releases"].items())
