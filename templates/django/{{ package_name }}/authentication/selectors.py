"""What reads API keys. Those of others do not exist for the caller."""

from uuid import UUID

from ..api.pagination import Page, PageRequest, paginate
from ..problems.errors import NotFoundError
from .models import ApiKey, User


def api_key_list(user: User, page: PageRequest) -> Page[ApiKey]:
    return paginate(ApiKey.objects.filter(user=user), page)


def api_key_get(user: User, key_id: UUID) -> ApiKey:
    key = ApiKey.objects.filter(user=user, pk=key_id).first()
    if key is None:
        raise NotFoundError
    return key
