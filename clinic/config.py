"""What the environment says: addresses, keys and switches, read once at start."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

# A health check asks from the same machine.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Config:
    """Hold the environment's settings under their own names. Empty means: not set."""

    DATABASE_URL: str = "sqlite:///clinic.sqlite"
    SECRET_KEY: str = ""
    BASE_URL: str = "http://127.0.0.1:8000"
    TRUSTED_HOSTS: str = ""
    SMTP_URL: str = ""
    STRIPE_SECRET_KEY: str = ""
    STRIPE_WEBHOOK_SECRET: str = ""
    STRIPE_API_BASE: str = ""
    SCHEDULER: str = "off"
    PROXIES: str = "0"

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Config":
        """Take the settings this class names from the environment."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in environ.items() if name in known and value})

    @property
    def is_https(self) -> bool:
        """Say whether people reach this practice over TLS."""
        return self.BASE_URL.startswith("https://")

    @property
    def trusted_hosts(self) -> list[str] | None:
        """Return the host names this server answers to: those named, else that of a public BASE_URL; None means any."""
        named = [host.strip() for host in self.TRUSTED_HOSTS.split(",") if host.strip()]
        own = urlsplit(self.BASE_URL).hostname or ""
        return named or ([own, *LOOPBACK] if own not in ("", *LOOPBACK) else None)

    @property
    def takes_cards(self) -> bool:
        """Say whether a card processor is set."""
        return bool(self.STRIPE_SECRET_KEY)

    @property
    def is_made_up(self) -> bool:
        """Say whether nothing here is real: no mail leaves, and cards go to the stand-in. The demo is so, a practice never."""
        return bool(self.STRIPE_API_BASE) and not self.SMTP_URL

    @property
    def promises_mail(self) -> bool:
        """Say whether a page may tell clients that mail is on its way: it leaves, or nothing here is real anyway."""
        return bool(self.SMTP_URL) or self.is_made_up

    @property
    def may_move_clock(self) -> bool:
        """Say whether `--at` is safe: no real money can move (design, Commands)."""
        return not self.STRIPE_SECRET_KEY or bool(self.STRIPE_API_BASE)


def secret_key(config: Config, folder: Path) -> str:
    """Return the configured key, or one made once and kept in the instance folder."""
    if config.SECRET_KEY:
        return config.SECRET_KEY
    kept = folder / "secret_key"
    try:
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return kept.read_text().strip()
