"""Calls three services with credentials that are to be refused, and prints how: refusals.py ENDPOINT < CREDENTIALS

Standard input is an object of boto3.Session's arguments by name. The output is an object of "STATUS CODE" by service,
by that name; "OK" where nothing was refused.
"""
import json
import sys

import boto3
from botocore.exceptions import ClientError

CALLS = {
    "sts": lambda client: client.get_caller_identity(),
    "iam": lambda client: client.list_users(),
    "rolesanywhere": lambda client: client.list_profiles(),
}


def attempt(session, service):
    try:
        CALLS[service](session.client(service, endpoint_url=sys.argv[1]))
    except ClientError as refused:
        answer = refused.response
        return "%d %s" % (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"])
    return "OK"


print(json.dumps({
    name: {service: attempt(boto3.Session(**credentials), service) for service in CALLS}
    for name, credentials in json.load(sys.stdin).items()
}))
