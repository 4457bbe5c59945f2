"""Computes with AWS's own code what is to be signed of requests: canonical.py < REQUESTS

Standard input is an array of requests; the output is an array of their canonical requests and strings to sign. The
first line of a string to sign, the algorithm, is SigV4's own.
"""
import base64
import json
import sys

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def compute(given):
    request = AWSRequest(
        given["method"], given["url"], data=base64.b64decode(given["body"]), params=[tuple(p) for p in given["query"]])
    for name, value in given["headers"]:
        request.headers[name] = value  # adds
    request.context["timestamp"] = given["date"]
    auth = SigV4Auth(Credentials("AKIAIOSFODNN7EXAMPLE", "unused"), "rolesanywhere", given["region"])
    canonical = auth.canonical_request(request)
    return {"canonical": canonical, "toSign": auth.string_to_sign(request, canonical)}


json.dump([compute(given) for given in json.load(sys.stdin)], sys.stdout)
