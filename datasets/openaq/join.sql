-- Where each measurement was made, and what is noteworthy once that is known.
--
-- Reads clean, countries (ISO 3166-1 and XK) and places (each distinct pair of coordinates with place_code, the country it lies in, and
-- accepted_codes, every code that is right there). Yields the gold columns and, as text, the partition columns.
-- Both joins are on unique keys, so no row is lost or multiplied; the joiner counts.
WITH
located AS (
    SELECT
        clean.*,
        delivered.alpha2 AS delivered_code,
        -- Coordinates around 0, 0 are a default, not a place.
        CASE WHEN list_contains(clean.flags, 'coordinates-near-zero') THEN NULL ELSE places.place_code END AS place_code,
        places.accepted_codes
    FROM clean
    LEFT JOIN places ON clean.latitude = places.latitude AND clean.longitude = places.longitude
    LEFT JOIN countries AS delivered ON clean.country_code = delivered.alpha2
),

judged AS (
    SELECT
        *,
        coalesce(delivered_code, place_code) AS code,
        delivered_code IS NULL AND place_code IS NOT NULL AS country_derived,
        coalesce(place_code IS NOT NULL AND NOT list_contains(accepted_codes, delivered_code), false) AS outside_country,
        -- The upper limits that OpenAQ publishes.
        coalesce("value" > CASE
            WHEN unit = 'µg/m³' THEN CASE parameter
                WHEN 'pm25' THEN 1000 WHEN 'pm10' THEN 1500 WHEN 'pm1' THEN 1000
                WHEN 'o3' THEN 500 WHEN 'no2' THEN 500 WHEN 'so2' THEN 2000
            END
            WHEN unit = 'ppm' THEN CASE parameter
                WHEN 'o3' THEN 0.5 WHEN 'no2' THEN 0.5 WHEN 'so2' THEN 2 WHEN 'co' THEN 100
            END
        END, false) AS above_limit
    FROM located
)

SELECT
    judged.* EXCLUDE (flags, delivered_code, place_code, accepted_codes, code, country_derived, outside_country, above_limit),
    CASE
        WHEN country_derived OR outside_country OR above_limit
            THEN flags || list_filter([
                CASE WHEN country_derived THEN 'country-derived' END,
                CASE WHEN outside_country THEN 'coordinates-outside-country' END,
                CASE WHEN above_limit THEN 'above-limit' END
            ], lambda flag : flag IS NOT NULL)
        ELSE flags
    END AS flags,
    countries.alpha3 AS country_alpha3,
    countries."numeric" AS country_numeric,
    countries.name AS country_name,
    countries.region AS region,
    coalesce(countries.alpha2, 'ZZ') AS country,
    lpad(year(local_date)::VARCHAR, 4, '0') AS "year",
    lpad(month(local_date)::VARCHAR, 2, '0') AS "month"
FROM judged
LEFT JOIN countries ON judged.code = countries.alpha2
