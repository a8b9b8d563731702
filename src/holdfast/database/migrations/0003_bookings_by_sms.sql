-- Bookings that begin with an SMS: customers known by a number, opt-outs, what people answer, words of a tenant's own, limits.

ALTER TABLE tenants
    ADD COLUMN sms_countries text[] NOT NULL DEFAULT '{}' CHECK (array_to_string(sms_countries, ',') ~ '^([A-Z]{2}(,|$))*$'),
    ADD COLUMN sms_daily_cap integer NOT NULL DEFAULT 500 CHECK (sms_daily_cap BETWEEN 0 AND 1000000),
    ADD COLUMN quiet_from time DEFAULT '21:00',
    ADD COLUMN quiet_until time DEFAULT '08:00',
    ADD CONSTRAINT quiet_hours_are_whole CHECK ((quiet_from IS NULL) = (quiet_until IS NULL) AND quiet_from <> quiet_until);

ALTER TABLE customers
    ADD COLUMN merged_into text,
    ADD CONSTRAINT merged_into_another FOREIGN KEY (tenant_id, merged_into) REFERENCES customers (tenant_id, customer_id),
    ADD CONSTRAINT not_merged_into_oneself CHECK (merged_into <> customer_id);
-- Who was entered twice by the number alone is one person: the first row keeps the number's bookings.
WITH doubles AS (
    SELECT customer_id, first_value(customer_id) OVER (PARTITION BY tenant_id, phone ORDER BY created_at, customer_id) AS kept
      FROM customers WHERE email IS NULL)
UPDATE customers SET merged_into = doubles.kept FROM doubles
 WHERE customers.customer_id = doubles.customer_id AND doubles.kept <> doubles.customer_id;
CREATE UNIQUE INDEX customers_by_phone_alone ON customers (tenant_id, phone) WHERE email IS NULL AND merged_into IS NULL;
CREATE INDEX customers_by_phone ON customers (tenant_id, phone) WHERE phone IS NOT NULL;

-- Two rows that are one person. `moved` names the orders and messages that went over, so that it can be undone.
CREATE TABLE customer_merges (
    merge_id     text PRIMARY KEY,
    tenant_id    bigint NOT NULL,
    kept_id      text NOT NULL,
    merged_id    text NOT NULL,
    moved        jsonb NOT NULL,                                               -- {"orders", "messages", "answers", "followers": ids; "name", "phone"}
    actor        text NOT NULL,
    created_at   timestamptz NOT NULL,
    undone_at    timestamptz,
    undone_by    text,
    FOREIGN KEY (tenant_id, kept_id) REFERENCES customers (tenant_id, customer_id),
    FOREIGN KEY (tenant_id, merged_id) REFERENCES customers (tenant_id, customer_id)
);
CREATE UNIQUE INDEX merged_once ON customer_merges (merged_id) WHERE undone_at IS NULL;

ALTER TABLE orders DROP CONSTRAINT orders_source_check;
ALTER TABLE orders ADD CONSTRAINT orders_source_check CHECK (source IN ('page', 'api', 'sms', 'rebuilt', 'foreign'));

CREATE INDEX orders_by_start ON orders (starts_at) WHERE starts_at IS NOT NULL;

ALTER TABLE messages
    ADD COLUMN instead_of text REFERENCES messages,
    ADD COLUMN segments integer CHECK (segments > 0),
    ADD COLUMN price numeric(12, 5),
    ADD COLUMN price_currency currency_code;
CREATE INDEX messages_by_recipient ON messages (recipient, created_at);
CREATE INDEX messages_by_tenant ON messages (tenant_id, created_at);
CREATE INDEX messages_by_customer ON messages (customer_id) WHERE customer_id IS NOT NULL;

-- Every status that a message has had, with its time and who said so.
CREATE TABLE message_statuses (
    entry_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id  text NOT NULL REFERENCES messages ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    status      text NOT NULL,
    source      text NOT NULL,                                                 -- worker, receipt, staff:…, rule
    detail      text NOT NULL DEFAULT ''
);
CREATE INDEX message_statuses_by_message ON message_statuses (message_id, entry_id);

-- What people answer by SMS: STOP and START are obeyed, HELP is answered, everything else is shown to the staff.
CREATE TABLE inbound_messages (
    inbound_id   text PRIMARY KEY,
    provider_id  text NOT NULL UNIQUE,                                         -- the SMS provider's: told twice, it is one
    tenant_id    bigint NOT NULL REFERENCES tenants,
    sender       text NOT NULL,
    body         text NOT NULL,
    meaning      text NOT NULL CHECK (meaning IN ('stop', 'start', 'help', 'other')),
    booking_id   text,                                                         -- that the last message to this number was about
    customer_id  text,
    received_at  timestamptz NOT NULL,
    read_at      timestamptz,
    read_by      text,
    FOREIGN KEY (tenant_id, booking_id) REFERENCES bookings (tenant_id, booking_id)
);
CREATE INDEX inbound_messages_by_sender ON inbound_messages (tenant_id, sender, received_at);

-- Who wants no SMS any more (by law): while a row is here and not lifted, none is sent to that number.
CREATE TABLE opt_outs (
    tenant_id   bigint NOT NULL REFERENCES tenants,
    phone       text NOT NULL,
    at          timestamptz NOT NULL,
    cause       text NOT NULL,                                                 -- the word that was sent, or staff:…
    lifted_at   timestamptz,
    PRIMARY KEY (tenant_id, phone, at)
);
CREATE UNIQUE INDEX one_opt_out ON opt_outs (tenant_id, phone) WHERE lifted_at IS NULL;

-- A tenant's own words for a kind of message, in one language; without a row the built-in ones are used.
CREATE TABLE message_templates (
    tenant_id   bigint NOT NULL REFERENCES tenants,
    kind        text NOT NULL,
    channel     text NOT NULL CHECK (channel IN ('email', 'sms')),
    language    text NOT NULL CHECK (language ~ '^[a-z]{2}$'),
    subject     text NOT NULL DEFAULT '',
    body        text NOT NULL CHECK (length(body) BETWEEN 1 AND 10000),
    updated_at  timestamptz NOT NULL,
    updated_by  text NOT NULL,
    PRIMARY KEY (tenant_id, kind, channel, language)
);

-- A booking that an SMS began carries that SMS: whoever moves the message on keeps the copy true (F68).
CREATE FUNCTION note_initial_sms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE bookings SET metadata = metadata || jsonb_build_object('initial_sms', jsonb_build_object(
               'message_id', NEW.message_id, 'provider_sid', NEW.provider_id, 'to', NEW.recipient, 'body', NEW.body_text,
               'status', NEW.status, 'sent_at', NEW.sent_at))
     WHERE booking_id = NEW.booking_id;
    RETURN NULL;
END $$;
CREATE TRIGGER initial_sms_is_on_record AFTER INSERT OR UPDATE OF status, provider_id, body_text, sent_at ON messages
    FOR EACH ROW WHEN (NEW.unique_key = 'booking_started' AND NEW.channel = 'sms') EXECUTE FUNCTION note_initial_sms();

-- How a message begins is the first of its statuses, whoever writes it; whoever moves it on writes the next (messages/delivery_store.py).
CREATE FUNCTION note_first_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO message_statuses (message_id, at, status, source, detail)
    VALUES (NEW.message_id, NEW.created_at, NEW.status, CASE WHEN starts_with(NEW.cause, 'staff:') THEN NEW.cause ELSE 'rule' END,
            coalesce(NEW.error, ''));
    RETURN NULL;
END $$;
CREATE TRIGGER first_status_is_on_record AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION note_first_status();

-- Whoever was written to before being anybody's customer (an SMS that a till asked for, an answer by SMS) is found again.
CREATE FUNCTION join_messages_to_customer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE messages SET customer_id = coalesce(NEW.merged_into, NEW.customer_id)
     WHERE recipient IN (NEW.email, NEW.phone) AND tenant_id = NEW.tenant_id AND customer_id IS NULL AND booking_id IS NULL
       AND kind <> 'provider_sign_in';
    UPDATE inbound_messages SET customer_id = coalesce(NEW.merged_into, NEW.customer_id)
     WHERE sender = NEW.phone AND tenant_id = NEW.tenant_id AND customer_id IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER customer_finds_messages AFTER INSERT OR UPDATE OF email, phone ON customers
    FOR EACH ROW EXECUTE FUNCTION join_messages_to_customer();

-- Every start says which address it believes to have and which settings it lacks; a start that was refused is on record too.
ALTER TABLE deployments
    ADD COLUMN public_url text NOT NULL DEFAULT '',
    ADD COLUMN settings_missing text[] NOT NULL DEFAULT '{}',
    ADD COLUMN refused text,
    ADD COLUMN code_on_disk text,
    ADD COLUMN code_on_disk_since timestamptz;

-- What a wish for seats and dishes comes to, its units locked in id order: {"claims", "lines", "total", "guests"}, or {"refused",
-- "what"} as take_hold says it. `held_by` is a booking whose own seats count as free: it chooses again.
CREATE FUNCTION priced_wish(of_offering bigint, units_wanted jsonb, menu_wanted jsonb, held_by text) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    wanted       record;
    total        bigint := 0;
    guests       integer := 0;
    found_units  integer := 0;
    found_items  integer := 0;
    claim_rows   jsonb := '[]';
    line_rows    jsonb := '[]';
    takes        integer;
BEGIN
    FOR wanted IN
        SELECT u.*, w.seats AS wanted_seats,
               coalesce((SELECT c.seats FROM claims c
                          WHERE c.booking_id = held_by AND c.unit_id = u.unit_id AND c.released_at IS NULL), 0) AS own
          FROM units u JOIN jsonb_to_recordset(units_wanted) AS w (unit_id bigint, seats integer) USING (unit_id)
         WHERE u.offering_id = of_offering AND NOT u.buffer
      ORDER BY u.unit_id FOR NO KEY UPDATE OF u
    LOOP
        found_units := found_units + 1;
        IF wanted.wanted_seats > wanted.capacity THEN
            RETURN jsonb_build_object('refused', 'too_many_seats', 'what', wanted.label);
        END IF;
        takes := CASE wanted.pricing WHEN 'per_unit' THEN wanted.capacity ELSE wanted.wanted_seats END;
        IF wanted.taken - wanted.own + takes > wanted.capacity THEN
            RETURN jsonb_build_object('refused', 'sold_out', 'what', wanted.label);
        END IF;
        guests := guests + wanted.wanted_seats;
        claim_rows := claim_rows || jsonb_build_object('unit_id', wanted.unit_id, 'seats', takes, 'guests', wanted.wanted_seats);
        line_rows := line_rows || jsonb_build_object(
            'kind', 'unit', 'unit_id', wanted.unit_id, 'label', wanted.label, 'unit_amount', wanted.price,
            'quantity', CASE wanted.pricing WHEN 'per_unit' THEN 1 ELSE wanted.wanted_seats END);
    END LOOP;
    IF found_units <> jsonb_array_length(units_wanted) THEN
        RETURN jsonb_build_object('refused', 'unknown_unit', 'what', units_wanted);
    END IF;

    FOR wanted IN
        SELECT m.*, w.quantity
          FROM menu_items m JOIN jsonb_to_recordset(menu_wanted) AS w (item_id bigint, quantity integer) USING (item_id)
         WHERE m.offering_id = of_offering AND m.active
      ORDER BY m.item_id
    LOOP
        found_items := found_items + 1;
        line_rows := line_rows || jsonb_build_object('kind', 'menu', 'item_id', wanted.item_id, 'label', wanted.name,
                                                     'unit_amount', wanted.price, 'quantity', wanted.quantity);
    END LOOP;
    IF found_items <> jsonb_array_length(menu_wanted) THEN
        RETURN jsonb_build_object('refused', 'unknown_item', 'what', menu_wanted);
    END IF;

    SELECT sum(l.quantity * l.unit_amount) INTO total FROM jsonb_to_recordset(line_rows) AS l (quantity bigint, unit_amount bigint);
    IF total > 99999999 THEN                                                   -- the most that Stripe takes in one payment
        RETURN jsonb_build_object('refused', 'too_much', 'what', total);
    END IF;
    RETURN jsonb_build_object('claims', claim_rows, 'lines', line_rows, 'total', total, 'guests', guests);
END $$;

-- The tenant's customer with this e-mail address or, when there is none, with this number; new or known. Who was merged into another
-- is that other.
CREATE FUNCTION customer_of(of_tenant bigint, new_id text, named text, by_email text, by_phone text, at timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    found  text;
BEGIN
    IF by_email IS NOT NULL THEN
        INSERT INTO customers (customer_id, tenant_id, name, email, phone, created_at)
        VALUES (new_id, of_tenant, named, by_email, by_phone, at)
        ON CONFLICT (tenant_id, email) DO NOTHING RETURNING customer_id INTO found;
        IF found IS NOT NULL THEN
            RETURN found;
        END IF;
        SELECT coalesce(merged_into, customer_id) INTO found FROM customers WHERE tenant_id = of_tenant AND email = by_email;
    ELSE
        SELECT coalesce(merged_into, customer_id) INTO found FROM customers WHERE tenant_id = of_tenant AND phone = by_phone
      ORDER BY merged_into IS NOT NULL, email IS NULL, created_at, customer_id LIMIT 1;
        IF found IS NULL THEN
            INSERT INTO customers (customer_id, tenant_id, name, phone, created_at) VALUES (new_id, of_tenant, named, by_phone, at)
            ON CONFLICT (tenant_id, phone) WHERE email IS NULL AND merged_into IS NULL DO UPDATE SET phone = excluded.phone
            RETURNING customer_id INTO found;
        END IF;
    END IF;
    UPDATE customers SET name = named WHERE customer_id = found AND name = '' AND named <> '';
    RETURN found;
END $$;

CREATE OR REPLACE FUNCTION take_hold(request jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    o            offerings;
    wish         jsonb;
    total        bigint;
    guests       integer;
    customer     text;
    order_status text;
    ends         timestamptz;
BEGIN
    SELECT * INTO o FROM offerings
     WHERE offering_id = (request->>'offering_id')::bigint AND tenant_id = (request->>'tenant_id')::bigint AND kind = 'event';
    IF NOT FOUND OR o.status = 'draft' THEN
        RETURN jsonb_build_object('refused', 'not_found', 'what', request->'offering_id');
    END IF;
    IF o.status <> 'on_sale' OR at < o.on_sale_from OR at >= least(o.on_sale_until, o.starts_at) THEN
        RETURN jsonb_build_object('refused', 'not_on_sale', 'what', o.title);
    END IF;

    IF jsonb_array_length(request->'units') = 0 THEN                           -- whoever chose for the guest found nothing free
        RETURN jsonb_build_object('refused', 'sold_out', 'what', o.title);
    END IF;

    wish := priced_wish(o.offering_id, request->'units', request->'menu', NULL);
    IF wish ? 'refused' THEN
        RETURN wish;
    END IF;
    total := (wish->>'total')::bigint;
    guests := (wish->>'guests')::integer;
    -- What costs nothing is sure at once, unless the guest is still to say yes (`waits`: a booking that an SMS began).
    order_status := CASE WHEN total = 0 AND NOT coalesce((request->>'waits')::boolean, false) THEN 'confirmed' ELSE 'pending' END;
    ends := at + make_interval(mins => o.hold_minutes);
    customer := customer_of(o.tenant_id, request->>'customer_id', request->>'name', request->>'email', request->>'phone', at);

    UPDATE units SET taken = taken + c.seats
      FROM jsonb_to_recordset(wish->'claims') AS c (unit_id bigint, seats integer) WHERE units.unit_id = c.unit_id;
    INSERT INTO orders (order_id, tenant_id, offering_id, customer_id, status, amount, currency, source, offering_version,
                        refund_tiers, created_at)
    VALUES (request->>'order_id', o.tenant_id, o.offering_id, customer, order_status, total, o.currency, request->>'source',
            o.version, o.refund_tiers, at);
    INSERT INTO order_lines (order_id, line_no, kind, unit_id, item_id, label, quantity, unit_amount, amount)
    SELECT request->>'order_id', row_number() OVER (), l.kind, l.unit_id, l.item_id, l.label, l.quantity, l.unit_amount,
           l.quantity * l.unit_amount
      FROM jsonb_to_recordset(wish->'lines')
           AS l (kind text, unit_id bigint, item_id bigint, label text, quantity integer, unit_amount bigint);
    INSERT INTO bookings (booking_id, order_id, status, tenant_id, offering_id, reference, token_hash, contact_name, contact_email,
                          contact_phone, seats, created_at, expires_at, hold_limit, confirmed_at)
    VALUES (request->>'booking_id', request->>'order_id', order_status, o.tenant_id, o.offering_id, request->>'reference',
            decode(request->>'token_hash', 'hex'), request->>'name', request->>'email', request->>'phone', guests, at,
            ends, ends + interval '15 minutes', CASE order_status WHEN 'confirmed' THEN at END);
    INSERT INTO claims (booking_id, unit_id, seats, guests)
    SELECT request->>'booking_id', c.* FROM jsonb_to_recordset(wish->'claims') AS c (unit_id bigint, seats integer, guests integer);
    IF total > 0 AND request->>'attempt_id' IS NOT NULL THEN
        INSERT INTO attempts (attempt_id, order_id, tenant_id, kind, status, amount, currency, created_at, ask_at)
        VALUES (request->>'attempt_id', request->>'order_id', o.tenant_id, 'checkout_session', 'planned', total, o.currency, at,
                at + interval '1 minute');
    END IF;
    IF order_status = 'confirmed' THEN
        INSERT INTO messages (message_id, tenant_id, booking_id, customer_id, kind, channel, recipient, unique_key, cause, status,
                              try_at, created_at)
        VALUES (request->>'message_id', o.tenant_id, request->>'booking_id', customer, 'booking_confirmed', 'email',
                request->>'email', 'booking_confirmed', 'free booking', 'queued', at, at);
    END IF;
    INSERT INTO timeline (tenant_id, order_id, at, actor, what, detail)
    VALUES (o.tenant_id, request->>'order_id', at, 'customer', CASE order_status WHEN 'confirmed' THEN 'confirmed' ELSE 'held' END,
            jsonb_build_object('seats', guests, 'amount', total, 'currency', o.currency));

    RETURN jsonb_build_object('order_id', request->>'order_id', 'booking_id', request->>'booking_id',
        'attempt_id', CASE WHEN total > 0 THEN request->>'attempt_id' END, 'customer_id', customer, 'status', order_status,
        'amount', total, 'currency', o.currency, 'expires_at', ends, 'title', o.title);
END $$;

-- A guest who holds seats chooses again before paying: other seats, other dishes, a name. The old seats are let go and the new ones
-- taken in one step, whole or not at all. The caller holds the order's lock, and nothing can be paid at this moment.
--
-- request: {"booking_id", "units", "menu", "name", "email", "phone", "customer_id" (of a customer that is new)}
-- answer:  {"amount", "currency", "guests"} or {"refused", "what"} as take_hold says it
CREATE FUNCTION change_hold(request jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    b     bookings;
    o     orders;
    wish  jsonb;
BEGIN
    SELECT * INTO STRICT b FROM bookings WHERE booking_id = request->>'booking_id';
    SELECT * INTO STRICT o FROM orders WHERE order_id = b.order_id;
    PERFORM FROM units
      WHERE unit_id IN (SELECT unit_id FROM claims WHERE booking_id = b.booking_id AND released_at IS NULL)
         OR (offering_id = b.offering_id
             AND unit_id IN (SELECT w.unit_id FROM jsonb_to_recordset(request->'units') AS w (unit_id bigint)))
      ORDER BY unit_id FOR NO KEY UPDATE;
    wish := priced_wish(b.offering_id, request->'units', request->'menu', b.booking_id);
    IF wish ? 'refused' THEN
        RETURN wish;
    END IF;
    PERFORM release_claims(b.booking_id, at);
    DELETE FROM claims WHERE booking_id = b.booking_id;                        -- what was chosen before is not to be taken again
    UPDATE units SET taken = taken + c.seats
      FROM jsonb_to_recordset(wish->'claims') AS c (unit_id bigint, seats integer) WHERE units.unit_id = c.unit_id;
    INSERT INTO claims (booking_id, unit_id, seats, guests)
    SELECT b.booking_id, c.* FROM jsonb_to_recordset(wish->'claims') AS c (unit_id bigint, seats integer, guests integer);
    DELETE FROM order_lines WHERE order_id = b.order_id;
    INSERT INTO order_lines (order_id, line_no, kind, unit_id, item_id, label, quantity, unit_amount, amount)
    SELECT b.order_id, row_number() OVER (), l.kind, l.unit_id, l.item_id, l.label, l.quantity, l.unit_amount,
           l.quantity * l.unit_amount
      FROM jsonb_to_recordset(wish->'lines')
           AS l (kind text, unit_id bigint, item_id bigint, label text, quantity integer, unit_amount bigint);
    UPDATE orders SET amount = (wish->>'total')::bigint,
           customer_id = CASE WHEN request->>'email' IS NULL THEN customer_id
                              ELSE customer_of(o.tenant_id, request->>'customer_id', request->>'name', request->>'email',
                                               request->>'phone', at) END
     WHERE order_id = b.order_id;
    UPDATE bookings SET seats = (wish->>'guests')::integer, contact_name = request->>'name',
           contact_email = coalesce(request->>'email', contact_email), contact_phone = coalesce(request->>'phone', contact_phone),
           metadata = metadata || jsonb_build_object('completed_at', at)
     WHERE booking_id = b.booking_id;
    INSERT INTO timeline (tenant_id, order_id, at, actor, what, detail)
    VALUES (o.tenant_id, b.order_id, at, 'customer', 'chosen',
            jsonb_build_object('seats', wish->'guests', 'amount', wish->'total', 'currency', o.currency));
    RETURN jsonb_build_object('amount', wish->'total', 'currency', o.currency, 'guests', wish->'guests');
END $$;

CREATE OR REPLACE FUNCTION take_request(request jsonb, at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    f            offerings;
    s            services;
    p            providers;
    starts       timestamptz := (request->>'starts_at')::timestamptz;
    ends         timestamptz;
    customer     text;
    order_status text;
    held_until   timestamptz;
    deadline     timestamptz;
BEGIN
    SELECT * INTO f FROM offerings
     WHERE offering_id = (request->>'offering_id')::bigint AND kind = 'appointment'
       AND tenant_id = coalesce((request->>'tenant_id')::bigint, tenant_id);
    SELECT * INTO s FROM services WHERE offering_id = f.offering_id;
    SELECT * INTO p FROM providers WHERE provider_id = s.provider_id;
    IF p.provider_id IS NULL OR f.status = 'draft' OR p.provider_id <> coalesce((request->>'provider_id')::bigint, p.provider_id) THEN
        RETURN jsonb_build_object('refused', 'not_found', 'what', request->'offering_id');
    END IF;
    IF f.status <> 'on_sale' OR NOT p.active OR at < f.on_sale_from OR at >= f.on_sale_until THEN
        RETURN jsonb_build_object('refused', 'not_on_sale', 'what', f.title);
    END IF;
    IF lower(request->>'email') = lower(p.email) OR request->>'phone' = p.phone THEN
        RETURN jsonb_build_object('refused', 'oneself', 'what', p.name);
    END IF;
    IF (s.timing = 'none') <> (starts IS NULL) THEN
        RETURN jsonb_build_object('refused', CASE WHEN starts IS NULL THEN 'no_time' ELSE 'time_not_offered' END, 'what', f.title);
    END IF;
    IF starts <= at THEN
        RETURN jsonb_build_object('refused', 'past', 'what', starts);
    END IF;
    IF starts < at + make_interval(mins => s.lead_minutes) THEN
        RETURN jsonb_build_object('refused', 'too_soon', 'what', s.lead_minutes);
    END IF;
    IF starts >= at + make_interval(days => s.horizon_days) THEN
        RETURN jsonb_build_object('refused', 'too_far', 'what', s.horizon_days);
    END IF;
    ends := starts + make_interval(mins => s.duration_minutes);
    order_status := CASE s.price WHEN 0 THEN 'requested' ELSE 'pending' END;
    held_until := at + make_interval(mins => f.hold_minutes);
    deadline := least(at + make_interval(mins => s.respond_minutes), starts);

    IF s.timing = 'slot' THEN
        PERFORM FROM providers WHERE provider_id = p.provider_id FOR NO KEY UPDATE;
        -- A statement of its own after the lock: it sees what was committed while that one waited.
        IF NOT EXISTS (SELECT FROM free_slots(ARRAY[f.offering_id], starts, starts + interval '1 microsecond', at)) THEN
            RETURN jsonb_build_object('refused',
                CASE WHEN EXISTS (SELECT FROM units u WHERE u.provider_id = p.provider_id AND u.taken > 0
                                     AND u.blocked && tstzrange(starts - make_interval(mins => s.buffer_before_minutes),
                                                                ends + make_interval(mins => s.buffer_after_minutes)))
                     THEN 'slot_taken' ELSE 'not_offered' END,
                'what', starts, 'provider_id', p.provider_id);
        END IF;
    END IF;

    customer := customer_of(f.tenant_id, request->>'customer_id', request->>'name', request->>'email', request->>'phone', at);
    INSERT INTO orders (order_id, tenant_id, offering_id, customer_id, status, amount, currency, source, offering_version,
                        refund_tiers, created_at, starts_at, ends_at, details, requested_at, respond_by)
    VALUES (request->>'order_id', f.tenant_id, f.offering_id, customer, order_status, s.price, f.currency, request->>'source',
            f.version, f.refund_tiers, at, starts, ends, coalesce(request->>'details', ''),
            CASE s.price WHEN 0 THEN at END, CASE s.price WHEN 0 THEN deadline END);
    INSERT INTO order_lines (order_id, line_no, kind, label, quantity, unit_amount, amount)
    VALUES (request->>'order_id', 1, 'service', f.title, 1, s.price, s.price);
    INSERT INTO bookings (booking_id, order_id, status, tenant_id, offering_id, reference, token_hash, contact_name, contact_email,
                          contact_phone, seats, created_at, expires_at, hold_limit)
    VALUES (request->>'booking_id', request->>'order_id', order_status, f.tenant_id, f.offering_id, request->>'reference',
            decode(request->>'token_hash', 'hex'), request->>'name', request->>'email', request->>'phone', 1, at,
            CASE s.price WHEN 0 THEN deadline ELSE held_until END, held_until + interval '15 minutes');
    IF s.timing = 'slot' AND NOT take_slot(request->>'booking_id', f.offering_id, starts) THEN
        RAISE EXCEPTION 'the slot % was free and locked, and is taken', starts;
    END IF;
    IF s.price > 0 THEN
        INSERT INTO attempts (attempt_id, order_id, tenant_id, kind, status, amount, currency, created_at, ask_at)
        VALUES (request->>'attempt_id', request->>'order_id', f.tenant_id, 'payment_intent', 'planned', s.price, f.currency, at,
                at + interval '1 minute');
    END IF;
    INSERT INTO timeline (tenant_id, order_id, at, actor, what, detail)
    VALUES (f.tenant_id, request->>'order_id', at, 'customer', CASE s.price WHEN 0 THEN 'requested' ELSE 'held' END,
            jsonb_build_object('amount', s.price, 'currency', f.currency, 'starts_at', starts));
    RETURN jsonb_build_object('order_id', request->>'order_id', 'booking_id', request->>'booking_id',
        'attempt_id', CASE WHEN s.price > 0 THEN request->>'attempt_id' END, 'customer_id', customer, 'status', order_status,
        'amount', s.price, 'currency', f.currency, 'expires_at', CASE s.price WHEN 0 THEN deadline ELSE held_until END,
        'title', f.title, 'provider_id', p.provider_id, 'tenant_id', f.tenant_id);
END $$;
