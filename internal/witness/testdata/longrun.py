"""Asks STS who it is, again and again, and prints the access keys that have signed, a line each: longrun.py ENDPOINT SECONDS"""
import sys
import time

import boto3

sts = boto3.client("sts", endpoint_url=sys.argv[1])
keys = []
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    sts.get_caller_identity()
    key = sts._request_signer._credentials.get_frozen_credentials().access_key
    if key not in keys:
        keys.append(key)
        print(key, flush=True)
    time.sleep(0.05)
