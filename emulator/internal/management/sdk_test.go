package management

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rolesanywhere"
	"github.com/aws/aws-sdk-go-v2/service/rolesanywhere/types"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

// step is one operation called through the SDK's client.
type step struct {
	operation string
	status    int
	call      func() (any, error)
}

func call[In, Out any](f func(context.Context, *In, ...func(*rolesanywhere.Options)) (*Out, error), status int, in func() *In) step {
	name := strings.TrimSuffix(reflect.TypeFor[In]().Name(), "Input")
	return step{name, status, func() (any, error) { return f(context.Background(), in()) }}
}

// story calls every operation, those that delete last, and every list such that it has a further page. Answers have all
// members that the model has.
func story(tb testing.TB, a *account.Account, c *rolesanywhere.Client) []step {
	tb.Helper()
	authority := newCA(tb, "story", nil)
	subject := newSubject(tb, a)
	newSubject(tb, a)
	role := "arn:aws:iam::" + accountID + ":role/app/backup"
	tags := []types.Tag{{Key: aws.String("stage"), Value: aws.String("test")}}
	source := &types.Source{
		SourceType: types.TrustAnchorTypeCertificateBundle,
		SourceData: &types.SourceDataMemberX509CertificateData{Value: authority.pem},
	}
	profile := func() *account.Profile { return oldest(a, profiles) }
	anchor := func() *account.TrustAnchor { return oldest(a, trustAnchors) }
	crl := func() *account.CRL { return oldest(a, crls) }
	one := aws.Int32(1)

	newProfile := call(c.CreateProfile, 201, func() *rolesanywhere.CreateProfileInput {
		return &rolesanywhere.CreateProfileInput{
			Name: aws.String("backup"), RoleArns: []string{role}, DurationSeconds: aws.Int32(900), Enabled: aws.Bool(true),
			ManagedPolicyArns: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, RequireInstanceProperties: aws.Bool(true),
			SessionPolicy:         aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`),
			AcceptRoleSessionName: aws.Bool(true), Tags: tags,
		}
	})
	newAnchor := call(c.CreateTrustAnchor, 201, func() *rolesanywhere.CreateTrustAnchorInput {
		return &rolesanywhere.CreateTrustAnchorInput{
			Name: aws.String("anchor"), Source: source, Enabled: aws.Bool(true), Tags: tags, CrlDpRevocationEnabled: aws.Bool(true),
			NotificationSettings: []types.NotificationSetting{{
				Enabled: aws.Bool(false), Event: types.NotificationEventCaCertificateExpiry, Threshold: aws.Int32(10),
			}},
		}
	})
	newCRL := func(number int64) step {
		return call(c.ImportCrl, 201, func() *rolesanywhere.ImportCrlInput {
			return &rolesanywhere.ImportCrlInput{
				Name: aws.String("list"), CrlData: crlPEM(authority.crl(tb, number)), TrustAnchorArn: aws.String(anchor().ARN),
				Enabled: aws.Bool(true), Tags: tags,
			}
		})
	}
	return []step{
		newProfile, newProfile, newAnchor, newAnchor, newCRL(1), newCRL(2),

		call(c.GetProfile, 200, func() *rolesanywhere.GetProfileInput {
			return &rolesanywhere.GetProfileInput{ProfileId: aws.String(profile().ID)}
		}),
		call(c.ListProfiles, 200, func() *rolesanywhere.ListProfilesInput {
			return &rolesanywhere.ListProfilesInput{PageSize: one}
		}),
		call(c.UpdateProfile, 200, func() *rolesanywhere.UpdateProfileInput {
			return &rolesanywhere.UpdateProfileInput{
				ProfileId: aws.String(profile().ID), Name: aws.String("renamed"), DurationSeconds: aws.Int32(43200),
				SessionPolicy:     aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`),
				ManagedPolicyArns: []string{"arn:aws:iam::" + accountID + ":policy/own"}, RoleArns: []string{role},
				AcceptRoleSessionName: aws.Bool(false),
			}
		}),
		call(c.DisableProfile, 200, func() *rolesanywhere.DisableProfileInput {
			return &rolesanywhere.DisableProfileInput{ProfileId: aws.String(profile().ID)}
		}),
		call(c.EnableProfile, 200, func() *rolesanywhere.EnableProfileInput {
			return &rolesanywhere.EnableProfileInput{ProfileId: aws.String(profile().ID)}
		}),
		call(c.PutAttributeMapping, 200, func() *rolesanywhere.PutAttributeMappingInput {
			return &rolesanywhere.PutAttributeMappingInput{
				ProfileId: aws.String(profile().ID), CertificateField: types.CertificateFieldX509Subject,
				MappingRules: []types.MappingRule{{Specifier: aws.String("CN")}, {Specifier: aws.String("OU")}},
			}
		}),
		call(c.DeleteAttributeMapping, 200, func() *rolesanywhere.DeleteAttributeMappingInput {
			return &rolesanywhere.DeleteAttributeMappingInput{
				ProfileId: aws.String(profile().ID), CertificateField: types.CertificateFieldX509Subject,
				Specifiers: []string{"OU", "O"},
			}
		}),

		call(c.GetTrustAnchor, 200, func() *rolesanywhere.GetTrustAnchorInput {
			return &rolesanywhere.GetTrustAnchorInput{TrustAnchorId: aws.String(anchor().ID)}
		}),
		call(c.ListTrustAnchors, 200, func() *rolesanywhere.ListTrustAnchorsInput {
			return &rolesanywhere.ListTrustAnchorsInput{PageSize: one}
		}),
		call(c.UpdateTrustAnchor, 200, func() *rolesanywhere.UpdateTrustAnchorInput {
			return &rolesanywhere.UpdateTrustAnchorInput{
				TrustAnchorId: aws.String(anchor().ID), Name: aws.String("renamed"), Source: source,
				CrlDpRevocationEnabled: aws.Bool(false),
			}
		}),
		call(c.DisableTrustAnchor, 200, func() *rolesanywhere.DisableTrustAnchorInput {
			return &rolesanywhere.DisableTrustAnchorInput{TrustAnchorId: aws.String(anchor().ID)}
		}),
		call(c.EnableTrustAnchor, 200, func() *rolesanywhere.EnableTrustAnchorInput {
			return &rolesanywhere.EnableTrustAnchorInput{TrustAnchorId: aws.String(anchor().ID)}
		}),
		call(c.PutNotificationSettings, 200, func() *rolesanywhere.PutNotificationSettingsInput {
			return &rolesanywhere.PutNotificationSettingsInput{
				TrustAnchorId: aws.String(anchor().ID),
				NotificationSettings: []types.NotificationSetting{{
					Enabled: aws.Bool(true), Event: types.NotificationEventEndEntityCertificateExpiry,
					Threshold: aws.Int32(360), Channel: types.NotificationChannelAll,
				}},
			}
		}),
		call(c.ResetNotificationSettings, 200, func() *rolesanywhere.ResetNotificationSettingsInput {
			return &rolesanywhere.ResetNotificationSettingsInput{
				TrustAnchorId: aws.String(anchor().ID),
				NotificationSettingKeys: []types.NotificationSettingKey{{
					Event: types.NotificationEventCaCertificateExpiry, Channel: types.NotificationChannelAll,
				}},
			}
		}),

		call(c.GetCrl, 200, func() *rolesanywhere.GetCrlInput {
			return &rolesanywhere.GetCrlInput{CrlId: aws.String(crl().ID)}
		}),
		call(c.ListCrls, 200, func() *rolesanywhere.ListCrlsInput {
			return &rolesanywhere.ListCrlsInput{PageSize: one}
		}),
		call(c.UpdateCrl, 200, func() *rolesanywhere.UpdateCrlInput {
			return &rolesanywhere.UpdateCrlInput{
				CrlId: aws.String(crl().ID), Name: aws.String("renamed"), CrlData: authority.crl(tb, 3),
			}
		}),
		call(c.DisableCrl, 200, func() *rolesanywhere.DisableCrlInput {
			return &rolesanywhere.DisableCrlInput{CrlId: aws.String(crl().ID)}
		}),
		call(c.EnableCrl, 200, func() *rolesanywhere.EnableCrlInput {
			return &rolesanywhere.EnableCrlInput{CrlId: aws.String(crl().ID)}
		}),

		call(c.GetSubject, 200, func() *rolesanywhere.GetSubjectInput {
			return &rolesanywhere.GetSubjectInput{SubjectId: aws.String(subject.ID)}
		}),
		call(c.ListSubjects, 200, func() *rolesanywhere.ListSubjectsInput {
			return &rolesanywhere.ListSubjectsInput{PageSize: one}
		}),

		call(c.TagResource, 201, func() *rolesanywhere.TagResourceInput {
			return &rolesanywhere.TagResourceInput{ResourceArn: aws.String(profile().ARN), Tags: []types.Tag{
				{Key: aws.String("stage"), Value: aws.String("")}, {Key: aws.String("team"), Value: aws.String("blue")},
			}}
		}),
		call(c.UntagResource, 200, func() *rolesanywhere.UntagResourceInput {
			return &rolesanywhere.UntagResourceInput{ResourceArn: aws.String(profile().ARN), TagKeys: []string{"stage", "gone"}}
		}),
		call(c.ListTagsForResource, 200, func() *rolesanywhere.ListTagsForResourceInput {
			return &rolesanywhere.ListTagsForResourceInput{ResourceArn: aws.String(profile().ARN)}
		}),

		call(c.DeleteCrl, 200, func() *rolesanywhere.DeleteCrlInput {
			return &rolesanywhere.DeleteCrlInput{CrlId: aws.String(crl().ID)}
		}),
		call(c.DeleteTrustAnchor, 200, func() *rolesanywhere.DeleteTrustAnchorInput {
			return &rolesanywhere.DeleteTrustAnchorInput{TrustAnchorId: aws.String(anchor().ID)}
		}),
		call(c.DeleteProfile, 200, func() *rolesanywhere.DeleteProfileInput {
			return &rolesanywhere.DeleteProfileInput{ProfileId: aws.String(profile().ID)}
		}),
	}
}

// oldest is the resource that a listing has first.
func oldest[T any](a *account.Account, c collection[T]) (first *T) {
	a.Read(func(s *account.State) {
		for _, x := range c.entries(s) {
			if first == nil || c.position(x).compare(c.position(first)) < 0 {
				first = x
			}
		}
	})
	return first
}

func TestTheSDKsClientGetsEveryMemberOfEveryOperation(t *testing.T) {
	a := newAccount(t)
	s := &server{account: a, caller: administrator}
	called := map[string]bool{}
	for _, step := range story(t, a, newClient(t, s)) {
		before := snapshot(t, a)
		out, err := step.call()
		if err != nil {
			t.Fatalf("%s: %v", step.operation, err)
		}
		called[step.operation] = true
		if got := s.last(); got.status != step.status {
			t.Errorf("%s: got status %d, want %d", step.operation, got.status, step.status)
		}
		filled(t, step.operation, reflect.ValueOf(out).Elem())
		raw, err := json.Marshal(s.last().answer)
		if err != nil {
			t.Fatal(err)
		}
		var answer any
		if err := json.Unmarshal(raw, &answer); err != nil {
			t.Fatal(err)
		}
		onlyMembersOf(t, step.operation, answer, reflect.TypeOf(out))
		before.check(t, step.operation)
	}
	for _, op := range operations {
		if !called[op.name] {
			t.Errorf("%s was not called", op.name)
		}
	}
}

// filled fails for every member of an SDK's type that is absent or empty. Only the empty answers of TagResource and
// UntagResource have no member at all.
func filled(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			t.Errorf("%s is absent", path)
			return
		}
		filled(t, path, v.Elem())
	case reflect.Slice:
		if v.Len() == 0 {
			t.Errorf("%s is empty", path)
		}
		for i := range v.Len() {
			filled(t, path+"[]", v.Index(i))
		}
	case reflect.Map, reflect.String:
		if v.Len() == 0 {
			t.Errorf("%s is empty", path)
		}
	case reflect.Struct:
		if at, isTime := v.Interface().(time.Time); isTime {
			if time.Since(at) > time.Minute {
				t.Errorf("%s is %v", path, at)
			}
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "ResultMetadata" {
				filled(t, path+"."+f.Name, v.Field(i))
			}
		}
	}
}

// onlyMembersOf fails for every member of an answer that the SDK's type does not know, and for every null.
func onlyMembersOf(t *testing.T, path string, answer any, want reflect.Type) {
	t.Helper()
	for want.Kind() == reflect.Pointer || want.Kind() == reflect.Slice && want.Elem().Kind() != reflect.Uint8 {
		if list, ok := answer.([]any); ok {
			for _, item := range list {
				onlyMembersOf(t, path+"[]", item, want.Elem())
			}
			return
		}
		want = want.Elem()
	}
	if answer == nil {
		t.Errorf("%s is null", path)
	}
	members, ok := answer.(map[string]any)
	if !ok || want.Kind() != reflect.Struct {
		return
	}
	for name, member := range members {
		field, known := want.FieldByName(strings.ToUpper(name[:1]) + name[1:])
		if !known {
			t.Errorf("%s.%s is not in the model", path, name)
			continue
		}
		onlyMembersOf(t, path+"."+name, member, field.Type)
	}
}

// kept are entries of the state and how they were.
type kept map[any][]byte

func snapshot(t *testing.T, a *account.Account) kept {
	t.Helper()
	all := kept{}
	a.Read(func(s *account.State) {
		keep(t, all, s.Profiles)
		keep(t, all, s.TrustAnchors)
		keep(t, all, s.CRLs)
		keep(t, all, s.Subjects)
	})
	return all
}

func keep[T any](t *testing.T, all kept, entries map[string]*T) {
	t.Helper()
	for _, x := range entries {
		raw, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		all[x] = raw
	}
}

// check fails when an operation wrote to an entry that readers may hold.
func (k kept) check(t *testing.T, operation string) {
	t.Helper()
	for x, before := range k {
		after, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(after, before) {
			t.Errorf("%s changed an entry in place", operation)
		}
	}
}

func TestTheOperationsAreThoseOfTheSDKsClient(t *testing.T) {
	want := map[string]bool{}
	client := reflect.TypeFor[*rolesanywhere.Client]()
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.NumIn() == 4 && m.Type.IsVariadic() && m.Type.In(2).Elem().Name() == m.Name+"Input" {
			want[m.Name] = true
		}
	}
	got := map[string]bool{}
	for _, op := range operations {
		got[op.name] = true
	}
	if !maps.Equal(got, want) || len(operations) != len(want) {
		t.Errorf("got %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	if len(want) != 30 {
		t.Errorf("the SDK's client has %d operations, want 30", len(want))
	}
}

func TestTheSDKsClientGetsTypedErrors(t *testing.T) {
	a := newAccount(t)
	c := newClient(t, &server{account: a, caller: administrator})

	_, err := c.GetProfile(t.Context(), &rolesanywhere.GetProfileInput{ProfileId: aws.String(someID)})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
		t.Errorf("unknown profile: got %v, want ResourceNotFoundException", err)
	}
	_, err = c.GetProfile(t.Context(), &rolesanywhere.GetProfileInput{ProfileId: aws.String("x")})
	if _, ok := errors.AsType[*types.ValidationException](err); !ok {
		t.Errorf("malformed ID: got %v, want ValidationException", err)
	}
	denied := newClient(t, &server{account: a, caller: callerWith(`{"Version":"2012-10-17","Statement":[]}`)})
	_, err = denied.ListProfiles(t.Context(), nil)
	if _, ok := errors.AsType[*types.AccessDeniedException](err); !ok {
		t.Errorf("no policy: got %v, want AccessDeniedException", err)
	}
	_, arn := created(t, a, "/profiles", "profile", `{"name":"p","roleArns":[]}`)
	var many []types.Tag
	for i := range 200 {
		many = append(many, types.Tag{Key: aws.String(long(1 + i%100)), Value: aws.String("")})
		if i >= 100 {
			many[i].Key = aws.String("y" + long(i-100))
		}
	}
	tag := func(tags []types.Tag) error {
		_, err := c.TagResource(t.Context(), &rolesanywhere.TagResourceInput{ResourceArn: aws.String(arn), Tags: tags})
		return err
	}
	if err := tag(many); err != nil {
		t.Fatal(err)
	}
	err = tag([]types.Tag{{Key: aws.String("one more"), Value: aws.String("")}})
	if _, ok := errors.AsType[*types.TooManyTagsException](err); !ok {
		t.Errorf("201 tags: got %v, want TooManyTagsException", err)
	}
}
