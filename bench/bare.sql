-- The whole job as one DuckDB statement: what it takes when nothing is counted, checked, quarantined or committed.
-- Names in braces are filled in; `countries` and `places` are tables, made beforehand by the joiner's own library.
-- The macros before it are names for expressions.

-- Text without blanks (and U+00A0) at its ends; trimming is slow, so what needs none is recognised first.
CREATE OR REPLACE TEMP MACRO trimmed(t) AS nullif(trim(t, (E' \t\r\n' || chr(160))), '');
CREATE OR REPLACE TEMP MACRO stripped(t) AS
    CASE WHEN t < '!' OR starts_with(t, chr(160)) OR strpos((E' \t\r\n' || chr(160)), t[-1]) > 0 THEN trimmed(t) ELSE t END;
CREATE OR REPLACE TEMP MACRO is_number(t) AS regexp_full_match(t, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?');
CREATE OR REPLACE TEMP MACRO number(t) AS
    CASE WHEN is_number(t) THEN try_cast(t AS DOUBLE) WHEN is_number(trimmed(t)) THEN try_cast(trimmed(t) AS DOUBLE) END;
CREATE OR REPLACE TEMP MACRO is_instant(t) AS regexp_full_match(t,
    '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-]([01][0-9]|2[0-2]):?[0-9]{2}|[+-]23:?[0-5][0-9])');
CREATE OR REPLACE TEMP MACRO with_seconds(t) AS
    regexp_replace(trimmed(t), '^([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2})(Z|[+-].*)$', '\1:00\2');
CREATE OR REPLACE TEMP MACRO instant(t) AS
    CASE WHEN is_instant(t) AND t >= '0001' THEN t WHEN is_instant(with_seconds(t)) AND with_seconds(t) >= '0001' THEN with_seconds(t) END;

COPY (
WITH
delivered AS (
    SELECT row_number() OVER () AS source_record, *
    FROM read_csv(
        '{input}', auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', new_line = '\n',
        columns = {
            'location': 'VARCHAR', 'city': 'VARCHAR', 'country': 'VARCHAR', 'utc': 'VARCHAR', 'local': 'VARCHAR',
            'parameter': 'VARCHAR', 'value': 'VARCHAR', 'unit': 'VARCHAR', 'latitude': 'VARCHAR', 'longitude': 'VARCHAR',
            'attribution': 'VARCHAR'
        }
    )
),

read AS (
    SELECT
        source_record,
        stripped(location) AS location,
        stripped(city) AS city,
        stripped(country) AS country_raw,
        lower(stripped(parameter)) AS parameter_raw,
        stripped(unit) AS unit_raw,
        number("value") AS value_read,
        number(latitude) AS latitude_read,
        number(longitude) AS longitude_read,
        try_cast(instant(utc) AS TIMESTAMPTZ) AS utc,
        instant("local") AS local_text,
        stripped(attribution) AS attribution
    FROM delivered
),

meant AS (
    SELECT
        * EXCLUDE (parameter_raw, unit_raw, value_read, latitude_read, longitude_read, local_text),
        upper(country_raw) AS country_key,
        CASE parameter_raw
            WHEN 'pm2.5' THEN 'pm25' WHEN 'ozone' THEN 'o3' WHEN 'humidity' THEN 'relativehumidity' WHEN 'rh' THEN 'relativehumidity'
            ELSE parameter_raw
        END AS parameter,
        CASE WHEN unit_raw IN ('ug/m3', 'ug/m³', 'µg/m3', 'μg/m3', 'μg/m³') THEN 'µg/m³' ELSE unit_raw END AS unit,
        CASE WHEN isfinite(value_read) THEN value_read END AS "value",
        CASE WHEN isfinite(latitude_read) THEN latitude_read END AS latitude,
        CASE WHEN isfinite(longitude_read) THEN longitude_read END AS longitude,
        try_cast(local_text AS TIMESTAMPTZ) AS local_instant,
        try_cast(local_text AS TIMESTAMP) AS local_time
    FROM read
),

good AS (
    SELECT *
    FROM meant
    WHERE parameter IS NOT NULL
        AND utc <= TIMESTAMPTZ '{reference_time}' + INTERVAL 1 HOUR
        AND ("value" >= 0 OR NOT (
            "value" <= -100 OR abs("value" + 99) < 1e-9 OR abs("value" + 99.9) < 1e-9 OR abs("value" + 99.99) < 1e-9
            OR coalesce(unit IN ('ppm', 'ppb') AND (
                abs("value" + 0.999) < 1e-9 OR abs("value" + 9.999) < 1e-9 OR abs("value" + 0.9999) < 1e-9 OR abs("value" + 9.9999) < 1e-9
            ), false)
            OR "value" < CASE WHEN unit = 'ppm' THEN -0.05 ELSE -5 END
        ))
),

clean AS (
    SELECT
        '{source_id}' AS source_id,
        source_record,
        'openaq-legacy-csv' AS format,
        location,
        NULL::BIGINT AS location_id,
        NULL::BIGINT AS sensor_id,
        city,
        CASE WHEN regexp_full_match(country_key, '[A-Z]{2}') THEN country_key END AS country_code,
        country_raw,
        parameter,
        unit,
        "value",
        utc,
        local_time,
        ((epoch_us(local_time) - epoch_us(local_instant)) // 60000000)::INTEGER AS utc_offset_minutes,
        coalesce(local_time, make_timestamp(epoch_us(utc)))::DATE AS local_date,
        NULL::INTEGER AS averaging_seconds,
        latitude,
        longitude,
        NULL::VARCHAR AS source_name,
        NULL::VARCHAR AS source_type,
        NULL::BOOLEAN AS mobile,
        attribution,
        CASE
            WHEN "value" < 0 OR latitude IS NULL OR longitude IS NULL OR abs(latitude) > 90 OR abs(longitude) > 180
                OR (abs(latitude) < 1 AND abs(longitude) < 1) OR country_key IS NULL OR known.alpha2 IS NULL OR local_instant <> utc
                THEN list_filter([
                    CASE WHEN "value" < 0 THEN 'negative-noise' END,
                    CASE
                        WHEN latitude IS NULL OR longitude IS NULL THEN 'coordinates-missing'
                        WHEN abs(latitude) > 90 OR abs(longitude) > 180 THEN 'coordinates-out-of-range'
                        WHEN abs(latitude) < 1 AND abs(longitude) < 1 THEN 'coordinates-near-zero'
                    END,
                    CASE WHEN country_key IS NULL THEN 'country-missing' WHEN known.alpha2 IS NULL THEN 'country-unknown' END,
                    CASE WHEN local_instant <> utc THEN 'local-utc-mismatch' END
                ], lambda flag : flag IS NOT NULL)
            ELSE []::VARCHAR[]
        END AS flags
    FROM good
    LEFT JOIN countries AS known ON country_key = known.alpha2
    WHERE source_record NOT IN (
        SELECT source_record FROM good
        WHERE hash({duplicate_key}) IN (SELECT hash({duplicate_key}) FROM good GROUP BY ALL HAVING count(*) > 1)
        QUALIFY row_number() OVER (PARTITION BY {duplicate_key} ORDER BY source_record) > 1
    )
),

-- Until here it is the cleaner's share, from here on the joiner's.
located AS (
    SELECT
        clean.*,
        delivered.alpha2 AS delivered_code,
        CASE WHEN abs(clean.latitude) < 1 AND abs(clean.longitude) < 1 THEN NULL ELSE places.place_code END AS place_code,
        places.accepted_codes
    FROM clean
    LEFT JOIN places ON clean.latitude = places.latitude AND clean.longitude = places.longitude
    LEFT JOIN countries AS delivered ON clean.country_code = delivered.alpha2
),

judged AS (
    SELECT
        *,
        delivered_code IS NULL AND place_code IS NOT NULL AS is_derived,
        coalesce(place_code IS NOT NULL AND NOT list_contains(accepted_codes, delivered_code), false) AS is_outside,
        coalesce("value" > CASE
            WHEN unit = 'µg/m³' THEN CASE parameter
                WHEN 'pm25' THEN 1000 WHEN 'pm10' THEN 1500 WHEN 'pm1' THEN 1000 WHEN 'o3' THEN 500 WHEN 'no2' THEN 500 WHEN 'so2' THEN 2000
            END
            WHEN unit = 'ppm' THEN CASE parameter WHEN 'o3' THEN 0.5 WHEN 'no2' THEN 0.5 WHEN 'so2' THEN 2 WHEN 'co' THEN 100 END
        END, false) AS is_above
    FROM located
)

SELECT
    judged.* EXCLUDE (flags, delivered_code, place_code, accepted_codes, is_derived, is_outside, is_above),
    CASE
        WHEN is_derived OR is_outside OR is_above THEN flags || list_filter([
            CASE WHEN is_derived THEN 'country-derived' END,
            CASE WHEN is_outside THEN 'coordinates-outside-country' END,
            CASE WHEN is_above THEN 'above-limit' END
        ], lambda flag : flag IS NOT NULL)
        ELSE flags
    END AS flags,
    countries.alpha3 AS country_alpha3,
    countries."numeric" AS country_numeric,
    countries.name AS country_name,
    countries.region,
    coalesce(countries.alpha2, 'ZZ') AS country,
    lpad(year(local_date)::VARCHAR, 4, '0') AS "year",
    lpad(month(local_date)::VARCHAR, 2, '0') AS "month"
FROM judged
LEFT JOIN countries ON coalesce(delivered_code, place_code) = countries.alpha2
) TO '{output}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (country, year, month));
