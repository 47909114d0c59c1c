from django.urls import path

from . import views

urlpatterns = [
    path("v1/orders", views.OrderListApi.as_view()),
    path("v1/orders/<str:id>", views.OrderApi.as_view()),
    path("v1/orders/<str:id>/cancel", views.OrderCancellationApi.as_view()),
]
