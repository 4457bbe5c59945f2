package gateway

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// s3 are the permissions of a request to S3: by method, by whether it is about a bucket or an object, and by what its query asks for
// (Amazon S3 User Guide, "Required permissions for Amazon S3 API operations").
func (r *Request) s3() ([]Permission, error) {
	bucket, key, err := r.S3Names()
	if err != nil {
		return nil, err
	}
	part, query, err := r.s3Query()
	if err != nil {
		return nil, err
	}
	if r.amz("Copy-Source") != "" && (r.HTTP.Method != http.MethodPut || key == "" || part != "") {
		return nil, errors.New("it has X-Amz-Copy-Source, and is no upload")
	}
	switch {
	case bucket == "":
		if r.HTTP.Method == http.MethodGet && part == "" {
			return []Permission{{"s3:ListAllMyBuckets", "*"}}, nil
		}
	case key == "" && r.HTTP.Method == http.MethodPost && part == "delete":
		return r.deletions(bucket)
	case key == "":
		if actions := r.bucketActions(part); len(actions) > 0 {
			return on(r.s3ARN(bucket), actions), nil
		}
	default:
		if actions := r.objectActions(part, query); len(actions) > 0 {
			return r.withSource(on(r.s3ARN(bucket+"/"+key), actions))
		}
	}
	return nil, errors.New("S3 has no such operation that is known here")
}

func on(resource string, actions []string) (all []Permission) {
	for _, action := range actions {
		all = append(all, Permission{"s3:" + action, resource})
	}
	return all
}

func (r *Request) s3ARN(resource string) string { return "arn:" + r.Partition + ":s3:::" + resource }

// amz is a header X-Amz-…, or the parameter of a presigned URL that stands for it.
func (r *Request) amz(name string) string {
	if value := r.HTTP.Header.Get("X-Amz-" + name); value != "" {
		return value
	}
	for key, values := range r.HTTP.URL.Query() {
		if strings.EqualFold(key, "x-amz-"+name) {
			return values[0]
		}
	}
	return ""
}

// S3Names are bucket and key, of a path or of a host as BUCKET.s3.….
func (r *Request) S3Names() (bucket, key string, err error) {
	path := strings.TrimPrefix(r.HTTP.URL.Path, "/")
	bucket = r.VirtualBucket()
	if bucket == "" {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.HTTP.URL.EscapedPath(), "/"), "/")
		bucket, path, _ = strings.Cut(path, "/")
		if bucket == "" && path != "" || bucket == "" && len(r.HTTP.URL.Path) > 1 || strings.Contains(strings.ToLower(first), "%2f") {
			return "", "", errors.New("its path names no bucket")
		}
	}
	if slices.ContainsFunc(append(strings.Split(path, "/"), bucket), func(part string) bool { return part == "." || part == ".." }) {
		return "", "", errors.New("its path has a part of dots")
	}
	return bucket, path, nil
}

// VirtualBucket is the bucket that the host names; "" for none.
func (r *Request) VirtualBucket() string {
	host := strings.ToLower(r.HTTP.Host)
	for _, mark := range []string{".s3.", ".s3-"} {
		if i := strings.LastIndex(host, mark); i > 0 {
			return host[:i]
		}
	}
	return ""
}

// plainParameters are those of the query that change nothing about which permission is needed.
var plainParameters = []string{
	"bucket-region", "continuation-token", "delimiter", "encoding-type", "fetch-owner", "key-marker", "list-type", "marker", "max-buckets",
	"max-keys", "max-parts", "max-uploads", "part-number-marker", "partNumber", "prefix", "select-type", "start-after", "upload-id-marker",
	"uploadId", "version-id-marker", "versionId", "x-id",
}

// s3Query reads the query: the part of a bucket or object that it asks for, "" for the whole, and everything else.
func (r *Request) s3Query() (part string, query url.Values, err error) {
	query, err = url.ParseQuery(r.HTTP.URL.RawQuery)
	if err != nil {
		return "", nil, errors.New("its query has not the form of one")
	}
	for name, values := range query {
		lower := strings.ToLower(name)
		switch {
		case len(values) > 1:
			return "", nil, fmt.Errorf("its query has %q more than once", name)
		case strings.HasPrefix(lower, "x-amz-"), strings.HasPrefix(name, "response-"), slices.Contains(plainParameters, name):
		case part != "":
			return "", nil, errors.New("its query asks for two parts of a bucket or object at once")
		default:
			part = name
		}
	}
	if query.Has("X-Amz-Signature") && !query.Has("X-Amz-Expires") {
		return "", nil, errors.New("a presigned URL of S3 lacks X-Amz-Expires")
	}
	return part, query, nil
}

// action says which permission a method needs of a part: by GET, PUT and DELETE; "" for none.
type action struct{ get, put, del string }

// sameFor makes the permissions of parts that are read, written, and deleted by writing.
func sameFor(word string) action { return action{"Get" + word, "Put" + word, "Put" + word} }

var bucketParts = map[string]action{
	"accelerate": {"GetAccelerateConfiguration", "PutAccelerateConfiguration", ""}, "acl": {"GetBucketAcl", "PutBucketAcl", ""},
	"cors": sameFor("BucketCORS"), "encryption": sameFor("EncryptionConfiguration"), "lifecycle": sameFor("LifecycleConfiguration"),
	"location": {"GetBucketLocation", "", ""}, "logging": {"GetBucketLogging", "PutBucketLogging", ""},
	"notification":      {"GetBucketNotification", "PutBucketNotification", ""},
	"object-lock":       {"GetBucketObjectLockConfiguration", "PutBucketObjectLockConfiguration", ""},
	"ownershipControls": sameFor("BucketOwnershipControls"), "policy": {"GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"},
	"policyStatus": {"GetBucketPolicyStatus", "", ""}, "publicAccessBlock": sameFor("BucketPublicAccessBlock"),
	"replication": sameFor("ReplicationConfiguration"), "requestPayment": {"GetBucketRequestPayment", "PutBucketRequestPayment", ""},
	"tagging": sameFor("BucketTagging"), "uploads": {"ListBucketMultipartUploads", "", ""}, "versioning": {"GetBucketVersioning", "PutBucketVersioning", ""},
	"versions": {"ListBucketVersions", "", ""}, "website": {"GetBucketWebsite", "PutBucketWebsite", "DeleteBucketWebsite"},
	"": {"ListBucket", "CreateBucket", "DeleteBucket"},
}

func (r *Request) bucketActions(part string) []string {
	of, known := bucketParts[part]
	if !known {
		return nil
	}
	var all []string
	switch r.HTTP.Method {
	case http.MethodGet:
		all = []string{of.get}
	case http.MethodHead:
		if part == "" {
			all = []string{of.get}
		}
	case http.MethodPut:
		all = []string{of.put}
		if part == "" {
			all = append(all, r.further("PutBucketAcl", "Acl", "Grant-Read", "Grant-Write", "Grant-Read-Acp", "Grant-Write-Acp", "Grant-Full-Control")...)
			all = append(all, r.further("PutBucketObjectLockConfiguration", "Bucket-Object-Lock-Enabled")...)
			all = append(all, r.further("PutBucketOwnershipControls", "Object-Ownership")...)
		}
	case http.MethodDelete:
		all = []string{of.del}
	}
	if slices.Contains(all, "") {
		return nil
	}
	return all
}

// further is a permission that is needed when one of these headers is there.
func (r *Request) further(permission string, headers ...string) []string {
	for _, header := range headers {
		if r.amz(header) != "" {
			return []string{permission}
		}
	}
	return nil
}

// objectParts are the permissions of parts of an object, in which % stands for Version where one is named.
var objectParts = map[string]action{
	"acl": {"GetObject%Acl", "PutObject%Acl", ""}, "legal-hold": {"GetObjectLegalHold", "PutObjectLegalHold", ""},
	"retention": {"GetObjectRetention", "PutObjectRetention", ""}, "tagging": {"GetObject%Tagging", "PutObject%Tagging", "DeleteObject%Tagging"},
	"torrent": {"GetObject%Torrent", "", ""},
}

func (r *Request) objectActions(part string, query url.Values) (all []string) {
	method, version := r.HTTP.Method, ""
	if query.Has("versionId") {
		version = "Version"
	}
	if of, known := objectParts[part]; known {
		one := map[string]string{http.MethodGet: of.get, http.MethodPut: of.put, http.MethodDelete: of.del}[method]
		if one == "" {
			return nil
		}
		all = []string{strings.Replace(one, "%", version, 1)}
		if part == "retention" {
			all = append(all, r.further("BypassGovernanceRetention", "Bypass-Governance-Retention")...)
		}
		return all
	}
	upload := query.Has("uploadId")
	switch {
	case part == "attributes" && method == http.MethodGet:
		return []string{"GetObject" + version, "GetObject" + version + "Attributes"}
	case part == "restore" && method == http.MethodPost:
		return []string{"RestoreObject"}
	case part == "select" && method == http.MethodPost:
		return []string{"GetObject"}
	case part == "uploads" && method == http.MethodPost && !upload:
		return append([]string{"PutObject"}, r.ofNewObject()...)
	case part != "":
		return nil
	case method == http.MethodGet && upload:
		return []string{"ListMultipartUploadParts"}
	case method == http.MethodGet, method == http.MethodHead && !upload:
		return []string{"GetObject" + version}
	case method == http.MethodPut && version == "":
		return append([]string{"PutObject"}, r.ofNewObject()...)
	case method == http.MethodPost && upload: // the end of an upload in parts
		return []string{"PutObject"}
	case method == http.MethodDelete && upload:
		return []string{"AbortMultipartUpload"}
	case method == http.MethodDelete:
		return append([]string{"DeleteObject" + version}, r.further("BypassGovernanceRetention", "Bypass-Governance-Retention")...)
	}
	return nil
}

// ofNewObject are the permissions that headers of an upload need.
func (r *Request) ofNewObject() []string {
	return slices.Concat(
		r.further("PutObjectAcl", "Acl", "Grant-Read", "Grant-Read-Acp", "Grant-Write-Acp", "Grant-Full-Control"),
		r.further("PutObjectTagging", "Tagging"),
		r.further("PutObjectRetention", "Object-Lock-Mode", "Object-Lock-Retain-Until-Date"),
		r.further("PutObjectLegalHold", "Object-Lock-Legal-Hold"),
	)
}

// withSource adds what is needed of the object that is copied.
func (r *Request) withSource(all []Permission) ([]Permission, error) {
	source := r.amz("Copy-Source")
	if source == "" {
		return all, nil
	}
	path, version, _ := strings.Cut(strings.TrimPrefix(source, "/"), "?versionId=")
	plain, err := url.PathUnescape(path)
	bucket, key, _ := strings.Cut(plain, "/")
	if err != nil || bucket == "" || key == "" || strings.Contains(path, "?") ||
		slices.ContainsFunc(strings.Split(plain, "/"), func(part string) bool { return part == "." || part == ".." }) {
		return nil, errors.New("X-Amz-Copy-Source is no BUCKET/KEY")
	}
	action := "s3:GetObject"
	if version != "" {
		action = "s3:GetObjectVersion"
	}
	return append(all, Permission{action, r.s3ARN(plain)}), nil
}

// mostDeletions is how many objects DeleteObjects names at most (Amazon S3 API Reference).
const mostDeletions = 1000

// deletions are the permissions of DeleteObjects, which names its objects in the body.
func (r *Request) deletions(bucket string) ([]Permission, error) {
	var asked struct {
		XMLName xml.Name `xml:"Delete"`
		Objects []struct {
			Key       []string `xml:"Key"`
			VersionID []string `xml:"VersionId"`
		} `xml:"Object"`
	}
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimSpace(r.Body)))
	err := d.Decode(&asked)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more")
		}
	}
	if media := r.HTTP.Header.Get("Content-Type"); err != nil || strings.HasPrefix(strings.ToLower(media), "multipart/") ||
		len(asked.Objects) == 0 || len(asked.Objects) > mostDeletions {
		return nil, errors.New("its body is no list of 1 to 1000 objects to delete")
	}
	var all []Permission
	for _, o := range asked.Objects {
		if len(o.Key) != 1 || o.Key[0] == "" || len(o.VersionID) > 1 {
			return nil, errors.New("its body names an object without a key, or twice")
		}
		action := "s3:DeleteObject"
		if len(o.VersionID) > 0 {
			action = "s3:DeleteObjectVersion"
		}
		all = append(all, Permission{action, r.s3ARN(bucket + "/" + o.Key[0])})
	}
	if len(r.further("x", "Bypass-Governance-Retention")) > 0 {
		for _, p := range slices.Clone(all) {
			all = append(all, Permission{"s3:BypassGovernanceRetention", p.Resource})
		}
	}
	return all, nil
}
