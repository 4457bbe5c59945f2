# Computes signatures with botocore: a line of JSON in for each request, the signature out.
import base64, json, sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

for line in sys.stdin:
    q = json.loads(line)
    request = AWSRequest(q["method"], q["url"], headers=q["headers"], data=base64.b64decode(q["body"]))
    request.context["timestamp"] = q["date"]
    auth = SigV4Auth(Credentials(q["key"], q["secret"], q["token"] or None), q["service"], q["region"])
    signed = auth.string_to_sign(request, auth.canonical_request(request))
    print(auth.signature(signed, request), flush=True)
