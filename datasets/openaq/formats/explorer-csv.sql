-- What OpenAQ's Explorer exports (its third API): country_iso is a column, but mostly empty.
SELECT
    source_record,
    location_name AS location,
    location_id,
    NULL::VARCHAR AS sensor_id,
    NULL::VARCHAR AS city,
    country_iso AS country,
    parameter,
    unit,
    "value",
    "datetimeUtc" AS utc,
    "datetimeLocal" AS "local",
    NULL::VARCHAR AS averaging_value,
    NULL::VARCHAR AS averaging_unit,
    latitude,
    longitude,
    provider AS source_name,
    NULL::VARCHAR AS source_type,
    "isMobile" AS mobile,
    NULL::VARCHAR AS attribution
FROM delivered
