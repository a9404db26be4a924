from django.db import migrations


def fill(apps, schema_editor):
    """What was agreed to for the tokens that exist already: the version that their request's digest names."""
    Token = apps.get_model("tokenportal", "Token")
    Version = apps.get_model("tokenportal", "Version")
    for token in Token.objects.filter(token_request__isnull=False).select_related("token_request"):
        agreed = Version.objects.filter(token_request=token.token_request, number=token.token_request.version).first()
        Token.objects.filter(pk=token.pk).update(approved=agreed.payload if agreed else token.body)


class Migration(migrations.Migration):

    dependencies = [
        ("tokenportal", "0004_care_for_tokens"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
