from typing import ClassVar

from django.db import migrations, models

from ...api.values import new_id
from ..fields import PasswordHashField


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.UUIDField(default=new_id, primary_key=True, serialize=False)),
                ("email", models.CharField(max_length=254)),
                ("password", PasswordHashField(db_column="password_hash", max_length=255)),
                ("display_name", models.CharField(max_length=100)),
                ("role", models.CharField(max_length=16)),
                ("is_active", models.BooleanField()),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "db_table": "users",
                "constraints": [
                    models.UniqueConstraint(fields=("email",), name="users_email_key"),
                    models.CheckConstraint(
                        condition=models.Q(role__in=["user", "admin"]), name="users_role_check"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                ("id", models.UUIDField(default=new_id, primary_key=True, serialize=False)),
                ("user", models.ForeignKey(on_delete=models.PROTECT, to="authentication.user")),
                ("created_at", models.DateTimeField()),
                ("refreshed_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "sessions",
                "indexes": [
                    models.Index(fields=["expires_at"], name="sessions_expires_at_idx"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RefreshToken",
            fields=[
                ("id", models.UUIDField(default=new_id, primary_key=True, serialize=False)),
                (
                    "session",
                    models.ForeignKey(on_delete=models.CASCADE, to="authentication.session"),
                ),
                ("token_hash", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "refresh_tokens",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("token_hash",), name="refresh_tokens_token_hash_key"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.UUIDField(default=new_id, primary_key=True, serialize=False)),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False, on_delete=models.PROTECT, to="authentication.user"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("key_hash", models.CharField(max_length=64)),
                ("scopes", models.CharField(max_length=255)),
                ("expires_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "db_table": "api_keys",
                "constraints": [
                    models.UniqueConstraint(fields=("key_hash",), name="api_keys_key_hash_key"),
                ],
                "indexes": [
                    models.Index(
                        fields=["user", "created_at", "id"], name="api_keys_user_created_at_idx"
                    ),
                ],
            },
        ),
    ]
