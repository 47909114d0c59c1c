from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("authentication", "0001_initial")]
    operations: ClassVar = [
        migrations.AlterField(model_name="apikey", name="scopes", field=models.TextField()),
    ]
