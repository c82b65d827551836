-- OpenAQ's real-time fetches: one JSON object for each measurement.
WITH parsed AS (
    SELECT
        source_record,
        -- Every value as its text, numbers too: what is a number is for the rules to say. One call parses a line once.
        from_json(
            line,
            '{
                "date": {"utc": "VARCHAR", "local": "VARCHAR"},
                "coordinates": {"latitude": "VARCHAR", "longitude": "VARCHAR"},
                "averagingPeriod": {"value": "VARCHAR", "unit": "VARCHAR"},
                "location": "VARCHAR", "city": "VARCHAR", "country": "VARCHAR",
                "parameter": "VARCHAR", "value": "VARCHAR", "unit": "VARCHAR",
                "sourceName": "VARCHAR", "sourceType": "VARCHAR", "mobile": "VARCHAR",
                "attribution": "VARCHAR"
            }'
        ) AS d
    FROM delivered
)

SELECT
    source_record,
    d.location,
    NULL::VARCHAR AS location_id,
    NULL::VARCHAR AS sensor_id,
    d.city,
    d.country,
    d.parameter,
    d.unit,
    d."value",
    d."date".utc AS utc,
    d."date"."local" AS "local",
    d."averagingPeriod"."value" AS averaging_value,
    d."averagingPeriod".unit AS averaging_unit,
    d.coordinates.latitude AS latitude,
    d.coordinates.longitude AS longitude,
    d."sourceName" AS source_name,
    d."sourceType" AS source_type,
    d.mobile,
    d.attribution
FROM parsed
