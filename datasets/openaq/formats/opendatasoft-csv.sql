-- OpenAQ as OpenDataSoft republishes it: the latest value of each station, both coordinates in one column ("lat, lon").
-- The offset of its time stamp is that of the publisher; it is the only local time there is.
SELECT
    source_record,
    "Location" AS location,
    NULL::VARCHAR AS location_id,
    NULL::VARCHAR AS sensor_id,
    "City" AS city,
    "Country Code" AS country,
    "Pollutant" AS parameter,
    "Unit" AS unit,
    "Value" AS "value",
    "Last Updated" AS utc,
    "Last Updated" AS "local",
    NULL::VARCHAR AS averaging_value,
    NULL::VARCHAR AS averaging_unit,
    coalesce(split_part("Coordinates", ',', 1), "Latitude") AS latitude,
    coalesce(split_part("Coordinates", ',', 2), "Longitude") AS longitude,
    "Source Name" AS source_name,
    NULL::VARCHAR AS source_type,
    NULL::VARCHAR AS mobile,
    NULL::VARCHAR AS attribution
FROM delivered
