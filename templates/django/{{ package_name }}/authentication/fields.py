from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    CharField = models.CharField[str, str]
else:
    CharField = models.CharField  # it has parameters for type checkers only


class PasswordHashField(CharField):
    """Stores a bare PHC string, which other services and other frameworks can read.

    Django puts the name of its hasher before it: argon2$argon2id$v=19$..., bcrypt$$2b$12$...
    """

    def from_db_value(self, value: str, *_: object) -> str:
        if value.startswith("$argon2"):
            return "argon2" + value
        return "bcrypt$" + value if value.startswith("$2") else value

    def get_prep_value(self, value: Any) -> Any:
        return value.removeprefix("argon2").removeprefix("bcrypt$")
