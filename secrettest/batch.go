package secrettest

import "errors"

type batchGetSecretValueInput struct {
	Filters      []filter `len:"0,10"`
	MaxResults   *int64   `range:"1,20"`
	NextToken    *string  `len:"1,4096"`
	SecretIdList []string `len:"1,20" each:"1,2048"`
}

type batchGetSecretValueOutput struct {
	Errors       []batchError
	NextToken    string `json:",omitempty"`
	SecretValues []*secretValue
}

type batchError struct {
	ErrorCode string
	Message   string
	SecretId  string
}

func (s *Server) batchGetSecretValue(in *batchGetSecretValueInput) (any, error) {
	out := batchGetSecretValueOutput{Errors: []batchError{}, SecretValues: []*secretValue{}}
	ids := in.SecretIdList
	switch {
	case (ids == nil) == (in.Filters == nil):
		return nil, invalidParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	case ids != nil && in.MaxResults != nil:
		return nil, invalidParameter("'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.")
	case ids == nil:
		found, err := s.store.filtered(in.Filters, false)
		if err != nil {
			return nil, err
		}
		part, next, err := page(found, listOrder(""), in.MaxResults, 20, in.NextToken)
		if err != nil {
			return nil, err
		}
		out.NextToken = next
		for _, sec := range part {
			ids = append(ids, sec.name)
		}
	}
	for _, id := range ids {
		v, err := s.batchEntry(id)
		if err != nil {
			var api *apiError
			errors.As(err, &api)
			out.Errors = append(out.Errors, batchError{api.typ, api.message, id})
			continue
		}
		out.SecretValues = append(out.SecretValues, v)
	}
	return out, nil
}

// batchEntry reads one secret of a batch.
func (s *Server) batchEntry(id string) (*secretValue, error) {
	sec, err := s.store.active(id)
	name := id
	if sec != nil {
		name = sec.name
	}
	// The service checks permissions before it looks the secret up.
	if fault := s.faults.entry(name); fault != nil {
		return nil, fault
	}
	if denied := s.store.allow(access{action: "secretsmanager:GetSecretValue", context: map[string]string{}}, id); denied != nil {
		return nil, denied
	}
	if err != nil {
		return nil, err
	}
	return s.store.valueOf(sec, nil, nil)
}
