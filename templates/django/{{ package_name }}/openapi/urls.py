from django.urls import path

from . import views

urlpatterns = [
    path("openapi.json", views.OpenApiApi.as_view()),
    path("docs", views.DocsApi.as_view()),
    path("docs/<str:name>", views.DocsAssetApi.as_view()),
]
