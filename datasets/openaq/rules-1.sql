-- Rule pack 1: what each record means, why it is quarantined, what is noteworthy of it.
--
-- Reads canonical (source_record and text columns, the same for every format). Yields the clean columns, the columns of
-- duplicates.key in dataset.json, reasons (all that match, in order of precedence) and flags.
-- reference_time is the instant that the source was made at: TIMESTAMP, UTC.
--
-- Nothing here may raise: what cannot be read is NULL, and a rule says so. DuckDB's casts alone would also take '1_000',
-- 'nan' or 24 o'clock, hence a pattern beside each cast.
WITH
-- Text without blanks, tabs, line ends and no-break spaces (U+00A0) at both ends; empty text is NULL.
stripped AS (
    SELECT
        source_record,
        nullif(trim(location, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '') AS location,
        nullif(trim(city, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '') AS city,
        nullif(trim(country, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '') AS country_raw,
        nullif(trim(parameter, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '') AS parameter_raw,
        nullif(trim(unit, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '') AS unit_raw,
        trim("value", ' ' || chr(9) || chr(10) || chr(13) || chr(160)) AS value_raw,
        trim(utc, ' ' || chr(9) || chr(10) || chr(13) || chr(160)) AS utc_raw,
        trim("local", ' ' || chr(9) || chr(10) || chr(13) || chr(160)) AS local_raw,
        trim(latitude, ' ' || chr(9) || chr(10) || chr(13) || chr(160)) AS latitude_raw,
        trim(longitude, ' ' || chr(9) || chr(10) || chr(13) || chr(160)) AS longitude_raw,
        trim(location_id, ' ' || chr(9) || chr(10) || chr(13) || chr(160)) AS location_id_raw,
        trim(sensor_id, ' ' || chr(9) || chr(10) || chr(13) || chr(160)) AS sensor_id_raw,
        try_cast(trim(averaging_value, ' ' || chr(9) || chr(10) || chr(13) || chr(160)) AS DOUBLE) AS averaging_value,
        lower(trim(averaging_unit, ' ' || chr(9) || chr(10) || chr(13) || chr(160))) AS averaging_unit,
        nullif(trim(source_name, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '') AS source_name,
        nullif(trim(source_type, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '') AS source_type,
        lower(trim(mobile, ' ' || chr(9) || chr(10) || chr(13) || chr(160))) AS mobile_raw,
        nullif(trim(attribution, ' ' || chr(9) || chr(10) || chr(13) || chr(160)), '') AS attribution
    FROM canonical
),

-- Numbers are digits with an optional sign, point and exponent; an instant is ISO 8601 with Z or an offset.
read AS (
    SELECT
        *,
        upper(country_raw) AS country_key,
        CASE lower(parameter_raw)
            WHEN 'pm2.5' THEN 'pm25'
            WHEN 'ozone' THEN 'o3'
            WHEN 'humidity' THEN 'relativehumidity'
            WHEN 'rh' THEN 'relativehumidity'
            ELSE lower(parameter_raw)
        END AS parameter,
        -- The micro sign (U+00B5) and the Greek mu (U+03BC) look the same.
        CASE
            WHEN unit_raw IN ('ug/m3', 'ug/m³', 'µg/m3', 'µg/m³', 'μg/m3', 'μg/m³') THEN 'µg/m³'
            ELSE unit_raw
        END AS unit,
        CASE WHEN regexp_full_match(value_raw, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?') THEN try_cast(value_raw AS DOUBLE) END AS value_read,
        CASE WHEN regexp_full_match(latitude_raw, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?') THEN try_cast(latitude_raw AS DOUBLE) END AS latitude_read,
        CASE WHEN regexp_full_match(longitude_raw, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?') THEN try_cast(longitude_raw AS DOUBLE) END AS longitude_read,
        -- Of a fraction microseconds count. Year 0 and 24 o'clock are no real instants.
        CASE
            WHEN regexp_full_match(utc_raw, '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})') AND utc_raw NOT LIKE '0000%' AND utc_raw[12:13] <> '24'
                THEN try_cast(regexp_replace(utc_raw, '(Z|[+-]..:?..)$', '')[:26] AS TIMESTAMP)
        END AS utc_wall,
        CASE
            WHEN regexp_full_match(local_raw, '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})') AND local_raw NOT LIKE '0000%' AND local_raw[12:13] <> '24'
                THEN try_cast(regexp_replace(local_raw, '(Z|[+-]..:?..)$', '')[:26] AS TIMESTAMP)
        END AS local_wall,
        CASE
            WHEN utc_raw LIKE '%Z' THEN 0
            ELSE (CASE WHEN regexp_matches(utc_raw, '[-]..:?..$') THEN -1 ELSE 1 END)
                * (try_cast(regexp_extract(utc_raw, '(..):?..$', 1) AS INTEGER) * 60 + try_cast(right(utc_raw, 2) AS INTEGER))
        END AS utc_offset,
        CASE
            WHEN local_raw LIKE '%Z' THEN 0
            ELSE (CASE WHEN regexp_matches(local_raw, '[-]..:?..$') THEN -1 ELSE 1 END)
                * (try_cast(regexp_extract(local_raw, '(..):?..$', 1) AS INTEGER) * 60 + try_cast(right(local_raw, 2) AS INTEGER))
        END AS local_offset
    FROM stripped
),

-- Instants as UTC; an offset is less than a day. 1e999 is written like a number, but is none.
measured AS (
    SELECT
        *,
        CASE WHEN isfinite(value_read) THEN value_read END AS "value",
        CASE WHEN isfinite(latitude_read) THEN latitude_read END AS latitude,
        CASE WHEN isfinite(longitude_read) THEN longitude_read END AS longitude,
        CASE WHEN abs(utc_offset) < 1440 THEN utc_wall - to_minutes(utc_offset) END AS utc_naive,
        CASE WHEN abs(local_offset) < 1440 THEN local_wall END AS local_time,
        CASE WHEN abs(local_offset) < 1440 AND local_wall IS NOT NULL THEN local_offset END AS utc_offset_minutes
    FROM read
),

-- One boolean for each rule, never NULL.
ruled AS (
    SELECT
        *,
        parameter IS NULL AS missing_parameter,
        utc_naive IS NULL AS bad_timestamp,
        coalesce(utc_naive > getvariable('reference_time') + INTERVAL 1 HOUR, false) AS future_timestamp,
        "value" IS NULL AS bad_value,
        -- What networks write for "no measurement", also after a conversion of units has scaled it.
        coalesce(
            "value" <= -100
            OR abs("value" + 99) < 1e-9 OR abs("value" + 99.9) < 1e-9 OR abs("value" + 99.99) < 1e-9
            OR (
                unit IN ('ppm', 'ppb')
                AND (
                    abs("value" + 0.999) < 1e-9 OR abs("value" + 9.999) < 1e-9
                    OR abs("value" + 0.9999) < 1e-9 OR abs("value" + 9.9999) < 1e-9
                )
            ),
            false
        ) AS sentinel_value,
        -- Noise around zero is real: below these floors it is not.
        coalesce("value" < CASE WHEN unit = 'ppm' THEN -0.05 ELSE -5 END, false) AS negative_value,

        coalesce("value" < 0, false) AS negative_noise,
        latitude IS NULL OR longitude IS NULL AS coordinates_missing,
        coalesce(abs(latitude) > 90 OR abs(longitude) > 180, false) AS coordinates_out_of_range,
        coalesce(abs(latitude) < 1 AND abs(longitude) < 1, false) AS coordinates_near_zero,
        country_key IS NULL AS country_missing,
        -- ISO 3166-1 and XK. Written out: which codes are known is a rule, and a new list is a new rule pack.
        coalesce(country_key NOT IN (
    'AD', 'AE', 'AF', 'AG', 'AI', 'AL', 'AM', 'AO', 'AQ', 'AR', 'AS', 'AT', 'AU', 'AW', 'AX', 'AZ', 'BA', 'BB', 'BD', 'BE', 'BF', 'BG', 'BH', 'BI', 'BJ',
    'BL', 'BM', 'BN', 'BO', 'BQ', 'BR', 'BS', 'BT', 'BV', 'BW', 'BY', 'BZ', 'CA', 'CC', 'CD', 'CF', 'CG', 'CH', 'CI', 'CK', 'CL', 'CM', 'CN', 'CO', 'CR',
    'CU', 'CV', 'CW', 'CX', 'CY', 'CZ', 'DE', 'DJ', 'DK', 'DM', 'DO', 'DZ', 'EC', 'EE', 'EG', 'EH', 'ER', 'ES', 'ET', 'FI', 'FJ', 'FK', 'FM', 'FO', 'FR',
    'GA', 'GB', 'GD', 'GE', 'GF', 'GG', 'GH', 'GI', 'GL', 'GM', 'GN', 'GP', 'GQ', 'GR', 'GS', 'GT', 'GU', 'GW', 'GY', 'HK', 'HM', 'HN', 'HR', 'HT', 'HU',
    'ID', 'IE', 'IL', 'IM', 'IN', 'IO', 'IQ', 'IR', 'IS', 'IT', 'JE', 'JM', 'JO', 'JP', 'KE', 'KG', 'KH', 'KI', 'KM', 'KN', 'KP', 'KR', 'KW', 'KY', 'KZ',
    'LA', 'LB', 'LC', 'LI', 'LK', 'LR', 'LS', 'LT', 'LU', 'LV', 'LY', 'MA', 'MC', 'MD', 'ME', 'MF', 'MG', 'MH', 'MK', 'ML', 'MM', 'MN', 'MO', 'MP', 'MQ',
    'MR', 'MS', 'MT', 'MU', 'MV', 'MW', 'MX', 'MY', 'MZ', 'NA', 'NC', 'NE', 'NF', 'NG', 'NI', 'NL', 'NO', 'NP', 'NR', 'NU', 'NZ', 'OM', 'PA', 'PE', 'PF',
    'PG', 'PH', 'PK', 'PL', 'PM', 'PN', 'PR', 'PS', 'PT', 'PW', 'PY', 'QA', 'RE', 'RO', 'RS', 'RU', 'RW', 'SA', 'SB', 'SC', 'SD', 'SE', 'SG', 'SH', 'SI',
    'SJ', 'SK', 'SL', 'SM', 'SN', 'SO', 'SR', 'SS', 'ST', 'SV', 'SX', 'SY', 'SZ', 'TC', 'TD', 'TF', 'TG', 'TH', 'TJ', 'TK', 'TL', 'TM', 'TN', 'TO', 'TR',
    'TT', 'TV', 'TW', 'TZ', 'UA', 'UG', 'UM', 'US', 'UY', 'UZ', 'VA', 'VC', 'VE', 'VG', 'VI', 'VN', 'VU', 'WF', 'WS', 'XK', 'YE', 'YT', 'ZA', 'ZM', 'ZW'
        ), false) AS country_unknown,
        coalesce(local_time - to_minutes(utc_offset_minutes) <> utc_naive, false) AS local_utc_mismatch
    FROM measured
)

SELECT
    source_record,
    location,
    CASE WHEN regexp_full_match(location_id_raw, '[0-9]{1,18}') THEN try_cast(location_id_raw AS BIGINT) END AS location_id,
    CASE WHEN regexp_full_match(sensor_id_raw, '[0-9]{1,18}') THEN try_cast(sensor_id_raw AS BIGINT) END AS sensor_id,
    city,
    CASE WHEN regexp_full_match(country_key, '[A-Z]{2}') THEN country_key END AS country_code,
    country_raw,
    country_key,
    parameter,
    unit,
    "value",
    make_timestamptz(epoch_us(utc_naive)) AS utc,
    local_time,
    utc_offset_minutes,
    coalesce(local_time, utc_naive)::DATE AS local_date,
    try_cast(round(averaging_value * CASE averaging_unit
        WHEN 'seconds' THEN 1 WHEN 'second' THEN 1 WHEN 's' THEN 1
        WHEN 'minutes' THEN 60 WHEN 'minute' THEN 60
        WHEN 'hours' THEN 3600 WHEN 'hour' THEN 3600 WHEN 'h' THEN 3600
        WHEN 'days' THEN 86400 WHEN 'day' THEN 86400
    END) AS INTEGER) AS averaging_seconds,
    latitude,
    longitude,
    source_name,
    source_type,
    CASE WHEN mobile_raw IN ('true', '1') THEN true WHEN mobile_raw IN ('false', '0') THEN false END AS mobile,
    attribution,
    -- Lists are built only where there is something to list: of most records there is not.
    CASE
        WHEN missing_parameter OR bad_timestamp OR future_timestamp OR bad_value OR sentinel_value OR negative_value
            THEN list_filter([
                CASE WHEN missing_parameter THEN 'missing-parameter' END,
                CASE WHEN bad_timestamp THEN 'bad-timestamp' END,
                CASE WHEN future_timestamp THEN 'future-timestamp' END,
                CASE WHEN bad_value THEN 'bad-value' END,
                CASE WHEN sentinel_value THEN 'sentinel-value' END,
                CASE WHEN negative_value THEN 'negative-value' END
            ], lambda reason : reason IS NOT NULL)
        ELSE []::VARCHAR[]
    END AS reasons,
    CASE
        WHEN negative_noise OR coordinates_missing OR coordinates_out_of_range OR coordinates_near_zero
            OR country_missing OR country_unknown OR local_utc_mismatch
            THEN list_filter([
                CASE WHEN negative_noise THEN 'negative-noise' END,
                CASE
                    WHEN coordinates_missing THEN 'coordinates-missing'
                    WHEN coordinates_out_of_range THEN 'coordinates-out-of-range'
                    WHEN coordinates_near_zero THEN 'coordinates-near-zero'
                END,
                CASE WHEN country_missing THEN 'country-missing' WHEN country_unknown THEN 'country-unknown' END,
                CASE WHEN local_utc_mismatch THEN 'local-utc-mismatch' END
            ], lambda flag : flag IS NOT NULL)
        ELSE []::VARCHAR[]
    END AS flags
FROM ruled
