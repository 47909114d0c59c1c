"""Accounts, sessions, API keys and sample data, made over the API as any client would."""

from __future__ import annotations

import itertools
import os
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scaffold.conformance import expect, keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.conformance.client import Api
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.observing import Observations
    from scaffold.conformance.results import Credentials
    from scaffold.conformance.service import Target

_numbers = itertools.count(1)


@dataclass
class Session:
    """The tokens of a login."""

    api: Api
    """A caller with the session's access token."""
    access: str
    refresh: str

    @property
    def claims(self) -> dict[str, Any]:
        """Claims of the access token."""
        return keys.decode(self.access)[1]

    @property
    def id(self) -> str:
        """The session's id (`sid`)."""
        return str(self.claims["sid"])


@dataclass
class Account:
    """A registered account with one open session."""

    id: str
    email: str
    password: str = field(repr=False)
    session: Session = field(repr=False)

    @property
    def api(self) -> Api:
        """A caller with the account's access token."""
        return self.session.api


class People:
    """Makes and knows the accounts of one service."""

    def __init__(self, target: Target, observations: Observations | None = None) -> None:
        """Work on a service; report secrets to `observations`, which looks for leaks."""
        self.target = target
        self._observations = observations
        self._anonymous = target.api()
        self._admin: Account | None = None
        self._anyone: Account | None = None

    @staticmethod
    def fresh_email() -> str:
        """An address that no account of any run has."""
        return f"canary.{os.getpid()}.{next(_numbers)}.{secrets.token_hex(4)}@people.suite.example"

    @staticmethod
    def fresh_password() -> str:
        """A password that the contract accepts."""
        return f"canary-password-{secrets.token_hex(8)}"

    def register(self, **changes: object) -> Reply:
        """Register with fresh values, or with those given; expects nothing."""
        body = {
            "email": self.fresh_email(),
            "password": self.fresh_password(),
            "display_name": "Ada Lovelace",
        } | changes
        self._keep("password", body["password"])
        self._keep("e-mail address", body["email"])
        return self._anonymous.post("/v1/auth/register", body)

    def login(self, email: str, password: str) -> Session:
        """Open a session."""
        self._keep("password", password)
        reply = expect.status(self._anonymous.post("/v1/auth/login", {"email": email, "password": password}), 200)
        return self.session(reply)

    def session(self, reply: Reply) -> Session:
        """The session of a login's or refresh's reply."""
        body = reply.json()
        self._keep("access token", body["access_token"])
        self._keep("refresh token", body["refresh_token"])
        api = self._anonymous.with_token(body["access_token"])
        return Session(api, body["access_token"], body["refresh_token"])

    def refresh(self, token: str) -> Reply:
        """Exchange a refresh token; expects nothing."""
        return self._anonymous.post("/v1/auth/refresh", {"refresh_token": token})

    def new(self, **changes: object) -> Account:
        """A new account, logged in."""
        email, password = self.fresh_email(), self.fresh_password()
        body = {"email": email, "password": password} | changes
        user = expect.status(self.register(**body), 201).json()
        session = self.login(str(body["email"]), str(body["password"]))
        return Account(user["id"], str(body["email"]), str(body["password"]), session)

    def of(self, credentials: Credentials) -> Account:
        """An existing account, logged in."""
        session = self.login(credentials.email, credentials.password)
        me = expect.status(session.api.get("/v1/me"), 200).json()
        return Account(me["id"], credentials.email, credentials.password, session)

    @property
    def admin(self) -> Account:
        """The first administrator; logged in once."""
        if self._admin is None:
            assert self.target.admin is not None, "the run knows no administrator"
            self._admin = self.of(self.target.admin)
        return self._admin

    @property
    def anyone(self) -> Account:
        """An account that many checks share, for requests that do not change it."""
        if self._anyone is None:
            self._anyone = self.new()
        return self._anyone

    def key(self, account: Account, *scopes: str, **changes: object) -> dict[str, Any]:
        """A new API key of an account: the reply's body, with `key`."""
        body: Mapping[str, object] = {"name": "suite", "scopes": list(scopes) or ["profile:read"]} | changes
        created: dict[str, Any] = expect.status(account.api.post("/v1/api-keys", body), 201).json()
        self._keep("API key", created["key"])
        return created

    def _keep(self, name: str, value: object) -> None:
        if self._observations is not None and isinstance(value, str):
            self._observations.secret(name, value)


class Shop:
    """Makes the sample domain's products and orders."""

    def __init__(self, people: People) -> None:
        """Work with the administrator of these people."""
        self._people = people

    @staticmethod
    def fresh_sku() -> str:
        """A SKU that no product has."""
        return f"S-{os.getpid()}-{next(_numbers)}-{secrets.token_hex(3).upper()}"

    def product_body(self, **changes: object) -> dict[str, object]:
        """A valid body for POST /v1/products."""
        return {
            "sku": self.fresh_sku(), "name": "Teapot", "price_cents": 1999, "currency": "EUR", "stock": 100,
        } | changes  # fmt: skip

    def product(self, **changes: object) -> dict[str, Any]:
        """A new product."""
        reply = self._people.admin.api.post("/v1/products", self.product_body(**changes))
        product: dict[str, Any] = expect.status(reply, 201).json()
        return product

    def get(self, product_id: str) -> dict[str, Any]:
        """The current state of a product."""
        product: dict[str, Any] = expect.status(self._people.admin.api.get(f"/v1/products/{product_id}"), 200).json()
        return product

    @staticmethod
    def lines(*lines: tuple[dict[str, Any], int]) -> dict[str, object]:
        """A body for POST /v1/orders: pairs of product and quantity."""
        return {"lines": [{"product_id": product["id"], "quantity": quantity} for product, quantity in lines]}

    def order(self, buyer: Account, *lines: tuple[dict[str, Any], int]) -> dict[str, Any]:
        """A new order."""
        order: dict[str, Any] = expect.status(buyer.api.post("/v1/orders", self.lines(*lines)), 201).json()
        return order
