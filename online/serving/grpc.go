package serving

import (
	"context"

	"google.golang.org/grpc"

	"github.com/quiver-features/quiver/feature"
	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// Register offers the handler as quiver.v1.ServingService. Errors are returned as
// Handler.Get gives them: an interceptor maps them to codes.
func Register(server grpc.ServiceRegistrar, h *Handler) {
	quiverv1.RegisterServingServiceServer(server, &service{handler: h})
}

type service struct {
	quiverv1.UnimplementedServingServiceServer
	handler *Handler
}

// GetOnlineFeatures is part of quiverv1.ServingServiceServer.
func (s *service) GetOnlineFeatures(ctx context.Context, req *quiverv1.GetOnlineFeaturesRequest) (*quiverv1.GetOnlineFeaturesResponse, error) {
	r := &Request{
		Service: req.GetService(), Features: req.GetFeatures(),
		EventTimestamps: req.GetEventTimestamps(), Matrix: Matrix(min(max(req.GetMatrix(), -1), 255)),
	}
	var err error
	if r.Keys, err = columnsOf("keys", req.GetKeys()); err != nil {
		return nil, err
	}
	if r.Inputs, err = columnsOf("inputs", req.GetInputs()); err != nil {
		return nil, err
	}
	var message *quiverv1.GetOnlineFeaturesResponse
	err = s.handler.Answer(ctx, r, func(response *Response) (err error) {
		message, err = responseOf(ctx, response)
		return err
	})
	return message, err
}

// columnsOf reads the vectors of a request. Columns alias them where they can.
func columnsOf(field string, vectors map[string]*quiverv1.Values) (map[string]*feature.Column, error) {
	columns := make(map[string]*feature.Column, len(vectors))
	for name, v := range vectors {
		c, err := columnOf(v)
		if err != nil {
			return nil, invalid(field+"."+clip(name), "%s", err.Error())
		}
		columns[name] = c
	}
	return columns, nil
}

type vectorError string

func (e vectorError) Error() string { return string(e) }

const (
	errMixed   vectorError = "values of several types: set one of bools, int32s, int64s, …"
	errNested  vectorError = "lists of lists: an item is a single value"
	errLengths vectorError = "lengths add up to another number than there are items"
	errNulls   vectorError = "nulls has another length than the values: one byte per value, or none"
)

func columnOf(v *quiverv1.Values) (*feature.Column, error) {
	c := &feature.Column{}
	set := 0
	is := func(k feature.Kind, n int) bool {
		if n > 0 {
			c.Type = feature.Scalar(k)
			set++
		}
		return n > 0
	}
	if is(feature.Bool, len(v.GetBools())) {
		c.Bools = v.GetBools()
	}
	if is(feature.Int32, len(v.GetInt32S())) {
		c.Int32s = v.GetInt32S()
	}
	if is(feature.Int64, len(v.GetInt64S())) {
		c.Int64s = v.GetInt64S()
	}
	if is(feature.Float32, len(v.GetFloat32S())) {
		c.Float32s = v.GetFloat32S()
	}
	if is(feature.Float64, len(v.GetFloat64S())) {
		c.Float64s = v.GetFloat64S()
	}
	if is(feature.String, len(v.GetStrings())) {
		pack(c, v.GetStrings())
	}
	if is(feature.Bytes, len(v.GetBytes())) {
		pack(c, v.GetBytes())
	}
	if is(feature.Date, len(v.GetDates())) {
		c.Int32s = v.GetDates()
	}
	if is(feature.Timestamp, len(v.GetTimestamps())) {
		c.Int64s = v.GetTimestamps()
	}
	if v.GetItems() != nil || len(v.GetLengths()) > 0 {
		var err error
		if c, err = listsOf(v); err != nil {
			return nil, err
		}
		set++
	}
	if set > 1 {
		return nil, errMixed
	}
	return c, setNulls(c, v.GetNulls())
}

// listsOf reads a vector of lists.
func listsOf(v *quiverv1.Values) (*feature.Column, error) {
	if v.GetItems().GetItems() != nil || len(v.GetItems().GetLengths()) > 0 {
		return nil, errNested
	}
	items, err := columnOf(v.GetItems())
	if err != nil {
		return nil, err
	}
	offsets := make([]int64, 1, len(v.GetLengths())+1)
	for _, n := range v.GetLengths() {
		offsets = append(offsets, offsets[len(offsets)-1]+int64(n))
	}
	if offsets[len(offsets)-1] != int64(items.Len()) {
		return nil, errLengths
	}
	return &feature.Column{Type: feature.ListOf(items.Type.Kind, 0), Offsets: offsets, Items: items}, nil
}

func pack[T string | []byte](c *feature.Column, values []T) {
	size := 0
	for _, v := range values {
		size += len(v)
	}
	c.Data, c.Offsets = make([]byte, 0, size), make([]int64, 1, len(values)+1)
	for _, v := range values {
		c.Data = append(c.Data, v...)
		c.Offsets = append(c.Offsets, int64(len(c.Data)))
	}
}

func setNulls(c *feature.Column, nulls []byte) error {
	if len(nulls) == 0 {
		return nil
	}
	if len(nulls) != c.Len() {
		return errNulls
	}
	c.Valid = make([]bool, len(nulls))
	for i, b := range nulls {
		c.Valid[i] = b == 0
	}
	return nil
}

// responseOf makes the message. Vectors alias the response's columns.
func responseOf(ctx context.Context, r *Response) (*quiverv1.GetOnlineFeaturesResponse, error) {
	n := len(r.Features)
	resp := &quiverv1.GetOnlineFeaturesResponse{
		Service: r.Service, Revision: r.Revision, Rows: uint32(r.Rows), Time: int64(r.Time),
		Features: make([]*quiverv1.FeatureColumn, n), Float64Matrix: r.Float64s, Float32Matrix: r.Float32s,
	}
	columns := make([]quiverv1.FeatureColumn, n)
	var values []quiverv1.Values
	if n > 0 && r.Features[0].Values != nil {
		values = make([]quiverv1.Values, n)
	}
	for i := range r.Features {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f, c := &r.Features[i], &columns[i]
		c.Name, c.Type, c.Statuses = f.Name, f.TypeText, f.Statuses
		if values != nil {
			c.Values = &values[i]
			setValues(c.Values, f.Values)
			if f.valuesWithoutRow() {
				c.Values.Nulls = nullsOf(f.Values)
			}
		}
		c.Derived = f.View < 0
		if r.Views != nil && !c.Derived {
			c.View = uint32(f.View)
		}
		resp.Features[i] = c
	}
	for i := range r.Views {
		resp.Views = append(resp.Views, viewOf(&r.Views[i]))
	}
	return resp, nil
}

// valuesWithoutRow tells whether a value stands where no row was found. Statuses do not
// tell then which values are null.
func (f *Feature) valuesWithoutRow() bool {
	for row, status := range f.Statuses {
		if feature.Status(status) == feature.StatusNotFound && !f.IsNull(row) {
			return true
		}
	}
	return false
}

func setValues(v *quiverv1.Values, c *feature.Column) {
	if c.Type.List {
		v.Items = &quiverv1.Values{}
		setValues(v.Items, c.Items)
		v.Items.Nulls = nullsOf(c.Items)
		v.Lengths = make([]uint32, c.Len())
		for i := range v.Lengths {
			v.Lengths[i] = uint32(c.Offsets[i+1] - c.Offsets[i])
		}
		return
	}
	switch c.Type.Kind {
	case feature.Bool:
		v.Bools = c.Bools
	case feature.Int32:
		v.Int32S = c.Int32s
	case feature.Int64:
		v.Int64S = c.Int64s
	case feature.Float32:
		v.Float32S = c.Float32s
	case feature.Float64:
		v.Float64S = c.Float64s
	case feature.String:
		// One string for all, cut: an allocation per column and not per value.
		text := string(c.Data)
		v.Strings = make([]string, c.Len())
		for i := range v.Strings {
			v.Strings[i] = text[c.Offsets[i]:c.Offsets[i+1]]
		}
	case feature.Bytes:
		v.Bytes = make([][]byte, c.Len())
		for i := range v.Bytes {
			v.Bytes[i] = c.Bytes(i)
		}
	case feature.Date:
		v.Dates = c.Int32s
	case feature.Timestamp:
		v.Timestamps = c.Int64s
	}
}

func nullsOf(c *feature.Column) []byte {
	if c.Valid == nil {
		return nil
	}
	nulls := make([]byte, len(c.Valid))
	for i, valid := range c.Valid {
		if !valid {
			nulls[i] = 1
		}
	}
	return nulls
}

func viewOf(v *ViewRows) *quiverv1.ViewRows {
	events := make([]int64, len(v.Events))
	for i, e := range v.Events {
		events[i] = int64(e)
	}
	m := &quiverv1.ViewRows{View: v.View, Alias: v.Alias, EventTimestamps: events, Statuses: v.Statuses}
	if at, ok := v.Watermark.At(); ok {
		w := int64(at)
		m.Watermark = &w
	}
	return m
}
