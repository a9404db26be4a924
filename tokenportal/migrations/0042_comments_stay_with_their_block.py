from django.db import migrations


def fill(apps, schema_editor):
    """Comments held the place of an access block; from now on its key. Where no block stands in that place, it stays as it was."""
    comments = apps.get_model("tokenportal", "Comment").objects.filter(section__startswith="access-")
    for comment in comments.select_related("token_request__working_copy"):
        blocks = comment.token_request.working_copy.spec_json.get("blocks", [])
        place = int(comment.section.removeprefix("access-"))
        if 0 < place <= len(blocks):
            comment.section = f"access-{blocks[place - 1].get('key') or place}"
            comment.save(update_fields=["section"])


class Migration(migrations.Migration):

    dependencies = [
        ("tokenportal", "0041_reviews_and_guardrails"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
