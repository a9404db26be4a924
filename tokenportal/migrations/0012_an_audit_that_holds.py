import json
import uuid

import tokenportal.models.audit_event
from django.db import migrations, models

from tokenportal.models import append_only
from tokenportal.models.audit_event import canonical_json

BATCH = 1000


def rewrite_as_canonical_text(apps, schema_editor):
    """The text that each event's hash covers already, in place of what the database's own JSON type made of it."""
    with schema_editor.connection.cursor() as cursor:
        last = 0
        while True:
            cursor.execute(
                "SELECT number, changes, details FROM tokenportal_auditevent WHERE number > %s ORDER BY number LIMIT %s",
                [last, BATCH],
            )
            rows = cursor.fetchall()
            if not rows:
                return
            cursor.executemany(
                "UPDATE tokenportal_auditevent SET changes = %s, details = %s WHERE number = %s",
                [(canonical_json(json.loads(changes)), canonical_json(json.loads(details)), number) for number, changes, details in rows],
            )
            last = rows[-1][0]


def remember_the_key(apps, schema_editor):
    newest = apps.get_model("tokenportal", "AuditEvent").objects.order_by("-number").first()
    if newest:
        apps.get_model("tokenportal", "AuditHead").objects.update(key_id=newest.key_id)


def install_triggers(apps, schema_editor):
    append_only.install(schema_editor.connection)


def remove_triggers(apps, schema_editor):
    append_only.remove(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ('tokenportal', '0011_accepted_strays'),
    ]

    operations = [
        migrations.CreateModel(
            name='Verification',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('scope', models.CharField(choices=[('newest', 'The newest part'), ('whole', 'The whole log')], max_length=16)),
                ('by_name', models.CharField(blank=True, max_length=64)),
                ('asked_at', models.DateTimeField()),
                ('began_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('events', models.BigIntegerField(default=0)),
                ('total', models.BigIntegerField(default=0)),
                ('unprotected', models.BigIntegerField(default=0)),
                ('result', models.CharField(blank=True, choices=[('', 'Not known yet'), ('clean', 'Holds'), ('tampered', 'Does not hold'), ('unknown', 'Nobody can tell')], default='', max_length=16)),
                ('first_bad', models.BigIntegerField(null=True)),
                ('kind', models.CharField(blank=True, max_length=16)),
                ('sentence', models.CharField(blank=True, max_length=400)),
                ('mac', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'ordering': ['-asked_at'],
            },
        ),
        migrations.RemoveIndex(
            model_name='auditevent',
            name='tokenportal_object__21e64d_idx',
        ),
        migrations.AddField(
            model_name='auditevent',
            name='cloudflare_id',
            field=models.CharField(blank=True, max_length=32),
        ),
        migrations.AddField(
            model_name='auditevent',
            name='digest',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='auditevent',
            name='fingerprint',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='auditevent',
            name='ray',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='auditevent',
            name='sign_in',
            field=models.CharField(blank=True, max_length=16),
        ),
        migrations.AddField(
            model_name='audithead',
            name='key_id',
            field=models.CharField(blank=True, max_length=16),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='action',
            field=models.CharField(max_length=64),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='by_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='changes',
            field=tokenportal.models.audit_event.CanonicalJSONField(default=dict),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='details',
            field=tokenportal.models.audit_event.CanonicalJSONField(default=dict),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='trail',
            field=models.UUIDField(null=True),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['by_id', 'number'], name='audit_by_person'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['by_name', 'number'], name='audit_by_name'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['action', 'number'], name='audit_by_action'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['object_id', 'number'], name='audit_by_object'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['object_name', 'number'], name='audit_by_object_name'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['trail', 'number'], name='audit_by_trail'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['outcome', 'number'], name='audit_by_outcome'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['session', 'number'], name='audit_by_session'),
        ),
        migrations.AddIndex(
            model_name='auditevent',
            index=models.Index(fields=['fingerprint', 'number'], name='audit_by_fingerprint'),
        ),
        migrations.AddIndex(
            model_name='verification',
            index=models.Index(fields=['scope', 'ended_at'], name='tokenportal_scope_5332a9_idx'),
        ),
        migrations.RunPython(rewrite_as_canonical_text, migrations.RunPython.noop),
        migrations.RunPython(remember_the_key, migrations.RunPython.noop),
        migrations.RunPython(install_triggers, remove_triggers),
    ]
