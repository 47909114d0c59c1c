from ..problems.errors import ProblemError


class SkuTakenError(ProblemError):
    status = 409
    slug = "sku-taken"
    detail = "A product with this SKU exists."


class ProductInUseError(ProblemError):
    status = 409
    slug = "product-in-use"
    detail = "The product stands in an order."
