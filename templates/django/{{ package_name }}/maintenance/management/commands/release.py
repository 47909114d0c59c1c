"""Run before a new version serves: migrates the database, and makes the first administrator."""

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command

from ....authentication.access import ADMIN
from ....authentication.emails import normalise_email
from ....authentication.models import User
from ....authentication.serializers import RegistrationInput
from ....authentication.services import user_register
from ....database.migration_lock import migration_lock
from ....observability.logging import log
from ....problems.errors import ValidationFailedError


class Command(BaseCommand):
    help = "Migrates the database and makes the first administrator. Safe to run twice at once."

    def handle(self, *_args: object, **_options: object) -> None:
        with migration_lock():
            call_command("migrate", interactive=False, verbosity=0)
            self._make_administrator()
        log.info("", message="the database is up to date")

    def _make_administrator(self) -> None:
        email = settings.ENV.bootstrap_admin_email
        if not email or User.objects.filter(email=normalise_email(email)).exists():
            return
        account = {
            "email": email,
            "password": settings.ENV.bootstrap_admin_password,
            "display_name": "Administrator",
        }
        try:
            user_register(**RegistrationInput.check(account), role=ADMIN)
        except ValidationFailedError as error:
            codes = ", ".join(fault.code for fault in error.faults)
            raise CommandError(f"BOOTSTRAP_ADMIN_PASSWORD: {codes}") from None
