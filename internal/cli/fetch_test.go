package cli

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// fetch asks the endpoint as SDKs do.
func fetch(url, token string) (status int, answer map[string]string, err error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", token)
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}).Do(r)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, errors.Join(err, json.Unmarshal(body, &answer), response.Body.Close())
}
