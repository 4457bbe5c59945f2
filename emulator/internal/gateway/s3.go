package gateway

import (
	"net/http"
	"net/url"
	"strings"
)

// s3 are the permissions of a request to S3: by method, by whether it is about a bucket or an object, and by what its query asks for
// (Amazon S3 User Guide, "Required permissions for Amazon S3 API operations").
func (r *Request) s3() []Permission {
	bucket, key := r.s3Names()
	query := r.HTTP.URL.Query()
	method := r.HTTP.Method
	switch {
	case bucket == "":
		if method == http.MethodGet {
			return []Permission{{"s3:ListAllMyBuckets", "*"}}
		}
		return nil
	case key == "":
		if action := bucketAction(method, query); action != "" {
			return []Permission{{action, r.s3ARN(bucket)}}
		}
		if method == http.MethodPost && query.Has("delete") { // DeleteObjects names its objects in the body
			return []Permission{{"s3:DeleteObject", r.s3ARN(bucket + "/*")}}
		}
		return nil
	}
	action := objectAction(method, query)
	if action == "" {
		return nil
	}
	all := []Permission{{action, r.s3ARN(bucket + "/" + key)}}
	if source := r.HTTP.Header.Get("X-Amz-Copy-Source"); source != "" && action == "s3:PutObject" {
		plain, err := url.PathUnescape(strings.TrimPrefix(source, "/"))
		if err != nil {
			return nil
		}
		plain, _, _ = strings.Cut(plain, "?versionId=")
		all = append(all, Permission{"s3:GetObject", r.s3ARN(plain)})
	}
	return all
}

func (r *Request) s3ARN(resource string) string { return "arn:" + r.Partition + ":s3:::" + resource }

// s3Names are bucket and key, of a path or of a host as BUCKET.s3.….
func (r *Request) s3Names() (bucket, key string) {
	path := strings.TrimPrefix(r.HTTP.URL.Path, "/")
	host := strings.ToLower(r.HTTP.Host)
	if i := strings.Index(host, ".s3."); i > 0 {
		return host[:i], path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// subresources are parts of a bucket or an object that a query names, by the words of their permissions.
var subresources = []struct{ query, bucket, object string }{
	{"acl", "BucketAcl", "ObjectAcl"},
	{"cors", "BucketCORS", ""},
	{"lifecycle", "LifecycleConfiguration", ""},
	{"location", "BucketLocation", ""},
	{"notification", "BucketNotification", ""},
	{"object-lock", "BucketObjectLockConfiguration", ""},
	{"policy", "BucketPolicy", ""},
	{"tagging", "BucketTagging", "ObjectTagging"},
	{"versioning", "BucketVersioning", ""},
	{"website", "BucketWebsite", ""},
	{"retention", "", "ObjectRetention"},
	{"legal-hold", "", "ObjectLegalHold"},
}

func bucketAction(method string, query url.Values) string {
	for _, sub := range subresources {
		if query.Has(sub.query) && sub.bucket != "" {
			switch method {
			case http.MethodGet:
				return "s3:Get" + sub.bucket
			case http.MethodPut:
				return "s3:Put" + sub.bucket
			case http.MethodDelete:
				if sub.query == "policy" || sub.query == "website" {
					return "s3:Delete" + sub.bucket
				}
				return "s3:Put" + sub.bucket
			}
			return ""
		}
	}
	switch {
	case method == http.MethodGet && query.Has("uploads"):
		return "s3:ListBucketMultipartUploads"
	case method == http.MethodGet && query.Has("versions"):
		return "s3:ListBucketVersions"
	case method == http.MethodGet || method == http.MethodHead:
		return "s3:ListBucket"
	case method == http.MethodPut:
		return "s3:CreateBucket"
	case method == http.MethodDelete:
		return "s3:DeleteBucket"
	}
	return ""
}

func objectAction(method string, query url.Values) string {
	version := ""
	if query.Has("versionId") {
		version = "Version"
	}
	for _, sub := range subresources {
		if query.Has(sub.query) && sub.object != "" {
			verbs := map[string]string{http.MethodGet: "s3:Get", http.MethodPut: "s3:Put", http.MethodDelete: "s3:Delete"}
			if verbs[method] == "" {
				return ""
			}
			return verbs[method] + strings.Replace(sub.object, "Object", "Object"+version, 1)
		}
	}
	switch method {
	case http.MethodGet:
		if query.Has("uploadId") {
			return "s3:ListMultipartUploadParts"
		}
		return "s3:GetObject" + version
	case http.MethodHead:
		return "s3:GetObject" + version
	case http.MethodPut:
		return "s3:PutObject"
	case http.MethodPost: // of a multipart upload: its beginning, and its end
		if query.Has("uploads") || query.Has("uploadId") {
			return "s3:PutObject"
		}
	case http.MethodDelete:
		if query.Has("uploadId") {
			return "s3:AbortMultipartUpload"
		}
		return "s3:DeleteObject" + version
	}
	return ""
}
