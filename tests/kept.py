"""The rows of an arranged portal, made once by the real actions and laid back for each test: making them takes most of a second."""

import uuid

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, models, transaction

from tests import arrange
from tokenportal.models import KnownAccount, KnownZone, Snapshot

PREFIX = "kept_"
MADE_BY_MIGRATIONS = {"contenttypes", "auth"}


def keep() -> list[type[models.Model]]:
    """Arrange the portal, copy its rows beside their tables, and leave the database as empty as it was. The models with rows."""
    arrange.sandbox_and_cast()
    kept = [model for model in apps.get_models(include_auto_created=True) if _is_ours(model) and model._base_manager.exists()]
    with connection.cursor() as cursor:
        for model in kept:
            cursor.execute(f'CREATE TABLE "{PREFIX}{model._meta.db_table}" AS SELECT * FROM "{model._meta.db_table}"')
    call_command("flush", verbosity=0, interactive=False)
    return kept


def _is_ours(model: type[models.Model]) -> bool:
    return model._meta.managed and not model._meta.proxy and model._meta.app_label not in MADE_BY_MIGRATIONS


def lay_back(kept: list[type[models.Model]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for model in kept:
            table = model._meta.db_table
            cursor.execute(f'INSERT INTO "{table}" SELECT * FROM "{PREFIX}{table}"')
        for statement in connection.ops.sequence_reset_sql(no_style(), kept):
            cursor.execute(statement)
        _as_if_just_read()


def _as_if_just_read() -> None:
    """A generation of their own for this test's snapshots, since what is known of one is kept in the process."""
    for snapshot in Snapshot.objects.all():
        fresh = {"generation": uuid.uuid4()}
        for rows in (KnownAccount, KnownZone):
            rows.objects.filter(connection_id=snapshot.pk).update(**fresh)
        Snapshot.objects.filter(pk=snapshot.pk).update(**fresh)
