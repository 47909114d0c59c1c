"""Passwords and brute force: what may be a password, how it rests, and how many guesses one gets."""

from __future__ import annotations

import hashlib
import re
import statistics
import threading
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import contract, expect, workers
from scaffold.conformance.client import together
from scaffold.conformance.network import wait_until
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from scaffold.conformance.accounts import Account, People
    from scaffold.conformance.client import Api
    from scaffold.conformance.database import Database
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.service import Service

# Hashes as other systems exported them, of the password named (bcrypt sees its first 72 bytes).
_IMPORTED = "imported-canary-password-4d"
_LONG = "imported-" + "x" * 63 + "-beyond-72"
_BCRYPT = "$2b$06$WBbfamUETfCMnSq/InJM7uaqdBA/cx4K9MKnmCedql71k6HxlyD26"
_HASHES = {
    "bcrypt $2b$": (_BCRYPT, _IMPORTED),
    "bcrypt $2y$": (_BCRYPT.replace("$2b$", "$2y$"), _IMPORTED),
    "bcrypt $2a$": (_BCRYPT.replace("$2b$", "$2a$"), _IMPORTED),
    "bcrypt beyond 72 bytes": ("$2b$06$CWqUDdPkB0UXGhqdzrw9JOCJWdZSO/rJldEpLX6KKZtaFZ5hqavbi", _LONG),
    "weak argon2id": (
        "$argon2id$v=19$m=8192,t=1,p=1$Be3ABhc4QtnNc6hpw4nm9g$+AKhHU3JPnvtkroMuRjEoApN2ar53bzqLpgv4/VUB/o",
        _IMPORTED,
    ),
}
_PHC = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)")


def _login(api: Api, email: str, password: str) -> Reply:
    return api.post("/v1/auth/login", {"email": email, "password": password})


@check("PWD01", "Passwords have 12 to 128 characters, counted as code points.", source="ASVS 6.2.1, 6.2.9; contract 10")
@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("canary-11ch", "too_short"),
        ("canary-12chr", None),
        ("kanarie-" + "n" * 120, None),
        ("kanarie-" + "n" * 121, "too_long"),
        ("\N{BIRD}" * 11, "too_short"),
        ("\N{BIRD}" * 12, None),
        ("\N{BIRD}" * 128, None),
        ("\N{BIRD}" * 129, "too_long"),
        ("", "too_short"),
    ],
    ids=["11", "12", "128", "129", "11 beyond the BMP", "12 beyond the BMP", "128 beyond the BMP", "129 beyond the BMP", "empty"],
)  # fmt: skip
def check_length(people: People, password: str, code: str | None) -> None:
    email = people.fresh_email()
    reply = people.register(email=email, password=password)
    if code is not None:
        expect.faults(reply, ("#/password", code))
        return
    expect.status(reply, 201)
    people.login(email, password)


@check(
    "PWD02",
    "A huge password is refused without being hashed.",
    source="ASVS 6.2.9; OWASP Authentication (long password denial of service)",
)
def check_huge_password(people: People, api: Api) -> None:
    user = people.new()
    expect.faults(people.register(password=_HUGE), ("#/password", "too_long"))
    change = {"current_password": user.password, "new_password": _HUGE}
    expect.faults(user.api.post("/v1/me/password", change), ("#/new_password", "too_long"))
    # Half of what one hash costs: a refusal that hashes costs a whole one.
    hashed = statistics.median(_login(api, user.email, "canary-wrong-password").seconds for _ in range(7))
    took = []
    for _ in range(7):
        reply = _login(api, user.email, _HUGE)
        expect.faults(reply, ("#/password", "too_long"))
        took.append(reply.seconds)
    middle = statistics.median(took)
    expect.that(middle < hashed / 2, f"a refusal took {middle:.4f} s, a wrong password {hashed:.4f} s")


_HUGE = "kanarie" * 15_000


@check(
    "PWD03",
    "Any character is allowed, without rules of composition, and every one counts.",
    source="ASVS 6.2.5, 6.2.8; contract 1",
)
@pytest.mark.parametrize(
    "password",
    [
        "834629174650", "onlylowercase letters", "  spaces around them  ", "\ttab\tand\nline break\t",
        "пароль-канарейка", "金丝雀金丝雀金丝雀金丝雀", "e\N{COMBINING ACUTE ACCENT}" * 8, "'\"\\;--%00${x}{{y}}<z>",
        "kanarie-" + "n" * 100,
    ],
    ids=["digits", "lower case", "spaces", "controls", "Cyrillic", "Chinese", "combining", "punctuation", "long"],
)  # fmt: skip
def check_any_character(people: People, api: Api, password: str) -> None:
    user = people.new(password=password)
    variants = {
        password.strip(), password.upper(), password.casefold() + "x", unicodedata.normalize("NFC", password),
        unicodedata.normalize("NFD", password), password[:-1], password[:72],
    } - {password}  # fmt: skip
    for variant in sorted(variants):
        expect.problem(_login(api, user.email, variant), 401, "invalid-credentials")
    people.login(user.email, password)


@check("PWD04", "U+0000 and lone surrogates are no characters of a password.", source="contract 10")
@pytest.mark.parametrize("password", ["canary\0password", "canary\ud800password"], ids=["U+0000", "surrogate"])
def check_impossible_characters(people: People, api: Api, password: str) -> None:
    # As JSON escapes: that is how such characters arrive.
    body = '{"email": "%s", "password": "%s", "display_name": "Ada"}'
    escaped = "".join(c if c.isascii() and c.isprintable() else f"\\u{ord(c):04x}" for c in password)
    reply = api.post(
        "/v1/auth/register", content=(body % (people.fresh_email(), escaped)).encode(), media_type="application/json"
    )
    expect.faults(reply, ("#/password", "invalid_format"))


def _common_passwords() -> list[str]:
    text = (contract.contract_folder() / "common-passwords.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if len(line) >= 12 and not line.startswith("#")]


@check(
    "PWD05",
    "A common password is refused, in whatever case, at registration and at a change.",
    source="ASVS 6.2.4, 6.2.11",
)
def check_common_passwords(people: People) -> None:
    listed = _common_passwords()
    user = people.new()
    for password in (listed[0], listed[len(listed) // 2], listed[-1]):
        for form in (password, password.upper(), password.title()):
            expect.faults(people.register(password=form), ("#/password", "blocked_password"))
        body = {"current_password": user.password, "new_password": password}
        expect.faults(user.api.post("/v1/me/password", body), ("#/new_password", "blocked_password"))
    people.login(user.email, user.password)


@check("PWD06", "One's own e-mail address is no password.", source="ASVS 6.2.11; contract 10")
def check_email_as_password(people: People) -> None:
    email = people.fresh_email()
    expect.faults(people.register(email=email, password=email), ("#/password", "blocked_password"))
    expect.faults(people.register(email=email, password=email.upper()), ("#/password", "blocked_password"))
    user = people.new()
    body = {"current_password": user.password, "new_password": user.email}
    expect.faults(user.api.post("/v1/me/password", body), ("#/new_password", "blocked_password"))


@check("PWD07", "A password rests as Argon2id of at least 19 MiB, 2 rounds, 1 lane, with a salt of its own.",
       source="ASVS 11.4.2; OWASP Password Storage", needs={"sql"})  # fmt: skip
def check_hash_at_rest(people: People, database: Database) -> None:
    password = people.fresh_password()
    hashes = [database.row("users", people.new(password=password).id)["password_hash"] for _ in range(2)]
    expect.that(hashes[0] != hashes[1], "equal passwords have equal hashes")
    for stored in hashes:
        found = _PHC.fullmatch(stored)
        expect.that(found, f"expected a bare PHC string of Argon2id, got {stored!r}")
        assert found is not None
        memory, rounds, lanes = (int(found[i]) for i in (1, 2, 3))
        expect.that(memory >= 19456 and rounds >= 2 and lanes >= 1, f"weaker than m=19456,t=2,p=1: {stored}")
        expect.that(len(found[4]) >= 22, f"the salt has less than 128 bits: {stored}")
    expect.that(password not in database.dump(), "the password itself stands in the database")


@check("PWD08", "An imported bcrypt hash, or a weak Argon2id hash, logs in and is upgraded.",
       source="OWASP Password Storage (upgrading); contract 3", needs={"sql"})  # fmt: skip
@pytest.mark.parametrize("kind", list(_HASHES))
def check_imported_hash(people: People, database: Database, api: Api, kind: str) -> None:
    stored, password = _HASHES[kind]
    user = people.new()
    database.execute("UPDATE users SET password_hash = %s WHERE id = %s", stored, database.raw_id(user.id))
    expect.problem(_login(api, user.email, password[:20]), 401, "invalid-credentials")
    expect.same("hash after a wrong password", database.row("users", user.id)["password_hash"], stored)
    people.login(user.email, password)
    upgraded = database.row("users", user.id)["password_hash"]
    found = _PHC.fullmatch(upgraded)
    expect.that(found is not None and int(found[1]) >= 19456, f"expected an upgraded hash, got {upgraded!r}")
    people.login(user.email, password)


@check(
    "PWD09",
    "An unreadable stored hash lets nobody in, and breaks nothing.",
    source="ASVS 16.5.3; contract 3",
    needs={"sql"},
)
@pytest.mark.parametrize(
    "stored", ["", "!", "plain-canary-password", "$argon2id$v=19$m=1", "$argon2x$v=19$m=1", "$2b$06$short", "sha1$x$y"]
)
def check_broken_hash(people: People, database: Database, api: Api, stored: str) -> None:
    user = people.new()
    database.execute("UPDATE users SET password_hash = %s WHERE id = %s", stored, database.raw_id(user.id))
    for password in (user.password, stored or "x"):
        expect.problem(_login(api, user.email, password), 401, "invalid-credentials")


@check("PWD10", "A change needs the current password, and says so at its field.", source="ASVS 6.2.3; contract 2")
def check_change_needs_the_current(people: People) -> None:
    user = people.new()
    new = people.fresh_password()
    missing = user.api.post("/v1/me/password", {"new_password": new})
    expect.faults(missing, ("#/current_password", "required"))
    wrong = user.api.post("/v1/me/password", {"current_password": people.fresh_password(), "new_password": new})
    expect.faults(wrong, ("#/current_password", "incorrect"))
    people.login(user.email, user.password)


@check("PWD11", "Unknown user, wrong password and disabled user take the same time.",
       source="OWASP Authentication (error messages); contract 3", needs={"sql"})  # fmt: skip
def check_timing(people: People, database: Database, api: Api) -> None:
    user, disabled = people.new(), people.new()
    database.execute("UPDATE users SET is_active = FALSE WHERE id = %s", database.raw_id(disabled.id))
    cases = {
        "wrong password": (user.email, people.fresh_password()),
        "unknown user": (people.fresh_email(), user.password),
        "disabled user": (disabled.email, disabled.password),
    }
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(15):
        for name, (email, password) in cases.items():
            seconds[name].append(expect.status(_login(api, email, password), 401).seconds)
    # What else the machine does only adds to a time.
    fastest = {name: min(values) for name, values in seconds.items()}
    expect.that(
        min(fastest.values()) > 0.6 * max(fastest.values()),
        f"expected the same time, got {', '.join(f'{name}: {value * 1000:.1f} ms' for name, value in fastest.items())}",
    )


@check(
    "PWD12",
    "AUTH_PASSWORD_MIN_LENGTH raises the minimum.",
    source="contract 5, 10",
    needs={"settings"},
    shares="login limiter",
)
def check_minimum_is_a_setting(spawn: Spawn) -> None:
    people = spawn.people(spawn(AUTH_PASSWORD_MIN_LENGTH="20"))  # noqa: S106 - a length
    expect.faults(people.register(password="kanarie-of-19-chars"), ("#/password", "too_short"))  # noqa: S106
    expect.status(people.register(password="kanarie-of-20-chars."), 201)  # noqa: S106


_WINDOW = 4


@pytest.fixture(scope="module")
def guarded(spawn_shared: Spawn) -> Service:
    """Five failures in four seconds."""
    return spawn_shared(RATE_LIMIT_LOGIN=f"5/{_WINDOW}", TRUSTED_PROXIES="127.0.0.1")


def _fail(api: Api, email: str, times: int) -> None:
    for _ in range(times):
        expect.problem(_login(api, email, "canary-wrong-password"), 401, "invalid-credentials")


def _throttled(reply: Reply, longest: int = _WINDOW) -> int:
    expect.problem(reply, 429, "rate-limited")
    wait = reply.headers.get("retry-after", "")
    expect.that(wait.isdigit() and 1 <= int(wait) <= longest, f"expected Retry-After of 1 to {longest}", reply)
    return int(wait)


@check("PWD21", "The right password of a disabled account is a failure like others, and is limited.",
       source="ASVS 6.3.1, 6.3.8; contract 3, 11.9", needs={"settings", "sql"}, shares="login limiter")  # fmt: skip
def check_disabled_account_limit(spawn: Spawn) -> None:
    service = spawn(RATE_LIMIT_LOGIN="2/60")
    user, api = spawn.people(service).new(), service.api()
    service.database.execute("UPDATE users SET is_active = FALSE WHERE id = %s", service.database.raw_id(user.id))
    for _ in range(2):
        expect.problem(_login(api, user.email, user.password), 401, "invalid-credentials")
    _throttled(_login(api, user.email, user.password), 60)


@check("PWD13", "After five failures an account is closed even to the right password, and opens after the window.",
       source="ASVS 6.3.1; contract 3", needs={"settings"}, shares="login limiter")  # fmt: skip
@pytest.mark.parametrize("known", [True, False], ids=["known account", "unknown account"])
def check_account_limit(guarded: Service, spawn: Spawn, known: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    people, api = spawn.people(guarded), guarded.api()
    user = people.new()
    email = user.email if known else people.fresh_email()
    _fail(api, email, 5)
    wait = _throttled(_login(api, email, user.password))
    other = people.new()
    people.login(other.email, other.password)
    time.sleep(wait + 0.2)
    reply = _login(api, email, user.password)
    expect.status(reply, 200 if known else 401)


@check(
    "PWD14",
    "A success clears the account's failures.",
    source="contract 11.9",
    needs={"settings"},
    shares="login limiter",
)
def check_success_clears(guarded: Service, spawn: Spawn) -> None:
    people, api = spawn.people(guarded), guarded.api()
    user = people.new()
    for _ in range(3):
        _fail(api, user.email, 4)
        people.login(user.email, user.password)


@check(
    "PWD15",
    "Of fifty guesses at once no more than five are tried.",
    source="ASVS 6.3.1, 15.4.1; contract 3",
    needs={"settings"},
    shares="login limiter",
)
def check_limit_is_atomic(guarded: Service, spawn: Spawn) -> None:
    user = spawn.people(guarded).new()
    api = guarded.api()
    replies = together([lambda: _login(api, user.email, "canary-wrong-password") for _ in range(50)])
    tried = [reply for reply in replies if reply.status == 401]
    # A window may end while they run; then five more are right.
    slow = max(reply.seconds for reply in replies) > _WINDOW
    expect.that(
        len(tried) == 5 or (slow and len(tried) % 5 == 0), f"expected 5 of 50 tried, got {len(tried)}", *tried[5:6]
    )
    for reply in replies:
        expect.status(reply, 401, 429)


@check(
    "PWD16",
    "The account's name is counted whatever its case.",
    source="contract 10, 11.9",
    needs={"settings"},
    shares="login limiter",
)
def check_case_of_the_address(guarded: Service, spawn: Spawn) -> None:
    user = spawn.people(guarded).new()
    api = guarded.api()
    _fail(api, user.email, 3)
    _fail(api, user.email.upper(), 2)
    _throttled(_login(api, user.email.title(), user.password))


@check(
    "PWD17",
    "A wrong current password counts as a failure of the account.",
    source="contract 11.9",
    needs={"settings"},
    shares="login limiter",
)
def check_change_is_limited(guarded: Service, spawn: Spawn) -> None:
    people, api = spawn.people(guarded), guarded.api()
    user = people.new()
    body = {"current_password": "canary-wrong-password", "new_password": people.fresh_password()}
    for _ in range(5):
        expect.faults(user.api.post("/v1/me/password", body), ("#/current_password", "incorrect"))
    _throttled(user.api.post("/v1/me/password", body | {"current_password": user.password}))
    _throttled(_login(api, user.email, user.password))


@check("PWD18", "An address gets twenty times an account's failures, over all accounts; successes give theirs back.",
       source="contract 11.9", needs={"settings"}, shares="login limiter")  # fmt: skip
def check_address_limit(spawn: Spawn) -> None:
    service = spawn(RATE_LIMIT_LOGIN="1/60", TRUSTED_PROXIES="127.0.0.1")
    people, api = spawn.people(service), service.api()
    users: list[Account] = [people.new() for _ in range(3)]
    attacker = api.with_headers(X_Forwarded_For="203.0.113.7")
    for _ in range(5):
        expect.status(_login(attacker, users[0].email, users[0].password), 200)
    for _ in range(20):
        _fail(attacker, people.fresh_email(), 1)
    _throttled(_login(attacker, users[1].email, users[1].password), 60)
    # From elsewhere all is open.
    expect.status(_login(api.with_headers(X_Forwarded_For="203.0.113.8"), users[2].email, users[2].password), 200)


@check(
    "PWD19",
    "In Redis the failures of an account and of an address have the names and the lives that all stacks share.",
    source="contract 11.8, 11.9",
    needs={"settings", "redis"},
    part="redis",
    shares="login limiter",
)
def check_keys_in_redis(guarded: Service, spawn: Spawn) -> None:
    user, address = spawn.people(guarded).new(), "198.51.100.250"
    api = guarded.api().with_headers(X_Forwarded_For=address)
    _fail(api, user.email.upper(), 2)
    assert guarded.redis is not None
    digest = hashlib.sha256(user.email.lower().encode()).hexdigest()
    for key in (
        contract.redis_key("rl:login:{digest}", digest=digest),
        contract.redis_key("rl:login:a:{address}", address=address),
    ):
        expect.same(f"value of {key}", guarded.redis.get(key), b"2")
        life = guarded.redis.pttl(key)
        expect.that(0 < life <= _WINDOW * 1000, f"expected {key} to live at most {_WINDOW} s, got {life} ms")


@check(
    "PWD20",
    "Beside logins with bcrypt or Argon2id /livez stays under 100 ms.",
    source="contract 6, 11.29",
    needs={"sql"},
)
@pytest.mark.parametrize("kind", ["bcrypt", "Argon2id"])
def check_served_beside_logins(people: People, database: Database, service: Service, kind: str) -> None:
    user = people.new()
    if kind == "bcrypt":
        # Of 4096 rounds, a quarter of a second each.
        planted = _BCRYPT.replace("$06$", "$12$")
        database.execute("UPDATE users SET password_hash = %s WHERE id = %s", planted, database.raw_id(user.id))
    over = threading.Event()

    def log_in() -> None:
        while not over.is_set():
            expect.status(_login(service.api(), user.email, "canary-wrong-password"), 401)

    with ThreadPoolExecutor(2) as pool:
        logins = [pool.submit(log_in) for _ in range(2)]
        time.sleep(0.2)
        took = []
        api = service.api()
        for _ in range(15):
            took.append(expect.status(api.get("/livez"), 200).seconds)
            time.sleep(0.05)
        over.set()
        for login in logins:
            login.result()
    middle = statistics.median(took)
    expect.that(middle < 0.1, f"expected /livez within 100 ms, took {middle * 1000:.0f} ms in the middle of {took}")


@check(
    "PWD22",
    "The memory that password hashes needed is given back.",
    source="OWASP Password Storage (Argon2id, 19 MiB each); contract 6",
    needs={"process", "settings"},
)
def check_memory(spawn: Spawn) -> None:
    service = spawn()
    people = spawn.people(service)
    user, api = people.new(), service.api()
    before = workers.memory(service)
    for _ in range(2):
        together([lambda: _login(api, user.email, user.password) for _ in range(24)])
    wait_until(lambda: workers.memory(service) < before + _KEPT_MIB, 5)
    kept = workers.memory(service) - before
    expect.that(kept < _KEPT_MIB, f"48 logins, 24 at once, left {kept:.0f} MiB in use")


_KEPT_MIB = 100
"""What a garbage collector may keep; a C library that gives nothing back keeps 19 for each thread."""
