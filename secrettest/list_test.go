package secrettest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secrettest"
)

func filters(kv ...string) []types.Filter {
	var fs []types.Filter
	for _, f := range kv {
		key, values, _ := strings.Cut(f, "=")
		fs = append(fs, types.Filter{Key: types.FilterNameStringType(key), Values: strings.Split(values, ",")})
	}
	return fs
}

func fill(t *testing.T) *secretsmanager.Client {
	t.Helper()
	c := client(t, secrettest.New(t))
	for _, row := range []struct{ name, description, tag string }{
		{"prod/db", "Main database", "team=Core"},
		{"prod/api", "main gateway", "team=edge"},
		{"test/db", "Spare", "owner=core"},
	} {
		key, val, _ := strings.Cut(row.tag, "=")
		_, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
			Name: &row.name, Description: &row.description, SecretString: aws.String("v"),
			Tags: []types.Tag{{Key: &key, Value: &val}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestFilters(t *testing.T) {
	c := fill(t)
	for _, row := range []struct {
		filters []string
		want    string
	}{
		{nil, "prod/db prod/api test/db"},
		{[]string{"name=prod"}, "prod/db prod/api"},
		{[]string{"name=Prod"}, ""},
		{[]string{"name=db"}, ""},
		{[]string{"name=!prod"}, "test/db"},
		{[]string{"name=prod,test"}, "prod/db prod/api test/db"},
		{[]string{"name=prod,!prod/api"}, "prod/db"},
		{[]string{"description=MAIN"}, "prod/db prod/api"},
		{[]string{"description=main", "tag-value=edge"}, "prod/api"},
		{[]string{"tag-key=team"}, "prod/db prod/api"},
		{[]string{"tag-value=core"}, "test/db"},
		{[]string{"all=core"}, "prod/db test/db"},
		{[]string{"all=spare,gateway"}, "prod/api test/db"},
		{[]string{"all=spare gateway"}, ""},
		{[]string{"all=!core"}, "prod/api"},
		{[]string{"owning-service=rds"}, ""},
		{[]string{"primary-region=us"}, ""},
	} {
		t.Run(strings.Join(row.filters, " and "), func(t *testing.T) {
			out, err := c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{Filters: filters(row.filters...)})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, sec := range out.SecretList {
				got = append(got, *sec.Name)
			}
			if strings.Join(got, " ") != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if row.filters == nil {
				return
			}
			batch, err := c.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{Filters: filters(row.filters...)})
			if err != nil {
				t.Fatal(err)
			}
			got = nil
			for _, v := range batch.SecretValues {
				got = append(got, *v.Name)
			}
			if strings.Join(got, " ") != row.want {
				t.Errorf("batch: got %q, want %q", got, row.want)
			}
		})
	}
}

// TestWordsAreFoundByTheirStart expects what AWS finds, by moto's tests that run against
// AWS; see mentions.
func TestWordsAreFoundByTheirStart(t *testing.T) {
	c := client(t, secrettest.New(t))
	for name, description := range map[string]string{
		"SecretTwo": "DescTwo", "Thirdsecret": "one and two", "uat/COMPANY/x": "", "uat/COMPANYthings/x": "",
		"prod/AppBeta/x": "", "prod_AppBeta_x": "",
	} {
		_, err := c.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: &name, Description: &description})
		if err != nil {
			t.Fatal(err)
		}
	}
	for filter, want := range map[string]string{
		"all=secret":          "SecretTwo",
		"all=SEC":             "SecretTwo",
		"all=ret":             "",
		"all=d t":             "SecretTwo",
		"all=d x":             "",
		"all=two":             "SecretTwo Thirdsecret",
		"all=Beta":            "prod/AppBeta/x prod_AppBeta_x",
		"all=AppBeta":         "prod/AppBeta/x prod_AppBeta_x",
		"all=/":               "",
		"all=company":         "uat/COMPANY/x",
		"all=things":          "",
		"all=Ythings":         "uat/COMPANYthings/x",
		"description=one two": "Thirdsecret",
		"description=t o":     "Thirdsecret",
		"description=wo":      "",
	} {
		t.Run(filter, func(t *testing.T) {
			out, err := c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{Filters: filters(filter), SortBy: types.SortByTypeName})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, sec := range out.SecretList {
				got = append(got, *sec.Name)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestABadFilterIsNamed(t *testing.T) {
	s := secrettest.New(t)
	for filter, want := range map[string]string{
		`{"Key":"colour","Values":["a"]}`: "1 validation error detected: Value 'colour' at 'filters.2.member.key' failed to satisfy constraint: " +
			"Member must satisfy enum value set: [description, name, tag-key, tag-value, primary-region, owning-service, all]",
		`{"Key":"name","Values":[]}`: "1 validation error detected: Value at 'filters.2.member.values' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1",
		`{"Key":"name","Values":["","","","","","","","","","",""]}`: "1 validation error detected: Value at 'filters.2.member.values' failed to satisfy constraint: " +
			"Member must have length less than or equal to 10",
		`{"Key":"name","Values":["` + strings.Repeat("x", 513) + `"]}`: "1 validation error detected: Value at 'filters.2.member.values' failed to satisfy constraint: " +
			"Member must satisfy constraint: [Member must have length less than or equal to 512, Member must have length greater than or equal to 0]",
	} {
		_, typ, message := raw(t, s, "ListSecrets", `{"Filters":[{"Key":"name","Values":["a"]},`+filter+`]}`)
		if typ != "ValidationException" || message != want {
			t.Errorf("%s %s, want\n%s", typ, message, want)
		}
	}
}

func TestSorting(t *testing.T) {
	c := fill(t)
	for by, want := range map[types.SortByType]string{
		"": "prod/db prod/api test/db", types.SortByTypeName: "prod/api prod/db test/db", types.SortByTypeCreatedDate: "prod/db prod/api test/db",
	} {
		for _, order := range []types.SortOrderType{types.SortOrderTypeAsc, types.SortOrderTypeDesc} {
			out, err := c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{SortBy: by, SortOrder: order})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, sec := range out.SecretList {
				got = append(got, *sec.Name)
			}
			if order == types.SortOrderTypeDesc {
				slices.Reverse(got)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("by %q %s: %q, want %q", by, order, got, want)
			}
		}
	}
}

func TestPages(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	for i := range 45 {
		s.Seed(t, fmt.Sprintf("s%02d", i), "v")
	}
	var names []string
	list := secretsmanager.NewListSecretsPaginator(c, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(15)})
	pages := 0
	for list.HasMorePages() {
		out, err := list.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, sec := range out.SecretList {
			names = append(names, *sec.Name)
		}
	}
	if pages != 3 || len(names) != 45 || !slices.IsSorted(names) {
		t.Errorf("%d pages, %v", pages, names)
	}

	values := 0
	batch := secretsmanager.NewBatchGetSecretValuePaginator(c, &secretsmanager.BatchGetSecretValueInput{Filters: filters("name=s")})
	for pages = 0; batch.HasMorePages(); pages++ {
		out, err := batch.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		values += len(out.SecretValues)
	}
	if pages != 3 || values != 45 {
		t.Errorf("%d pages of batches, %d values", pages, values)
	}

	for range 6 {
		s.Rotate(t, "s00", "w")
	}
	versions := 0
	ids := secretsmanager.NewListSecretVersionIdsPaginator(c, &secretsmanager.ListSecretVersionIdsInput{
		SecretId: aws.String("s00"), MaxResults: aws.Int32(3), IncludeDeprecated: aws.Bool(true),
	})
	for pages = 0; ids.HasMorePages(); pages++ {
		out, err := ids.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		versions += len(out.Versions)
	}
	if pages != 3 || versions != 7 {
		t.Errorf("%d pages of versions, %d versions", pages, versions)
	}
}

func TestABatchReportsWhatItCannotGet(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	arn := s.Seed(t, "a", "one")
	s.SeedBinary(t, "b", []byte("two"))
	s.Seed(t, "gone", "x")
	s.Delete(t, "gone")
	out, err := c.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{arn, "b", "gone", "never"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.SecretValues) != 2 || *out.SecretValues[0].SecretString != "one" || string(out.SecretValues[1].SecretBinary) != "two" {
		t.Errorf("values = %v", out.SecretValues)
	}
	var got []string
	for _, e := range out.Errors {
		got = append(got, *e.SecretId+" "+*e.ErrorCode)
	}
	if want := []string{"gone InvalidRequestException", "never ResourceNotFoundException"}; !slices.Equal(got, want) {
		t.Errorf("errors = %q, want %q", got, want)
	}
	for _, id := range []string{"a", "b", "gone", "never"} {
		if n := s.CallsFor(id, "BatchGetSecretValue"); n != 1 {
			t.Errorf("CallsFor(%s) = %d", id, n)
		}
	}
	if n := s.Calls(); n != 1 {
		t.Errorf("Calls = %d", n)
	}
}

func TestListSecretVersionIds(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	create(t, c, "s", "one")
	put(t, c, "s", v2, "two")
	put(t, c, "s", v3, "three")
	if err := get(ctx, c, "s"); err != nil {
		t.Fatal(err)
	}
	for deprecated, want := range map[bool][]string{false: {v2, v3}, true: {v1, v2, v3}} {
		out, err := c.ListSecretVersionIds(ctx, &secretsmanager.ListSecretVersionIdsInput{SecretId: aws.String("s"), IncludeDeprecated: &deprecated})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range out.Versions {
			got = append(got, *v.VersionId)
			if (v.LastAccessedDate != nil) != (*v.VersionId == v3) || v.KmsKeyIds[0] != "DefaultEncryptionKey" {
				t.Errorf("version %s: %+v", *v.VersionId, v)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("deprecated %v: %v, want %v", deprecated, got, want)
		}
	}
}

func TestTags(t *testing.T) {
	s := secrettest.New(t)
	c := client(t, s)
	s.Seed(t, "s", "v")
	tagged := func() string {
		out, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")})
		if err != nil {
			t.Fatal(err)
		}
		var kv []string
		for _, tag := range out.Tags {
			kv = append(kv, *tag.Key+"="+*tag.Value)
		}
		return strings.Join(kv, " ")
	}
	add := func(tags ...types.Tag) error {
		_, err := c.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: aws.String("s"), Tags: tags})
		return err
	}
	tag := func(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }
	if err := add(tag("a", "1"), tag("b", "2")); err != nil {
		t.Fatal(err)
	}
	if err := add(tag("b", "3"), tag("c", "")); err != nil || tagged() != "a=1 b=3 c=" {
		t.Errorf("tags %q, %v", tagged(), err)
	}
	if _, err := c.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: aws.String("s"), TagKeys: []string{"a", "z"}}); err != nil || tagged() != "b=3 c=" {
		t.Errorf("tags %q, %v", tagged(), err)
	}
	if _, err := c.UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: aws.String("s"), TagKeys: []string{"b", "c"}}); err != nil {
		t.Fatal(err)
	}
	s.Seed(t, "untagged", "v")
	for id, want := range map[string]bool{"s": true, "untagged": false} {
		d, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &id})
		if err != nil || len(d.Tags) > 0 || (d.Tags != nil) != want {
			t.Errorf("%s: Tags is there: %v, want %v (%v)", id, d.Tags != nil, want, err)
		}
	}
	if err := add(tag("b", "3"), tag("c", "")); err != nil {
		t.Fatal(err)
	}
	var many []types.Tag
	for i := range 49 {
		many = append(many, tag(fmt.Sprint("k", i), "v"))
	}
	wantError(t, add(many...), "LimitExceededException", "")
	if err := add(many[:48]...); err != nil {
		t.Error(err)
	}
}
