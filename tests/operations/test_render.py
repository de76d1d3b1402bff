"""Files for operators are what their own tools accept, and work with the real nginx in front of the real service."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import sample
from gonogo import __version__
from gonogo.errors import UsageError
from gonogo.operations.render import render, schedule_files, write_rendered
from gonogo.operations.render_tools import Places, render_tool
from gonogo.operations.workspace import Workspace
from supervised import OLD, serving
from waiting import free_port

ROOT = Path(__file__).resolve().parents[2]
WHEEL = f"gonogo-{__version__}-py3-none-any.whl"


def tool(name: str) -> str:
    """A program of the system; in CI it must be there."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    sample.write_project(tmp_path / "project")
    return Workspace.open(tmp_path / "project")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def checked(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_accepts_the_unit(workspace: Workspace, tmp_path: Path) -> None:
    name, text = render(workspace, "systemd", user="root")
    unit = write_rendered(tmp_path / "units", name, text)
    said = checked(tool("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", str(unit))
    assert "gonogo.service" not in said, said


def test_systemd_accepts_the_timer_of_the_reviews_and_the_unit_that_it_starts(workspace: Workspace, tmp_path: Path) -> None:
    files = schedule_files(workspace, "systemd-timer", user="root")
    units = [write_rendered(tmp_path / "units", name, text) for name, text in files.items()]
    said = checked(tool("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", *map(str, units))
    assert "gonogo-reviews" not in said, said
    said = checked(tool("systemd-analyze"), "calendar", re.findall(r"OnCalendar=(.*)", files["gonogo-reviews.timer"])[0])
    assert "Next elapse" in said


def test_cron_and_timer_run_the_reviews_that_are_due_of_this_project(workspace: Workspace) -> None:
    [line] = [one for one in schedule_files(workspace, "cron", user="svc")["gonogo-reviews.cron"].splitlines() if not one.startswith("#")]
    minute, *_, user, cd, folder, _, program, verb, run, due, flag, project = line.split()
    assert (minute, user, cd, folder) == ("*/15", "svc", "cd", str(workspace.project.root))
    assert os.access(program, os.X_OK)
    assert (verb, run, due, flag, project) == ("review", "run", "--due", "--project", str(workspace.project.file))
    unit = schedule_files(workspace, "systemd-timer")["gonogo-reviews.service"]
    assert f"ExecStart={program} review run --due --project {project}\n" in unit
    with pytest.raises(UsageError, match="user"):
        schedule_files(workspace, "cron", user="svc root")


def test_the_unit_starts_the_program_that_rendered_it_on_this_project(workspace: Workspace) -> None:
    _, text = render(workspace, "systemd", port=8500, user="svc")
    [start] = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    program, verb, *words = start.removeprefix("ExecStart=").split()
    assert (Path(program).name, verb) == ("gonogo", "serve")
    assert os.access(program, os.X_OK)
    assert words == ["--project", str(workspace.project.file), "--host", "127.0.0.1", "--port", "8500"]
    assert "User=svc" in text
    assert f"ReadWritePaths={workspace.path}" in text


def nginx_conf(tmp_path: Path, included: Path) -> Path:
    """A whole configuration of nginx for one user, around a rendered file."""
    temporary = " ".join(f"{kind}_temp_path {tmp_path / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = tmp_path / "whole.conf"
    path.write_text(
        f"daemon off; pid {tmp_path / 'nginx.pid'}; error_log {tmp_path / 'error.log'};\n"
        f"events {{ worker_connections 512; }}\nhttp {{ access_log off; {temporary}\ninclude {included}; }}\n"
    )
    return path


@pytest.mark.parametrize("kind", ["systemd", "container", "compose"])
def test_rendered_from_inside_the_folder_as_the_readme_says_it_is_the_same(workspace: Workspace, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", "render", kind],
        cwd=workspace.project.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == render(workspace, kind)[1].strip()


def test_nginx_accepts_its_file(workspace: Workspace, tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    name, text = render(workspace, "nginx", certificate=certificate[0], certificate_key=certificate[1])
    whole = nginx_conf(tmp_path, write_rendered(tmp_path, name, text))
    assert "syntax is ok" in checked(tool("nginx"), "-t", "-c", str(whole), "-p", str(tmp_path))


def test_caddy_accepts_its_file(workspace: Workspace, tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    name, text = render(workspace, "caddy", public_port=8443, certificate=certificate[0], certificate_key=certificate[1])
    path = write_rendered(tmp_path, name, text)
    assert "Valid configuration" in checked(tool("caddy"), "validate", "--adapter", "caddyfile", "--config", str(path))


def test_a_container_has_the_version_that_rendered_it_and_no_store(workspace: Workspace) -> None:
    _, text = render(workspace, "container", port=8500)
    lines = [line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    assert {word for word, _ in lines} == {
        "FROM",
        "ENV",
        "RUN",
        "WORKDIR",
        "COPY",
        "USER",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
    }
    [install] = [rest for word, rest in lines if word == "RUN"]
    assert install == f'pip install --no-cache-dir "/opt/{WHEEL}"'
    entry = json.loads(dict(lines)["ENTRYPOINT"])
    assert entry[:2] == ["gonogo", "serve"]
    assert entry[-1] == "8500"
    assert [rest for word, rest in lines if word == "COPY"] == [f"{WHEEL} /opt/", "gonogo.yaml /srv/gonogo.yaml"]


def test_the_wheel_that_the_image_takes_is_what_pip_makes_of_a_clone(workspace: Workspace, tmp_path: Path) -> None:
    _, text = render(workspace, "container")
    [told] = [line.partition("Once:")[2].split("(")[0].split() for line in text.splitlines() if "Once:" in line]
    assert told == ["pip", "wheel", "--no-deps", "--wheel-dir", ".", "CLONE"]
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "src", clone / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, clone)
    here = [str(clone) if word == "CLONE" else word for word in told[1:]]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *here, "--no-build-isolation"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in tmp_path.glob("*.whl")] == [WHEEL]


def test_the_container_runs_as_whoever_owns_the_store_since_nobody_else_can_read_it(workspace: Workspace) -> None:
    workspace.store()
    _, text = render(workspace, "compose")
    assert yaml.safe_load(text)["services"]["gonogo"]["user"] == f"{os.getuid()}:{os.getgid()}"


def test_compose_mounts_the_store_and_listens_on_this_machine_only(workspace: Workspace) -> None:
    _, text = render(workspace, "compose", port=8500)
    service = yaml.safe_load(text)["services"]["gonogo"]
    assert service["ports"] == ["127.0.0.1:8500:8500"]
    assert service["volumes"] == ["./.gonogo:/srv/.gonogo"]
    assert service["read_only"] is True


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("helm", {}, "helm"),
        ("nginx", {}, "certificate"),
        ("nginx", {"certificate": Path("x")}, "belong together"),
        ("systemd", {"user": "a\nExecStartPre=/bin/evil"}, "user"),
        ("caddy", {"server_name": "x {\n respond"}, "server_name"),
    ],
)
def test_what_cannot_be_rendered_is_refused(workspace: Workspace, kind: str, options: dict, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        render(workspace, kind, **options)


def test_a_file_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    write_rendered(tmp_path, "x.conf", "one")
    write_rendered(tmp_path, "x.conf", "one")
    with pytest.raises(UsageError, match="already"):
        write_rendered(tmp_path, "x.conf", "two")
    assert (tmp_path / "x.conf").read_text() == "one"


@contextmanager
def fronted(workspace: Workspace, folder: Path, port: int, certificate: tuple[Path, Path]):
    """The rendered nginx in front of a service; gives a function that asks through it."""
    program, public = tool("nginx"), free_port()
    name, text = render(workspace, "nginx", port=port, public_port=public, certificate=certificate[0], certificate_key=certificate[1])
    whole = nginx_conf(folder, write_rendered(folder, name, text))
    process = subprocess.Popen([program, "-c", str(whole), "-p", str(folder)], stderr=subprocess.DEVNULL)
    trust = ssl.create_default_context(cafile=str(certificate[0]))

    def ask(path: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
        with urllib.request.urlopen(f"https://localhost:{public}{path}", body, timeout=10, context=trust) as answer:
            return answer.status, dict(answer.headers), answer.read()

    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", public)) == 0:
                    break
            time.sleep(0.05)
        yield ask
    finally:
        process.terminate()
        process.wait(20)


def test_predictions_come_through_nginx_while_the_traffic_moves(
    workspace: Workspace, tmp_path: Path, certificate: tuple[Path, Path], sealed: Path
) -> None:
    body = b'{"features": {"amount": 0.25, "city": "paris"}}'
    with serving(tmp_path / "store", sealed) as service:
        service.start(OLD)
        new = "small@1.1.0"
        with fronted(workspace, tmp_path, service.port, certificate) as ask:
            asked: Callable = ask
            assert asked("/predict", body)[0] == 200
            service.client.start(new)
            seen = set()
            for stable, other in ((new, OLD), (OLD, new)) * 3:
                service.route((stable, 100), (other, 0), stable=stable)
                for _ in range(20):
                    status, headers, _ = asked("/predict", body)
                    assert status == 200
                    seen.add({name.lower(): value for name, value in headers.items()}["x-gonogo-release"])
            assert seen == {OLD, new}
            with pytest.raises(urllib.error.HTTPError) as refused:
                asked("/predict", b'{"features": {}}')
            assert refused.value.code == 422
            refused.value.close()


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (Places(prometheus="prometheus:9090"), "no address of Prometheus"),
        (Places(prometheus="file:///etc/passwd"), "no address of Prometheus"),
        (Places(prometheus="http://"), "no address of Prometheus"),
        (Places(alertmanager="http://127.0.0.1:9093"), "no host and port"),
        (Places(alertmanager="localhost"), "no host and port"),
    ],
)
def test_what_is_no_address_goes_into_no_file(workspace: Workspace, tmp_path: Path, places: Places, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        render_tool(workspace, "grafana", replace(places, folder=tmp_path))
