"""What the environment says, for the settings: texts, numbers, lists, flags, and the refusal to start."""

import os
import sys
from typing import NoReturn


def refuse(reason: str) -> NoReturn:
    """End the process with one line. A half-configured portal must not come up.

    With 2, because 1 is what ``verify_audit`` says of a log that was tampered with.
    """
    sys.stderr.write(f"Token Portal does not start: {reason}\n")
    raise SystemExit(2)


def env(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_flag(name: str, default: str = "") -> bool:
    return env(name, default).lower() in {"1", "true", "yes", "on"}


def env_number(name: str, default: int) -> int:
    text = env(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) == 0:
        refuse(f"{name} is a number above zero, not {text[:40]!r}.")
    return int(text)


def env_list(name: str) -> list[str]:
    return [part.strip() for part in env(name).split(",") if part.strip()]
