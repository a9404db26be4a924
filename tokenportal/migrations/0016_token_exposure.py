from django.db import migrations, models

from tokenportal.policy import exposure
from tokenportal.policy.catalogue import Catalogue


def fill(apps, schema_editor):
    """The tokens that exist already are found by what they leave open as well."""
    Token, catalogue = apps.get_model("tokenportal", "Token"), Catalogue.from_facts()
    for token in Token.objects.only("body").iterator():
        Token.objects.filter(pk=token.pk).update(exposure=exposure.column(token.body, catalogue))


class Migration(migrations.Migration):

    dependencies = [
        ("tokenportal", "0013_a_verification_under_way"),
    ]

    operations = [
        migrations.AddField(model_name="token", name="exposure", field=models.TextField(blank=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
