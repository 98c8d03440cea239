"""Which files hold secrets: by name, since contents are not read."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase, translate
from pathlib import PurePosixPath
from typing import Final

from openhands_tiered_router.guards.confirm.verdict import names


_SECRET_DIRECTORIES: Final = names(
    ".ssh .aws .gnupg .kube .azure gcloud .password-store .docker .secrets"
)
_SECRET_NAMES: Final = names(
    ".env* *.env *.pem *.key *.p12 *.pfx *.jks *.keystore *.kdbx *.tfvars *.tfstate"
    " *.ppk *.asc *.gpg *.pgpass id_rsa* id_dsa* id_ecdsa* id_ed25519* .netrc _netrc"
    " .git-credentials .npmrc .yarnrc* .pypirc .my.cnf .htpasswd .dockercfg .vault*"
    " credentials credentials.* *credentials*.json secret.* secrets secrets.* *.keytab"
    " *secret*.json *secret*.y*ml service-account*.json token token.* *.token .boto"
    " .s3cfg .rclone.conf .*_history master.key kubeconfig* *.kubeconfig passwords"
    " passwords.* password.txt .terraformrc"
)
_SECRET_NAME: Final = re.compile("|".join(map(translate, sorted(_SECRET_NAMES))))
_HARMLESS: Final = re.compile(
    r"[^.].*\.(?:py|js|ts|go|rs|java|c|h|cpp|rb|md|rst)"
    r"|.*\.(?:example|sample|template|dist|pub)"
)
_GUESSES: Final = names(
    ".env .env.local id_rsa id_ed25519 .git-credentials .netrc .npmrc .pypirc"
    " server.pem server.key prod.key tls.key credentials.json secrets.yaml secret.json"
    " prod.tfvars prod.env"
)
"""Names that a glob is tried on."""


def is_secret(path: str) -> bool:
    """Whether a file of that name usually holds keys or passwords; examples such as
    ``.env.example`` and sources such as ``token.py`` do not."""
    parts = PurePosixPath(path.lower()).parts
    if _SECRET_DIRECTORIES & set(parts) or parts[-2:] == (".git", "config"):
        return True  # addresses in git's may have passwords
    name = parts[-1] if parts else ""
    return bool(_SECRET_NAME.match(name)) and not _HARMLESS.fullmatch(name)


def may_match_secret(pattern: str, *, dots: bool = False) -> bool:
    """Whether a pattern seems meant for secret files: ``.e*``, ``*.pem``.

    A sweeping one such as ``src/*`` is not: which files it matches is looked at.
    ``dots``: as ``grep --include`` reads it, whose ``*`` matches a leading dot, too.
    """
    return any(
        fnmatchcase(guess, part)
        for part in PurePosixPath(pattern.lower()).parts
        if part not in ("*", "*.*", "**") and set(part) & set("*?[")
        for guess in _GUESSES | _SECRET_DIRECTORIES
        if dots or guess[0] != "." or part[0] in ".["
    )
