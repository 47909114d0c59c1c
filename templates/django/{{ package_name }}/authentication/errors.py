from ..problems.errors import ProblemError


class EmailTakenError(ProblemError):
    problem = "email-taken"
    detail = "An account with this e-mail address exists."


class InvalidCredentialsError(ProblemError):
    problem = "invalid-credentials"
    detail = "E-mail address and password do not belong together."


class InvalidRefreshTokenError(ProblemError):
    problem = "invalid-refresh-token"
    detail = "The refresh token is unknown, spent or expired."
