"""`gonogo key new`: make a key pair for a person; the private half never enters the project."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from gonogo import settings
from gonogo.base.files import storage, write_atomic
from gonogo.base.yaml_source import load_yaml
from gonogo.checklist.load import PACKS, load_pack
from gonogo.errors import ConflictError, KeyFileError, UsageError
from gonogo.trust.keys import PublicKey, generate_key
from gonogo.trust.signers.file import FileSigner

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class NewKey:
    """Where the two halves are. `entry` is the line for `people:` in gonogo.yaml; `added` says that it was written there; `reused` that
    the person had a key already, whose public half was put into this project."""

    name: str
    private: Path
    public: Path
    key_id: str
    entry: str
    added: bool
    reused: bool


def private_path(name: str) -> Path:
    """Where the private key of a person lies on this machine."""
    return Path(settings.text("keys")).expanduser() / f"{name}.key"


def private_keys(key_ids: Container[str]) -> list[Path]:
    """The private keys on this machine whose public half, which lies beside each, has one of these ids."""
    found = []
    for public in sorted(Path(settings.text("keys")).expanduser().glob("*.pub")):
        private = public.with_suffix(".key")
        try:
            if private.exists() and PublicKey.load(public).key_id in key_ids:
                found.append(private)
        except KeyFileError:  # some other file of that ending: it signs nothing
            continue
    return found


def key_new(name: str, project_file: Path, *, role: str | None = None) -> NewKey:
    """Make `name`'s key pair, or take the one there is: private in the user's own folder, public in `keys/NAME.pub` of the project.

    With `role`, the person is entered under `people:` of the project file. Raises UsageError for a bad name or a role that the pack does
    not have, ConflictError when the key or the role is already there.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a key.", hint="Use letters, digits, dots and hyphens.")
    root = (project_file if project_file.is_dir() else project_file.parent).resolve()
    file = root / "gonogo.yaml" if project_file.is_dir() else project_file
    public = root / "keys" / f"{name}.pub"
    if public.exists():
        raise ConflictError(f"{public} is already there.", hint="Choose another name; a key is never overwritten.")
    entry = f"{role or 'ROLE'}: {{name: {name}, key: keys/{name}.pub}}"
    text = _with_person(file, role, entry) if role and file.exists() else None
    private = private_path(name)
    reused = private.exists()
    if reused:
        key = FileSigner(private).public
    else:
        with storage(private, "create"):
            private.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = generate_key(private)
    write_atomic(public, key.pem.encode())
    if text is not None:
        write_atomic(file, text.encode())
    return NewKey(name, private, public, key.key_id, entry, text is not None, reused)


def _with_person(file: Path, role: str, entry: str) -> str:
    """The project file's text with the person added; comments and order stay as they are."""
    source = load_yaml(file)
    lines = file.read_text(encoding="utf-8").splitlines()
    data = source.data if isinstance(source.data, dict) else {}
    people, named = data.get("people"), str(data.get("pack", "starter"))
    pack = load_pack(named if "/" not in named and (PACKS / named).is_dir() else file.resolve().parent / named)
    if role not in pack.roles:
        raise UsageError(f"the pack {pack.name} has no role {role!r}.", hint=f"Roles: {', '.join(pack.roles)}.")
    if isinstance(people, dict) and role in people:
        raise source.error(
            ("people", role),
            f"the role {role!r} is already taken.",
            hint="Several people stand in a list: `ROLE: [{name: …, key: …}, {name: …, key: …}]`; or remove the line.",
        )
    if ("people",) not in source.positions:
        return "\n".join([*lines, "people:", f"  {entry}"]) + "\n"
    at = source.positions[("people",)][0] - 1
    if not people:
        lines[at] = "people:"
    elif "{" in lines[at]:
        raise UsageError(f"{file}: `people` is written on one line.", hint=f"Write it as a block and add: {entry}")
    lines.insert(at + 1, f"  {entry}")
    return "\n".join(lines) + "\n"
