from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tokenportal', '0005_what_was_agreed'),
    ]

    operations = [
        migrations.AddField(
            model_name='tokenrequest',
            name='accepted_strays',
            field=models.JSONField(default=list),
        ),
    ]
