/** What users ask of the lake, in SQL that DuckDB and Trino both speak. Each question orders its rows in full. */

interface Question {
  readonly name: string;
  /** Each partition that it reads costs requests: most read some. */
  readonly sql: string;
  /** Sums of fractions depend on the order of their terms: they are compared to four digits after the point. */
  readonly isRounded?: boolean;
  /** Asked again after every change of the lake. */
  readonly isOfEveryState?: boolean;
}

/** An engine's own words for what the catalogs hold in different shapes. */
interface Dialect {
  /** A query that gives the columns key, format, state, stale, reason, read, kept, quarantined, reasons, … of each source. */
  readonly sources: string;
}

/** The catalog that Glue holds has the manifests themselves as its table of sources. */
export const trinoDialect: Dialect = {
  sources: `SELECT source_id, source.key AS key, format, state, stale, rejection.reason AS reason, counts.read AS read,
    counts.kept AS kept, counts.quarantined AS quarantined,
    coalesce(counts.reasons, CAST(map() AS map(varchar, bigint))) AS reasons,
    coalesce(counts.flags, CAST(map() AS map(varchar, bigint))) AS flags,
    input.sizebytes AS size, rule_pack, CAST(from_iso8601_timestamp(reference_time) AS timestamp(6)) AS reference_time
    FROM sources`,
};

/** The embedded lake's view of sources, whose flags are also those of the join: the manifests of the cleaner cannot have them. */
export const duckDbDialect: Dialect = {
  sources: `SELECT source_id, key, format, state, stale, reason, read, kept, quarantined, reasons, size, rule_pack,
    map_from_entries([entry FOR entry IN map_entries(flags)
      IF entry.key NOT IN ('country-derived', 'coordinates-outside-country', 'above-limit')]) AS flags,
    CAST(reference_time AS TIMESTAMP) AS reference_time FROM sources`,
};

/** All columns but source_id, which differs from lake to lake, and the partition columns. */
const columns =
  "source_record, format, location, location_id, sensor_id, city, country_code, country_raw, parameter, unit, value, utc, " +
  "local_time, utc_offset_minutes, local_date, averaging_seconds, latitude, longitude, source_name, source_type, mobile, " +
  "attribution, flags, country_alpha3, country_numeric, country_name, region, country, year, month";
const ofAll = (name: string): string =>
  columns
    .split(", ")
    .map((_, at) => `${at + 1}${name}`)
    .join(", ");

export function questionsFor({ sources }: Dialect): readonly Question[] {
  return [
    {
      name: "counts and sums per country, parameter and day",
      sql: `SELECT country, parameter, local_date, count(*), sum(value), min(value), max(value)
        FROM measurements GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
      isRounded: true,
      isOfEveryState: true,
    },
    {
      name: "every column of every row, but for the great day",
      sql: `SELECT s.key, m.${columns.replaceAll(", ", ", m.")} FROM measurements AS m JOIN (${sources}) AS s ON m.source_id = s.source_id
        WHERE s.size < 1000000 ORDER BY 1, ${ofAll("").replace(/^1, /u, "")}, ${columns.split(", ").length + 1}`,
      isOfEveryState: true,
    },
    {
      name: "every column of each thousandth row of the great day",
      sql: `SELECT ${columns} FROM measurements WHERE source_record % 1000 = 7 AND year = 2018 ORDER BY ${ofAll("")}`,
    },
    {
      name: "how often each column is known",
      sql: `SELECT count(*), ${columns
        .split(", ")
        .map((name) => `count(${name})`)
        .join(", ")} FROM measurements`,
    },
    {
      name: "flags, out of their lists",
      sql: `SELECT f.flag, count(*), count(DISTINCT m.country) FROM measurements AS m CROSS JOIN UNNEST(m.flags) AS f(flag)
        GROUP BY 1 ORDER BY 1`,
    },
    {
      name: "lists of no flag, one and several",
      sql: "SELECT flags, contains(flags, 'country-derived'), count(*) FROM measurements GROUP BY 1, 2 ORDER BY 1",
    },
    {
      name: "Namibia, and what lies nowhere",
      sql: `SELECT country, country_code, country_raw, country_alpha3, country_numeric, country_name, region, year, month, count(*)
        FROM measurements WHERE country IN ('NA', 'ZZ') OR country IS NULL GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
        ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9`,
    },
    {
      name: "places in every script, and how long their names are",
      sql: `SELECT location, city, length(location), upper(city), count(*) FROM measurements
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
    },
    {
      name: "rows of a place named in another script",
      sql: "SELECT country, count(*) FROM measurements WHERE city IN ('北京', 'Αθήνα', 'Liège') AND year = 2018 GROUP BY 1 ORDER BY 1",
    },
    {
      name: "time stamps as instants, as clock times and as days",
      sql: `SELECT date_trunc('hour', utc), date_trunc('day', local_time), utc_offset_minutes, min(utc), max(local_time), min(local_date),
        count(*) FROM measurements WHERE country IN ('BE', 'IN', 'AU', 'NP', 'NA', 'ZZ') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    },
    {
      name: "rows between two instants and two days",
      sql: `SELECT country, count(*) FROM measurements
        WHERE utc >= TIMESTAMP '2018-02-05 22:30:00' AND utc < TIMESTAMP '2018-02-06 18:00:00.5' AND local_date = DATE '2018-02-06' AND year = 2018
        GROUP BY 1 ORDER BY 1`,
    },
    {
      name: "partitions, by their values",
      sql: "SELECT country, year, month, count(*) FROM measurements GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    },
    {
      name: "one partition",
      sql: "SELECT count(*), min(source_record), max(utc) FROM measurements WHERE country = 'BE' AND year = 2018 AND month = 2",
    },
    {
      name: "attribution, as JSON",
      sql: "SELECT attribution, count(*) FROM measurements WHERE year = 2024 GROUP BY 1 ORDER BY 1",
    },
    {
      name: "quarantine, by source and reason",
      sql: `SELECT s.key, q.format, q.reason, r.each, count(*) FROM quarantine AS q JOIN (${sources}) AS s ON q.source_id = s.source_id
        CROSS JOIN UNNEST(q.reasons) AS r(each) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
    },
    {
      name: "quarantined records as delivered",
      sql: `SELECT s.key, q.source_record, q.reasons, q.original FROM quarantine AS q JOIN (${sources}) AS s
        ON q.source_id = s.source_id ORDER BY 1, 2`,
    },
    {
      name: "countries",
      sql: "SELECT * FROM countries ORDER BY alpha2",
    },
    {
      name: "measurements joined with countries",
      sql: `SELECT c.name, c.alpha2, count(*) FROM countries AS c JOIN measurements AS m ON m.country = c.alpha2 WHERE m.month = 5
        GROUP BY 1, 2 ORDER BY 1, 2`,
    },
    {
      name: "sources, with what became of them",
      sql: `SELECT key, format, state, stale, reason, read, kept, quarantined, reasons, flags, size, rule_pack
        FROM (${sources}) AS s ORDER BY key`,
      isOfEveryState: true,
    },
    {
      name: "when sources were made, where their names say so",
      sql: `SELECT key, reference_time FROM (${sources}) AS s WHERE key LIKE '%/1%' ORDER BY key`,
    },
    {
      name: "the books: records of sources against rows of tables",
      sql: `SELECT s.key, s.kept, m.n, s.quarantined, q.n FROM (${sources}) AS s
        LEFT JOIN (SELECT source_id, count(*) AS n FROM measurements GROUP BY 1) AS m ON m.source_id = s.source_id
        LEFT JOIN (SELECT source_id, count(*) AS n FROM quarantine GROUP BY 1) AS q ON q.source_id = s.source_id ORDER BY 1`,
      isOfEveryState: true,
    },
  ];
}
