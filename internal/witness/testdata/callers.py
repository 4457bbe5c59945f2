"""Prints who each shared-config profile is, a line of JSON each: callers.py ENDPOINT PROFILE…"""
import json
import sys

import boto3

for profile in sys.argv[2:]:
    sts = boto3.Session(profile_name=profile).client("sts", endpoint_url=sys.argv[1])
    answer = sts.get_caller_identity()
    del answer["ResponseMetadata"]
    print(json.dumps(answer))
