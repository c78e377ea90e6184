-- What of an event can be queried. Postgres has no text with NUL in it, and refuses numbers and
-- depths that JSON allows: NUL is replaced, and what is refused anyway is NULL here. The payload
-- itself is kept byte for byte, so nothing is lost and no event can hold up those behind it.
CREATE FUNCTION payload_as_json(payload bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT SET search_path = pg_catalog AS $$
DECLARE
    said text;
BEGIN
    said := convert_from(payload, 'UTF8');
    BEGIN
        RETURN said::jsonb;
    EXCEPTION WHEN untranslatable_character THEN
        RETURN regexp_replace(said, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::jsonb;
    END;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

-- A target as a person reads it; the same words as in ooda.common.targets.
CREATE FUNCTION target_text(target jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE target ->> 'kind'
    WHEN 'pod' THEN 'pod ' || (target ->> 'namespace') || '/' || (target ->> 'name')
    WHEN 'workload' THEN
        (target ->> 'workload_kind') || ' ' || (target ->> 'namespace') || '/' || (target ->> 'name')
    WHEN 'service' THEN 'service ' || (target ->> 'namespace') || '/' || (target ->> 'name')
    WHEN 'node' THEN 'node ' || (target ->> 'name')
    WHEN 'edge' THEN
        'edge ' || (target ->> 'namespace') || '/' || (target ->> 'client') || '→' || (target ->> 'server')
    WHEN 'name' THEN 'name ' || (target ->> 'name') || ' in ' || (target ->> 'namespace')
    WHEN 'service_account' THEN
        'service account ' || (target ->> 'namespace') || '/' || (target ->> 'name')
    WHEN 'namespace' THEN 'namespace ' || (target ->> 'name')
END $$;

-- Values out of a payload are whatever was on the bus: what is no such value is NULL, so that one
-- odd event never makes a view unreadable.
CREATE FUNCTION moment(said text) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE STRICT AS $$
BEGIN
    RETURN said::timestamptz;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

CREATE FUNCTION number(said text) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
BEGIN
    RETURN said::double precision;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;
