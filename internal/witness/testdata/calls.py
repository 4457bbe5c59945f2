"""Asks STS who it is, four times a second, by one client: calls.py ENDPOINT SECONDS. For 0 seconds once. Fails when a call has."""
import sys
import time

import boto3

sts = boto3.client("sts", endpoint_url=sys.argv[1])
end = time.monotonic() + float(sys.argv[2])
failed = False
while True:
    try:
        sts.get_caller_identity()
    except Exception as error:
        failed = True
        print(type(error).__name__, error, flush=True)
    if time.monotonic() > end:
        break
    time.sleep(0.25)
sys.exit(failed)
