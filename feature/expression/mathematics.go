package expression

import (
	"math"

	"github.com/quiver-features/quiver/feature"
)

// mathematics holds functions of floats. They follow IEEE 754: what has no value is
// NaN, what is beyond the range an infinity, and nothing fails.
func mathematics() []function {
	f, b := scalar(feature.Float64), scalar(feature.Bool)
	one := func(name, doc string, fn func(float64) float64) function {
		return function{name: name, doc: doc, overloads: []overload{{args: of(f), result: f, kernel: mapped(floatsOf, floatsOf, fn)}}}
	}
	test := func(name, doc string, fn func(float64) bool) function {
		return function{name: name, doc: doc, overloads: []overload{{args: of(f), result: b, kernel: mapped(floatsOf, boolsOf, fn)}}}
	}
	return []function{
		one("floor", "the greatest whole number that is not greater", math.Floor),
		one("ceil", "the least whole number that is not less", math.Ceil),
		one("round", "the nearest whole number; halves go away from zero", math.Round),
		one("sqrt", "the square root", math.Sqrt),
		one("exp", "e to the power of x", math.Exp),
		one("log", "the natural logarithm; -Inf for 0, NaN below", math.Log),
		one("log10", "the logarithm to base 10", math.Log10),
		one("log1p", "the natural logarithm of 1 + x, exact near 0", math.Log1p),
		one("sin", "the sine of an angle in radians", math.Sin),
		one("cos", "the cosine of an angle in radians", math.Cos),
		{name: "pow", doc: "x to the power of y", overloads: []overload{{args: of(f, f), result: f, kernel: mapped2(floatsOf, floatsOf, floatsOf, math.Pow)}}},
		test("is_nan", "whether x is NaN", math.IsNaN),
		test("is_inf", "whether x is an infinity", func(x float64) bool { return math.IsInf(x, 0) }),
		{
			name: "haversine", doc: "the distance in km of two places on a sphere of the Earth's mean radius, 6371.0088 km, by latitude and longitude in degrees",
			overloads: []overload{{args: of(f, f, f, f), result: f, kernel: haversines}},
		},
	}
}

func haversines(out *vector, in []*vector, n int) {
	lat1, lon1, lat2, lon2 := in[0].floats[:n], in[1].floats[:n], in[2].floats[:n], in[3].floats[:n]
	for i := range out.floats[:n] {
		out.floats[i] = haversine(lat1[i], lon1[i], lat2[i], lon2[i])
	}
}

// haversine converts products before they are added: no CPU may fuse the two.
func haversine(lat1, lon1, lat2, lon2 float64) float64 {
	const radians, diameter = math.Pi / 180, 2 * 6371.0088
	a, b := math.Sin((lat2-lat1)*radians/2), math.Sin((lon2-lon1)*radians/2)
	h := float64(a*a) + float64(math.Cos(lat1*radians)*math.Cos(lat2*radians)*b*b)
	return diameter * math.Asin(math.Sqrt(min(1, h)))
}
