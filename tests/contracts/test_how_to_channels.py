"""docs/how-to-channels.md is true: its declaration is read, its table is the catalogue, its commands tell real servers."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import sample
from gonogo.base import catalogue
from gonogo.checklist.project import load_project
from gonogo.cli import main
from gonogo.errors import ProjectFileError
from receivers import Alertmanager, HttpReceiver, MailServer, pagerduty, slack, started, webhook
from tls_pair import make_pair

PAGE = (Path(__file__).parents[2] / "docs" / "how-to-channels.md").read_text(encoding="utf-8")
DECLARATION, OWN = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
[SOURCE] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
[ENTRY_POINT] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
KEY = "whsec_" + "c2VjcmV0" * 4
ROW = re.compile(r"^\| `(\w+)` \| ([\w, ]+) \|([^|]*)\|([^|]*)\| .* \|$", re.MULTILINE)


def test_the_table_of_channels_is_that_of_the_catalogue() -> None:
    listed = {}
    for name, levels, needs, may in ROW.findall(PAGE):
        listed[name] = (tuple(levels.split(", ")), set(re.findall(r"`(\w+)`", needs)), set(re.findall(r"`(\w+)`", may)))
    known = {name: catalogue.load("channels", name) for name in catalogue.names("channels")}
    assert listed == {name: (kind.levels, set(kind.needs), set(kind.options) - set(kind.needs)) for name, kind in known.items()}


def test_every_channel_of_the_page_is_declared_as_written_and_hears_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "project"
    sample.write_project(folder)
    (folder / "secrets").mkdir()
    tls = make_pair(tmp_path)
    chat, pager, hook, mail = HttpReceiver(slack), HttpReceiver(pagerduty), HttpReceiver(webhook(KEY)), MailServer(tls)
    (folder / "secrets" / "slack").write_text(f"{chat.url}/services/T0/B0/hush\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
    for name, value in {"PAGER_KEY": "0123456789abcdef" * 2, "MAIL_PASSWORD": "hush", "WEBHOOK_KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    with started(Alertmanager(tmp_path)) as alertmanager:
        # As on the page, but for the addresses: these servers are on this machine.
        here = DECLARATION.replace("https://ops.example.com", hook.url).replace("http://127.0.0.1:9093", alertmanager.url)
        here = here.replace("smtp.example.com", f"localhost\n        port: {mail.port}")
        here = here.replace("{env: PAGER_KEY}", f'{{env: PAGER_KEY}}, url: "{pager.url}/v2/enqueue"')
        with (folder / "gonogo.yaml").open("a") as file:
            file.write(here)
        assert len(load_project(folder / "gonogo.yaml").monitor.channels) == 6
        monkeypatch.chdir(folder)
        [typed] = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
        for line in typed.splitlines():
            done = CliRunner().invoke(main, shlex.split(line.removeprefix("$ "))[1:])
            assert done.exit_code == 0, f"{line}\n{done.output}"
            assert "hush" not in done.output
    for receiver in (chat, pager, hook):
        receiver.close()
    mail.close()
    heard = [len(chat.requests), len(pager.requests), len(hook.requests), len(mail.messages)]
    assert heard == [4, 2, 2, 2]
    assert len((folder / ".gonogo" / "alarms.jsonl").read_text().splitlines()) == 2


def test_the_page_s_declaration_is_refused_when_a_secret_stands_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    sample.write_project(folder)
    with (folder / "gonogo.yaml").open("a") as file:
        file.write(DECLARATION.replace("{env: PAGER_KEY}", "0123456789abcdef"))
    with pytest.raises(ProjectFileError, match="a secret does not stand in this file"):
        load_project(folder / "gonogo.yaml")


def test_a_channel_of_one_s_own_is_made_as_the_page_says_and_hears_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [(group, name, place)] = re.findall(r'entry-points\."(\S+)"\]\n(\S+) = "(\S+)"', ENTRY_POINT)
    package = tmp_path / "installed" / "my_package"
    about = tmp_path / "installed" / "mine-1.0.dist-info"
    package.mkdir(parents=True)
    about.mkdir()
    (package / "__init__.py").touch()
    (package / "chime.py").write_text(SOURCE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{group}]\n{name} = {place}\n")
    monkeypatch.syspath_prepend(tmp_path / "installed")
    monkeypatch.setenv("BELL_WORD", "hush")
    sample.write_project(tmp_path / "project", more=OWN)
    monkeypatch.chdir(tmp_path / "project")
    Path("bell").mkdir()
    done = CliRunner().invoke(main, ["channels", "test"])
    assert done.exit_code == 0, done.output
    said = sorted(json.loads(path.read_text())["kind"] for path in Path("bell").iterdir())
    assert said == ["fired", "resolved"]
    assert {json.loads(path.read_text())["word"] for path in Path("bell").iterdir()} == {"hush"}
