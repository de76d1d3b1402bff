"""Debian's Prometheus, on this machine only, on files that were rendered."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request

from receivers import answers, tool
from waiting import free_port, until


def checked(name, *words, expect=0):
    """Run a tool of the system; gives what it answers."""
    done = subprocess.run([tool(name), *map(str, words)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout


class Prometheus:
    """`folder` has prometheus.yml and its rules; `data` beside it may have blocks already."""

    def __init__(self, folder):
        self.program, self.folder, self.port, self.process = tool("prometheus"), folder, free_port(), None
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        words = ["--config.file", str(self.folder / "prometheus.yml"), "--storage.tsdb.path", str(self.folder / "data")]
        words += ["--web.listen-address", f"127.0.0.1:{self.port}", "--log.level", "error"]
        with open(self.folder / "prometheus.log", "ab") as log:
            self.process = subprocess.Popen([self.program, *words], stdout=log, stderr=log, cwd=self.folder)
        until(lambda: answers(f"{self.url}/-/ready"))
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def query(self, text):
        """An instant query: [(labels, value)]."""
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': text})}", timeout=20) as answer:
            found = json.load(answer)["data"]["result"]
        return [({k: v for k, v in each["metric"].items() if k != "__name__"}, float(each["value"][1])) for each in found]

    def groups(self):
        """The groups of rules, each with its `lastEvaluation`."""
        with urllib.request.urlopen(f"{self.url}/api/v1/rules", timeout=20) as answer:
            return json.load(answer)["data"]["groups"]

    def value(self, text):
        """The only value of a query, None when there is none."""
        [*found] = self.query(text)
        assert len(found) < 2, found
        return found[0][1] if found else None
