from django.urls import path

from . import views

urlpatterns = [
    path("v1/auth/register", views.RegisterApi.as_view()),
    path("v1/auth/login", views.LoginApi.as_view()),
    path("v1/auth/refresh", views.RefreshApi.as_view()),
    path("v1/auth/logout", views.LogoutApi.as_view()),
    path("v1/me", views.MeApi.as_view()),
    path("v1/me/password", views.PasswordApi.as_view()),
    path("v1/api-keys", views.ApiKeyListApi.as_view()),
    path("v1/api-keys/<str:id>", views.ApiKeyApi.as_view()),
    path(".well-known/jwks.json", views.KeySetApi.as_view()),
]
