"""Loaded before anything else (pyproject: ``-p tests.mode``), since the settings read the environment at once.

Every process has keys of its own, xdist's workers too. Of what a shell may have exported for a real installation only
DATABASE_URL is kept, for that is how the suite is pointed at PostgreSQL.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / ".env.example"
KEPT = {"DATABASE_URL"}


def settings_by_name() -> list[str]:
    """Every setting of .env.example, in its order."""
    lines = EXAMPLE.read_text("utf-8").splitlines()
    return [line.split("=")[0] for line in lines if "=" in line and not line.startswith("#")]


for name in set(settings_by_name()) - KEPT:
    os.environ.pop(name, None)
keys_dir = tempfile.mkdtemp(prefix="portal-keys-")
atexit.register(shutil.rmtree, keys_dir, ignore_errors=True)
os.environ["TOKENPORTAL_MODE"] = "test"
os.environ["KEYS_DIR"] = keys_dir
os.environ["CHECKPOINTS_FILE"] = f"{keys_dir}/checkpoints.jsonl"
# The rows that are laid back for each test are as old as the run, which must not look like a worker that has died.
os.environ["CHECKPOINT_INTERVAL_SECONDS"] = "1000"
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
