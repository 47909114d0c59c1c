from django.urls import path

from . import views

urlpatterns = [
    path("v1/products", views.ProductListApi.as_view()),
    path("v1/products/<str:id>", views.ProductApi.as_view()),
]
