"""The functions of windowed aggregates, by their definitions, in exact arithmetic."""

import math
from collections import Counter
from fractions import Fraction


def order(value):
    """A key that sorts values as the rule does: false first, NaN last, text by its bytes."""
    if isinstance(value, float):
        return (math.isnan(value), 0.0 if math.isnan(value) else value)
    return value.encode() if isinstance(value, str) else value


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)


def compute(a, rows):
    """An aggregate of (event, value) pairs, the latest first; None is null."""
    values = [v for _, v in rows]
    numbers = sorted((v for v in values if not is_nan(v)), key=order) if a["function"] in ("count_distinct", "quantile") else []
    match a["function"]:
        case "count":
            return len(values)
        case "count_distinct":
            return len(set(numbers))
        case "top_k":
            return top(rows, int(a["granularity"]), a["n"])
    if not values:
        return None
    match a["function"]:
        case "first":
            return values[-1]
        case "last":
            return values[0]
        case "last_n":
            return values[: a["n"]]
        case "min":
            return min(values, key=order)
        case "max":
            return max(values, key=order)
        case "quantile":
            return float(numbers[math.ceil(Fraction(a["q"]) * len(numbers)) - 1]) if numbers else None
    return number(a["function"], values)


def top(rows, granularity, k):
    def most_frequent(counts, n):
        return sorted(counts, key=lambda v: (-counts[v], order(v)))[:n]

    tiles = {}
    for e, v in rows:
        if not is_nan(v):
            tiles.setdefault((e - 1) // granularity, Counter())[v] += 1
    total = Counter()
    for counts in tiles.values():
        for v in most_frequent(counts, max(32, 4 * k)):
            total[v] += counts[v]
    return most_frequent(total, k) or None


def number(function, values):
    spread = function in ("variance", "stddev")
    if spread and len(values) < 2:
        return None
    special = [v for v in values if isinstance(v, float) and not math.isfinite(v)]
    if special:
        return math.nan if spread else math.fsum(special) if len(set(special)) == 1 else math.nan
    exact = [Fraction(v) for v in values]
    total = sum(exact)
    if function == "sum" and not isinstance(values[0], float):
        return int(total) if -(2**63) <= total < 2**63 else None
    if function == "sum":
        return nearest(total)
    mean = total / len(exact)
    if function == "mean":
        return nearest(mean)
    variance = sum((v - mean) ** 2 for v in exact) / (len(exact) - 1)
    return nearest(variance) if function == "variance" else root(variance)


def nearest(v):
    """The nearest float."""
    try:
        return v.numerator / v.denominator
    except OverflowError:
        return math.inf if v > 0 else -math.inf


def root(v):
    """The float nearest to a square root: of 2,500 binary places, and one more that says whether there are others."""
    scaled = v * 4**2500
    whole = math.isqrt(scaled.numerator // scaled.denominator)
    return nearest(Fraction(2 * whole + (whole * whole != scaled), 2**2501))
