from typing import Any, ClassVar

from django.db import migrations, models

from ...api.values import new_id


class CreateModelIfMissing(migrations.CreateModel):
    """Projects from before 0.5.0 have the table: the first migration of orders made it."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        if table not in schema_editor.connection.introspection.table_names():
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = [("authentication", "0001_initial")]
    operations: ClassVar = [
        CreateModelIfMissing(
            name="IdempotencyKey",
            fields=[
                ("id", models.UUIDField(default=new_id, primary_key=True, serialize=False)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False, on_delete=models.PROTECT, to="authentication.user"
                    ),
                ),
                ("method", models.CharField(max_length=8)),
                ("path", models.CharField(max_length=255)),
                ("idempotency_key", models.CharField(max_length=128)),
                ("body_hash", models.CharField(max_length=64)),
                ("response_status", models.IntegerField(null=True)),
                ("response_location", models.CharField(max_length=255, null=True)),
                ("response_body", models.TextField(null=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "db_table": "idempotency_keys",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "method", "path", "idempotency_key"),
                        name="idempotency_keys_user_id_method_path_key",
                    ),
                ],
                "indexes": [
                    models.Index(fields=["expires_at"], name="idempotency_keys_expires_idx"),
                ],
            },
        ),
    ]
