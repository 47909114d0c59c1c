"""The application, warm."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reference.settings")

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

application = get_wsgi_application()
_ = get_resolver().url_patterns
