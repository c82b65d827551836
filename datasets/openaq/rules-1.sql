-- Rule pack 1: what each record means, why it is quarantined, what is noteworthy of it.
--
-- Reads canonical (source_record and text columns, the same for every format). Yields the clean columns, the columns of
-- duplicates.key in dataset.json, reasons (all that match, in order of precedence) and flags. The column reference_time
-- (TIMESTAMPTZ) of canonical is when the source was made.
--
-- Nothing here may raise: what cannot be read is NULL, and a rule says so.
WITH
-- Every text as what it is meant to be. macros.sql says what a number and an instant look like.
read AS (
    SELECT
        source_record,
        reference_time,
        stripped(location) AS location,
        stripped(city) AS city,
        stripped(country) AS country_raw,
        lower(stripped(parameter)) AS parameter_raw,
        stripped(unit) AS unit_raw,
        number("value") AS value_read,
        instant(utc) AS utc_text,
        instant("local") AS local_text,
        number(latitude) AS latitude_read,
        number(longitude) AS longitude_read,
        CASE WHEN regexp_full_match(stripped(location_id), '[0-9]{1,18}') THEN stripped(location_id)::BIGINT END AS location_id,
        CASE WHEN regexp_full_match(stripped(sensor_id), '[0-9]{1,18}') THEN stripped(sensor_id)::BIGINT END AS sensor_id,
        number(averaging_value) AS averaging_value,
        lower(stripped(averaging_unit)) AS averaging_unit,
        stripped(source_name) AS source_name,
        stripped(source_type) AS source_type,
        lower(stripped(mobile)) AS mobile_raw,
        stripped(attribution) AS attribution
    FROM canonical
),

-- Values in one spelling. Of an instant's text TIMESTAMP takes the time on the clock, TIMESTAMPTZ the instant.
meant AS (
    SELECT
        *,
        upper(country_raw) AS country_key,
        CASE parameter_raw
            WHEN 'pm2.5' THEN 'pm25'
            WHEN 'ozone' THEN 'o3'
            WHEN 'humidity' THEN 'relativehumidity'
            WHEN 'rh' THEN 'relativehumidity'
            ELSE parameter_raw
        END AS parameter,
        -- The micro sign (U+00B5) and the Greek mu (U+03BC) look the same.
        CASE unit_raw
            WHEN 'ug/m3' THEN 'µg/m³'
            WHEN 'ug/m³' THEN 'µg/m³'
            WHEN 'µg/m3' THEN 'µg/m³'
            WHEN 'μg/m3' THEN 'µg/m³'
            WHEN 'μg/m³' THEN 'µg/m³'
            ELSE unit_raw
        END AS unit,
        -- 1e999 is written like a number, but is none.
        CASE WHEN isfinite(value_read) THEN value_read END AS "value",
        CASE WHEN isfinite(latitude_read) THEN latitude_read END AS latitude,
        CASE WHEN isfinite(longitude_read) THEN longitude_read END AS longitude,
        try_cast(utc_text AS TIMESTAMPTZ) AS utc,
        try_cast(local_text AS TIMESTAMPTZ) AS local_instant,
        try_cast(local_text AS TIMESTAMP) AS local_time
    FROM read
),

-- One boolean for each rule, never NULL.
ruled AS (
    SELECT
        *,
        parameter IS NULL AS missing_parameter,
        utc IS NULL AS bad_timestamp,
        coalesce(utc > reference_time + INTERVAL 1 HOUR, false) AS future_timestamp,
        "value" IS NULL AS bad_value,
        -- What networks write for "no measurement", also after a conversion of units has scaled it.
        coalesce(
            "value" <= -100
            OR abs("value" + 99) < 1e-9
            OR abs("value" + 99.9) < 1e-9
            OR abs("value" + 99.99) < 1e-9
            OR (
                "value" < 0
                AND unit IN ('ppm', 'ppb')
                AND (
                    abs("value" + 0.999) < 1e-9
                    OR abs("value" + 9.999) < 1e-9
                    OR abs("value" + 0.9999) < 1e-9
                    OR abs("value" + 9.9999) < 1e-9
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
        coalesce(local_instant <> utc, false) AS local_utc_mismatch
    FROM meant
)

SELECT
    source_record,
    location,
    location_id,
    sensor_id,
    city,
    CASE WHEN regexp_full_match(country_key, '[A-Z]{2}') THEN country_key END AS country_code,
    country_raw,
    country_key,
    parameter,
    unit,
    "value",
    utc,
    local_time,
    ((epoch_us(local_time) - epoch_us(local_instant)) // 60000000)::INTEGER AS utc_offset_minutes,
    CASE WHEN local_time IS NULL THEN make_timestamp(epoch_us(utc))::DATE ELSE local_time::DATE END AS local_date,
    try_cast(round(averaging_value * CASE averaging_unit
        WHEN 'seconds' THEN 1
        WHEN 'minutes' THEN 60
        WHEN 'hours' THEN 3600
        WHEN 'days' THEN 86400
    END) AS INTEGER) AS averaging_seconds,
    latitude,
    longitude,
    source_name,
    source_type,
    CASE mobile_raw WHEN 'true' THEN true WHEN 'false' THEN false END AS mobile,
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
