-- What OpenAQ's second API gave as CSV: the legacy columns behind a station number, most often without attribution.
SELECT
    source_record,
    location,
    "locationId" AS location_id,
    NULL::VARCHAR AS sensor_id,
    city,
    country,
    parameter,
    unit,
    "value",
    utc,
    "local",
    NULL::VARCHAR AS averaging_value,
    NULL::VARCHAR AS averaging_unit,
    latitude,
    longitude,
    NULL::VARCHAR AS source_name,
    NULL::VARCHAR AS source_type,
    NULL::VARCHAR AS mobile,
    attribution
FROM delivered
