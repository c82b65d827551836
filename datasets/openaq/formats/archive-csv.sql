-- OpenAQ's archive on S3: one file for each station and day. It has no country; some who merge its files add one.
-- Its one time stamp is the local end of the averaging hour, with offset: it gives both the local and the universal time.
SELECT
    source_record,
    location,
    location_id,
    sensors_id AS sensor_id,
    city,
    country,
    parameter,
    units AS unit,
    "value",
    "datetime" AS utc,
    "datetime" AS "local",
    NULL::VARCHAR AS averaging_value,
    NULL::VARCHAR AS averaging_unit,
    lat AS latitude,
    lon AS longitude,
    NULL::VARCHAR AS source_name,
    NULL::VARCHAR AS source_type,
    NULL::VARCHAR AS mobile,
    NULL::VARCHAR AS attribution
FROM delivered
