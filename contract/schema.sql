-- The relational schema of every service, written for PostgreSQL. Each stack makes it with its own
-- migration tool; what PostgreSQL's catalogue shows afterwards (tables, columns, types, nullability,
-- keys, unique and check rules, indexes by their columns) is the same. Names and deferrability of
-- constraints, and a migration tool's own bookkeeping, are each stack's affair.
--
-- Columns have no defaults: time, identity and state come from the application. Identifiers are UUID
-- version 7, so that primary keys grow with time. E-mail addresses are stored ASCII-lower-cased.
--
-- On MySQL and MariaDB text compares as it does on PostgreSQL, by its bytes and with blanks at its end (binary NO PAD
-- collations: utf8mb4_0900_bin, utf8mb4_nopad_bin); only products.name folds case, for the catalogue's search.

CREATE TABLE users (
    id            uuid         NOT NULL PRIMARY KEY,
    email         varchar(254) NOT NULL UNIQUE,
    password_hash varchar(255) NOT NULL, -- PHC string: argon2id, or bcrypt of an imported user
    display_name  varchar(100) NOT NULL,
    role          varchar(16)  NOT NULL CHECK (role IN ('user', 'admin')),
    is_active     boolean      NOT NULL,
    created_at    timestamptz  NOT NULL,
    updated_at    timestamptz  NOT NULL
);

-- A login. It lives until ended_at is set, it has idled too long since refreshed_at, or expires_at.
CREATE TABLE sessions (
    id           uuid        NOT NULL PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users (id),
    created_at   timestamptz NOT NULL,
    refreshed_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE INDEX ON sessions (user_id);
CREATE INDEX ON sessions (expires_at); -- cleanup

-- Every refresh token of a session, spent ones too: a spent one that comes back ends the session.
CREATE TABLE refresh_tokens (
    id         uuid        NOT NULL PRIMARY KEY,
    session_id uuid        NOT NULL REFERENCES sessions (id),
    token_hash varchar(64) NOT NULL UNIQUE, -- lower-case hex SHA-256
    created_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX ON refresh_tokens (session_id);

CREATE TABLE api_keys (
    id           uuid         NOT NULL PRIMARY KEY,
    user_id      uuid         NOT NULL REFERENCES users (id),
    name         varchar(100) NOT NULL,
    key_hash     varchar(64)  NOT NULL UNIQUE, -- lower-case hex SHA-256 of the whole key
    scopes       text         NOT NULL,        -- separated by one space, in the order given
    expires_at   timestamptz,
    last_used_at timestamptz,
    created_at   timestamptz  NOT NULL
);
CREATE INDEX ON api_keys (user_id, created_at, id);

-- Written first in the transaction of the work; the reply is filled in before it commits.
CREATE TABLE idempotency_keys (
    id                uuid         NOT NULL PRIMARY KEY,
    user_id           uuid         NOT NULL REFERENCES users (id),
    method            varchar(8)   NOT NULL,
    path              varchar(255) NOT NULL,
    idempotency_key   varchar(128) NOT NULL,
    body_hash         varchar(64)  NOT NULL, -- lower-case hex SHA-256 of the raw body
    response_status   integer,
    response_location varchar(255),
    response_body     text,
    created_at        timestamptz  NOT NULL,
    expires_at        timestamptz  NOT NULL,
    UNIQUE (user_id, method, path, idempotency_key)
);
CREATE INDEX ON idempotency_keys (expires_at); -- cleanup

-- part: sample

CREATE TABLE products (
    id          uuid         NOT NULL PRIMARY KEY,
    sku         varchar(32)  NOT NULL UNIQUE,
    name        varchar(200) NOT NULL,
    price_cents bigint       NOT NULL CHECK (price_cents >= 0),
    currency    varchar(3)   NOT NULL,
    stock       bigint       NOT NULL CHECK (stock >= 0),
    version     bigint       NOT NULL,
    created_at  timestamptz  NOT NULL,
    updated_at  timestamptz  NOT NULL
);
CREATE INDEX ON products (created_at, id);
CREATE INDEX ON products (price_cents, id);

CREATE TABLE orders (
    id          uuid        NOT NULL PRIMARY KEY,
    user_id     uuid        NOT NULL REFERENCES users (id),
    status      varchar(16) NOT NULL CHECK (status IN ('placed', 'cancelled')),
    currency    varchar(3)  NOT NULL,
    total_cents bigint      NOT NULL CHECK (total_cents >= 0),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE INDEX ON orders (user_id, created_at, id);
CREATE INDEX ON orders (user_id, total_cents, id);
CREATE INDEX ON orders (created_at, id);  -- an administrator lists everybody's
CREATE INDEX ON orders (total_cents, id);

-- Name, number and price are what the buyer saw, whatever becomes of the product.
CREATE TABLE order_lines (
    id          uuid         NOT NULL PRIMARY KEY,
    order_id    uuid         NOT NULL REFERENCES orders (id),
    position    integer      NOT NULL,
    product_id  uuid         NOT NULL REFERENCES products (id),
    sku         varchar(32)  NOT NULL,
    name        varchar(200) NOT NULL,
    quantity    integer      NOT NULL CHECK (quantity >= 1),
    price_cents bigint       NOT NULL CHECK (price_cents >= 0),
    UNIQUE (order_id, position)
);
CREATE INDEX ON order_lines (product_id);
