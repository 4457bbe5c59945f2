package foreign

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// StartRclone runs rclone as an S3 server of these buckets that takes whatever signature comes, and answers its URL.
func StartRclone(t testing.TB, buckets ...string) (endpoint string) {
	t.Helper()
	dir, address := ShortDir(t), FreeAddress(t)
	for _, bucket := range buckets {
		if err := os.Mkdir(filepath.Join(dir, bucket), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c := Command(t, Find(t, "rclone"), "serve", "s3", "--config", "", "--addr", address, "--vfs-cache-mode", "off", dir)
	Start(t, c)
	endpoint = "http://" + address
	client := http.Client{Timeout: 2 * time.Second}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		answer, err := client.Get(endpoint)
		if err == nil {
			_ = answer.Body.Close() // whatever it says, it is there
			return endpoint
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %v", endpoint, err)
		}
	}
}
