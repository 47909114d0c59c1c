from ..problems.errors import ProblemError


class EmailTakenError(ProblemError):
    status = 409
    slug = "email-taken"
    detail = "An account with this e-mail address exists."


class InvalidCredentialsError(ProblemError):
    status = 401
    slug = "invalid-credentials"
    detail = "E-mail address and password do not belong together."


class InvalidRefreshTokenError(ProblemError):
    status = 401
    slug = "invalid-refresh-token"
    detail = "The refresh token is unknown, spent or expired."
