"""Are a read model's tables in the database those of the code? A column added in code is there after a rebuild only."""

import msgspec
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from projections.projection import Projection

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def differences(connection: Connection, projection: Projection) -> list[str]:
    """What differs between the code's tables and the live generation's, a sentence for each column.

    Compares columns, their types, whether they may be null, and primary keys; a missing index only slows down.
    """
    columns = [
        {
            "place": f"{table.name}.{column.name}",
            "type": column.type.compile(_DIALECT),
            "required": not column.nullable,
            "key": column.primary_key,
        }
        for table in projection.metadata.sorted_tables
        for column in table.columns
    ]
    found = connection.exec_driver_sql(_COMPARE, (msgspec.json.encode(columns).decode(), projection.name))
    return [
        f"{place} is {here or 'absent'} in the code, {there or 'absent'} in the database"
        for place, here, there in found
    ]


_COMPARE = """
WITH code AS (
    SELECT place, coalesce(format_type(to_regtype(type), NULL), type)
                  || CASE WHEN required THEN ' not null' ELSE '' END
                  || CASE WHEN key THEN ' primary key' ELSE '' END AS shape
    FROM jsonb_to_recordset(%s::jsonb) AS c(place text, type text, required boolean, key boolean)
), live AS (
    SELECT t.relname || '.' || a.attname AS place, format_type(a.atttypid, NULL)
           || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
           || CASE WHEN a.attnum = ANY (k.indkey) THEN ' primary key' ELSE '' END AS shape
    FROM pg_attribute AS a JOIN pg_class AS t ON t.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace
    LEFT JOIN pg_index AS k ON k.indrelid = t.oid AND k.indisprimary
    WHERE n.nspname = %s AND t.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
)
SELECT place, code.shape, live.shape FROM code FULL JOIN live USING (place)
WHERE code.shape IS DISTINCT FROM live.shape ORDER BY place"""
