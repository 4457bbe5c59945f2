package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// subject are the parameters by which operations name what they are about, each with how it is read: nil for what is nothing in particular.
type subject map[string]func(r *Request, value string) (arn string, err error)

// family is a service whose operations are known.
type family struct {
	target string // before the operation in X-Amz-Target; empty for a service that does not speak JSON
	// subjects are all parameters that name a resource.
	subjects subject
	// operations have the parameters that they name theirs by, one of which must be there; none for "*".
	operations map[string][]string
	// permissions are those whose name is not the operation's.
	permissions map[string]string
}

// operations makes a table of operations that name their resource in the same way.
func operations(all map[string][]string, names string, parameters ...string) map[string][]string {
	for _, name := range strings.Fields(names) {
		all[name] = parameters
	}
	return all
}

var families = map[string]family{
	"sqs": {
		target:   "AmazonSQS",
		subjects: subject{"QueueUrl": queueOfURL, "QueueName": queueOfName, "SourceArn": givenARN},
		operations: operations(operations(operations(operations(map[string][]string{},
			"AddPermission ChangeMessageVisibility ChangeMessageVisibilityBatch DeleteMessage DeleteMessageBatch DeleteQueue GetQueueAttributes "+
				"ListDeadLetterSourceQueues ListQueueTags PurgeQueue ReceiveMessage RemovePermission SendMessage SendMessageBatch SetQueueAttributes "+
				"TagQueue UntagQueue", "QueueUrl"),
			"CreateQueue GetQueueUrl", "QueueName"),
			"ListMessageMoveTasks", "SourceArn"),
			"ListQueues"),
		permissions: map[string]string{
			"ChangeMessageVisibilityBatch": "ChangeMessageVisibility", "DeleteMessageBatch": "DeleteMessage", "SendMessageBatch": "SendMessage",
		},
	},
	"sns": {
		subjects: subject{"TopicArn": givenARN, "TargetArn": givenARN, "ResourceArn": givenARN, "Name": topicOfName, "PhoneNumber": nil},
		operations: operations(operations(operations(operations(operations(map[string][]string{},
			"AddPermission ConfirmSubscription DeleteTopic GetTopicAttributes ListSubscriptionsByTopic PublishBatch RemovePermission "+
				"SetTopicAttributes Subscribe", "TopicArn"),
			"Publish", "TopicArn", "TargetArn", "PhoneNumber"),
			"GetDataProtectionPolicy ListTagsForResource PutDataProtectionPolicy TagResource UntagResource", "ResourceArn"),
			"CreateTopic", "Name"),
			"GetSubscriptionAttributes ListSubscriptions ListTopics SetSubscriptionAttributes Unsubscribe"),
		permissions: map[string]string{"PublishBatch": "Publish"},
	},
	"rekognition": {
		target:   "RekognitionService",
		subjects: subject{"ProjectVersionArn": givenARN, "ProjectArn": givenARN, "CollectionId": collection, "StreamProcessorArn": givenARN},
		operations: operations(operations(operations(operations(map[string][]string{},
			"AssociateFaces CreateCollection CreateUser DeleteCollection DeleteFaces DeleteUser DescribeCollection DisassociateFaces IndexFaces "+
				"ListFaces ListUsers SearchFaces SearchFacesByImage SearchUsers SearchUsersByImage", "CollectionId"),
			"DeleteProjectVersion DetectCustomLabels StartProjectVersion StopProjectVersion", "ProjectVersionArn"),
			"DeleteProject DescribeProjectVersions", "ProjectArn"),
			"CompareFaces DescribeProjects DetectFaces DetectLabels DetectModerationLabels DetectProtectiveEquipment DetectText ListCollections "+
				"RecognizeCelebrities"),
	},
}

var (
	targetForm    = regexp.MustCompile(`^([A-Za-z0-9_]+)\.([A-Z][A-Za-z0-9]*)$`)
	operationForm = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
	queueURLForm  = regexp.MustCompile(`^https?://[^/?#\s\\]+/([0-9]{12})/([A-Za-z0-9_.-]+)$`)
	queuePathForm = regexp.MustCompile(`^/([0-9]{12})/([A-Za-z0-9_.-]+)$`)
	nameForm      = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	arnForm       = regexp.MustCompile(`^(arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:)([0-9]{12})(:[A-Za-z0-9_./-]+)$`)
)

func queueOfURL(r *Request, value string) (string, error) {
	found := queueURLForm.FindStringSubmatch(value)
	if found == nil {
		return "", errors.New("QueueUrl is no URL of a queue, as http://HOST/123456789012/QUEUE")
	}
	return r.arnOf("sqs", found[1], found[2]), nil
}

func queueOfName(r *Request, value string) (string, error) {
	if !nameForm.MatchString(value) {
		return "", errors.New("QueueName is no name of a queue")
	}
	return r.arn("sqs", value), nil
}

func topicOfName(r *Request, value string) (string, error) {
	if !nameForm.MatchString(value) {
		return "", errors.New("the parameter Name is no name of a topic")
	}
	return r.arn("sns", value), nil
}

func collection(r *Request, value string) (string, error) {
	if !nameForm.MatchString(value) {
		return "", errors.New("CollectionId is no name of a collection")
	}
	return r.arn("rekognition", "collection/"+value), nil
}

func givenARN(r *Request, value string) (string, error) {
	found := arnForm.FindStringSubmatch(value)
	if found == nil {
		return "", errors.New("an ARN of it has not the form of one")
	}
	if found[2] == localAccount {
		found[2] = r.Account
	}
	return found[1] + found[2] + found[3], nil
}

// operation is what a request of a service needs whose operations have names.
func (r *Request) operation() ([]Permission, error) {
	name, parameters, err := r.named()
	if err != nil {
		return nil, err
	}
	f, known := families[r.Service]
	if !known {
		if r.HTTP.URL.Path != "/" {
			return nil, errors.New("its path is not /, and what that means to " + r.Service + " is not known")
		}
		return []Permission{{r.Service + ":" + name, "*"}}, nil
	}
	by, known := f.operations[name]
	if !known {
		return nil, fmt.Errorf("%s has no operation %s that is known here", r.Service, name)
	}
	resource := ""
	for _, parameter := range slices.Sorted(maps.Keys(f.subjects)) {
		value, there := parameters[parameter]
		if !there {
			continue
		}
		read := f.subjects[parameter]
		switch {
		case !slices.Contains(by, parameter):
			return nil, fmt.Errorf("%s has no parameter %s", name, parameter)
		case resource != "":
			return nil, fmt.Errorf("%s names more than one resource", name)
		case read == nil:
			resource = "*"
		default:
			if resource, err = read(r, value); err != nil {
				return nil, err
			}
		}
	}
	if resource, err = r.ofPath(resource, by); err != nil {
		return nil, err
	}
	if resource == "" && len(by) > 0 {
		return nil, fmt.Errorf("%s lacks %s", name, strings.Join(by, " or "))
	}
	if resource == "" {
		resource = "*"
	}
	permission := name
	if other, ok := f.permissions[name]; ok {
		permission = other
	}
	return []Permission{{r.Service + ":" + permission, resource}}, nil
}

// ofPath compares what the path says, which is / but for SQS: its clients may call a queue's own URL.
func (r *Request) ofPath(resource string, by []string) (string, error) {
	path := r.HTTP.URL.EscapedPath()
	if path == "/" || path == "" {
		return resource, nil
	}
	found := queuePathForm.FindStringSubmatch(path)
	if r.Service != "sqs" || found == nil {
		return "", errors.New("its path is not /")
	}
	queue := r.arnOf("sqs", found[1], found[2])
	switch {
	case len(by) != 1 || by[0] != "QueueUrl":
		return "", errors.New("its path is a queue's, and the operation is not about one")
	case resource != "" && resource != queue:
		return "", errors.New("its path is another queue's than QueueUrl")
	}
	return queue, nil
}

// named is the operation that a request names and its parameters that are text: JSON services name it in X-Amz-Target, those of the Query
// protocol by a parameter.
func (r *Request) named() (name string, parameters map[string]string, err error) {
	query, err := url.ParseQuery(r.HTTP.URL.RawQuery)
	if err != nil {
		return "", nil, errors.New("its query has not the form of one")
	}
	for key := range query {
		if strings.HasPrefix(strings.ToLower(key), "x-amz-") { // of a presigned URL
			delete(query, key)
		}
	}
	target := r.HTTP.Header.Get("X-Amz-Target")
	media := ""
	if text := r.HTTP.Header.Get("Content-Type"); text != "" {
		if media, _, err = mime.ParseMediaType(text); err != nil {
			return "", nil, errors.New("its Content-Type has not the form of one")
		}
	}
	if r.HTTP.Header.Get("Content-Encoding") != "" {
		return "", nil, errors.New("its body is encoded")
	}
	switch {
	case target != "":
		if r.HTTP.Method != http.MethodPost || !strings.HasPrefix(media, "application/x-amz-json-") || len(query) > 0 {
			return "", nil, errors.New("it has X-Amz-Target, and is no POST of application/x-amz-json without a query")
		}
		return r.namedByTarget(target)
	case r.HTTP.Method == http.MethodGet && len(r.Body) == 0 && media == "":
	case r.HTTP.Method == http.MethodPost && media == "application/x-www-form-urlencoded" && len(query) == 0:
		if query, err = url.ParseQuery(string(r.Body)); err != nil {
			return "", nil, errors.New("its form has not the form of one")
		}
	default:
		return "", nil, errors.New("it is neither JSON with X-Amz-Target nor of the Query protocol: a GET without a body, or a POST of application/x-www-form-urlencoded")
	}
	parameters = map[string]string{}
	for key, values := range query {
		if len(values) > 1 {
			return "", nil, errors.New("a parameter is there more than once")
		}
		parameters[key] = values[0]
	}
	if name = parameters["Action"]; !operationForm.MatchString(name) {
		return "", nil, errors.New("the parameter Action is no name of an operation")
	}
	return name, parameters, nil
}

func (r *Request) namedByTarget(target string) (name string, parameters map[string]string, err error) {
	found := targetForm.FindStringSubmatch(target)
	if f, known := families[r.Service]; found == nil || known && found[1] != f.target {
		return "", nil, errors.New("X-Amz-Target is no operation of " + r.Service)
	}
	parameters, err = textMembers(r.Body)
	return found[2], parameters, err
}

// textMembers are the members of a JSON object that are text. Names that differ in case alone are the same to some readers.
func textMembers(body []byte) (members map[string]string, err error) {
	broken := errors.New("its body is no JSON object")
	d := json.NewDecoder(bytes.NewReader(body))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, broken
	}
	members, seen := map[string]string{}, map[string]bool{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, broken
		}
		if folded := strings.ToLower(name); seen[folded] {
			return nil, errors.New("its body has a member twice")
		} else {
			seen[folded] = true
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, broken
		}
		var text string
		if json.Unmarshal(value, &text) == nil && value[0] == '"' {
			members[name] = text
		} else if isSubject(name) {
			return nil, errors.New("its body has a name of a resource that is no text")
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, broken
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, broken
	}
	for name := range members {
		if folded := foldedSubject(name); folded != "" && folded != name {
			return nil, errors.New("its body has " + folded + " in another case")
		}
	}
	return members, nil
}

// isSubject reports whether a parameter names a resource, in whatever case.
func isSubject(name string) bool { return foldedSubject(name) != "" }

// foldedSubject is the parameter that names a resource and differs from a name in case at most; "" for none.
func foldedSubject(name string) string {
	for _, f := range families {
		for parameter := range f.subjects {
			if strings.EqualFold(parameter, name) {
				return parameter
			}
		}
	}
	return ""
}
