"""The measured routes, as the framework's tutorial would write them."""

from django.http import JsonResponse
from django.urls import path
from rest_framework import generics, serializers
from rest_framework.response import Response

from .models import Product


class ProductSerializer(serializers.ModelSerializer):
    class Meta:
        model = Product
        fields = ("id", "sku", "name", "price_cents", "currency", "stock", "version", "created_at", "updated_at")


class ProductList(generics.GenericAPIView):
    serializer_class = ProductSerializer

    def get(self, request):
        items = Product.objects.filter(price_cents__gte=request.query_params.get("min_price", 0))
        items = items.order_by("-created_at", "-id")[:21]

        return Response({"items": self.get_serializer(items[:20], many=True).data, "next_cursor": None})


class ProductDetail(generics.RetrieveAPIView):
    queryset = Product.objects.all()
    serializer_class = ProductSerializer


urlpatterns = [
    path("livez", lambda request: JsonResponse({"status": "ok"})),
    path("v1/products", ProductList.as_view()),
    path("v1/products/<uuid:pk>", ProductDetail.as_view()),
]
