"""Aggregates over windows as SQL of a join on the key with the range as condition and of filtered aggregates. It is what
DuckDB and Spark are told alike, but for how each divides whole numbers and reads a time as one."""


def statement(told, spine, rows, micros, divide):
    """The query over a spine and the rows of the only view, given as what stands after `from`. Times become whole
    microseconds by micros, and each window's tail is computed once a request."""
    (view,) = told["views"]
    names = {(a["window"], a["granularity"]): f"tail{a['window']}" for a in view["aggregates"]}
    at, tails = micros("event_timestamp"), ""
    for (window, step), name in names.items():
        tails += f", {divide(at, step)} * {step} - {window} as {name}"
    some = f" where row_id % {told['every']} = 0" if told["every"] else ""
    seen = "e.ts <= s.t" if not view["available"] else "e.ts <= s.t and e.available <= s.t"
    keys = "".join(f"s.{k} = e.{k} and " for k in view["keys"])
    longest = names[max(names)]
    columns = [f"any_value(s.{k}) as {k}" for k in view["keys"]]
    columns += ["any_value(s.event_timestamp) as event_timestamp", "s.row_id"]
    for feature, a in zip(view["features"], view["aggregates"]):
        value = f"{a['function']}({'e.' + a['column'] if a['column'] else 'e.ts'})"
        columns.append(f"{value} filter (where e.ts > s.{names[a['window'], a['granularity']]}) as {view['name']}__{feature}")
    read = sorted({a["column"] for a in view["aggregates"] if a["column"]}) + view["keys"]
    late = f", {micros(view['available'])} as available" if view["available"] else ""
    return (
        f"select {', '.join(columns)} from (select *, {at} as t{tails} from {spine}{some}) s "
        f"left join (select {', '.join(read)}, {micros(view['time'])} as ts{late} from {rows}) e "
        f"on {keys}{seen} and e.ts > s.{longest} group by s.row_id"
    )
