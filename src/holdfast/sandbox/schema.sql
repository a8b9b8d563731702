-- The sandbox's books. One row an object, as Stripe would show it in `body`; what Stripe keeps to itself in `hidden`.
CREATE SCHEMA IF NOT EXISTS sandbox;

CREATE TABLE IF NOT EXISTS sandbox.setting (
    name  text PRIMARY KEY,
    value jsonb NOT NULL
);

CREATE TABLE IF NOT EXISTS sandbox.object (
    seq            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order of lists: created has only whole seconds
    id             text NOT NULL UNIQUE,
    type           text NOT NULL,
    created        bigint NOT NULL,
    due_at         double precision,                                -- when time alone will change it
    payment_intent text,
    charge         text,
    body           jsonb NOT NULL,
    hidden         jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX IF NOT EXISTS object_list ON sandbox.object (type, seq DESC);
CREATE INDEX IF NOT EXISTS object_due ON sandbox.object (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS object_payment_intent ON sandbox.object (payment_intent) WHERE payment_intent IS NOT NULL;
CREATE INDEX IF NOT EXISTS object_charge ON sandbox.object (charge) WHERE charge IS NOT NULL;

CREATE TABLE IF NOT EXISTS sandbox.idempotency (
    key         text PRIMARY KEY,
    fingerprint text NOT NULL,
    created     bigint NOT NULL,
    status      integer NOT NULL,
    request_id  text NOT NULL,
    body        text NOT NULL
);

CREATE TABLE IF NOT EXISTS sandbox.delivery (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    text NOT NULL,
    event_type  text NOT NULL,
    endpoint_id text NOT NULL,
    status      text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed', 'lost')),
    due_at      double precision,
    first_at    double precision NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    last_status integer,
    last_error  text,
    CHECK ((status = 'pending') = (due_at IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS delivery_due ON sandbox.delivery (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS delivery_event ON sandbox.delivery (event_id);

CREATE TABLE IF NOT EXISTS sandbox.message (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel     text NOT NULL CHECK (channel IN ('email', 'sms')),
    message_key text UNIQUE,                                        -- a mailbox keeps one mail for each Message-ID
    copies      integer NOT NULL DEFAULT 1,
    received_at double precision NOT NULL,
    body        jsonb NOT NULL,
    raw         bytea
);
