from django.urls import path

from . import views

urlpatterns = [
    path("v1/orders", views.OrderListApi.as_view()),
    path("v1/orders/<uuid:id>", views.OrderApi.as_view()),
    path("v1/orders/<uuid:id>/cancel", views.OrderCancellationApi.as_view()),
]
