-- The content of one table as a row count and a sum of row hashes; the order of rows does not matter.
-- {table} is the quoted schema.table. Run with TimeZone UTC, DateStyle 'ISO, MDY', bytea_output hex,
-- extra_float_digits 1 and IntervalStyle postgres, on which a row's text depends.
SELECT count(*) AS rows, coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text AS digest FROM {table} t
