from ..problems.errors import ProblemError


class SkuTakenError(ProblemError):
    problem = "sku-taken"
    detail = "A product with this SKU exists."


class ProductInUseError(ProblemError):
    problem = "product-in-use"
    detail = "The product stands in an order."


class PreconditionFailedError(ProblemError):
    problem = "precondition-failed"
    detail = "The product has changed since it was read."
