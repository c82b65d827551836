-- OpenAQ's daily files of 2015 to 2021: one line for each measurement, in local and in universal time.
SELECT
    source_record,
    location,
    NULL::VARCHAR AS location_id,
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
