"""Answers the cases of a JSON file by SQL on DuckDB: python answer.py CASES ANSWERS.

The time rule is spelled once more here, in SQL and independently of the Go code. Times are whole microseconds in
HUGEINT, because DuckDB's own timestamps end earlier than the rule's and its sums fail where the rule's saturate; dates
are days. What orders values is written out, because DuckDB takes -0 and 0 as equal and sorts nulls elsewhere.
"""

import json
import sys

import duckdb

import windows

MACROS = """
CREATE MACRO floor_micros(ns) AS (ns::HUGEINT - ((ns % 1000) + 1000) % 1000) // 1000;
CREATE MACRO ceil_micros(ns) AS -floor_micros(-(ns::HUGEINT));
CREATE MACRO floor_to(n, g) AS n - ((n % g) + g) % g;
CREATE MACRO saturate(n) AS least(greatest(n, (-9223372036854775808)::HUGEINT), 9223372036854775807::HUGEINT);
"""

# For each spine row the greatest of the visible rows of its key. A null key or time compares to nothing, so the row
# stays with nulls.
AS_OF = """
WITH raw AS (
    SELECT {columns} FROM source
), known AS (
    SELECT *, {visible_from} AS visible_from
    FROM raw
    WHERE e IS NOT NULL {keys_present} {a_present}
)
SELECT {outputs}
FROM spine
LEFT JOIN LATERAL (
    SELECT *
    FROM known
    WHERE known.visible_from <= spine.t {within_ttl} {same_keys}
    ORDER BY {latest_first}
    LIMIT 1
) winner ON true
ORDER BY spine.place
"""

# The rows that a window covers, of each spine row, the latest first.
WINDOW = """
WITH raw AS (
    SELECT {columns} FROM source
), known AS (
    SELECT *, {visible_from} AS visible_from
    FROM raw
    WHERE e IS NOT NULL {keys_present} {a_present}
)
SELECT spine.place, known.e, {value}
FROM spine
JOIN known ON known.visible_from <= spine.t AND {covered} {same_keys}
WHERE {counted}
ORDER BY {latest_first}
"""

SCALARS = {
    "bool": "BOOLEAN",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "string": "VARCHAR",
    "bytes": "BLOB",
    "date": "INTEGER",
    "timestamp": "BIGINT",
}

# A value that stands in for null where something else says that it is one.
ZEROS = {
    "bool": "false",
    "float32": "0::FLOAT",
    "float64": "0::DOUBLE",
    "string": "''::BLOB",
    "bytes": "''::BLOB",
}


def item_type(name):
    return name[len("list<") : name.index(">")] if name.startswith("list<") else None


def sql_type(name):
    item = item_type(name)
    return SCALARS[item] + "[]" if item else SCALARS[name]


def to_sql(value, name):
    """A cell of the JSON file as what DuckDB's Python client binds."""
    if value is None:
        return None
    item = item_type(name)
    if item:
        return [to_sql(v, item) for v in value]
    if name in ("float32", "float64"):
        return float.fromhex(value)
    if name == "string":
        return bytes.fromhex(value).decode()
    if name == "bytes":
        return bytes.fromhex(value)
    return value if name == "bool" else int(value)


def from_sql(value, name):
    """What DuckDB answers, as a cell of the JSON file."""
    if value is None:
        return None
    item = item_type(name)
    if item:
        return [from_sql(v, item) for v in value]
    if name in ("float32", "float64"):
        return float.hex(value)
    if name == "string":
        return value.encode().hex()
    if name == "bytes":
        return bytes(value).hex()
    return value if name == "bool" else str(value)


def quote(name):
    return '"' + name.replace('"', '""') + '"'


def micros(column, rounding="floor_micros"):
    return f"{rounding}({quote(column['name'])})" if column["nanos"] else f"{quote(column['name'])}::HUGEINT"


def load(db, table, columns, rows):
    """Makes a table of raw rows; place is the number of the row."""
    fields = "".join(f", {quote(c['name'])} {sql_type(c['type'])}" for c in columns)
    db.execute(f"CREATE OR REPLACE TEMP TABLE {table} (place INTEGER{fields})")
    if not rows:
        return
    marks = "(" + ", ".join("?" for _ in range(len(columns) + 1)) + ")"
    values = []
    for place, row in enumerate(rows):
        values += [place] + [to_sql(v, c["type"]) for v, c in zip(row, columns)]
    db.execute(f"INSERT INTO {table} VALUES " + ", ".join([marks] * len(rows)), values)


def read_as(column, name):
    """A column as a key or feature of a type: widened, and times in whole microseconds."""
    if name == "timestamp":
        return f"{micros(column)}::BIGINT"
    return f"{quote(column['name'])}::{sql_type(name)}"


def greatest_first(value, name):
    """ORDER BY terms that put the greatest value first and null last."""
    item = item_type(name)
    if item:
        x = "encode(x)" if item == "string" else "x"
        fields = ["present := x IS NOT NULL"]
        if item.startswith("float"):
            fields.append("nan := coalesce(isnan(x), false)")
        fields.append(f"value := coalesce({x}, {ZEROS.get(item, '0')})")
        if item.startswith("float"):
            fields.append("positive := NOT coalesce(signbit(x), false)")
        return [f"list_transform({value}, lambda x: struct_pack({', '.join(fields)})) DESC NULLS LAST"]
    if name.startswith("float"):
        return [
            f"isnan({value}) DESC NULLS LAST",
            f"{value} DESC NULLS LAST",
            f"CASE WHEN NOT isnan({value}) THEN NOT signbit({value}) END DESC NULLS LAST",
        ]
    if name == "string":
        value = f"encode({value})"
    return [f"{value} DESC NULLS LAST"]


def unsigned(value, name):
    """A value as aggregates see it: -0 is 0."""
    item = item_type(name)
    if item and item.startswith("float"):
        return f"list_transform({value}, lambda x: CASE WHEN x = 0 THEN 0 ELSE x END)::{sql_type(name)}"
    return f"CASE WHEN {value} = 0 THEN 0 ELSE {value} END::{sql_type(name)}" if name.startswith("float") else value


def parts(use, source):
    """What queries of a use have in common: columns, the order of rows, and the filters."""
    columns = {c["name"]: c for c in source["columns"]}
    select = [micros(columns[use["event"]]) + " AS e"]
    order = ["e DESC"]
    visible_from = f"saturate(e + {use['delay']})"
    if use["created"]:
        select.append(micros(columns[use["created"]]) + " AS c")
        order.append("c DESC NULLS LAST")
    if use["available"]:
        select.append(micros(columns[use["available"]], "ceil_micros") + " AS a")
        order.append("a DESC")
        visible_from = f"greatest({visible_from}, a)"
    same, present = "", ""
    for i, key in enumerate(use["keys"]):
        select.append(f"{read_as(columns[key['column']], key['type'])} AS k{i}")
        same += f" AND known.k{i} = spine.{quote('q_' + key['spine'])}"
        present += f" AND k{i} IS NOT NULL"
    filters = {
        "visible_from": visible_from,
        "keys_present": present,
        "a_present": "AND a IS NOT NULL" if use["available"] else "",
        "same_keys": same,
    }
    return columns, select, order, filters


def query(use, source):
    columns, select, order, filters = parts(use, source)
    features = [f for f in use["features"] if not f["aggregate"]]
    for f in features:
        select.append(f"{read_as(columns[f['column']], f['type'])} AS {quote('v_' + f['name'])}")
    for f in sorted(features, key=lambda f: f["name"].encode()):
        order += greatest_first(quote("v_" + f["name"]), f["type"])
    asked = [use["features"][i] for i in use["outputs"]]
    return AS_OF.format(
        columns=", ".join(select),
        outputs=", ".join("NULL" if f["aggregate"] else f"winner.{quote('v_' + f['name'])}" for f in asked),
        within_ttl=f"AND saturate(spine.t - known.e) <= {use['ttl']}" if use["ttl"] != "0" else "",
        latest_first=", ".join(order),
        **filters,
    )


def window_query(use, source, feature):
    columns, select, order, filters = parts(use, source)
    a, counted = feature["aggregate"], "true"
    if a["where"]:
        select.append(f"{quote(a['where'])} AS condition")
        counted = "known.condition"
    if feature["column"]:
        select.append(f"{unsigned(read_as(columns[feature['column']], a['input']), a['input'])} AS value")
        order += greatest_first("value", a["input"])
        counted += " AND known.value IS NOT NULL"
    covered = f"floor_to(spine.t, {a['granularity']}::HUGEINT) - {a['length']} < known.e" if a["length"] != "0" else "true"
    return WINDOW.format(
        columns=", ".join(select),
        value="known.value" if feature["column"] else "true",
        covered=covered,
        counted=counted,
        latest_first=", ".join(order),
        **filters,
    )


def answer_window(db, use, source, feature, asked):
    """The values of an aggregate; asked are the spine rows whose time and keys are not null."""
    inside = {}
    for place, e, value in db.execute(window_query(use, source, feature)).fetchall():
        inside.setdefault(place, []).append((e, value))
    a, values = feature["aggregate"], []
    for place, complete in asked:
        if not complete:
            values.append(None)
            continue
        value = from_sql(windows.compute(a, inside.get(place, [])), feature["type"])
        values.append(a["default"] if value is None else value)
    return values


def answer(db, case):
    spine = case["spine"]
    load(db, "asked", spine["columns"], spine["rows"])
    columns = [f"{micros(c)} AS t" for c in spine["columns"] if c["name"] == case["time"]]
    columns += [f"{read_as(c, c['type'])} AS {quote('q_' + c['name'])}" for c in spine["columns"]]
    db.execute(f"CREATE OR REPLACE TEMP TABLE spine AS SELECT place, {', '.join(columns)} FROM asked")
    answers = []
    for use in case["uses"]:
        source = case["sources"][use["source"]]
        load(db, "source", source["columns"], source["rows"])
        rows = db.execute(query(use, source)).fetchall() if use["outputs"] else []
        keys = "".join(f" AND {quote('q_' + k['spine'])} IS NOT NULL" for k in use["keys"])
        asked = db.execute(f"SELECT place, t IS NOT NULL{keys} FROM spine ORDER BY place").fetchall()
        outputs = []
        for n, i in enumerate(use["outputs"]):
            f = use["features"][i]
            if f["aggregate"]:
                outputs.append(answer_window(db, use, source, f, asked))
            else:
                outputs.append([from_sql(row[n], f["type"]) for row in rows])
        answers.append(outputs)
    return answers


def main(cases, answers):
    db = duckdb.connect(config={"threads": 1})
    db.execute(MACROS)
    with open(cases, encoding="ascii") as f:
        asked = json.load(f)
    out = []
    for case in asked:
        try:
            out.append(answer(db, case))
        except Exception as e:
            raise RuntimeError(f"case {case['name']}: {e}") from e
    with open(answers, "w", encoding="ascii") as f:
        json.dump(out, f)


if __name__ == "__main__":
    main(*sys.argv[1:])
