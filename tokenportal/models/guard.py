"""Guarded rows: nothing about them changes outside an audit recording.

``audit.recording()`` opens the recording; the classes here only know whether one is open. Raw SQL and a query
set's underscored methods aside, every way that Django offers to write a row passes through them, related managers
(which write through the base manager) and fixtures included. The module also holds where the present work comes from
(address, session), which the recording writes into its event.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import models

recording_open: ContextVar[bool] = ContextVar("recording_open", default=False)


class ChangeOutsideRecording(RuntimeError):
    """Somebody tried to change a guarded row without saying which event it belongs to."""


@dataclass(frozen=True)
class Origin:
    """Where a change comes from: ``channel`` is web, command or work.

    ``session`` names the session from its beginning to its end, whatever keys it has meanwhile, and lets nobody into it.
    ``sign_in`` is how it was begun, such as ``password``.
    """

    channel: str = "command"
    address: str = ""
    session: str = ""
    sign_in: str = ""


SESSION_NAME = "name"
"""Where a session holds what events call it."""
SIGN_IN = "sign_in"
"""Where a session holds how it was begun."""
NOWHERE = Origin()
origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


@contextmanager
def coming_from(where: Origin) -> Iterator[None]:
    token = origin.set(where)
    try:
        yield
    finally:
        origin.reset(token)


def require_recording(model: type[models.Model]) -> None:
    if not recording_open.get():
        raise ChangeOutsideRecording(f"{model.__name__} changes only inside audit.recording().")


class GuardedQuerySet(models.QuerySet):
    def select_for_update(self, nowait: bool = False, skip_locked: bool = False, of: Any = (), no_key: bool = True) -> Any:
        """Held rows may still be referred to. PostgreSQL asks for that at the commit only, when the log's head is held already:
        whoever held the row and waited for the head would wait for ever, and one of the two would be undone.
        """
        return super().select_for_update(nowait=nowait, skip_locked=skip_locked, of=of, no_key=no_key)

    def update(self, **values: Any) -> int:
        require_recording(self.model)
        return super().update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        require_recording(self.model)
        return super().delete()

    def bulk_create(self, objs: Iterable[Any], *args: Any, **options: Any) -> list[Any]:
        require_recording(self.model)
        return super().bulk_create(objs, *args, **options)

    def bulk_update(self, objs: Iterable[Any], fields: Any, *args: Any, **options: Any) -> int:
        require_recording(self.model)
        return super().bulk_update(objs, fields, *args, **options)


class GuardedModel(models.Model):
    """A row of which every change is an event."""

    GUARDED = True

    objects = GuardedQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def _save_table(self, *args: Any, **options: Any) -> bool:
        """Where every save ends, a fixture's too: ``loaddata`` calls neither ``save`` nor this class's ``save_base``."""
        require_recording(type(self))
        return super()._save_table(*args, **options)  # type: ignore[misc]

    def delete(self, *args: Any, **options: Any) -> tuple[int, dict[str, int]]:
        require_recording(type(self))
        return super().delete(*args, **options)


class FreeModel(models.Model):
    """A row that may change without an event of its own. Each model says why in ``WHY_FREE``."""

    GUARDED = False
    WHY_FREE = ""

    class Meta:
        abstract = True
