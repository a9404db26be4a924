from django.db import migrations, models

from tokenportal.policy import reach


def fill(apps, schema_editor):
    """The tokens that exist already are found by their reach as well."""
    Token = apps.get_model("tokenportal", "Token")
    KnownZone = apps.get_model("tokenportal", "KnownZone")
    for token in Token.objects.all():
        zones = KnownZone.objects.filter(connection_id=token.connection_id, zone_id__in=reach.zones_in(token.body))
        words = reach.column(token.body, dict(zones.values_list("zone_id", "account_id")))
        Token.objects.filter(pk=token.pk).update(reach=words)


class Migration(migrations.Migration):

    dependencies = [
        ("tokenportal", "0001_initial"),
    ]

    operations = [
        migrations.AddField(model_name="token", name="reach", field=models.TextField(blank=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
