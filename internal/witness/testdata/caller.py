"""Prints who the default credentials are, as JSON: caller.py ENDPOINT REGION"""
import json
import sys

import boto3

answer = boto3.client("sts", endpoint_url=sys.argv[1], region_name=sys.argv[2]).get_caller_identity()
del answer["ResponseMetadata"]
print(json.dumps(answer))
