-- What the rules say again and again, by name: run once, before the rules.
--
-- Blanks are the space, tab, CR, LF and the no-break space (U+00A0), which looks like a space: it is the last sign in
-- blanks() and the only one in no_break_space(). Trimming is slow, so what needs none is recognised first.
CREATE TEMP MACRO no_break_space() AS ' ';
CREATE TEMP MACRO blanks() AS E' \t\r\n ';

-- Text without blanks at both ends; NULL where nothing is left. All blanks but one sort before '!'.
CREATE TEMP MACRO stripped(t) AS
    CASE
        WHEN t < '!' OR starts_with(t, no_break_space()) OR strpos(blanks(), t[-1]) > 0 THEN nullif(trim(t, blanks()), '')
        ELSE t
    END;

-- A number is digits with an optional sign, point and exponent. The cast alone would also take '1_000', 'nan' or '+-5'.
CREATE TEMP MACRO is_number(t) AS regexp_full_match(t, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?');
CREATE TEMP MACRO number(t) AS
    CASE
        WHEN is_number(t) THEN try_cast(t AS DOUBLE)
        WHEN is_number(trim(t, blanks())) THEN try_cast(trim(t, blanks()) AS DOUBLE)
    END;

-- An instant is ISO 8601 with Z or an offset of less than a day; seconds may lack. The casts alone would also take
-- 24 o'clock and '2018-2-6', and need the seconds. The text of an instant in the form that the casts read; else NULL.
CREATE TEMP MACRO is_instant(t) AS regexp_full_match(
    t,
    '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-]([01][0-9]|2[0-2]):?[0-9]{2}|[+-]23:?[0-5][0-9])'
);
CREATE TEMP MACRO with_seconds(t) AS
    regexp_replace(trim(t, blanks()), '^([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2})(Z|[+-].*)$', '\1:00\2');
CREATE TEMP MACRO instant(t) AS
    CASE
        -- There was no year 0.
        WHEN is_instant(t) AND t >= '0001' THEN t
        WHEN is_instant(with_seconds(t)) AND with_seconds(t) >= '0001' THEN with_seconds(t)
    END;
