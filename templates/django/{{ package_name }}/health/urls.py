from django.urls import path

from . import views

urlpatterns = [
    path("livez", views.LivenessApi.as_view()),
    path("readyz", views.ReadinessApi.as_view()),
]
