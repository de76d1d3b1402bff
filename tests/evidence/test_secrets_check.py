"""The search for secrets: what is found, what only speaks of secrets, what is packed or large."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gonogo.evidence.inputs import SourceTree
from gonogo.evidence.memory import measure
from gonogo.evidence.record import Measurement
from measured import values

AWS = "AKIA" + "IOSFODNN7QWERTYU"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
PEM = "-----BEGIN " + "PRIVATE KEY-----\n" + "MC4CAQAwBQYDK2VwBCIEIJ" * 3 + "\n-----END PRIVATE KEY-----\n"
OURS = "gng_" + "0123456789ab_" + "5ec2e7" * 10 + "5ec2"
SLACK = "xox" + "b-123456789012-abcdefABCDEF123456"


@pytest.fixture
def scan(tmp_path: Path, bundle: Callable[..., Any]) -> Callable[..., Measurement]:
    (tmp_path / "src").mkdir()
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")

    def run(content: bytes | str, name: str = "src/settings.py", **options: Any) -> Measurement:
        (tmp_path / "src" / "a.py").write_text("x = 1\n")
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        source = SourceTree.read(tmp_path / "src", [Path()])
        return measure("secrets", options, source=source, bundle=bundle(root=tmp_path / "bundle"))

    return run


@pytest.mark.parametrize(
    "content",
    {
        "aws": f"key = '{AWS}'", "github": f"# {GITHUB}", "pem": PEM, "slack": f"https://x/{SLACK}",
        "ours": f"curl -H 'x-api-key: {OURS}'",
        "url": "db = 'postgresql://app:s3cr3t-Pa55@db:5432/x'", "password": "PASSWORD = 'xK9#mQ2$vL7p'",
        "yaml": 'api_key: "9fK2mXq81LzPw0aB"',
        "json": '{"client_secret": "9fK2mXq81LzPw0aB"}', "env": "export DB_PASSWORD=9fK2mXq81LzPw0aB\n",
    }.values(),
)  # fmt: skip
def test_a_secret_is_found_and_never_shown(scan: Any, content: str) -> None:
    found = scan("\n\n" + content)
    assert values(found)["hits"] >= 1
    assert "settings.py:3" in found.findings[0]
    for secret in (AWS, GITHUB, SLACK, OURS, "s3cr3t-Pa55", "xK9#mQ2$vL7p", "9fK2mXq81LzPw0aB", "MC4CAQAwBQYDK2Vw"):
        assert secret not in str(found)


@pytest.mark.parametrize(
    "content",
    [
        "password = os.environ['DB_PASSWORD']", "PASSWORD = 'changeme'", "api_key = 'your-api-key-here'", "token = '${TOKEN}'",
        "secret = 'aaaaaaaaaaaa'", "DB_PASSWORD=$SECRET_FROM_STORE\n", "url = 'https://user:{password}@host'",
        "def reset_password(user): ...", "API_KEY=settings.API_KEY\n", "    token=client_token,\n",
        "-----BEGIN PUBLIC KEY-----\nMC4CAQAwBQYDK2VwBCIEIJMC4CAQAwBQYDK2VwBCIEIJ\n-----END PUBLIC KEY-----", "AKIA",
        "sha256 = 'e3b0c44298fc1c14'",
    ],
)  # fmt: skip
def test_what_only_speaks_of_secrets_is_no_hit(scan: Any, content: str) -> None:
    assert values(scan(content))["hits"] == 0


@pytest.mark.parametrize("name", ["src/.env", "src/.hidden", "src/model.bin", "bundle/model.onnx"])
def test_dot_files_binary_files_and_the_bundle_are_scanned(scan: Any, name: str) -> None:
    assert values(scan(b"\0\1\2" + AWS.encode() + b"\0", name=name))["hits"] == 1


def test_a_secret_across_two_blocks_of_a_large_file_is_found_once_at_its_line(scan: Any) -> None:
    from gonogo.evidence.checks.secrets import BLOCK

    line = b"x" * 99 + b"\n"
    head = line * (BLOCK // 100)
    filler = b"y" * (BLOCK - len(head) - 10) + b" "
    found = scan(head + filler + AWS.encode() + b"\n" + line * 50)
    assert values(found)["hits"] == 1
    assert f"settings.py:{BLOCK // 100 + 1}:" in found.findings[0]


def test_a_false_alarm_is_allowed_by_its_fingerprint_alone(scan: Any) -> None:
    found = scan(f"a = '{AWS}'\nb = '{GITHUB}'")
    fingerprint = found.findings[0].split("fingerprint ")[1].rstrip(")")
    facts = values(scan(f"a = '{AWS}'\nb = '{GITHUB}'", allow=[fingerprint]))
    assert (facts["hits"], facts["allowed"]) == (1, 1)


def test_every_file_is_counted_and_links_are_said_to_be_left_out(scan: Any, tmp_path: Path) -> None:
    (tmp_path / "src" / "link").symlink_to("a.py")
    facts = values(scan("x = 2"))
    assert (facts["files_scanned"], facts["files_skipped"]) == (3, 1)


def zipped(entries: dict[str, str]) -> bytes:
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return place.getvalue()


def test_a_secret_in_a_packed_file_is_found(scan: Any) -> None:
    found = scan(zipped({"fine.txt": "x", "deep/settings.py": f"\nkey = '{AWS}'"}), "bundle/model.skops")
    assert (values(found)["hits"], values(found)["archives_unread"]) == (1, 0)
    assert found.findings[0].startswith("bundle/model.skops!deep/settings.py:2: AWS")
    found = scan(gzip.compress(f"# {GITHUB}".encode()), "src/data.csv.gz")
    assert values(found)["hits"] == 2  # with that of the bundle
    assert any(finding.startswith("data.csv.gz!:1: GitHub") for finding in found.findings)


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"x" * 5000)[:-12], zipped({"a": "x" * 5000})[:-20], b"PK\x03\x04", b"\x1f\x8b"],
    ids=["cut gzip", "cut ZIP", "head of a ZIP", "head of a gzip"],
)
def test_a_packed_file_that_cannot_be_unpacked_is_counted_and_named(scan: Any, content: bytes) -> None:
    found = scan(content, "src/broken.bin")
    assert values(found)["archives_unread"] == 1
    assert "cannot be unpacked: broken.bin" in found.findings
