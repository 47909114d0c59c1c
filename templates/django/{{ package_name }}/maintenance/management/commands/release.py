"""Run before a new version serves: migrates the database, and makes the first administrator."""

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, call_command

from ....authentication.access import ADMIN
from ....authentication.emails import normalise_email
from ....authentication.models import User
from ....authentication.services import user_register
from ....database.migration_lock import migration_lock
from ....observability.logging import log


class Command(BaseCommand):
    help = "Migrates the database and makes the first administrator. Safe to run twice at once."

    def handle(self, *_args: object, **_options: object) -> None:
        with migration_lock():
            call_command("migrate", interactive=False, verbosity=0)
            self._make_administrator()
        log.info("", message="the database is up to date")

    def _make_administrator(self) -> None:
        email, password = settings.ENV.bootstrap_admin_email, settings.ENV.bootstrap_admin_password
        if not email or User.objects.filter(email=normalise_email(email)).exists():
            return
        if len(password) < settings.ENV.auth_password_min_length:
            raise CommandError("BOOTSTRAP_ADMIN_PASSWORD: is missing or too short")
        try:
            validate_password(password)
        except ValidationError:
            raise CommandError("BOOTSTRAP_ADMIN_PASSWORD: is too common") from None
        user_register(email=email, password=password, display_name="Administrator", role=ADMIN)
