from django.db import migrations, models
from django.db.models import F

from tokenportal.models import append_only


def know_what_stands(apps, schema_editor):
    """Of a draft that was not saved since its newest version was made, that version says what stands there."""
    WorkingCopy = apps.get_model("tokenportal", "WorkingCopy")
    newest = WorkingCopy.objects.filter(
        token_request__versions__number=F("token_request__version"), token_request__versions__revision=F("revision")
    )
    WorkingCopy.objects.filter(pk__in=list(newest.values_list("pk", flat=True))).update(put_down=F("revision"))


def install_triggers(apps, schema_editor):
    """Again: the table of versions was made anew."""
    append_only.install(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("tokenportal", "0030_drafts_for_a_team")]

    operations = [
        migrations.AddField(
            model_name="workingcopy",
            name="put_down",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.RunPython(know_what_stands, migrations.RunPython.noop),
        migrations.RunPython(install_triggers, migrations.RunPython.noop),
    ]
