package management

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rolesanywhere"
)

func TestEveryResourceIsListedOnceWhateverThePageSize(t *testing.T) {
	a := newAccount(t)
	clock := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	a.Now = func() time.Time { return clock }
	var want []string
	for i := range 120 {
		if i%10 == 0 {
			clock = clock.Add(time.Microsecond) // ten of a kind at a time, to be told apart by their IDs
			slices.Sort(want[max(0, i-10):])
		}
		id, _ := created(t, a, "/profiles", "profile", `{"name":"p","roleArns":[]}`)
		want = append(want, id)
	}
	slices.Sort(want[110:])
	c := newClient(t, &server{account: a, caller: administrator})
	for size, pages := range map[int32]int{0: 3, 1: 120, 7: 18, 50: 3, 60: 2, 119: 2, 120: 1, 1000: 1} {
		t.Run(fmt.Sprintf("%d on a page", size), func(t *testing.T) {
			in := &rolesanywhere.ListProfilesInput{}
			if size > 0 {
				in.PageSize = aws.Int32(size)
			}
			var got []string
			n := 0
			for p := rolesanywhere.NewListProfilesPaginator(c, in); p.HasMorePages(); n++ {
				out, err := p.NextPage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, profile := range out.Profiles {
					got = append(got, *profile.ProfileId)
				}
			}
			if !slices.Equal(got, want) || n != pages {
				t.Errorf("got %d profiles on %d pages, want 120 in order of creation on %d", len(got), n, pages)
			}
		})
	}
	t.Run("although others are deleted meanwhile", func(t *testing.T) {
		first := mustDo(t, a, http.MethodGet, "/profiles?pageSize=60", "")
		for _, id := range want[50:60] {
			mustDo(t, a, http.MethodDelete, "/profile/"+id, "")
		}
		second := mustDo(t, a, http.MethodGet, "/profiles?pageSize=60&nextToken="+first["nextToken"].(string), "")
		if got := second["profiles"].([]any); len(got) != 60 || got[0].(map[string]any)["profileId"] != want[60] {
			t.Errorf("got %d profiles on the second page, want the last 60", len(got))
		}
		if _, more := second["nextToken"]; more {
			t.Error("the last page has a token")
		}
	})
}

func TestATokenIsGoodForItsListingOnly(t *testing.T) {
	a := newAccount(t)
	for range 2 {
		created(t, a, "/profiles", "profile", `{"name":"p","roleArns":[]}`)
	}
	token := mustDo(t, a, http.MethodGet, "/profiles?pageSize=1", "")["nextToken"].(string)
	encode := func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }
	for name, target := range map[string]string{
		"another listing": "/crls?nextToken=" + token, "no base64": "/profiles?nextToken=!", "no number": "/profiles?nextToken=" + encode("profile x "+someID),
		"too few parts": "/profiles?nextToken=" + encode("profile 1"),
	} {
		if _, err := do(t, a, administrator, http.MethodGet, target, ""); refusal(t, err).Message != "Invalid nextToken." {
			t.Errorf("%s: got %v, want Invalid nextToken.", name, err)
		}
	}
}

func TestEmptyListsAreNotNull(t *testing.T) {
	a := newAccount(t)
	for target, name := range map[string]string{"/profiles": "profiles", "/trustanchors": "trustAnchors", "/crls": "crls", "/subjects": "subjects"} {
		answer := mustDo(t, a, http.MethodGet, target, "")
		if list, ok := answer[name].([]any); !ok || len(list) != 0 || len(answer) != 1 {
			t.Errorf("%s: got %v, want an empty list and nothing else", target, answer)
		}
	}
}
