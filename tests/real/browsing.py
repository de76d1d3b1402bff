"""What tests of pages in a real browser share: the browser of the machine, and how a page is looked at."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

SCREENSHOTS = Path(__file__).resolve().parents[2] / ".cache" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome")

#: Elements with words of their own whose right end lies outside the window, and not because a parent scrolls or clips.
OUTSIDE = """() => [...document.querySelectorAll('body *')].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width > 1 && box.height > 1 && box.right > innerWidth + 1 && !e.closest('svg')
    && !getComputedStyle(e).clipPath.includes('inset');
}).map(e => e.tagName + '.' + e.className + ': ' + e.textContent.trim().slice(0, 60))"""

#: Words too faint to be read: contrast with what is behind them under 4.5 (WCAG 2.2, 1.4.3).
FAINT = """() => {
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m.length > 3 ? m[3] : 1]; };
  const light = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                       return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0.99) return c; }
                        return [255, 255, 255, 1]; };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest('svg')) continue;
    const [a, b] = [parse(getComputedStyle(e).color), behind(e)].map(c => light(c.slice(0, 3)));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push(e.tagName + '.' + e.className + ' ' + contrast.toFixed(2) + ': ' + e.textContent.trim().slice(0, 40));
  }
  return [...new Set(found)];
}"""


class Opened:
    """A page as it was opened, with what went wrong on it and what it asked for."""

    def __init__(self, browser: Browser, url: str, width: int, scheme: Any) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.requested: list[str] = []
        self.page.on("console", lambda message: self.problems.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self.requested.append(request.url))
        self.page.goto(url)


def executable() -> str:
    """The browser of the machine. Without one the tests are skipped, but not in CI, where `make test` installs it."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        missing = "no Chromium on this machine; `make servers` installs it where it may"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found
